/* test_replay - events that were given up are opened again: which, when, and with their contact. */
#include "commit_help.h"

#include "commit/replay.h"

#define EVENTS  "SELECT event_id, status, unanswered FROM events ORDER BY 1"
#define LETTERS "SELECT key, status, replays FROM dead_letters ORDER BY 1"
#define CONTACT "SELECT json_extract(fields, '$.name') FROM contacts WHERE subscriber_id = '1'"

/* Three rejected events with their dead letters, due; their contact is without them. */
static void given_up(struct help_db *db, struct help_batch *b)
{
    help_add(b, "{\"id\":\"1\",\"name\":\"Ana\"}", "a", 0);
    help_add(b, "{\"id\":\"1\",\"name\":\"Eva\"}", "b", 60000);
    help_add(b, "{\"id\":\"2\"}", "c", 0);
    help_t1(db, b, "tok");
    help_sql(db, "UPDATE events SET status = 'rejected', claim_token = NULL, claim_until = 0, "
                 "unanswered = 5");
    help_sql(db, "UPDATE contacts SET fields = '{}', keys = '{}'");
    help_sql(db, "INSERT INTO dead_letters (key, event_id, class, status, first_at, last_at) "
                 "SELECT event_id, event_id, 'transient', 'open', 0, 0 FROM events");
}

static size_t replay(struct help_db *db)
{
    const struct enl_event_options opt = help_options();
    struct enl_err err = {0};
    size_t n = 99;

    if (enl_replay_transient(db->store, &opt, &n, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
    return n;
}

static void test_opens(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    given_up(db, &b);
    assert_int_equal(replay(db), 3);
    help_expect_rows(db, EVENTS, "a|pending|0 / b|pending|0 / c|pending|0", "all");
    help_expect_rows(db, LETTERS, "a|replayed|1 / b|replayed|1 / c|replayed|1", "all");
    help_expect_rows(db, CONTACT, "Eva", "the newest event's");
    help_check_contact(db, "1", "whole");
    assert_int_equal(replay(db), 0);
    help_batch_done(&b);
}

/* What makes a dead letter one that is left to people. */
static void test_leaves(void **state)
{
    static const struct {
        const char *label, *change;
        size_t opened;
    } cases[] = {
        {"Odoo's verdict", "UPDATE dead_letters SET class = 'rejected' WHERE key = 'a'", 2},
        {"a conflict", "UPDATE dead_letters SET class = 'conflict' WHERE key = 'a'", 2},
        {"deleted", "UPDATE dead_letters SET status = 'expunged' WHERE key = 'a'", 2},
        {"resolved", "UPDATE dead_letters SET status = 'resolved' WHERE key = 'a'", 2},
        {"an expunged event", "UPDATE events SET expunged_at = 1 WHERE event_id = 'a'", 2},
        {"synced after all", "UPDATE events SET status = 'synced' WHERE event_id = 'a'", 2},
        {"unread bytes", "UPDATE dead_letters SET event_id = NULL WHERE key = 'a'", 2},
        {"tried three times", "UPDATE dead_letters SET replays = 3 WHERE key = 'a'", 2},
        {"tried twice, 80 minutes ago",
         "UPDATE dead_letters SET replays = 2, last_at = CAST(strftime('%s', 'now') AS INTEGER) * "
         "1000 - 80 * 60000 - 1000 WHERE key = 'a'",
         3},
        {"tried twice, 79 minutes ago",
         "UPDATE dead_letters SET replays = 2, last_at = CAST(strftime('%s', 'now') AS INTEGER) * "
         "1000 - 79 * 60000 WHERE key = 'a'",
         2},
        {"given up just now",
         "UPDATE dead_letters SET last_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000 "
         "WHERE key = 'a'",
         2},
    };
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db db = {0};
        struct help_batch b = {0};

        help_db_open(&db);
        given_up(&db, &b);
        help_sql(&db, cases[i].change);
        ENL_CHECK(replay(&db) == cases[i].opened, cases[i].label);
        help_check_contact(&db, "1", cases[i].label);
        help_batch_done(&b);
        help_db_close(&db);
    }
}

static void test_torture(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    const struct enl_event_options opt = help_options();
    struct enl_torture t = {0};
    char *before = NULL;
    size_t opened = 0;

    given_up(db, &b);
    before = help_snapshot(db);
    while (enl_torture_next(&t)) {
        enum enl_rc rc = enl_replay_transient(db->store, &opt, &opened, NULL);

        enl_torture_end(&t, rc);
        if (rc != ENL_OK) {
            char *after = help_snapshot(db);

            assert_string_equal(after, before);
            free(after);
        }
    }
    assert_true(t.n > 50);
    assert_int_equal(opened, 3);
    help_expect_rows(db, CONTACT, "Eva", "at last");
    free(before);
    help_batch_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELP_DB_TEST(test_opens),
        cmocka_unit_test(test_leaves),
        HELP_DB_TEST(test_torture),
    };

    return cmocka_run_group_tests_name("replay", tests, help_sql_setup, help_sql_teardown);
}
