/* test_pace - rows of the next request, by what the last ones took. */
#include "enl_test.h"

#include "commit/pace.h"

#include <stdbool.h>

#define MOST   500
#define MS(n)  ((int64_t)(n)*1000)
#define STEPS  8
#define ALWAYS 64 /* requests after which a limit has settled */

static void test_steps(void **state)
{
    static const struct {
        const char *label;
        struct {
            size_t n;
            int64_t ms;
            bool lost;
            size_t want; /* the limit afterwards */
        } steps[STEPS];  /* ended by n = 0 */
    } cases[] = {
        {"quick ones change nothing", {{500, 150, false, 500}, {1, 5, false, 500}}},
        {"just within", {{500, 1000, false, 500}}},
        {"a little too slow: eight tenths of what fits", {{500, 1600, false, 250}}},
        {"never less than a quarter at once", {{500, 20000, false, 125}}},
        {"what fits is of the rows that were sent", {{100, 4000, false, 25}}},
        {"a small slow one never makes the limit larger",
         {{20, 1001, false, 15}, {10, 1000, false, 15}}},
        {"the floor", {{12, 60000, false, 8}}},
        {"a lone slow one is no reason", {{1, 3000, false, 500}}},
        {"full and under half: half as many again",
         {{500, 2000, false, 200},
          {200, 499, false, 300},
          {300, 499, false, 450},
          {450, 499, false, 500},
          {500, 400, false, 500}}},
        {"not full: no growth", {{500, 2000, false, 200}, {199, 10, false, 200}}},
        {"half of the aim is where it stays",
         {{500, 2000, false, 200}, {200, 500, false, 200}, {200, 999, false, 200}}},
        {"growth from the floor",
         {{12, 60000, false, 8}, {8, 100, false, 12}, {12, 100, false, 18}}},
        {"a time-out", {{500, 60000, true, 62}}},
        {"a time-out near the floor", {{40, 60000, true, 8}}},
        {"a reset tells nothing", {{500, 3, true, 500}}},
        {"an event that gets no answer, alone", {{1, 60000, true, 500}}},
        {"a time-out never makes it larger", {{500, 20000, false, 125}, {125, 60000, true, 15}}},
        {"smaller, and not quicker: back", {{500, 1600, false, 250}, {250, 1550, false, 500}}},
        {"smaller, and quicker: on", {{500, 4000, false, 125}, {125, 1100, false, 90}}},
        {"a quick one between forgets the slow one",
         {{500, 1600, false, 250}, {250, 600, false, 250}, {250, 1550, false, 129}}},
        {"slow at the floor: a larger one is tried",
         {{12, 60000, false, 8}, {8, 1500, false, 8}, {8, 1500, false, 16}}},
        {"and its size is to blame",
         {{12, 60000, false, 8}, {8, 1500, false, 8}, {8, 1500, false, 16}, {16, 3000, false, 8}}},
        {"and it is not",
         {{12, 60000, false, 8},
          {8, 1500, false, 8},
          {8, 1500, false, 16},
          {16, 1600, false, 32},
          {32, 1700, false, 64}}},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_pace p;

        enl_pace_init(&p, MOST);
        for (size_t k = 0; k < STEPS && cases[i].steps[k].n > 0; k++) {
            if (cases[i].steps[k].lost) {
                enl_pace_unanswered(&p, cases[i].steps[k].n, MS(cases[i].steps[k].ms));
            } else {
                enl_pace_answered(&p, cases[i].steps[k].n, MS(cases[i].steps[k].ms));
            }
            if (p.rows != cases[i].steps[k].want) {
                fail_msg("%s: step %zu: %zu rows", cases[i].label, k, p.rows);
            }
        }
    }
}

/* An Odoo whose requests cost something each and something a row, always enough to send. */
static void test_settles(void **state)
{
    static const struct {
        const char *label;
        double request_ms, row_ms;
        size_t least, most; /* limits once it has settled */
        double most_ms;     /* what a request costs then */
    } cases[] = {
        {"quick", 5, 0.3, 500, 500, 160},
        {"10 ms a row", 0, 10, 50, 100, 1000},
        {"10 ms a row and a slow start", 300, 10, 30, 70, 1000},
        {"50 ms a row", 20, 50, 8, 20, 1000},
        {"slower than a second at the floor", 0, 150, 8, 16, 2400},
        {"a slow line, whatever the size", 1500, 0.1, 200, 500, 1600},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_pace p;
        size_t rows = 0;

        enl_pace_init(&p, MOST);
        for (size_t k = 0; k < (size_t)2 * ALWAYS; k++) {
            double ms = cases[i].request_ms + cases[i].row_ms * (double)p.rows;

            if (k >= ALWAYS) {
                rows += p.rows;
                ENL_CHECK(p.rows >= cases[i].least && p.rows <= cases[i].most, cases[i].label);
                ENL_CHECK(ms <= cases[i].most_ms, cases[i].label);
            }
            enl_pace_answered(&p, p.rows, (int64_t)(ms * 1000));
        }
        ENL_CHECK(rows >= cases[i].least * ALWAYS, cases[i].label);
    }
}

/* After a bad hour the limit is soon where it was. */
static void test_recovers(void **state)
{
    struct enl_pace p;
    size_t requests = 0;

    (void)state;
    enl_pace_init(&p, MOST);
    for (size_t k = 0; k < ALWAYS; k++) {
        enl_pace_unanswered(&p, p.rows, MS(60000));
    }
    assert_int_equal(p.rows, ENL_PACE_FLOOR);
    while (p.rows < MOST) {
        enl_pace_answered(&p, p.rows, MS(100));
        requests++;
    }
    assert_in_range(requests, 5, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_settles),
        cmocka_unit_test(test_recovers),
    };

    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
