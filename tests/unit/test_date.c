/* test_date - the grammar of dates (docs/webhook.md W6). */
#include "enl_test.h"

#include "base/clock.h"
#include "domain/date.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    const char *utc; /* NULL: no date */
    int offset_min;
    enum enl_precision precision;
} cases[] = {
    /* ISO 8601 */
    {"2026-05-04T10:54:33-06:00", "2026-05-04T16:54:33.000Z", 0, ENL_PRECISION_SECOND},
    {"2026-05-04 10:54:33-06:00", "2026-05-04T16:54:33.000Z", 0, ENL_PRECISION_SECOND},
    {"2026-05-04T10:54:33Z", "2026-05-04T10:54:33.000Z", 120, ENL_PRECISION_SECOND},
    {"2026-05-04T10:54:33+0200", "2026-05-04T08:54:33.000Z", 0, ENL_PRECISION_SECOND},
    {"2026-05-04T10:54:33-0330", "2026-05-04T14:24:33.000Z", 0, ENL_PRECISION_SECOND},
    {"2026-05-04T10:54+02:00", "2026-05-04T08:54:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"2026-05-04T10:54", "2026-05-04T10:54:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"2026-05-04 10:54", "2026-05-04T16:54:00.000Z", -360, ENL_PRECISION_MINUTE},
    {"2026-05-04T10:54:33", "2026-05-04T09:54:33.000Z", 60, ENL_PRECISION_SECOND},
    {"2026-05-04T10:54:33.5", "2026-05-04T10:54:33.500Z", 0, ENL_PRECISION_MILLISECOND},
    {"2026-05-04T10:54:33.123456789Z", "2026-05-04T10:54:33.123Z", 0, ENL_PRECISION_MILLISECOND},
    {"2026-05-04T10:54:33.999999+00:00", "2026-05-04T10:54:33.999Z", 0, ENL_PRECISION_MILLISECOND},
    {"2026-05-05", "2026-05-05T00:00:00.000Z", 0, ENL_PRECISION_DAY},
    {"2026-05-05", "2026-05-05T06:00:00.000Z", -360, ENL_PRECISION_DAY},
    {" 2026-05-05\n", "2026-05-05T00:00:00.000Z", 0, ENL_PRECISION_DAY},
    {"2026-06-30T23:59:60Z", "2026-06-30T23:59:59.000Z", 0, ENL_PRECISION_SECOND},
    {"2024-02-29", "2024-02-29T00:00:00.000Z", 0, ENL_PRECISION_DAY},
    {"1970-01-01", "1970-01-01T00:00:00.000Z", 0, ENL_PRECISION_DAY},
    {"2999-12-31T23:59:59Z", "2999-12-31T23:59:59.000Z", 0, ENL_PRECISION_SECOND},
    {"2026-02-29", NULL, 0, 0},
    {"2100-02-29", NULL, 0, 0},
    {"2026-04-31", NULL, 0, 0},
    {"2026-00-10", NULL, 0, 0},
    {"2026-13-10", NULL, 0, 0},
    {"2026-01-00", NULL, 0, 0},
    {"1969-12-31", NULL, 0, 0},
    {"1970-01-01T00:00:00+02:00", NULL, 0, 0},
    {"3000-01-01", NULL, 0, 0},
    {"2999-12-31T23:59:59-02:00", NULL, 0, 0},
    {"2026-05-04T24:00", NULL, 0, 0},
    {"2026-05-04T10:60", NULL, 0, 0},
    {"2026-05-04T10:54:61", NULL, 0, 0},
    {"2026-05-04T10:54:33.", NULL, 0, 0},
    {"2026-05-04T10:54:33+2:00", NULL, 0, 0},
    {"2026-05-04T10:54:3", NULL, 0, 0},
    {"2026-05-04T10:54:33+02x0", NULL, 0, 0},
    {"2026-05-04T10:54:33+02", NULL, 0, 0},
    {"2026-05-04T10:54:33+24:00", NULL, 0, 0},
    {"2026-05-04T10:54:33+02:60", NULL, 0, 0},
    {"2026-05-04T10:54:33+02:00x", NULL, 0, 0},
    {"2026-05-04T10:54:33ZZ", NULL, 0, 0},
    {"2026-05-04T10", NULL, 0, 0},
    {"2026-05-04T", NULL, 0, 0},
    {"2026-05-04Z", NULL, 0, 0},
    {"2026-5-4", NULL, 0, 0},
    {"20260504", NULL, 0, 0},
    {"26-05-04", NULL, 0, 0},
    /* as people write it */
    {"20 Oct 2025, 05:41pm", "2025-10-20T17:41:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 Oct 2025 17:41", "2025-10-20T17:41:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 Oct 2025", "2025-10-20T00:00:00.000Z", 0, ENL_PRECISION_DAY},
    {"20 Oct 2025, 05:41pm", "2025-10-20T23:41:00.000Z", -360, ENL_PRECISION_MINUTE},
    {"20 oct 2025 5:41 PM", "2025-10-20T17:41:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 OCTOBER 2025, 5:41 Am", "2025-10-20T05:41:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"1 ene 2026, 9:05", "2026-01-01T09:05:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 Oct 2025, 12:00am", "2025-10-20T00:00:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 Oct 2025, 12:00pm", "2025-10-20T12:00:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 Oct 2025, 00:41", "2025-10-20T00:41:00.000Z", 0, ENL_PRECISION_MINUTE},
    {"20 Oct, 2025", NULL, 0, 0},
    {"20 Oct 2025,", NULL, 0, 0},
    {"20 Oct 2025, 05:41:09pm", NULL, 0, 0},
    {"20 Oct 2025, 13:41pm", NULL, 0, 0},
    {"20 Oct 2025, 00:41am", NULL, 0, 0},
    {"20 Oct 2025, 24:00", NULL, 0, 0},
    {"20 Oct 2025, 5:4pm", NULL, 0, 0},
    {"20 Oct 2025, 5pm", NULL, 0, 0},
    {"20 Oct 2025, 05:41xm", NULL, 0, 0},
    {"20 Oct 2025, 05:41pm x", NULL, 0, 0},
    {"20 Oct 25", NULL, 0, 0},
    {"200 Oct 2025", NULL, 0, 0},
    {"0 Oct 2025", NULL, 0, 0},
    {"31 Sep 2025", NULL, 0, 0},
    {"20 Octo 2025", NULL, 0, 0},
    {"20 abracadabra 2025", NULL, 0, 0},
    {"Oct 20 2025", NULL, 0, 0},
    /* neither */
    {"05/04/2026", NULL, 0, 0},
    {"mañana", NULL, 0, 0},
    {"", NULL, 0, 0},
    {"   ", NULL, 0, 0},
    {"1778025600", NULL, 0, 0},
    {"2026-05-04T10:54:33.00000000000000000000000000000000000000000000000000Z", NULL, 0, 0},
};

static void test_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_moment m = {0};
        bool ok = enl_date_read(cases[i].text, cases[i].offset_min, &m);

        ENL_CHECK(ok == (cases[i].utc != NULL), cases[i].text);
        if (ok) {
            char utc[ENL_TIME_TEXT];

            enl_time_format(m.ms, utc);
            ENL_CHECK_STR(utc, cases[i].utc, cases[i].text);
            ENL_CHECK(m.precision == cases[i].precision, cases[i].text);
        }
    }
}

