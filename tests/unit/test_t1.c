/* test_t1 - the transaction that stores, merges and claims, over a real SQLite database. */
#include "commit_help.h"

#include "wrap/crypto.h"

#define ANA     "{\"id\":\"1\",\"name\":\"Ana\"}"
#define BEA     "{\"id\":\"1\",\"name\":\"Bea\"}"
#define OTHER   "{\"id\":\"2\",\"name\":\"Otto\"}"
#define EVENTS  "SELECT event_id, status, claim_token, attempts, maybe_sent FROM events ORDER BY 1"
#define FIELDS  "SELECT subscriber_id, fields FROM contacts ORDER BY 1"
#define LETTERS "SELECT event_id, class, status FROM dead_letters ORDER BY key"

static void test_new(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    const struct enl_row *row = NULL;

    help_add(&b, ANA, "a", 0);
    help_add(&b, OTHER, "b", 1);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M1", "new");
    help_expect_rows(db, EVENTS, "a|received|tok|1|0 / b|received|tok|1|0", "stored");
    help_expect_rows(
        db,
        "SELECT event_id, subscriber_id, generated, kind, state, occurred_at, "
        "received_at, warnings, traceparent, duplicate_of, next_attempt_at, "
        "unanswered, odoo_id, synced_at, last_error, expunged_at FROM events "
        "WHERE event_id = 'a'",
        "a|1|1|interaction|~|2026-05-06T12:00:00.123Z|2026-05-06T12:00:00.123Z|[]|~|~|0"
        "|0|~|~|~|~",
        "columns");
    help_expect_rows(db, "SELECT body FROM events WHERE event_id = 'a'", ANA, "body");
    help_expect_rows(db,
                     "SELECT claim_until > stored_at + 170000 AND claim_until < stored_at + "
                     "190000 FROM events WHERE event_id = 'a'",
                     "1", "claimed for 180 s");
    help_expect_rows(db, FIELDS, "1|{\"name\":\"Ana\"} / 2|{\"name\":\"Otto\"}", "contacts");
    row = b.entries[0].row;
    assert_string_equal(row->event->event_id, "a");
    assert_string_equal(row->event->order_key, b.messages[0].event->order_key);
    assert_string_equal(row->event->body_hash, b.messages[0].event->body_hash);
    assert_true(row->event->generated);
    assert_string_equal(row->token, "tok");
    assert_int_equal(row->attempts, 1);
    assert_int_equal(row->unanswered, 0);
    assert_true(row->live);
    help_batch_done(&b);
}

/* All columns of an event with everything. */
static void test_columns(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add_from(&b,
                  "{\"id\":\"7\",\"estado_inicial\":\"nuevo \xf0\x9f\x98\x80\",\"datetime_actual\":"
                  "\"2026-05-05T10:00:00Z\",\"subscribed\":\"nope\"}",
                  "own-id", false, RECEIVED_US);
    help_t1(db, &b, "tok");
    help_expect_rows(db,
                     "SELECT event_id, generated, kind, state, occurred_at, order_key, "
                     "warnings FROM events",
                     "own-id|0|state|nuevo \xf0\x9f\x98\x80|2026-05-05T10:00:00.000Z|"
                     "0006510f1c466658:own-id|[{\"field\":\"subscribed\",\"detail\":\"not a date; "
                     "left out\"}]",
                     "columns");
    assert_string_equal(b.entries[0].row->event->state, "nuevo \xf0\x9f\x98\x80");
    assert_int_equal(b.entries[0].row->event->occurred_ms, b.messages[0].event->occurred_ms);
    assert_false(b.entries[0].row->event->generated);
    help_batch_done(&b);
}

