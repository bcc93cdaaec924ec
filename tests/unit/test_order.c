/* test_order - T1 over events that come in any order: duplicates, and those that late ones promote.
 */
#include "commit_help.h"

#define A      "{\"id\":\"1\",\"name\":\"A\",\"phone\":\"1\"}"
#define B      "{\"id\":\"1\",\"name\":\"B\"}"
#define C      "{\"id\":\"1\",\"phone\":\"3\",\"custom_fields\":{\"x\":1}}"
#define EVENTS "SELECT event_id, status, duplicate_of, claim_token, attempts FROM events ORDER BY 1"
#define FIELDS "SELECT key, value FROM contacts, json_each(fields) ORDER BY 1"
/* Duplicates that are none: of another body's other side, of a duplicate, out of the window. */
#define WRONG                                                                                      \
    "SELECT d.event_id, f.event_id FROM events AS d JOIN events AS f "                             \
    "ON f.event_id = d.duplicate_of WHERE f.status = 'duplicate' OR f.body_hash <> d.body_hash "   \
    "OR abs(julianday(d.received_at) - julianday(f.received_at)) * 86400 > 10.0005 "               \
    "OR EXISTS (SELECT 1 FROM events AS g WHERE g.subscriber_id = d.subscriber_id "                \
    "AND g.body_hash <> d.body_hash AND g.order_key > MIN(d.order_key, f.order_key) "              \
    "AND g.order_key < MAX(d.order_key, f.order_key))"

static void clear(struct help_db *db)
{
    help_sql(db, "DELETE FROM events");
    help_sql(db, "DELETE FROM contacts");
    help_sql(db, "DELETE FROM dead_letters");
}

/* One event alone through T1. */
static void store(struct help_db *db, const char *body, const char *id, int64_t ms)
{
    struct help_batch b = {0};

    help_add(&b, body, id, ms);
    help_t1(db, &b, "old");
    help_batch_done(&b);
}

/* "a" and its duplicate "c" are stored, "b" with another body lies between them. */
static void store_a_and_c(struct help_db *db)
{
    clear(db);
    store(db, A, "a", 0);
    store(db, A, "c", 2000);
    help_expect_rows(db, EVENTS, "a|received|~|old|1 / c|duplicate|a|~|0", "A, A");
}

static void test_promotion(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct enl_sql_result claimed = {0};
    const char *const drain[] = {"d", "d", "180000", "10"};

    store_a_and_c(db);
    help_sql(db, "UPDATE events SET next_attempt_at = 9e15 WHERE event_id = 'c'");
    help_add(&b, B, "b", 1000);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0", "B is its own");
    help_expect_rows(db, EVENTS, "a|received|~|old|1 / b|received|~|tok|1 / c|pending|~|~|0",
                     "the duplicate counts again, and nobody holds it");
    help_expect_rows(db, FIELDS, "name|A / phone|1", "the newest is A");
    help_expect_rows(db, "SELECT json_extract(keys, '$.name') LIKE '%:c' FROM contacts", "1",
                     "that of the promoted one");
    help_check_contact(db, "1", "promoted");
    help_batch_done(&b);
    assert_int_equal(enl_store_run(db->store, ENL_SQL_EVENTS_DRAIN, drain, 4, NULL, NULL), ENL_OK);
    assert_int_equal(enl_store_run(db->store, ENL_SQL_EVENTS_CLAIMED, drain, 1, &claimed, NULL),
                     ENL_OK);
    assert_int_equal(claimed.rows, 1);
    assert_string_equal(enl_sql_cell(&claimed, 0, 0), "c");
    assert_string_equal(enl_sql_cell(&claimed, 0, 4), A);
    enl_sql_result_done(&claimed);

    store(db, B, "b", 1000);
    help_expect_rows(db, "SELECT status, claim_token FROM events WHERE event_id = 'c'", "pending|d",
                     "B again changes nothing");
}

