/* test_lease - the shared turn and the breaker: pure decisions, then over a real database. */
#include "store_help.h"

#include "base/str.h"
#include "commit/t2.h"
#include "store/lease.h"

#include <inttypes.h>

static void test_interval(void **state)
{
    static const struct {
        double rate;
        uint32_t slack_ms, want;
        const char *label;
    } cases[] = {
        {1, 50, 1050, "1"},
        {0.5, 50, 2050, "0.5"},
        {2.5, 50, 450, "2.5"},
        {2, 50, 550, "2"},
        {3, 50, 384, "3, rounded up"},
        {0.3, 0, 3334, "0.3"},
        {0.01, 50, 100050, "0.01"},
        {100, 50, 60, "100"},
        {0.7, 0, 1429, "0.7"},
        {1, 25, 1025, "another slack"},
        {99.999, 0, 11, "just under 100"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        ENL_CHECK(enl_lease_interval_ms(cases[i].rate, cases[i].slack_ms) == cases[i].want,
                  cases[i].label);
    }
    /* Never more requests a second than asked for, whatever thousandths the setting has. */
    for (uint32_t thousandths = 10; thousandths <= 100000; thousandths++) {
        double rate = thousandths / 1000.0;
        uint32_t ms = enl_lease_interval_ms(rate, 0);

        ENL_CHECK((uint64_t)ms * thousandths >= 1000000, "not too fast");
        ENL_CHECK((uint64_t)(ms - 2) * thousandths < 1000000, "not too slow");
    }
}

static void test_back_off(void **state)
{
    static const int64_t want[] = {5000, 5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(want); i++) {
        assert_int_equal(enl_back_off_ms((int64_t)i), want[i]);
    }
    assert_int_equal(enl_back_off_ms(INT64_MAX), 300000);
    assert_int_equal(enl_back_off_ms(-1), 5000);
}

/* One letter a request:
 *   o  an event was created            e  an error, but an answer
 *   x  no answer                       c  a configuration error
 *   t  throttled                       r, R  one rejection, with one of two texts
 *   1  eleven rejections with one text m  two rejections with two texts
 *   g  ten rejections and a success */
static struct enl_breaker_report report_of(char c)
{
    struct enl_breaker_report r = {.answered = true, .reason = "why"};

    switch (c) {
    case 'o': r.any_ok = true; break;
    case 'e': break;
    case 'x': r.answered = false; break;
    case 'c': r.config = true; break;
    case 't': r = (struct enl_breaker_report){.throttled = true, .reason = "429"}; break;
    case 'r':
        r.same_rejects = 1;
        r.same_text = "mandatory";
        break;
    case 'R':
        r.same_rejects = 1;
        r.same_text = "another";
        break;
    case '1':
        r.same_rejects = 11;
        r.same_text = "mandatory";
        break;
    case 'm': r.same_text = "the last of two"; break;
    case 'g':
        r.any_ok = true;
        r.same_rejects = 20;
        r.same_text = "mandatory";
        break;
    default: fail();
    }
    return r;
}

/* "closed", "open 5000 why", "half 10", and "!" when the rejections were ignored. */
static void show_breaker(const struct enl_breaker *b, bool ignored, char *out, size_t size)
{
    switch (b->state) {
    case ENL_BREAKER_CLOSED: (void)snprintf(out, size, "closed%s", b->reason); break;
    case ENL_BREAKER_OPEN:
        (void)snprintf(out, size, "open %" PRId64 " %s%s", b->delay_ms, b->reason,
                       ignored ? "!" : "");
        break;
    case ENL_BREAKER_HALF:
        (void)snprintf(out, size, "half %" PRId64 "%s%s", b->max_rows, b->reason,
                       ignored ? "!" : "");
        break;
    }
}

/* Odoo's own words, which may quote a lead, stay out of what /health shows. */
#define SAME "many events in a row were rejected with one and the same text"

static void test_breaker(void **state)
{
    static const struct {
        const char *label, *requests, *want; /* after the last */
    } cases[] = {
        {"nothing yet", "", "closed"},
        {"a success", "o", "closed"},
        {"a configuration error opens at once", "c", "open 5000 why"},
        {"one without an answer", "x", "closed"},
        {"two", "xx", "closed"},
        {"three open", "xxx", "open 5000 why"},
        {"a success between", "xxoxx", "closed"},
        {"an answer of any kind between", "xxexx", "closed"},
        {"three after a success", "xxoxxx", "open 5000 why"},
        {"throttles between change nothing", "xtxtx", "open 5000 why"},
        {"throttles alone never open", "tttttttttttt", "closed"},
        {"a throttled probe", "ct", "open 5000 why"},
        {"a failing probe doubles", "xxxx", "open 10000 why"},
        {"again", "xxxxx", "open 20000 why"},
        {"again", "xxxxxx", "open 40000 why"},
        {"up to a minute", "xxxxxxx", "open 60000 why"},
        {"and stays there", "xxxxxxxx", "open 60000 why"},
        {"a configuration error of a probe too", "cc", "open 10000 why"},
        {"a good probe: half-open", "xxxo", "half 10"},
        {"an answer of any kind will do", "xxxe", "half 10"},
        {"doubling", "xxxoo", "half 20"},
        {"doubling", "xxxooo", "half 40"},
        {"doubling", "xxxoooo", "half 80"},
        {"doubling", "xxxooooo", "half 160"},
        {"doubling", "xxxoooooo", "half 320"},
        {"closed from 500 on", "xxxooooooo", "closed"},
        {"one failure of a half-open one", "xxxoox", "open 5000 why"},
        {"a throttle of a half-open one", "xxxoot", "half 20"},
        {"half-open again begins with 10", "xxxooxo", "half 10"},
        {"delays begin again after a half-open one", "xxxxxoxx", "open 10000 why"},
        {"closed after all is as new", "xxxoooooooxx", "closed"},
        {"ten equal rejections", "rrrrrrrrrr", "closed"},
        {"more than ten", "rrrrrrrrrrr", "open 5000 " SAME "!"},
        {"at once", "1", "open 5000 " SAME "!"},
        {"a success between", "rrrrrrrrrror", "closed"},
        {"a success within", "g", "closed"},
        {"two texts take turns", "rRrRrRrRrRrRrRrRrRrRrRrR", "closed"},
        {"two texts in one answer", "mmmmmmmmmmmm", "closed"},
        {"another text begins anew", "rrrrrrrrrrRRRRRRRRRR", "closed"},
        {"another text, more than ten of it", "rrrrrrrrrrRRRRRRRRRRR", "open 5000 " SAME "!"},
        {"no answer between ends no row", "rrrrrxrrrrrr", "open 5000 " SAME "!"},
        {"a probe that is rejected alike", "1r", "open 10000 " SAME "!"},
        {"a probe that is rejected otherwise is a verdict", "1R", "half 10"},
        {"a probe that is good", "1o", "half 10"},
        {"mended: ten more are believed", "1orrrrrrrrrr", "closed"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_breaker b = {.answer_ms = -1};
        bool ignored = false;
        char shown[300] = "";

        for (const char *c = cases[i].requests; *c != '\0'; c++) {
            const struct enl_breaker_report r = report_of(*c);

            enl_breaker_after(&b, &r, &ignored);
        }
        show_breaker(&b, ignored, shown, sizeof(shown));
        ENL_CHECK_STR(shown, cases[i].want, cases[i].label);
    }
}

/* Texts are kept up to their room, whole characters only. */
static void test_long_texts(void **state)
{
    static const char *const prefixes[] = {"", "a", "aa", "aaa"};
    char text[1024];

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(prefixes); i++) {
        struct enl_breaker b = {0};
        struct enl_breaker_report r = {.answered = true, .same_rejects = 6, .same_text = text};
        bool ignored = false;

        (void)snprintf(text, sizeof(text), "%s", prefixes[i]);
        for (int k = 0; k < 100; k++) {
            memcpy(text + strlen(text), "\xf0\x9f\x98\x80", 5);
        }
        enl_breaker_after(&b, &r, &ignored);
        assert_false(ignored);
        assert_true(enl_utf8_valid(b.same_text, strlen(b.same_text)));
        assert_in_range(strlen(b.same_text), sizeof(b.same_text) - 5, sizeof(b.same_text) - 1);
        enl_breaker_after(&b, &r, &ignored);
        assert_true(ignored);
        r = (struct enl_breaker_report){.config = true, .reason = text};
        enl_breaker_after(&b, &r, &ignored);
        assert_true(enl_utf8_valid(b.reason, strlen(b.reason)));
        assert_in_range(strlen(b.reason), sizeof(b.reason) - 5, sizeof(b.reason) - 1);
        r = (struct enl_breaker_report){.config = true, .reason = NULL};
        enl_breaker_after(&b, &r, &ignored);
        assert_string_equal(b.reason, "no answer");
    }
}

static int64_t turn(struct help_db *db, const char *token, uint32_t interval_ms)
{
    struct enl_err err = {0};
    int64_t wait = -1;
    const struct enl_turn ask = {.token = token, .interval_ms = interval_ms};

    if (enl_lease_turn(db->store, &ask, &wait, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
    return wait;
}

static void test_turn(void **state)
{
    struct help_db *db = *state;

    assert_int_equal(turn(db, "first", 600000), 0);
    help_expect_rows(db, "SELECT holder FROM rate_lease", "first", "taken");
    assert_in_range(turn(db, "second", 600000), 500000, 600000);
    help_expect_rows(db, "SELECT holder FROM rate_lease", "first", "not taken");
    /* The own one is no exception: a turn is one request. */
    assert_in_range(turn(db, "first", 600000), 500000, 600000);
    help_sql(db, "UPDATE rate_lease SET next_at = 0");
    assert_int_equal(turn(db, "second", 600000), 0);
    help_expect_rows(db, "SELECT holder FROM rate_lease", "second", "taken over");
    assert_in_range(turn(db, "first", 1), 500000, 600000);
}

static enum enl_rc move(struct help_db *db, int64_t ms)
{
    char text[ENL_LEASE_NUMBER];
    const struct enl_store_call call = enl_lease_move(ms, text);

    return enl_store_run_all(db->store, &call, 1, NULL);
}

static void test_turn_fails(void **state)
{
    struct help_db *db = *state;
    int64_t wait = -1;
    const struct enl_turn ask = {.token = "t", .interval_ms = 1};

    help_sql(db, "DROP TABLE rate_lease");
    assert_int_equal(enl_lease_turn(db->store, &ask, &wait, NULL), ENL_RETRY);
    assert_int_equal(wait, -1);
    assert_int_equal(move(db, 1), ENL_RETRY);
}

static void test_move(void **state)
{
    struct help_db *db = *state;

    assert_int_equal(turn(db, "t", 600000), 0);
    assert_int_equal(move(db, 1000), ENL_OK);
    assert_in_range(turn(db, "t", 600000), 500000, 600000);
    assert_int_equal(move(db, 1200000), ENL_OK);
    assert_in_range(turn(db, "t", 600000), 1100000, 1200000);
    assert_int_equal(move(db, 0), ENL_OK);
    assert_in_range(turn(db, "t", 600000), 1100000, 1200000);
}

/* Time passes for the lease: its clock is the database's. */
static void pass(struct help_db *db, int64_t ms)
{
    char text[96];

    (void)snprintf(text, sizeof(text), "UPDATE rate_lease SET next_at = next_at - %" PRId64, ms);
    help_sql(db, text);
}

/* Turns by a clock of the test's, a thousand times slower, so that the real one does not matter:
 * one each interval, whoever asks how often, and a holder that dies costs nobody a second one. */
static void test_turns_in_time(void **state)
{
    static const struct {
        double rate;
        int64_t seconds, turns;
    } cases[] = {{1, 21, 20}, {0.5, 41, 20}, {2.5, 9, 20}, {0.1, 101, 11}};
    struct help_db *db = *state;

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        uint32_t interval_ms = enl_lease_interval_ms(cases[i].rate, 50) * 1000;
        int64_t turns = 0;
        int64_t since_ms = interval_ms;

        help_sql(db, "UPDATE rate_lease SET next_at = 0");
        for (int64_t ms = 0; ms < cases[i].seconds * 1000000; ms += 25000, since_ms += 25000) {
            if (turn(db, ms % 50000 == 0 ? "one" : "two", interval_ms) == 0) {
                /* Never sent, in the case of a holder that died: the next is no later for it. */
                assert_in_range(since_ms, interval_ms, interval_ms + 25000);
                since_ms = 0;
                turns++;
            }
            pass(db, 25000);
        }
        assert_in_range(turns, cases[i].turns - 1, cases[i].turns + 1);
    }
}

/* A pause that one instance was asked for is one for all, and the longest counts. */
static void test_move_is_for_all(void **state)
{
    struct help_db *db = *state;
    struct enl_store *other = help_store_open(&db->target);
    const struct enl_turn ask = {.token = "other", .interval_ms = 1050};
    int64_t wait = -1;

    assert_int_equal(turn(db, "one", 1050), 0);
    assert_int_equal(move(db, 300000), ENL_OK);
    assert_int_equal(move(db, 200000), ENL_OK);
    assert_int_equal(enl_lease_turn(other, &ask, &wait, NULL), ENL_OK);
    assert_in_range(wait, 240000, 300000);
    pass(db, 240000);
    assert_int_equal(enl_lease_turn(other, &ask, &wait, NULL), ENL_OK);
    assert_in_range(wait, 1, 60000);
    pass(db, 60000);
    assert_int_equal(enl_lease_turn(other, &ask, &wait, NULL), ENL_OK);
    assert_int_equal(wait, 0);
    enl_store_close(other);
}

static void test_recorded(void **state)
{
    struct help_db *db = *state;
    struct enl_turn ask = {.token = "t", .interval_ms = 600000, .median_ms = 25, .thrown = 2};
    int64_t wait = -1;

    help_expect_rows(db, "SELECT turn_ms, turns_thrown FROM rate_lease", "0|0", "nothing yet");
    assert_int_equal(enl_lease_turn(db->store, &ask, &wait, NULL), ENL_OK);
    help_expect_rows(db, "SELECT turn_ms, turns_thrown FROM rate_lease", "25|2", "with a turn");
    ask.median_ms = 7;
    assert_int_equal(enl_lease_turn(db->store, &ask, &wait, NULL), ENL_OK);
    assert_true(wait > 0);
    help_expect_rows(db, "SELECT turn_ms, turns_thrown FROM rate_lease", "25|2", "without: not");
    pass(db, 600000);
    assert_int_equal(enl_lease_turn(db->store, &ask, &wait, NULL), ENL_OK);
    help_expect_rows(db, "SELECT turn_ms, turns_thrown FROM rate_lease", "7|4", "added up");
}

static void test_turn_times(void **state)
{
    static const struct {
        const char *label;
        int64_t us[6];
        size_t n;
        uint32_t want;
    } cases[] = {
        {"none", {0}, 0, 0},
        {"one", {2500}, 1, 3},
        {"rounded up", {1}, 1, 1},
        {"whole", {2000}, 1, 2},
        {"the middle of three", {9000, 1000, 5000}, 3, 5},
        {"the upper of two", {1000, 9000}, 2, 9},
        {"one slow one is no news", {1000, 1000, 900000, 1000, 1000}, 5, 1},
    };
    static const struct {
        uint32_t slack_ms;
        int64_t median_ms;
        bool want;
    } slacks[] = {
        {50, 0, false}, {50, 12, false}, {50, 13, true}, {100, 25, false}, {99, 25, true}};
    struct enl_turn_times all = {0};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_turn_times t = {0};

        for (size_t k = 0; k < cases[i].n; k++) {
            enl_turn_times_add(&t, cases[i].us[k]);
        }
        ENL_CHECK(enl_turn_times_median_ms(&t) == cases[i].want, cases[i].label);
    }
    for (size_t i = 0; i < ENL_COUNT(slacks); i++) {
        assert_int_equal(enl_lease_is_tight(slacks[i].slack_ms, slacks[i].median_ms),
                         slacks[i].want);
    }
    /* Only the last count. */
    for (size_t i = 0; i < (size_t)3 * ENL_TURN_TIMES; i++) {
        enl_turn_times_add(&all, i < (size_t)2 * ENL_TURN_TIMES ? 90000 : 4000);
    }
    assert_int_equal(enl_turn_times_median_ms(&all), 4);
}

static void test_slack(void **state)
{
    struct help_db *db = *state;
    struct enl_err err = {0};
    bool same = false;

    assert_int_equal(enl_lease_share_slack(db->store, 50, &same, &err), ENL_OK);
    assert_true(same);
    assert_int_equal(enl_lease_share_slack(db->store, 70, &same, &err), ENL_OK);
    assert_false(same);
    help_expect_rows(db, "SELECT slack_ms FROM rate_lease", "50", "the first stands");
    assert_int_equal(enl_lease_share_slack(db->store, 50, &same, &err), ENL_OK);
    assert_true(same);
    assert_int_equal(enl_lease_set_slack(db->store, 70, &err), ENL_OK);
    assert_int_equal(enl_lease_share_slack(db->store, 50, &same, &err), ENL_OK);
    assert_false(same);
    /* A turn leaves it alone. */
    assert_int_equal(turn(db, "t", 1), 0);
    help_expect_rows(db, "SELECT slack_ms FROM rate_lease", "70", "after a turn");
}

static void write_breaker(struct help_db *db, const struct enl_breaker *b, bool answered)
{
    struct enl_breaker_texts texts;
    const struct enl_store_call call = enl_breaker_write(b, answered, &texts);
    struct enl_err err = {0};

    if (enl_store_run_all(db->store, &call, 1, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
}

static void read_breaker(struct help_db *db, struct enl_breaker *ret)
{
    struct enl_err err = {0};

    if (enl_breaker_read(db->store, ret, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
}

static void test_round_trip(void **state)
{
    struct help_db *db = *state;
    struct enl_breaker b = {0};
    struct enl_breaker again = {0};

    read_breaker(db, &b);
    assert_int_equal(b.state, ENL_BREAKER_CLOSED);
    assert_int_equal(b.answer_ms, -1);
    assert_int_equal(b.requests, 0);
    assert_string_equal(b.reason, "");

    b = (struct enl_breaker){.state = ENL_BREAKER_OPEN,
                             .reason = "it's \"down\" \xf0\x9f\x98\x80",
                             .failures = 7,
                             .delay_ms = 60000,
                             .max_rows = 20,
                             .same_count = 12,
                             .same_text = "\xc3\xa9"};
    write_breaker(db, &b, false);
    read_breaker(db, &again);
    assert_int_equal(again.state, ENL_BREAKER_OPEN);
    assert_string_equal(again.reason, b.reason);
    assert_int_equal(again.failures, 7);
    assert_int_equal(again.delay_ms, 60000);
    assert_in_range(again.probe_in_ms, 1000, 60000);
    assert_int_equal(again.max_rows, 20);
    assert_int_equal(again.answer_ms, -1);
    assert_int_equal(again.requests, 1);
    assert_int_equal(again.same_count, 12);
    assert_string_equal(again.same_text, b.same_text);

    b.state = ENL_BREAKER_HALF;
    write_breaker(db, &b, true);
    read_breaker(db, &again);
    assert_int_equal(again.state, ENL_BREAKER_HALF);
    assert_in_range(again.answer_ms, 0, 59000);
    assert_int_equal(again.requests, 2);
    /* What shows no answer does not forget the last. */
    help_sql(db, "UPDATE odoo_breaker SET last_answer_at = last_answer_at - 600000");
    write_breaker(db, &b, false);
    read_breaker(db, &again);
    assert_in_range(again.answer_ms, 600000, 660000);
}

/* Two instances, one probe. */
static void test_probe(void **state)
{
    struct help_db *db = *state;
    struct enl_store *other = help_store_open(&db->target);
    struct enl_breaker b = {.state = ENL_BREAKER_OPEN, .delay_ms = 60000};
    struct enl_err err = {0};
    bool mine = true;

    assert_int_equal(enl_breaker_probe(db->store, &mine, &err), ENL_OK);
    assert_false(mine); /* closed: nothing to probe */
    write_breaker(db, &b, false);
    assert_int_equal(enl_breaker_probe(db->store, &mine, &err), ENL_OK);
    assert_false(mine); /* too early */
    help_sql(db, "UPDATE odoo_breaker SET probe_at = 0");
    assert_int_equal(enl_breaker_probe(other, &mine, &err), ENL_OK);
    assert_true(mine);
    assert_int_equal(enl_breaker_probe(db->store, &mine, &err), ENL_OK);
    assert_false(mine);
    read_breaker(db, &b);
    assert_in_range(b.probe_in_ms, 60000, ENL_BREAKER_PROBE_HOLD_MS);
    /* Its owner died: the next one, after the hold. */
    help_sql(db, "UPDATE odoo_breaker SET probe_at = 0");
    assert_int_equal(enl_breaker_probe(db->store, &mine, &err), ENL_OK);
    assert_true(mine);
    enl_store_close(other);
}

static void test_torture(void **state)
{
    struct help_db *db = *state;
    struct enl_store *s = db->store;
    const struct enl_breaker open = {.state = ENL_BREAKER_OPEN, .delay_ms = 60000};
    const struct enl_turn turn = {.token = "t", .interval_ms = 600000};
    struct enl_breaker b = {0};
    struct enl_breaker_texts texts;
    struct enl_store_call call = enl_breaker_write(&open, false, &texts);
    int64_t wait = -1;
    bool yes = false;

    assert_true(ENL_TORTURE(enl_lease_turn(s, &turn, &wait, NULL)) > 0);
    assert_int_equal(wait, 0);
    assert_true(ENL_TORTURE(enl_lease_turn(s, &turn, &wait, NULL)) > 1);
    assert_in_range(wait, 1, 600000);
    assert_true(ENL_TORTURE(enl_lease_share_slack(s, 70, &yes, NULL)) > 1);
    assert_true(yes);
    assert_true(ENL_TORTURE(enl_lease_set_slack(s, 70, NULL)) > 0);
    assert_true(ENL_TORTURE(enl_store_run_all(s, &call, 1, NULL)) > 0);
    assert_true(ENL_TORTURE(enl_breaker_read(s, &b, NULL)) > 0);
    assert_int_equal(b.state, ENL_BREAKER_OPEN);
    help_sql(db, "UPDATE odoo_breaker SET probe_at = 0");
    assert_true(ENL_TORTURE(enl_breaker_probe(s, &yes, NULL)) > 0);
    assert_true(yes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),  cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_breaker),   cmocka_unit_test(test_long_texts),
        HELP_DB_TEST(test_turn),          HELP_DB_TEST(test_turn_fails),
        HELP_DB_TEST(test_move),          HELP_DB_TEST(test_slack),
        HELP_DB_TEST(test_turns_in_time), HELP_DB_TEST(test_move_is_for_all),
        HELP_DB_TEST(test_recorded),      cmocka_unit_test(test_turn_times),
        HELP_DB_TEST(test_round_trip),    HELP_DB_TEST(test_probe),
        HELP_DB_TEST(test_torture),
    };

    return cmocka_run_group_tests_name("lease", tests, help_sql_setup, help_sql_teardown);
}