static void test_again(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_t1(db, &b, "tok");
    help_batch_forget(&b);
    help_t1(db, &b, "other");
    help_expect_outcomes(&b, "S", "held by another");
    help_expect_rows(db, EVENTS, "a|received|tok|1|0", "nothing changed");

    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0", "the same token again: the commit was lost");
    assert_string_equal(b.entries[0].row->token, "tok");
    help_expect_rows(db, "SELECT claim_token, maybe_sent FROM events", "tok|0", "still ours");
    help_batch_forget(&b);

    help_end_claims(db);
    help_sql(db, "UPDATE events SET attempts = 1, next_attempt_at = 0, checked_at = 5");
    help_t1(db, &b, "other");
    help_expect_outcomes(&b, "M0", "its claim had ended");
    help_expect_rows(db, EVENTS, "a|received|other|2|1", "its old owner may have sent it");
    help_expect_rows(db, "SELECT checked_at FROM events", "~", "to be checked again");
    assert_int_equal(b.entries[0].row->attempts, 2);
    help_batch_done(&b);
}

static void test_known(void **state)
{
    static const struct {
        const char *label, *change, *outcome, *want;
    } cases[] = {
        {"free and due", "status = 'pending', claim_token = NULL, claim_until = 0", "M0",
         "a|pending|new|2|0"},
        {"free, not due",
         "status = 'pending', claim_token = NULL, claim_until = 0, next_attempt_at = 9e15", "S",
         "a|pending|~|1|0"},
        {"ended, not due", "claim_until = 0, next_attempt_at = 9e15", "S", "a|received|old|1|0"},
        {"synced", "status = 'synced', claim_token = NULL, claim_until = 0", "S", "a|synced|~|1|0"},
        {"rejected", "status = 'rejected', claim_token = NULL, claim_until = 0", "R",
         "a|rejected|~|1|0"},
        {"expunged",
         "status = 'rejected', claim_token = NULL, claim_until = 0, body = NULL, expunged_at = 1",
         "S", "a|rejected|~|1|0"},
        {"a duplicate", "status = 'duplicate', claim_token = NULL, claim_until = 0", "S",
         "a|duplicate|~|1|0"},
        {"a body that no binary reads", "body = '[]', claim_until = 0", "S", "a|received|new|2|1"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        char change[256];

        help_sql(db, "DELETE FROM events");
        help_add(&b, ANA, "a", 0);
        help_t1(db, &b, "old");
        help_batch_forget(&b);
        (void)snprintf(change, sizeof(change), "UPDATE events SET %s", cases[i].change);
        help_sql(db, change);
        help_t1(db, &b, "new");
        help_expect_outcomes(&b, cases[i].outcome, cases[i].label);
        help_expect_rows(db, EVENTS, cases[i].want, cases[i].label);
        help_batch_done(&b);
    }
}

/* New and known ones in one batch: each counts its own attempts, and only what an entry is for is
 * taken. */
static void test_mixed(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "known", 0);
    help_add(&b, OTHER, "stale", 1);
    help_t1(db, &b, "old");
    help_batch_done(&b);
    help_end_claims(db);
    help_add(&b, ANA, "known", 0);
    help_add(&b, BEA, "new", 2);
    help_add(&b, "{\"id\":\"2\",\"name\":\"no\"}", "stale", 1); /* a conflict */
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M1 S", "mixed");
    help_expect_rows(db, EVENTS,
                     "known|received|tok|2|1 / new|received|tok|1|0 / stale|received|old|1|0",
                     "mixed");
    help_batch_done(&b);
}