static void test_months(void **state)
{
    static const char *const names[12] = {"Jan January Ene Enero Janeiro",
                                          "Feb February Febrero Fev Fevereiro",
                                          "Mar March Marzo Março MARÇO março",
                                          "Apr April Abr Abril",
                                          "May Mayo Mai Maio",
                                          "Jun June Junio Junho",
                                          "Jul July Julio Julho",
                                          "Aug August Ago Agosto",
                                          "Sep Sept September Septiembre Setiembre Set Setembro",
                                          "Oct October Octubre Out Outubro",
                                          "Nov November Noviembre Novembro",
                                          "Dec December Dic Diciembre Dez Dezembro"};

    (void)state;
    for (int month = 1; month <= 12; month++) {
        for (const char *p = names[month - 1]; *p != '\0';) {
            int len = (int)strcspn(p, " ");
            char text[64];
            struct enl_moment m = {0};

            (void)snprintf(text, sizeof(text), "7 %.*s 2025", len, p);
            ENL_CHECK(enl_date_read(text, 0, &m), text);
            ENL_CHECK(m.ms == enl_days_from_date((struct enl_date){2025, month, 7}) * 86400000,
                      text);
            p += len + (p[len] == ' ' ? 1 : 0);
        }
    }
}

static void test_last_millisecond(void **state)
{
    static const struct {
        const char *text, *last;
    } ends[] = {
        {"2026-05-05", "2026-05-05T23:59:59.999Z"},
        {"2026-05-05T10:54", "2026-05-05T10:54:59.999Z"},
        {"2026-05-05T10:54:33", "2026-05-05T10:54:33.999Z"},
        {"2026-05-05T10:54:33.5", "2026-05-05T10:54:33.500Z"},
        {"20 Oct 2025", "2025-10-20T23:59:59.999Z"},
        {"20 Oct 2025, 05:41pm", "2025-10-20T17:41:59.999Z"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(ends); i++) {
        struct enl_moment m = {0};
        char utc[ENL_TIME_TEXT];

        ENL_CHECK(enl_date_read(ends[i].text, 0, &m), ends[i].text);
        enl_time_format(enl_date_last_ms(&m), utc);
        ENL_CHECK_STR(utc, ends[i].last, ends[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_months),
        cmocka_unit_test(test_last_millisecond),
    };

    return cmocka_run_group_tests_name("date", tests, NULL, NULL);
}
