/* test_cron - NCRONTAB schedules: what is one, when it comes next, which tick does its work. */
#include "enl_test.h"

#include "base/cron.h"

#include <stdint.h>

#define MIN  60
#define HOUR 3600
#define DAY  86400

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"0 * * * * *", true},
        {"* * * * *", true},
        {"0 */5 * * * *", true},
        {"0 0 8-18/2 * * MON-FRI", true},
        {"0 0 0 29 FEB *", true},
        {"0 0,15,30,45 * * * *", true},
        {"", false},
        {"* * * *", false},
        {"* * * * * * *", false},
        {"60 * * * * *", false},
        {"0 60 * * * *", false},
        {"0 0 24 * * *", false},
        {"0 0 0 0 * *", false},
        {"0 0 0 * 13 *", false},
        {"0 0 0 * * 7", false},
        {"0 5-1 * * * *", false},
        {"0 */0 * * * *", false},
        {"0 x * * * *", false},
        {"0 1,,2 * * * *", false},
        {"@hourly", false},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_cron c;

        ENL_CHECK((enl_cron_parse(cases[i].text, &c, NULL) == ENL_OK) == cases[i].good,
                  cases[i].text);
    }
}

static void test_next(void **state)
{
    static const struct {
        const char *text;
        int64_t after, next;
    } cases[] = {
        {"0 * * * * *", 0, MIN},
        {"0 * * * * *", 59, MIN},
        {"0 * * * * *", MIN, 2 * MIN},
        {"30 * * * * *", 0, 30},
        {"* * * * *", 1, MIN},
        {"0 */5 * * * *", 5 * MIN, 10 * MIN},
        {"0 0 8 * * *", 9 * HOUR, DAY + 8 * HOUR},
        /* 1970 began on a Thursday. */
        {"0 0 0 * * FRI", 0, DAY},
        {"0 0 0 * * THU", 0, 7 * DAY},
        {"0 0 0 29 2 *", 0, (2 * 365 + 31 + 28) * (int64_t)DAY},
        {"0 0 0 30 2 *", 0, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_cron c;

        assert_int_equal(enl_cron_parse(cases[i].text, &c, NULL), ENL_OK);
        ENL_CHECK(enl_cron_next(&c, cases[i].after) == cases[i].next, cases[i].text);
    }
}

static void test_due(void **state)
{
    static const struct {
        const char *label, *text;
        int64_t now;
        bool due;
    } cases[] = {
        {"each minute", "0 * * * * *", 7 * MIN, true},
        {"a little late", "0 */5 * * * *", 5 * MIN + 2, true},
        {"a little early", "0 */5 * * * *", 5 * MIN - 1, true},
        {"the next minute", "0 */5 * * * *", 6 * MIN, false},
        {"the minute before", "0 */5 * * * *", 4 * MIN, false},
        {"a second within the minute is done at its end", "30 0 * * * *", MIN, true},
        {"and not again", "30 0 * * * *", 2 * MIN, false},
        {"hours", "0 0 8 * * *", 8 * HOUR, true},
        {"other hours", "0 0 8 * * *", 9 * HOUR, false},
        {"never", "0 0 0 30 2 *", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_cron c;

        assert_int_equal(enl_cron_parse(cases[i].text, &c, NULL), ENL_OK);
        ENL_CHECK(enl_cron_due(&c, cases[i].now) == cases[i].due, cases[i].label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_due),
    };

    return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