static void test_conflict(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    char want[200];
    char hex[ENL_SHA256_TEXT];
    struct enl_buf base64 = ENL_BUF_INIT(65536);

    help_add(&b, ANA, "a", 0);
    help_t1(db, &b, "tok");
    help_batch_done(&b);
    help_add(&b, BEA, "a", 5);
    help_t1(db, &b, "two");
    help_expect_outcomes(&b, "S", "conflict");
    assert_non_null(strstr(b.entries[0].detail, "conflict"));
    help_expect_rows(db, EVENTS, "a|received|tok|1|0", "the first stands");
    help_expect_rows(db, FIELDS, "1|{\"name\":\"Ana\"}", "nothing merged");
    help_expect_rows(db, LETTERS, "a|conflict|open", "recorded");
    assert_int_equal(enl_sha256(b.messages[0].text, strlen(b.messages[0].text), hex, NULL), ENL_OK);
    (void)snprintf(want, sizeof(want), "sha256:%s", hex);
    help_expect_rows(db, "SELECT key FROM dead_letters", want, "keyed by its bytes");
    enl_base64_encode(b.messages[0].text, strlen(b.messages[0].text), &base64);
    help_expect_rows(db, "SELECT body FROM dead_letters", enl_buf_str(&base64), "its bytes");
    enl_buf_done(&base64);
    help_t1(db, &b, "three");
    help_expect_rows(db, LETTERS, "a|conflict|open", "the same message again: once");
    help_sql(db, "UPDATE dead_letters SET status = 'expunged', body = NULL, error = NULL");
    help_t1(db, &b, "four");
    help_expect_rows(db, "SELECT status, body, error FROM dead_letters", "expunged|~|~",
                     "expunged stays so");
    help_batch_done(&b);
    /* The same body with other spaces and another reception is no conflict. */
    help_add(&b, "{ \"name\":\"Ana\", \"id\":\"1\" }", "a", 9);
    help_t1(db, &b, "five");
    help_expect_outcomes(&b, "S", "the same event");
    help_expect_rows(db, "SELECT COUNT(*) FROM dead_letters", "1", "no conflict");
    help_batch_done(&b);
}

static void test_in_batch(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_add(&b, ANA, "a", 0);
    help_add(&b, OTHER, "b", 1);
    help_add(&b, BEA, "a", 2);
    help_add(&b, ANA, "a", 3);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M0 M2 S M0", "repeats share the first's row");
    help_expect_rows(db, EVENTS, "a|received|tok|1|0 / b|received|tok|1|0", "one row each");
    help_expect_rows(db, LETTERS, "a|conflict|open", "another body in the batch is a conflict");
    help_expect_rows(db, FIELDS, "1|{\"name\":\"Ana\"} / 2|{\"name\":\"Otto\"}", "merged once");
    help_batch_done(&b);
}

/* The message in front is a conflict, the repeat behind it is not: it is safe, and not claimed by
 * nobody. */
static void test_conflict_first(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_t1(db, &b, "old");
    help_batch_done(&b);
    help_end_claims(db);
    help_add(&b, BEA, "a", 0);
    help_add(&b, ANA, "a", 0);
    help_add(&b, OTHER, "b", 1);
    help_t1(db, &b, "tok");
    assert_int_equal(b.entries[0].outcome, ENL_T1_SAFE);
    assert_true(b.entries[1].outcome == ENL_T1_SAFE || b.entries[1].row);
    if (b.entries[1].outcome == ENL_T1_SAFE) {
        help_expect_rows(db, "SELECT claim_token FROM events WHERE event_id = 'a'", "old",
                         "left for the drain");
    }
    help_batch_done(&b);
}

#define SAME "{\"id\":\"1\",\"name\":\"same\"}"

static void test_duplicates(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, SAME, "a", 0);
    help_t1(db, &b, "t1");
    help_expect_outcomes(&b, "M0", "the first");
    help_batch_done(&b);
    help_add(&b, SAME, "b", 10000);
    help_t1(db, &b, "t2");
    help_expect_outcomes(&b, "S", "a repeat within the window");
    help_batch_done(&b);
    help_add(&b, SAME, "c", 10001);
    help_t1(db, &b, "t3");
    help_expect_outcomes(&b, "M0", "out of the first's window");
    help_batch_done(&b);
    help_add_from(&b, SAME, "d", false, RECEIVED_US + 10002000);
    help_t1(db, &b, "t4");
    help_expect_outcomes(&b, "M0", "a caller's own id is believed");
    help_batch_done(&b);
    help_expect_rows(db,
                     "SELECT event_id, status, duplicate_of, claim_token, attempts FROM events "
                     "ORDER BY 1",
                     "a|received|~|t1|1 / b|duplicate|a|~|0 / c|received|~|t3|1 / "
                     "d|received|~|t4|1",
                     "stored");
    help_check_contact(db, "1", "duplicates are not merged");
    help_expect_rows(db, "SELECT json_extract(keys, '$.name') LIKE '%:d' FROM contacts", "1",
                     "the newest that counts");
    help_batch_done(&b);
}