/* Who comes between, how, and what it makes of "c". */
static void test_who_promotes(void **state)
{
    static const struct {
        const char *label, *before; /* before: what is changed first */
        const char *body, *id;
        int64_t ms;
        bool generated, record, odoo;
        const char *outcome, *want;
    } cases[] = {
        {"a caller's own id", NULL, B, "b", 1000, false, false, true, "M0", "pending|~"},
        {"by the poison queue", NULL, B, "b", 1000, true, true, true, "S", "pending|~"},
        {"without Odoo", NULL, B, "b", 1000, true, false, false, "S", "pending|~"},
        {"the same body", NULL, A, "b", 1000, true, false, true, "S", "duplicate|a"},
        {"the same body with an own id", NULL, A, "b", 1000, false, false, true, "M0",
         "duplicate|a"},
        {"after both", NULL, B, "b", 3000, true, false, true, "M0", "duplicate|a"},
        {"a conflict is not stored", NULL, B, "a", 1000, true, false, true, "S", "duplicate|a"},
        {"the first is rejected", "status = 'rejected' WHERE event_id = 'a'", B, "b", 1000, true,
         false, true, "M0", "pending|~"},
        {"the first is synced", "status = 'synced' WHERE event_id = 'a'", B, "b", 1000, true, false,
         true, "M0", "pending|~"},
        {"it is expunged", "body = NULL, expunged_at = 1 WHERE event_id = 'c'", B, "b", 1000, true,
         false, true, "M0", "duplicate|a"},
        {"its body is none that this binary reads", "body = '[]' WHERE event_id = 'c'", B, "b",
         1000, true, false, true, "M0", "pending|~"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        const struct enl_event_options event = help_options();
        struct enl_t1_options opt = help_t1_options(&event, "tok");
        struct help_db *db = *state;
        struct help_batch b = {0};
        char change[128];

        store_a_and_c(db);
        if (cases[i].before) {
            (void)snprintf(change, sizeof(change), "UPDATE events SET %s", cases[i].before);
            help_sql(db, change);
        }
        help_add_from(&b, cases[i].body, cases[i].id, cases[i].generated,
                      RECEIVED_US + cases[i].ms * 1000);
        b.entries[0].record = cases[i].record;
        opt.odoo = cases[i].odoo;
        assert_int_equal(enl_t1_run(db->store, b.entries, b.n, &opt, NULL), ENL_OK);
        help_expect_outcomes(&b, cases[i].outcome, cases[i].label);
        help_expect_rows(db, "SELECT status, duplicate_of FROM events WHERE event_id = 'c'",
                         cases[i].want, cases[i].label);
        help_batch_done(&b);
    }
}

/* An older event that repeats a stored one, and B between these. */
static void test_older_duplicate(void **state)
{
    struct help_db *db = *state;

    store(db, A, "c", 2000);
    store(db, A, "a", 0);
    help_expect_rows(db, EVENTS, "a|duplicate|c|~|0 / c|received|~|old|1", "A before A");
    store(db, B, "b", 1000);
    help_expect_rows(db, EVENTS, "a|pending|~|~|0 / b|received|~|old|1 / c|received|~|old|1",
                     "parted");
    help_expect_rows(db, FIELDS, "name|A / phone|1", "the newest is A");
    help_check_contact(db, "1", "parted");
}

/* The invocation of the duplicate is still there when B comes: one batch takes both. */
static void test_redelivered_with(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    store_a_and_c(db);
    help_add(&b, A, "c", 2000);
    help_add(&b, B, "b", 1000);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M1", "promoted and taken");
    help_expect_rows(db, EVENTS, "a|received|~|old|1 / b|received|~|tok|1 / c|pending|~|tok|1",
                     "taken once");
    help_check_contact(db, "1", "taken");
    help_batch_done(&b);
}

/* Whatever is between two of a subscriber is nothing between those of another. */
static void test_subscribers(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    store_a_and_c(db);
    help_add(&b, "{\"id\":\"2\",\"name\":\"B\"}", "x", 1000);
    help_add(&b, "{\"id\":\"3\",\"name\":\"B\"}", "y", 1000);
    help_add(&b, "{\"id\":\"2\",\"name\":\"B\"}", "z", 1500);
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M1 S", "each its own");
    help_expect_rows(db, EVENTS,
                     "a|received|~|old|1 / c|duplicate|a|~|0 / x|received|~|tok|1 / "
                     "y|received|~|tok|1 / z|duplicate|x|~|0",
                     "each its own");
    help_batch_done(&b);
}

/* A body that was rejected is tried itself, and then repeated. */
static void test_after_rejection(void **state)
{
    struct help_db *db = *state;

    store_a_and_c(db);
    help_sql(db, "UPDATE events SET status = 'rejected', claim_token = NULL WHERE event_id = 'a'");
    store(db, A, "d", 3000);
    store(db, A, "e", 4000);
    help_expect_rows(
        db, EVENTS, "a|rejected|~|~|1 / c|duplicate|a|~|0 / d|received|~|old|1 / e|duplicate|d|~|0",
        "the first that counts");
    help_check_contact(db, "1", "a rejected event's duplicate carries nothing");
}

struct item {
    const char *body;
    int64_t ms;
    bool own;
};

/* Five events of one subscriber. */
static const struct {
    const char *label;
    struct item items[5];
} sets[] = {
    {"A A B A C", {{A, 0, 0}, {A, 1000, 0}, {B, 2000, 0}, {A, 3000, 0}, {C, 4000, 0}}},
    {"A B A A B", {{A, 0, 0}, {B, 1000, 0}, {A, 2000, 0}, {A, 3000, 0}, {B, 3500, 0}}},
    {"A B B B A", {{A, 0, 0}, {B, 1000, 0}, {B, 2000, 0}, {B, 3000, 0}, {A, 4000, 0}}},
    {"A C A C A", {{A, 0, 0}, {C, 1000, 0}, {A, 2000, 0}, {C, 3000, 0}, {A, 4000, 0}}},
    {"A A A A A, longer than the window",
     {{A, 0, 0}, {A, 6000, 0}, {A, 12000, 0}, {A, 18000, 0}, {A, 24000, 0}}},
    {"own ids between", {{A, 0, 0}, {B, 1000, 1}, {A, 2000, 1}, {A, 3000, 0}, {C, 9000, 0}}},
    {"two moments", {{A, 0, 0}, {B, 0, 0}, {A, 0, 0}, {A, 1, 0}, {B, 1, 0}}},
};
static const char *const sizes[] = {"5", "11111", "23", "122"};

/* Delivers a set in that order, in batches of those sizes. */
static void deliver(struct help_db *db, const struct item *items, const size_t *order,
                    const char *batches, uint32_t window_s)
{
    const struct enl_event_options event = help_options();
    struct enl_t1_options opt = help_t1_options(&event, "tok");
    size_t next = 0;

    clear(db);
    opt.window_s = window_s;
    for (const char *size = batches; *size != '\0'; size++) {
        struct help_batch b = {0};

        for (int n = *size - '0'; n > 0; n--, next++) {
            const struct item *item = &items[order[next]];
            char id[2] = {(char)('a' + (int)order[next]), '\0'};

            help_add_from(&b, item->body, id, !item->own, RECEIVED_US + item->ms * 1000);
        }
        assert_int_equal(enl_t1_run(db->store, b.entries, b.n, &opt, NULL), ENL_OK);
        help_batch_done(&b);
    }
}

static void swap(size_t *order, size_t i, size_t k)
{
    size_t kept = order[i];

    order[i] = order[k];
    order[k] = kept;
}

/* The next of all orders; false after the last. */
static bool next_order(size_t *order, size_t n)
{
    size_t i = n - 1;
    size_t k = n - 1;

    while (i > 0 && order[i - 1] > order[i]) {
        i--;
    }
    if (i == 0) {
        return false;
    }
    while (order[k] < order[i - 1]) {
        k--;
    }
    swap(order, i - 1, k);
    for (k = n - 1; i < k; i++, k--) {
        swap(order, i, k);
    }
    return true;
}

/* Whatever the order and the batches: the contact is that of all events without a window. */
static void test_orders(void **state)
{
    struct help_db *db = *state;

    for (size_t s = 0; s < ENL_COUNT(sets); s++) {
        size_t order[5] = {0, 1, 2, 3, 4};
        size_t n = 0;
        char *want = NULL;

        deliver(db, sets[s].items, order, "5", 0);
        want = help_rows(db, FIELDS);
        do {
            char label[96];

            (void)snprintf(label, sizeof(label), "%s as %zu%zu%zu%zu%zu by %s", sets[s].label,
                           order[0], order[1], order[2], order[3], order[4],
                           sizes[n % ENL_COUNT(sizes)]);
            deliver(db, sets[s].items, order, sizes[n % ENL_COUNT(sizes)], 10);
            help_expect_rows(db, FIELDS, want, label);
            help_expect_rows(db, WRONG, "", label);
            help_expect_rows(db, "SELECT COUNT(*) FROM events", "5", label);
            n++;
        } while (next_order(order, 5));
        assert_int_equal(n, 120);
        help_check_contact(db, "1", sets[s].label);
        free(want);
    }
}

#define FLOOD (2 * ENL_NEIGHBOURS_MAX + 8)

/* More duplicates than are looked at: those that come then are ones, too; a late B promotes those
 * next to it, which is enough for the contact. */
static void test_flood(void **state)
{
    struct help_db *db = *state;
    char want[32];

    store(db, A, "a", 0);
    for (int i = 0; i < FLOOD; i++) {
        char id[8];

        (void)snprintf(id, sizeof(id), "d%02d", i);
        store(db, A, id, 1000 + i);
    }
    (void)snprintf(want, sizeof(want), "%d", FLOOD);
    help_expect_rows(db, "SELECT COUNT(*) FROM events WHERE duplicate_of = 'a'", want, "all");
    store(db, B, "b", 500);
    (void)snprintf(want, sizeof(want), "%d", FLOOD - ENL_NEIGHBOURS_MAX);
    help_expect_rows(db, "SELECT COUNT(*) FROM events WHERE duplicate_of = 'a'", want, "farther");
    help_expect_rows(db, "SELECT MAX(event_id), MIN(event_id) FROM events WHERE status = 'pending'",
                     "d15|d00", "nearest");
    help_expect_rows(db, FIELDS, "name|A / phone|1", "the newest is A");
    help_check_contact(db, "1", "promoted");
    store(db, B, "c", 1000 + ENL_NEIGHBOURS_MAX);
    help_expect_rows(db, FIELDS, "name|A / phone|1", "the newest is A again");
    help_check_contact(db, "1", "promoted again");
}

/* A batch that promotes more than are read at a time. */
static void test_many_promoted(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};

    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < 1 + ENL_NEIGHBOURS_MAX; i++) {
            char body[64];
            char id[16];

            (void)snprintf(body, sizeof(body), "{\"id\":\"%d\",\"name\":\"A\"}", s);
            (void)snprintf(id, sizeof(id), "%d-%02d", s, i);
            store(db, body, id, i == 0 ? 0 : 1000 + i);
        }
    }
    for (int s = 0; s < 4; s++) {
        char body[64];
        char id[16];

        (void)snprintf(body, sizeof(body), "{\"id\":\"%d\",\"name\":\"B\"}", s);
        (void)snprintf(id, sizeof(id), "%d-b", s);
        help_add(&b, body, id, 500);
    }
    help_t1(db, &b, "tok");
    help_expect_outcomes(&b, "M0 M1 M2 M3", "each its own");
    help_expect_rows(db, "SELECT status, COUNT(*) FROM events GROUP BY 1",
                     "pending|64 / received|8", "all are promoted");
    help_expect_rows(db, "SELECT DISTINCT fields FROM contacts", "{\"name\":\"A\"}", "merged");
    help_batch_done(&b);
}