static void test_duplicates_in_batch(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    /* A, A, B, A, A: the order is that of reception, not of the batch. */
    help_add(&b, SAME, "e", 5);
    help_add(&b, SAME, "d", 4);
    help_add(&b, BEA, "c", 3);
    help_add(&b, SAME, "b", 2);
    help_add(&b, SAME, "a", 1);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "S M1 M2 S M4", "A, A, B, A, A");
    help_expect_rows(db, "SELECT event_id, status, duplicate_of FROM events ORDER BY 1",
                     "a|received|~ / b|duplicate|a / c|received|~ / d|received|~ / e|duplicate|d",
                     "firsts");
    help_expect_rows(db, FIELDS, "1|{\"name\":\"same\"}", "ends as A");
    help_check_contact(db, "1", "merged");
    help_batch_done(&b);
}

static void test_no_duplicates(void **state)
{
    static const struct {
        const char *label, *change;
        uint32_t window_s;
        const char *want;
    } cases[] = {
        {"within the window", NULL, 10, "S"},
        {"the window is off", NULL, 0, "M0"},
        {"the first is pending", "status = 'pending'", 10, "S"},
        {"the first is synced", "status = 'synced'", 10, "S"},
        {"the first was rejected", "status = 'rejected'", 10, "M0"},
        {"another came between", "body_hash = 'x'", 10, "M0"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        const struct enl_event_options event = help_options();
        struct enl_t1_options opt = help_t1_options(&event, "tok");
        struct help_db *db = *state;
        struct help_batch b = {0};
        char change[256];

        help_sql(db, "DELETE FROM events");
        help_add(&b, SAME, "a", 0);
        help_t1(db, &b, "old");
        help_batch_done(&b);
        if (cases[i].change) {
            (void)snprintf(change, sizeof(change), "UPDATE events SET %s", cases[i].change);
            help_sql(db, change);
        }
        help_add(&b, SAME, "b", 1);
        opt.window_s = cases[i].window_s;
        assert_int_equal(enl_t1_run(db->store, b.entries, b.n, &opt, NULL), ENL_OK);
        help_expect_outcomes(&b, cases[i].want, cases[i].label);
        help_batch_done(&b);
    }
}

/* Closed is the only state in which live events go out at once. */
static void test_breaker(void **state)
{
    static const struct {
        const char *label, *breaker;
        bool odoo;
        const char *outcomes, *want;
    } cases[] = {
        {"closed", "closed", true, "M0 M1", "known|received|tok|2|1 / new|received|tok|1|0"},
        {"open", "open", true, "S S", "known|received|old|1|0 / new|pending|~|0|0"},
        {"half-open", "half_open", true, "S S", "known|received|old|1|0 / new|pending|~|0|0"},
        {"no Odoo", "closed", false, "S S", "known|received|old|1|0 / new|pending|~|0|0"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        const struct enl_event_options event = help_options();
        struct enl_t1_options opt = help_t1_options(&event, "tok");
        struct help_db *db = *state;
        struct help_batch b = {0};
        char change[256];

        help_sql(db, "DELETE FROM events");
        help_sql(db, "UPDATE odoo_breaker SET state = 'closed'");
        help_add(&b, ANA, "known", 0);
        help_t1(db, &b, "old");
        help_batch_forget(&b);
        help_end_claims(db);
        (void)snprintf(change, sizeof(change), "UPDATE odoo_breaker SET state = '%s'",
                       cases[i].breaker);
        help_sql(db, change);
        help_add(&b, OTHER, "new", 1);
        opt.odoo = cases[i].odoo;
        assert_int_equal(enl_t1_run(db->store, b.entries, b.n, &opt, NULL), ENL_OK);
        help_expect_outcomes(&b, cases[i].outcomes, cases[i].label);
        help_expect_rows(db, EVENTS, cases[i].want, cases[i].label);
        help_check_contact(db, "2", cases[i].label);
        help_batch_done(&b);
    }
}

/* The breaker opened between the lost commit and its repetition: what was claimed is still ours. */
static void test_breaker_opened_meanwhile(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_t1(db, &b, "tok");
    help_batch_forget(&b);
    help_sql(db, "UPDATE odoo_breaker SET state = 'open'");
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0", "ours");
    help_batch_done(&b);
}

static const char *const bodies[] = {
    "{\"id\":\"1\",\"name\":\"A\",\"phone\":\"1\",\"custom_fields\":{\"x\":1,\"y\":\"a\"}}",
    "{\"id\":\"1\",\"name\":\"B\",\"custom_fields\":{\"x\":null}}",
    "{\"id\":\"1\",\"email\":\"c\",\"ultimo_estado\":\"s\"}",
    "{\"id\":\"1\",\"name\":\"D\",\"datetime_actual\":\"2020-01-01\",\"locale\":\"es\"}",
    "{\"id\":\"1\"}",
};

/* Orders and batches of the same events: sizes of batches as digits. */
static void test_merge(void **state)
{
    static const struct {
        const char *order, *sizes;
    } cases[] = {{"01234", "5"},     {"43210", "5"},  {"01234", "11111"},
                 {"43210", "11111"}, {"20413", "23"}, {"31402", "212"}};
    char *first = NULL;

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        const char *next = cases[i].order;
        char *got = NULL;

        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM contacts");
        for (const char *size = cases[i].sizes; *size != '\0'; size++) {
            struct help_batch b = {0};

            for (int n = *size - '0'; n > 0; n--, next++) {
                char id[2] = {*next, '\0'};

                help_add(&b, bodies[*next - '0'], id, (*next - '0') * 60000);
            }
            help_t1(db, &b, "tok");
            help_batch_done(&b);
        }
        help_check_contact(db, "1", cases[i].order);
        /* As objects: the order of their members is that of arrival. */
        got =
            help_rows(db, "SELECT key, value, (SELECT value FROM contacts, json_each(keys) AS k "
                          "WHERE k.key = f.key) FROM contacts, json_each(fields) AS f ORDER BY 1");
        if (first) {
            ENL_CHECK_STR(got, first, cases[i].order);
            free(got);
        } else {
            first = got;
        }
    }
    assert_non_null(strstr(first, "name|B|"));
    assert_non_null(strstr(first, "custom_fields.x|~|"));
    assert_non_null(strstr(first, "custom_fields.y|a|"));
    assert_non_null(strstr(first, "phone|1|"));
    assert_non_null(strstr(first, "last_state|s|"));
    assert_non_null(strstr(first, "locale|es|"));
    free(first);
}

static void test_version(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 1000);
    help_t1(db, &b, "t1");
    help_batch_forget(&b);
    help_expect_rows(db, "SELECT version FROM contacts", "1", "changed");
    help_t1(db, &b, "t2");
    help_expect_rows(db, "SELECT version FROM contacts", "1", "not merged again");
    help_batch_done(&b);
    help_add(&b, BEA, "b", 0);
    help_t1(db, &b, "t3");
    help_expect_rows(db, "SELECT version, fields FROM contacts", "1|{\"name\":\"Ana\"}",
                     "older: nothing to set");
    help_batch_done(&b);
}

/* A row of an unconfirmed T1 whose invocation is gone is nobody's. */
static void test_gone(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_add(&b, OTHER, "b", 1);
    help_t1(db, &b, "tok");
    help_batch_done(&b);
    help_add(&b, OTHER, "b", 1);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0", "the other is ours");
    assert_string_equal(b.entries[0].row->event->event_id, "b");
    help_expect_rows(db, "SELECT claim_token FROM events WHERE event_id = 'a'", "tok",
                     "its claim ends by itself");
    help_batch_done(&b);
}

/* Ids differ by case and are compared bytewise. */
static void test_case(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, "{\"id\":\"x\",\"name\":\"1\"}", "id", 0);
    help_add(&b, "{\"id\":\"X\",\"name\":\"2\"}", "ID", 1);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M1", "two");
    help_expect_rows(db, "SELECT COUNT(*) FROM events", "2", "two events");
    help_expect_rows(db, FIELDS, "X|{\"name\":\"2\"} / x|{\"name\":\"1\"}", "two contacts");
    help_batch_done(&b);
}

#define BAD_BODY                                                                                   \
    "CREATE TRIGGER bad BEFORE INSERT ON events WHEN NEW.event_id = 'bad' AND NEW.body IS NOT "    \
    "NULL BEGIN SELECT RAISE(ABORT, 'refused'); END"