/* The longest window that can be set is looked at, whatever is set now. */
static void test_shorter_window(void **state)
{
    struct help_db *db = *state;

    store_a_and_c(db);
    help_sql(db, "UPDATE events SET order_key = printf('%016x', 1778068800123456 + 3599 * 1000000) "
                 "|| ':c' WHERE event_id = 'c'");
    store(db, B, "b", 1);
    help_expect_rows(db, "SELECT status FROM events WHERE event_id = 'c'", "pending", "found");
}

/* Each statement of a promotion may fail; nothing of T1 stays. */
static void test_failures(void **state)
{
    static const struct {
        const char *label, *trigger;
        enum enl_rc want;
    } cases[] = {
        {"promoted", "UPDATE ON events BEGIN SELECT RAISE(ABORT, 'x')", ENL_INVALID},
        {"merged", "UPDATE ON contacts BEGIN SELECT RAISE(ABORT, 'x')", ENL_INVALID},
        {"expunged meanwhile",
         "INSERT ON events BEGIN UPDATE events SET expunged_at = 1 WHERE event_id = 'c'",
         ENL_RETRY},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        char trigger[160];
        char *before = NULL;
        char *after = NULL;

        store_a_and_c(db);
        (void)snprintf(trigger, sizeof(trigger), "CREATE TRIGGER bad AFTER %s; END",
                       cases[i].trigger);
        help_sql(db, trigger);
        before = help_snapshot(db);
        help_add(&b, B, "b", 1000);
        ENL_CHECK(help_try_t1(db, &b, "tok", NULL) == cases[i].want, cases[i].label);
        after = help_snapshot(db);
        ENL_CHECK_STR(after, before, cases[i].label);
        free(before);
        free(after);
        help_sql(db, "DROP TRIGGER bad");
        help_t1(db, &b, "tok");
        help_expect_outcomes(&b, "M0", cases[i].label);
        help_expect_rows(db, "SELECT status FROM events WHERE event_id = 'c'", "pending",
                         cases[i].label);
        help_batch_done(&b);
    }
}