static void test_data(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct enl_buf base64 = ENL_BUF_INIT(65536);
    struct enl_err err = {0};

    help_sql(db, BAD_BODY);
    help_add(&b, OTHER, "good", 0);
    help_add(&b, "{\"id\":\"1\",\"name\":\"secret\",\"ultimo_estado\":\"secret\"}", "bad", 1);
    assert_int_equal(help_try_t1(db, &b, "tok", &err), ENL_INVALID);
    assert_null(strstr(err.text, "secret"));
    help_expect_rows(db, EVENTS, "", "all of it was rolled back");
    help_expect_rows(db, FIELDS, "", "all of it was rolled back");
    assert_null(b.entries[0].row);

    assert_int_equal(enl_t1_refuse(db->store, &b.entries[1], &err), ENL_OK);
    assert_int_equal(b.entries[1].outcome, ENL_T1_REJECTED);
    help_expect_rows(db, EVENTS, "bad|rejected|~|0|0", "stored, as rejected");
    help_expect_rows(db, "SELECT body, state, warnings, error_code FROM events", "~|~|[]|data",
                     "nothing of its data");
    help_expect_rows(db, "SELECT key, event_id, class, status FROM dead_letters",
                     "bad|bad|data|open", "its dead letter");
    enl_base64_encode(b.messages[1].text, strlen(b.messages[1].text), &base64);
    help_expect_rows(db, "SELECT body FROM dead_letters", enl_buf_str(&base64), "its bytes");
    enl_buf_done(&base64);
    help_batch_done(&b);

    help_add(&b, "{\"id\":\"1\",\"name\":\"secret\",\"ultimo_estado\":\"secret\"}", "bad", 1);
    help_t1(db, &b, "again");
    help_expect_outcomes(&b, "R", "its redelivery is known as rejected");
    help_batch_done(&b);
}

/* An event that SQL has is not refused for what another statement of its T1 met. */
static void test_refuse_known(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_t1(db, &b, "tok");
    help_batch_forget(&b);
    assert_int_equal(enl_t1_refuse(db->store, &b.entries[0], NULL), ENL_OK);
    help_expect_outcomes(&b, "S", "known");
    help_expect_rows(db, "SELECT status FROM events", "received", "as it was");
    help_expect_rows(db, LETTERS, "", "none");
    help_batch_done(&b);
}

/* A contact whose texts cannot be read is made again of its events. */
static void test_unreadable_contact(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, "{\"id\":\"1\",\"name\":\"Ana\"}", "a", 0);
    help_t1(db, &b, "tok");
    help_batch_done(&b);
    help_sql(db, "UPDATE contacts SET fields = 'broken'");
    help_add(&b, "{\"id\":\"1\",\"phone\":\"7\"}", "b", 1);
    help_t1(db, &b, "next");
    help_expect_rows(db, FIELDS, "1|{\"name\":\"Ana\",\"phone\":\"7\"}", "mended");
    help_check_contact(db, "1", "mended");
    help_batch_done(&b);
}

/* By the poison queue: what SQL never saw is stored for the drain, what it knows is left alone, and
 * a rejection counts its delivery. */
static void test_record(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    b.entries[0].record = true;
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "S", "never seen");
    help_expect_rows(db, EVENTS, "a|pending|~|0|0", "pending, free, no attempt");
    help_t1(db, &b, "again");
    help_expect_outcomes(&b, "S", "open");
    help_expect_rows(db, EVENTS, "a|pending|~|0|0", "not taken");

    help_sql(db, "UPDATE events SET status = 'rejected'");
    help_sql(db, "INSERT INTO dead_letters (key, event_id, class, status, first_at, last_at) "
                 "VALUES ('a', 'a', 'rejected', 'open', 0, 0)");
    help_t1(db, &b, "third");
    help_expect_outcomes(&b, "S", "rejected");
    help_expect_rows(db, "SELECT deliveries, status FROM dead_letters", "1|open", "counted");
    help_sql(db, "UPDATE events SET expunged_at = 1");
    help_t1(db, &b, "fourth");
    help_expect_outcomes(&b, "S", "expunged");
    help_expect_rows(db, "SELECT deliveries FROM dead_letters", "1", "no longer counted");
    help_batch_done(&b);
}