/* Memory ends at the n-th allocation of a T1 that promotes. */
static void test_torture(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct enl_torture t = {0};
    char *before = NULL;

    store_a_and_c(db);
    store(db, A, "d", 3000);
    help_add(&b, B, "b", 1000);
    help_add(&b, A, "e", 4000);
    before = help_snapshot(db);
    while (enl_torture_next(&t)) {
        enl_torture_end(&t, help_try_t1(db, &b, "tok", NULL));
        if (!t.done) {
            assert_null(b.entries[0].row);
        }
        if (!t.done && t.n % 16 == 0) {
            char *after = help_snapshot(db);

            assert_string_equal(after, before);
            free(after);
        }
        assert_false(enl_store_dead(db->store));
    }
    assert_true(t.n > 100);
    help_expect_outcomes(&b, "M0 S", "at last");
    help_expect_rows(db, EVENTS,
                     "a|received|~|old|1 / b|received|~|tok|1 / c|pending|~|~|0 / d|pending|~|~|0 "
                     "/ e|duplicate|d|~|0",
                     "once");
    help_check_contact(db, "1", "at last");
    free(before);
    help_batch_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELP_DB_TEST(test_promotion),       HELP_DB_TEST(test_who_promotes),
        HELP_DB_TEST(test_older_duplicate), HELP_DB_TEST(test_redelivered_with),
        HELP_DB_TEST(test_subscribers),     HELP_DB_TEST(test_after_rejection),
        HELP_DB_TEST(test_orders),          HELP_DB_TEST(test_flood),
        HELP_DB_TEST(test_many_promoted),   HELP_DB_TEST(test_shorter_window),
        HELP_DB_TEST(test_failures),        HELP_DB_TEST(test_torture),
    };

    return cmocka_run_group_tests_name("order", tests, help_sql_setup, help_sql_teardown);
}