static void test_store_raw(void **state)
{
    struct help_db *db = *state;
    struct enl_err err = {0};

    for (int i = 0; i < 2; i++) {
        assert_int_equal(enl_t1_store_raw(db->store, "\xff no event", 10, "malformed", &err),
                         ENL_OK);
    }
    help_expect_rows(db, "SELECT length(key), event_id, class, status, body FROM dead_letters",
                     "71|~|malformed|open|/yBubyBldmVudA==", "one, whatever comes again");
    help_sql(db, "UPDATE dead_letters SET status = 'expunged', body = NULL");
    assert_int_equal(enl_t1_store_raw(db->store, "\xff no event", 10, "malformed", &err), ENL_OK);
    help_expect_rows(db, "SELECT status, body FROM dead_letters", "expunged|~", "stays away");
}

/* What can be refused neither with nor without its body changes nothing. */
static void test_refused_wholly(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_sql(db, "CREATE TRIGGER bad BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'x'); END");
    help_add(&b, ANA, "a", 0);
    assert_int_equal(help_try_t1(db, &b, "tok", NULL), ENL_INVALID);
    assert_true(enl_t1_refuse(db->store, &b.entries[0], NULL) != ENL_OK);
    help_expect_rows(db, LETTERS, "", "rolled back");
    assert_false(enl_store_dead(db->store));
    help_batch_done(&b);
}

/* Any statement of T1 may fail; nothing of it stays, and the next try is whole. */
static void test_failures(void **state)
{
    static const struct {
        const char *label, *trigger;
    } cases[] = {
        {"contacts", "BEFORE INSERT ON contacts"}, {"events", "AFTER INSERT ON events"},
        {"taken", "AFTER UPDATE ON events"},       {"conflicts", "AFTER INSERT ON dead_letters"},
        {"merged", "AFTER UPDATE ON contacts"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        char trigger[256];
        char *before = NULL;
        char *after = NULL;

        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM contacts");
        help_sql(db, "DELETE FROM dead_letters");
        help_add(&b, ANA, "known", 0);
        help_t1(db, &b, "old");
        help_batch_forget(&b);
        help_end_claims(db);
        help_add(&b, OTHER, "new", 1);
        help_add(&b, BEA, "known", 2);
        (void)snprintf(trigger, sizeof(trigger),
                       "CREATE TRIGGER bad %s BEGIN SELECT RAISE(ABORT, 'x'); END",
                       cases[i].trigger);
        help_sql(db, trigger);
        before = help_snapshot(db);
        ENL_CHECK(help_try_t1(db, &b, "tok", NULL) == ENL_INVALID, cases[i].label);
        after = help_snapshot(db);
        ENL_CHECK_STR(after, before, cases[i].label);
        free(before);
        free(after);
        help_sql(db, "DROP TRIGGER bad");
        help_t1(db, &b, "tok");
        help_expect_outcomes(&b, "M0 M1 S", cases[i].label);
        help_batch_done(&b);
    }
}

static void add_all(struct help_batch *b)
{
    help_add(b, ANA, "known", 0);
    help_add(b, OTHER, "new", 1);
    help_add(b, OTHER, "new", 1);
    help_add(b, OTHER, "repeat", 2);
    help_add(b, BEA, "known", 3);
}

/* Memory ends at the n-th allocation: FATAL, nothing stored, nothing leaked, and nothing is in the
 * way of the next try. */
static void test_torture(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct enl_torture t = {0};
    char *before = NULL;

    help_add(&b, ANA, "known", 0);
    help_t1(db, &b, "old");
    help_batch_done(&b);
    help_end_claims(db);
    add_all(&b);
    before = help_snapshot(db);
    while (enl_torture_next(&t)) {
        enl_torture_end(&t, help_try_t1(db, &b, "tok", NULL));
        for (size_t i = 0; !t.done && i < b.n; i++) {
            assert_null(b.entries[i].row);
        }
        if (!t.done && t.n % 16 == 0) {
            char *after = help_snapshot(db);

            assert_string_equal(after, before);
            free(after);
        }
        assert_false(enl_store_dead(db->store));
    }
    assert_in_range(t.n, 100, 10000);
    help_expect_outcomes(&b, "M0 M1 M1 S S", "at last");
    help_expect_rows(db, EVENTS,
                     "known|received|tok|2|1 / new|received|tok|1|0 / repeat|duplicate|~|0|0",
                     "once");
    help_check_contact(db, "1", "at last");
    help_check_contact(db, "2", "at last");
    free(before);
    help_batch_done(&b);
}

static void test_torture_refuse(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct enl_torture t = {0};

    help_add(&b, ANA, "a", 0);
    while (enl_torture_next(&t)) {
        const char *want = NULL;

        enl_torture_end(&t, enl_t1_refuse(db->store, &b.entries[0], NULL));
        want = t.done ? "1" : "0";
        help_expect_rows(db, "SELECT COUNT(*) FROM events", want, "rolled back until then");
        help_expect_rows(db, "SELECT COUNT(*) FROM dead_letters", want, "rolled back until then");
    }
    assert_in_range(t.n, 10, 10000);
    help_expect_rows(db, LETTERS, "a|data|open", "at last");
    help_batch_done(&b);
}

/* What comes by the poison queue: an event that is known as rejected, and bytes that are none. */
static void test_torture_record(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    help_add(&b, ANA, "a", 0);
    help_t1(db, &b, "tok");
    help_batch_forget(&b);
    help_sql(db, "UPDATE events SET status = 'rejected'");
    help_sql(db, "INSERT INTO dead_letters (key, event_id, class, status, first_at, last_at) "
                 "VALUES ('a', 'a', 'rejected', 'open', 0, 0)");
    b.entries[0].record = true;
    assert_in_range(ENL_TORTURE(help_try_t1(db, &b, "again", NULL)), 50, 10000);
    help_expect_outcomes(&b, "S", "rejected");
    help_expect_rows(db, "SELECT deliveries FROM dead_letters", "1", "counted once");
    assert_in_range(
        ENL_TORTURE(enl_t1_store_raw(db->store, "\xff no event", 10, "malformed", NULL)), 8, 1000);
    help_expect_rows(db, LETTERS, "a|rejected|open / ~|malformed|open", "at last");
    help_batch_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELP_DB_TEST(test_new),
        HELP_DB_TEST(test_columns),
        HELP_DB_TEST(test_again),
        HELP_DB_TEST(test_known),
        HELP_DB_TEST(test_mixed),
        HELP_DB_TEST(test_conflict),
        HELP_DB_TEST(test_in_batch),
        HELP_DB_TEST(test_conflict_first),
        HELP_DB_TEST(test_duplicates),
        HELP_DB_TEST(test_duplicates_in_batch),
        HELP_DB_TEST(test_no_duplicates),
        HELP_DB_TEST(test_breaker),
        HELP_DB_TEST(test_breaker_opened_meanwhile),
        HELP_DB_TEST(test_merge),
        HELP_DB_TEST(test_version),
        HELP_DB_TEST(test_gone),
        HELP_DB_TEST(test_case),
        HELP_DB_TEST(test_data),
        HELP_DB_TEST(test_refused_wholly),
        HELP_DB_TEST(test_refuse_known),
        HELP_DB_TEST(test_record),
        HELP_DB_TEST(test_store_raw),
        HELP_DB_TEST(test_unreadable_contact),
        HELP_DB_TEST(test_failures),
        HELP_DB_TEST(test_torture),
        HELP_DB_TEST(test_torture_refuse),
        HELP_DB_TEST(test_torture_record),
    };

    return cmocka_run_group_tests_name("t1", tests, help_sql_setup, help_sql_teardown);
}
