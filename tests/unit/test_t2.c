/* test_t2 - the transaction that writes verdicts, over a real SQLite database. */
#include "commit_help.h"

#include "commit/t2.h"

#define EVENTS                                                                                     \
    "SELECT event_id, status, claim_token, maybe_sent, unanswered FROM events ORDER BY event_id"
#define LETTERS "SELECT key, event_id, class, status, error, body FROM dead_letters ORDER BY key"
#define FIELDS  "SELECT fields FROM contacts ORDER BY subscriber_id"
#define BREAKER "SELECT state, reason, failures, requests, same_count FROM odoo_breaker"

#define ANA  "{\"id\":\"1\",\"name\":\"Ana\",\"phone\":\"7\"}"
#define BEA  "{\"id\":\"1\",\"name\":\"Bea\"}"
#define OTTO "{\"id\":\"2\",\"name\":\"Otto\"}"

/* A request and its answer. */
struct call {
    struct enl_event_options event;
    struct enl_verdict verdicts[HELP_BATCH_MAX];
    struct enl_t2_item items[HELP_BATCH_MAX];
    struct enl_odoo_reply reply;
    struct enl_t2_request q;
};

static const struct enl_odoo_reply answered = {
    .class = ENL_ODOO_ANSWERED, .answered = true, .retry_after_ms = -1};
static const struct enl_odoo_reply perhaps = {
    .class = ENL_ODOO_PERHAPS, .retry_after_ms = -1, .reason = "time-out"};

static const struct enl_odoo_reply failed = {.class = ENL_ODOO_PERHAPS,
                                             .answered = true,
                                             .retry_after_ms = -1,
                                             .reason = "KeyError: see there",
                                             .words = "KeyError: 7"};

/* One letter for each entry: c created, d duplicate, r and R rejected with two texts, t retry,
 * n not named in the answer, - no answer for it. */
static void call_init(struct call *c, const struct help_batch *b, const char *verdicts,
                      const struct enl_odoo_reply *reply)
{
    *c = (struct call){.event = help_options(), .reply = *reply};
    c->q = (struct enl_t2_request){
        .reply = &c->reply, .items = c->items, .n = b->n, .event = &c->event, .ingest = true};
    assert_int_equal(strlen(verdicts), b->n);
    for (size_t i = 0; i < b->n; i++) {
        struct enl_verdict *v = &c->verdicts[i];

        assert_non_null(b->entries[i].row);
        c->items[i].row = b->entries[i].row;
        c->items[i].verdict = verdicts[i] == '-' ? NULL : v;
        switch (verdicts[i]) {
        case 'c':
            *v = (struct enl_verdict){.kind = ENL_VERDICT_CREATED, .id = 9, .contact_id = 4};
            break;
        case 'd': *v = (struct enl_verdict){.kind = ENL_VERDICT_DUPLICATE}; break;
        case 't': v->kind = ENL_VERDICT_RETRY; break;
        case 'r':
        case 'R':
            *v = (struct enl_verdict){.kind = ENL_VERDICT_REJECTED, .code = "constraint"};
            v->error = enl_strdup(verdicts[i] == 'r' ? "no" : "never");
            break;
        default: break;
        }
    }
}

static void call_done(struct call *c)
{
    for (size_t i = 0; i < c->q.n; i++) {
        free(c->verdicts[i].error);
    }
}

static void t2(struct help_db *db, struct call *c)
{
    struct enl_err err = {0};

    if (enl_t2_run(db->store, &c->q, &err) != ENL_OK) {
        fail_msg("T2: %s", err.text);
    }
}

/* T1 of the batch, then T2 with these verdicts. */
static void t1_t2(struct help_db *db, struct help_batch *b, const char *verdicts,
                  const struct enl_odoo_reply *reply, struct call *c)
{
    help_t1(db, b, "tok");
    call_init(c, b, verdicts, reply);
    t2(db, c);
}

static void two_events(struct help_batch *b)
{
    help_add(b, ANA, "a", 0);
    help_add(b, OTTO, "b", 1);
}

static void test_synced(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct call c;

    two_events(&b);
    help_sql(db,
             "INSERT INTO dead_letters (key, event_id, class, status, first_at, last_at) VALUES "
             "('a', 'a', 'rejected', 'replayed', 0, 0), ('b', 'b', 'rejected', 'open', 0, 0), "
             "('z', 'z', 'rejected', 'open', 0, 0)");
    t1_t2(db, &b, "cd", &answered, &c);
    help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|synced|~|0|0", "synced");
    help_expect_rows(db,
                     "SELECT odoo_id, odoo_contact_id, synced_at LIKE '____-__-__T__:__:__.___Z'"
                     ", claim_until, error_code, last_error FROM events ORDER BY event_id",
                     "9|4|1|0|~|~ / ~|~|1|0|~|~", "ids, where Odoo told them");
    help_expect_rows(db, "SELECT key, status FROM dead_letters ORDER BY key",
                     "a|resolved / b|resolved / z|open", "letters resolved");
    help_expect_rows(db, BREAKER, "closed||0|1|0", "breaker");
    help_expect_rows(db,
                     "SELECT last_answer_at >= (SELECT MAX(stored_at) FROM events) FROM "
                     "odoo_breaker",
                     "1", "an answer");
    assert_int_equal(c.items[0].fate, ENL_FATE_SYNCED);
    assert_false(c.items[0].rejected);
    call_done(&c);
    /* Final: whatever comes later. */
    call_init(&c, &b, "r-", &answered);
    t2(db, &c);
    help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|synced|~|0|0", "final");
    assert_false(c.items[0].rejected);
    call_done(&c);
    help_batch_done(&b);
}

static void test_rejected(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct call c;

    help_add(&b, ANA, "a", 0);
    help_add(&b, BEA, "b", 60000);
    help_add(&b, OTTO, "c", 1);
    t1_t2(db, &b, "crc", &answered, &c);
    help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|rejected|~|0|0 / c|synced|~|0|0",
                     "one of three");
    help_expect_rows(db,
                     "SELECT error_code, last_error, claim_until FROM events WHERE event_id = "
                     "'b'",
                     "constraint|no|0", "why");
    help_expect_rows(db, LETTERS, "b|b|rejected|open|no|~", "its dead letter, body in the event");
    help_expect_rows(db, FIELDS, "{\"name\":\"Ana\",\"phone\":\"7\"} / {\"name\":\"Otto\"}",
                     "the contact without it");
    help_check_contact(db, "1", "rebuilt");
    assert_true(c.items[1].rejected && !c.items[0].rejected && !c.items[2].rejected);
    assert_int_equal(c.items[1].fate, ENL_FATE_REJECTED);

    /* The commit was lost: the same T2 once more changes nothing. */
    help_sql(db, "UPDATE dead_letters SET last_at = 1");
    t2(db, &c);
    assert_true(c.items[1].rejected && !c.items[0].rejected && !c.items[2].rejected);
    help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|rejected|~|0|0 / c|synced|~|0|0", "again");
    help_expect_rows(db, "SELECT status, last_at FROM dead_letters", "open|1", "again");
    call_done(&c);

    /* A check or a slow request found it in Odoo after all. */
    call_init(&c, &b, "cdc", &answered);
    t2(db, &c);
    help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|synced|~|0|0 / c|synced|~|0|0", "a fact");
    help_expect_rows(db, "SELECT key, status FROM dead_letters", "b|resolved", "resolved");
    help_expect_rows(db, FIELDS, "{\"name\":\"Bea\",\"phone\":\"7\"} / {\"name\":\"Otto\"}",
                     "merged again");
    help_check_contact(db, "1", "merged again");
    assert_false(c.items[1].rejected);
    call_done(&c);
    help_batch_done(&b);
}

/* A synced and a rejected event of one contact that was rejected before: both ways at once. */
static void test_both_ways(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct call c;

    help_add(&b, ANA, "a", 0);
    help_add(&b, BEA, "b", 60000);
    t1_t2(db, &b, "rc", &answered, &c);
    call_done(&c);
    help_expect_rows(db, FIELDS, "{\"name\":\"Bea\"}", "without the first");
    help_sql(db, "UPDATE events SET status = 'pending', claim_token = 'tok' WHERE event_id = 'b'");
    call_init(&c, &b, "cr", &answered);
    t2(db, &c);
    help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|rejected|~|0|0", "exchanged");
    help_expect_rows(db, FIELDS, "{\"name\":\"Ana\",\"phone\":\"7\"}", "exchanged");
    help_check_contact(db, "1", "exchanged");
    call_done(&c);
    help_batch_done(&b);
}

/* A dead letter that was replayed opens again; an expunged one never. */
static void test_letters(void **state)
{
    static const struct {
        const char *status, *want;
    } cases[] = {{"replayed", "open|no|2"}, {"open", "open|no|2"}, {"expunged", "expunged|old|2"}};

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct call c;
        char insert[256];

        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM dead_letters");
        (void)snprintf(insert, sizeof(insert),
                       "INSERT INTO dead_letters (key, event_id, class, status, error, replays, "
                       "first_at, last_at) VALUES ('a', 'a', 'rejected', '%s', 'old', 2, 1, 1)",
                       cases[i].status);
        help_sql(db, insert);
        help_add(&b, ANA, "a", 0);
        t1_t2(db, &b, "r", &answered, &c);
        help_expect_rows(db, "SELECT status, error, replays FROM dead_letters", cases[i].want,
                         cases[i].status);
        call_done(&c);
        help_batch_done(&b);
    }
}

/* Another has taken the row: only what is a fact changes it. */
static void test_lost_claim(void **state)
{
    static const struct {
        const char *label, *verdict, *want;
    } cases[] = {
        {"rejected", "r", "a|received|thief|1|0"}, {"no answer", "-", "a|received|thief|1|0"},
        {"retry", "t", "a|received|thief|1|0"},    {"created", "c", "a|synced|~|1|0"},
        {"duplicate", "d", "a|synced|~|1|0"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct help_batch thief = {0};
        struct call c;

        help_sql(db, "DELETE FROM events");
        help_add(&b, ANA, "a", 0);
        help_add(&thief, ANA, "a", 0);
        help_t1(db, &b, "tok");
        help_end_claims(db);
        help_t1(db, &thief, "thief");
        call_init(&c, &b, cases[i].verdict, cases[i].verdict[0] == '-' ? &perhaps : &answered);
        t2(db, &c);
        help_expect_rows(db, EVENTS, cases[i].want, cases[i].label);
        help_expect_rows(db, "SELECT COUNT(*) FROM dead_letters", "0", cases[i].label);
        help_expect_rows(db, FIELDS, "{\"name\":\"Ana\",\"phone\":\"7\"}", cases[i].label);
        ENL_CHECK(!c.items[0].rejected, cases[i].label);
        call_done(&c);
        help_batch_done(&b);
        help_batch_done(&thief);
    }
}

#define NOW_SQL "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"

/* Rows of which nothing is known: who may have it, who counts, when they are due. */
static void test_pending(void **state)
{
    static const struct {
        const char *label;
        struct enl_odoo_reply reply;
        char verdict;
        int64_t answer_age_ms; /* of Odoo's last answer; -1: never */
        bool maybe_sent, unanswered;
        int64_t least_ms, most_ms; /* of the delay */
    } cases[] = {
        {"time-out while others are answered",
         {.class = ENL_ODOO_PERHAPS, .retry_after_ms = -1},
         '-',
         1000,
         true,
         true,
         0,
         5000},
        {"time-out, the last answer long ago",
         {.class = ENL_ODOO_PERHAPS, .retry_after_ms = -1},
         '-',
         600000,
         true,
         false,
         0,
         5000},
        {"time-out, never an answer",
         {.class = ENL_ODOO_PERHAPS, .retry_after_ms = -1},
         '-',
         -1,
         true,
         false,
         0,
         5000},
        {"an error is an answer",
         {.class = ENL_ODOO_PERHAPS, .answered = true, .retry_after_ms = -1},
         '-',
         -1,
         true,
         true,
         0,
         5000},
        {"a serialization failure is nobody's fault",
         {.class = ENL_ODOO_PERHAPS, .answered = true, .transient = true, .retry_after_ms = -1},
         '-',
         1000,
         true,
         false,
         0,
         5000},
        {"not sent",
         {.class = ENL_ODOO_NOT_SENT, .retry_after_ms = -1},
         '-',
         1000,
         false,
         false,
         0,
         0},
        {"throttled, with a time",
         {.class = ENL_ODOO_NOT_SENT, .throttled = true, .retry_after_ms = 7000},
         '-',
         1000,
         false,
         false,
         7000,
         7000},
        {"throttled by what may have passed it on",
         {.class = ENL_ODOO_NOT_SENT,
          .throttled = true,
          .maybe_done = true,
          .retry_after_ms = 7000},
         '-',
         1000,
         true,
         false,
         7000,
         7000},
        {"throttled, without",
         {.class = ENL_ODOO_NOT_SENT, .throttled = true, .retry_after_ms = -1},
         '-',
         1000,
         false,
         false,
         0,
         5000},
        {"a configuration error: as long as the breaker",
         {.class = ENL_ODOO_CONFIG, .answered = true, .retry_after_ms = -1},
         '-',
         1000,
         false,
         false,
         5000,
         5000},
        {"retry: at once",
         {.class = ENL_ODOO_ANSWERED, .answered = true, .retry_after_ms = -1},
         't',
         1000,
         false,
         false,
         0,
         0},
        {"not named in the answer",
         {.class = ENL_ODOO_ANSWERED, .answered = true, .retry_after_ms = -1},
         'n',
         1000,
         true,
         true,
         0,
         5000},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct call c;
        char text[256];
        const char verdict[2] = {cases[i].verdict, '\0'};

        help_sql(db, "DELETE FROM events");
        (void)snprintf(text, sizeof(text),
                       "UPDATE odoo_breaker SET state = 'closed', failures = 0, last_answer_at = "
                       "CASE WHEN %" PRId64 " < 0 THEN NULL ELSE " NOW_SQL " - %" PRId64 " END",
                       cases[i].answer_age_ms, cases[i].answer_age_ms);
        help_sql(db, text);
        help_add(&b, ANA, "a", 0);
        t1_t2(db, &b, verdict, &cases[i].reply, &c);
        ENL_CHECK(c.items[0].fate == ENL_FATE_PENDING && !c.items[0].rejected, cases[i].label);
        (void)snprintf(text, sizeof(text), "a|pending|~|%d|%d", cases[i].maybe_sent,
                       cases[i].unanswered);
        help_expect_rows(db, EVENTS, text, cases[i].label);
        ENL_CHECK(c.items[0].back_off_ms >= cases[i].least_ms &&
                      c.items[0].back_off_ms <= cases[i].most_ms,
                  cases[i].label);
        (void)snprintf(text, sizeof(text),
                       "SELECT next_attempt_at >= stored_at + %" PRId64
                       ", next_attempt_at <= " NOW_SQL " + %" PRId64
                       ", claim_until, error_code FROM events",
                       c.items[0].back_off_ms, c.items[0].back_off_ms);
        help_expect_rows(db, text, "1|1|0|odoo", cases[i].label);
        help_expect_rows(db, FIELDS, "{\"name\":\"Ana\",\"phone\":\"7\"}", cases[i].label);
        call_done(&c);
        help_batch_done(&b);
    }
}

/* Attempts make the back-off longer, and what was perhaps sent stays so. */
static void test_keeps_maybe(void **state)
{
    const struct enl_odoo_reply not_sent = {.class = ENL_ODOO_NOT_SENT, .retry_after_ms = -1};
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct call c;

    help_add(&b, ANA, "a", 0);
    t1_t2(db, &b, "-", &perhaps, &c);
    call_done(&c);
    help_batch_forget(&b);
    help_sql(db, "UPDATE events SET next_attempt_at = 0, attempts = 40");
    help_t1(db, &b, "two");
    assert_int_equal(b.entries[0].row->attempts, 41);
    call_init(&c, &b, "-", &not_sent);
    t2(db, &c);
    help_expect_rows(db, EVENTS, "a|pending|~|1|0", "not sent this time");
    call_done(&c);
    help_batch_forget(&b);
    help_t1(db, &b, "three");
    call_init(&c, &b, "-", &perhaps);
    t2(db, &c);
    assert_in_range(c.items[0].back_off_ms, 0, 300000);
    call_done(&c);
    help_batch_done(&b);
}

static void test_killer(void **state)
{
    static const struct {
        const char *label;
        int64_t unanswered;
        bool up;
        const char *want, *letters;
        bool error; /* Odoo says that the request failed */
    } cases[] = {
        {"the fourth", 3, true, "a|pending|~|1|4 / b|pending|~|1|1", "", false},
        {"the fifth", 4, true, "a|rejected|~|0|4 / b|pending|~|1|1",
         "a|a|transient|open|time-out|~", false},
        {"Odoo was away", 4, false, "a|pending|~|1|4 / b|pending|~|1|0", "", false},
        {"an error while others are answered", 4, true, "a|rejected|~|0|4 / b|pending|~|1|1",
         "a|a|transient|open|KeyError: 7|~", true},
        {"an error, and nobody is answered", 4, false, "a|pending|~|1|5 / b|pending|~|1|1", "",
         true},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct call c;

        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM dead_letters");
        help_sql(db, "DELETE FROM contacts");
        help_sql(db, cases[i].up ? "UPDATE odoo_breaker SET failures = 0, last_answer_at = " NOW_SQL
                                 : "UPDATE odoo_breaker SET failures = 0, last_answer_at = NULL");
        two_events(&b);
        help_t1(db, &b, "tok");
        b.entries[0].row->unanswered = cases[i].unanswered;
        help_sql(db, cases[i].unanswered == 3
                         ? "UPDATE events SET unanswered = 3 WHERE event_id = 'a'"
                         : "UPDATE events SET unanswered = 4 WHERE event_id = 'a'");
        call_init(&c, &b, "--", cases[i].error ? &failed : &perhaps);
        t2(db, &c);
        help_expect_rows(db, EVENTS, cases[i].want, cases[i].label);
        help_expect_rows(db, LETTERS, cases[i].letters, cases[i].label);
        ENL_CHECK(c.items[0].rejected == (*cases[i].letters != '\0'), cases[i].label);
        help_check_contact(db, "1", cases[i].label);
        call_done(&c);
        help_batch_done(&b);
    }
}

/* A login that fails is no attempt of the rows that wait for it: none is suspected, none is given
 * up, none may be in Odoo. */
static void test_failed_login(void **state)
{
    static const struct enl_odoo_reply *const replies[] = {&perhaps, &failed};

    for (size_t i = 0; i < ENL_COUNT(replies); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct call c;

        help_sql(db, "DELETE FROM events");
        help_sql(db, "UPDATE odoo_breaker SET failures = 0, last_answer_at = " NOW_SQL);
        two_events(&b);
        help_t1(db, &b, "tok");
        b.entries[0].row->unanswered = 4;
        call_init(&c, &b, "--", replies[i]);
        c.q.ingest = false;
        t2(db, &c);
        help_expect_rows(db, EVENTS, "a|pending|~|0|0 / b|pending|~|0|0", replies[i]->reason);
        call_done(&c);
        help_batch_done(&b);
    }
}

/* An answer that leaves the event out has a verdict for it, with an empty code. */
static void test_rejection_code(void **state)
{
    const struct enl_verdict refused = {.kind = ENL_VERDICT_REJECTED, .code = "constraint"};
    const struct enl_verdict unnamed = {.kind = ENL_VERDICT_NONE, .code = ""};

    (void)state;
    assert_string_equal(enl_t2_rejection_code(&(struct enl_t2_item){.verdict = &refused}),
                        "constraint");
    assert_string_equal(enl_t2_rejection_code(&(struct enl_t2_item){.verdict = &unnamed}),
                        "transient");
    assert_string_equal(enl_t2_rejection_code(&(struct enl_t2_item){.verdict = NULL}), "transient");
}

static void many_events(struct help_batch *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char id[3] = {(char)('a' + (char)i), '\0', '\0'};
        char body[64];

        (void)snprintf(body, sizeof(body), "{\"id\":\"%zu\",\"name\":\"N\"}", i);
        help_add(b, body, id, (int64_t)i);
    }
}

#define SAME "many events in a row were rejected with one and the same text"

/* A field that became mandatory rejects everything: nothing is dead-lettered for that. */
static void test_same_rejections(void **state)
{
    static const struct {
        const char *label, *verdicts, *want;
    } cases[] = {
        {"ten", "rrrrrrrrrr", "rejected|10"},
        {"eleven", "rrrrrrrrrrr", "pending|11"},
        {"eleven, and one not tried", "rrrrrrrrrrrt", "pending|12"},
        {"eleven and a success", "rrrrrrrrrrrc", "rejected|11 / synced|1"},
        {"eleven of two texts", "rrrrrrrrrrR", "rejected|11"},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct call c;
        bool open = strncmp(cases[i].want, "pending", 7) == 0;

        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM dead_letters");
        help_sql(db, "UPDATE odoo_breaker SET state = 'closed', reason = '', same_count = 0, "
                     "same_text = '', requests = 0");
        many_events(&b, strlen(cases[i].verdicts));
        t1_t2(db, &b, cases[i].verdicts, &answered, &c);
        help_expect_rows(db, "SELECT status, COUNT(*) FROM events GROUP BY 1 ORDER BY 1",
                         cases[i].want, cases[i].label);
        if (open) {
            help_expect_rows(db, BREAKER, "open|" SAME "|0|1|11", cases[i].label);
            help_expect_rows(db, "SELECT COUNT(*) FROM dead_letters", "0", cases[i].label);
            help_expect_rows(db,
                             "SELECT DISTINCT claim_token, maybe_sent, unanswered, "
                             "next_attempt_at >= stored_at + 5000 FROM events WHERE last_error "
                             "= 'no'",
                             "~|0|0|1", cases[i].label);
            ENL_CHECK(c.q.after.state == ENL_BREAKER_OPEN && !c.items[0].rejected, cases[i].label);
        } else {
            help_expect_rows(db, "SELECT state FROM odoo_breaker", "closed", cases[i].label);
        }
        call_done(&c);
        help_batch_done(&b);
    }
}

/* Over several requests, with texts longer than what is kept of them. */
static void test_same_rejections_in_turn(void **state)
{
    struct help_db *db = *state;
    struct call c;

    for (int i = 0; i < 11; i++) {
        struct help_batch b = {0};
        char id[8];

        (void)snprintf(id, sizeof(id), "e%d", i);
        help_add(&b, ANA, id, i * 60000);
        help_t1(db, &b, "tok");
        call_init(&c, &b, "r", &answered);
        free(c.verdicts[0].error);
        c.verdicts[0].error = help_repeat("No es v\xc3\xa1lido: x", "\xc3\xb1", 200, "");
        t2(db, &c);
        assert_int_equal(c.items[0].rejected, i < 10);
        call_done(&c);
        help_batch_done(&b);
    }
    help_expect_rows(db, "SELECT status, COUNT(*) FROM events GROUP BY 1 ORDER BY 1",
                     "pending|1 / rejected|10", "the eleventh is not believed");
    help_expect_rows(db, "SELECT state, same_count FROM odoo_breaker", "open|11", "open");
}

static void test_breaker(void **state)
{
    const struct enl_odoo_reply config = {
        .class = ENL_ODOO_CONFIG, .answered = true, .retry_after_ms = -1, .reason = "no rights"};
    const struct enl_odoo_reply throttled = {.class = ENL_ODOO_NOT_SENT,
                                             .throttled = true,
                                             .retry_after_ms = 7000,
                                             .reason = "HTTP status 429"};
    const struct enl_odoo_reply unknown = {
        .class = ENL_ODOO_PERHAPS, .retry_after_ms = 7000, .reason = "HTTP status 502"};
    struct help_db *db = *state;
    struct help_batch none = {0};
    struct call c;

    call_init(&c, &none, "", &config);
    c.q.ingest = false;
    t2(db, &c);
    help_expect_rows(db, BREAKER, "open|no rights|0|1|0", "a login that was refused");
    call_init(&c, &none, "", &answered);
    c.q.ingest = false;
    t2(db, &c);
    help_expect_rows(db, BREAKER, "open|no rights|0|1|0", "a login that went well says nothing");
    call_init(&c, &none, "", &throttled);
    t2(db, &c);
    help_expect_rows(db, BREAKER, "open|no rights|0|2|0", "a throttle says nothing");
    help_expect_rows(db, "SELECT next_at >= " NOW_SQL " FROM rate_lease", "1", "turns wait");
    help_sql(db, "UPDATE rate_lease SET next_at = 0");
    call_init(&c, &none, "", &unknown);
    t2(db, &c);
    help_expect_rows(db, "SELECT state, failures, delay_ms FROM odoo_breaker", "open|1|10000",
                     "a failing probe");
    help_expect_rows(db, "SELECT next_at FROM rate_lease", "0", "its time is no throttle's");
    call_init(&c, &none, "", &answered);
    t2(db, &c);
    help_expect_rows(db, "SELECT state, max_rows FROM odoo_breaker", "half_open|10", "half-open");
}

/* Errors are no answers: an Odoo that fails with everything is down, and what fails is no sign that
 * others get through. */
static void test_errors_open_the_breaker(void **state)
{
    struct help_db *db = *state;
    struct help_batch none = {0};

    for (int i = 1; i <= 3; i++) {
        struct call c;
        char want[64];

        call_init(&c, &none, "", &failed);
        t2(db, &c);
        (void)snprintf(want, sizeof(want), "%s|%d|~", i < 3 ? "closed" : "open", i);
        help_expect_rows(db, "SELECT state, failures, last_answer_at FROM odoo_breaker", want,
                         "an error");
    }
}

/* Odoo asks for a pause without saying how long: everybody pauses, the longer the more often. */
static void test_throttled(void **state)
{
    static const struct {
        int64_t throttles, most_ms;
    } cases[] = {{1, 5000}, {2, 10000}, {4, 40000}, {40, 300000}};
    const struct enl_odoo_reply throttled = {.class = ENL_ODOO_NOT_SENT,
                                             .throttled = true,
                                             .retry_after_ms = -1,
                                             .reason = "HTTP status 429"};
    struct help_db *db = *state;

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct help_batch none = {0};
        int64_t longest = 0;

        /* Anything up to the bound: of so many one is over a quarter of it, all but never not. */
        for (int k = 0; k < 64; k++) {
            struct call c;
            char *left = NULL;
            int64_t ms = 0;

            help_sql(db, "UPDATE rate_lease SET next_at = 0");
            call_init(&c, &none, "", &throttled);
            c.q.throttles = cases[i].throttles;
            t2(db, &c);
            left = help_rows(db, "SELECT next_at - " NOW_SQL " FROM rate_lease");
            ms = strtoll(left, NULL, 10);
            free(left);
            assert_true(ms <= cases[i].most_ms);
            longest = ms > longest ? ms : longest;
            call_done(&c);
        }
        assert_true(longest > cases[i].most_ms / 4 - 1000);
    }
}

/* Any statement may fail: nothing of it stays, and the next try is whole. */
static void test_failures(void **state)
{
    static const char *const triggers[] = {"UPDATE ON events", "INSERT ON dead_letters",
                                           "UPDATE ON contacts", "UPDATE ON odoo_breaker"};

    for (size_t i = 0; i < ENL_COUNT(triggers); i++) {
        struct help_db *db = *state;
        struct help_batch b = {0};
        struct call c;
        char text[160];
        char *before = NULL;
        char *after = NULL;

        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM dead_letters");
        two_events(&b);
        help_t1(db, &b, "tok");
        (void)snprintf(text, sizeof(text),
                       "CREATE TRIGGER bad BEFORE %s BEGIN SELECT RAISE(ABORT, 'x'); END",
                       triggers[i]);
        help_sql(db, text);
        call_init(&c, &b, "cr", &answered);
        before = help_snapshot(db);
        ENL_CHECK(enl_t2_run(db->store, &c.q, NULL) == ENL_RETRY, triggers[i]);
        after = help_snapshot(db);
        ENL_CHECK_STR(after, before, triggers[i]);
        help_sql(db, "DROP TRIGGER bad");
        t2(db, &c);
        help_expect_rows(db, EVENTS, "a|synced|~|0|0 / b|rejected|~|0|0", triggers[i]);
        free(before);
        free(after);
        call_done(&c);
        help_batch_done(&b);
    }
}

static void test_release(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    const struct enl_row *rows[3];

    two_events(&b);
    help_add(&b, "{\"id\":\"3\"}", "c", 2);
    help_t1(db, &b, "tok");
    help_sql(db, "UPDATE events SET claim_token = 'thief' WHERE event_id = 'b'");
    for (size_t i = 0; i < 3; i++) {
        rows[i] = b.entries[i].row;
    }
    assert_int_equal(enl_t2_release(db->store, rows, 3, 7000, NULL), ENL_OK);
    help_expect_rows(db, EVENTS, "a|pending|~|0|0 / b|received|thief|0|0 / c|pending|~|0|0",
                     "what is ours");
    help_expect_rows(db,
                     "SELECT claim_until, next_attempt_at >= stored_at + 7000, last_error FROM "
                     "events WHERE event_id <> 'b'",
                     "0|1|~ / 0|1|~", "due later");
    assert_int_equal(enl_t2_release(db->store, rows, 0, 0, NULL), ENL_OK);
    help_batch_done(&b);
}

static void test_torture(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    struct call c;
    struct enl_torture t = {0};
    char *before = NULL;

    two_events(&b);
    help_add(&b, BEA, "c", 60000);
    help_add(&b, "{\"id\":\"3\"}", "d", 2);
    help_t1(db, &b, "tok");
    call_init(&c, &b, "crrt", &answered);
    before = help_snapshot(db);
    while (enl_torture_next(&t)) {
        enl_torture_end(&t, enl_t2_run(db->store, &c.q, NULL));
        assert_false(enl_store_dead(db->store));
        if (!t.done && t.n % 16 == 0) {
            char *after = help_snapshot(db);

            assert_string_equal(after, before);
            free(after);
        }
    }
    assert_in_range(t.n, 50, 10000);
    help_expect_rows(db, EVENTS,
                     "a|synced|~|0|0 / b|rejected|~|0|0 / c|rejected|~|0|0 / d|pending|~|0|0",
                     "at last");
    help_expect_rows(db, "SELECT requests FROM odoo_breaker", "1", "once");
    help_check_contact(db, "1", "at last");
    free(before);
    call_done(&c);
    help_batch_done(&b);
}

static void test_torture_release(void **state)
{
    struct help_db *db = *state;
    struct help_batch b = {0};
    const struct enl_row *rows[2];
    struct enl_torture t = {0};

    two_events(&b);
    help_t1(db, &b, "tok");
    rows[0] = b.entries[0].row;
    rows[1] = b.entries[1].row;
    while (enl_torture_next(&t)) {
        enl_torture_end(&t, enl_t2_release(db->store, rows, 2, 0, NULL));
        help_expect_rows(db, "SELECT COUNT(*) FROM events WHERE claim_token = 'tok'",
                         t.done ? "0" : "2", "held until then");
    }
    assert_in_range(t.n, 5, 10000);
    help_batch_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELP_DB_TEST(test_synced),
        HELP_DB_TEST(test_rejected),
        HELP_DB_TEST(test_both_ways),
        HELP_DB_TEST(test_letters),
        HELP_DB_TEST(test_lost_claim),
        HELP_DB_TEST(test_pending),
        HELP_DB_TEST(test_keeps_maybe),
        HELP_DB_TEST(test_killer),
        HELP_DB_TEST(test_failed_login),
        HELP_DB_TEST(test_same_rejections),
        HELP_DB_TEST(test_same_rejections_in_turn),
        HELP_DB_TEST(test_breaker),
        HELP_DB_TEST(test_errors_open_the_breaker),
        HELP_DB_TEST(test_throttled),
        HELP_DB_TEST(test_failures),
        HELP_DB_TEST(test_release),
        HELP_DB_TEST(test_torture),
        HELP_DB_TEST(test_torture_release),
        HELP_DB_TEST(test_rejection_code),
    };

    return cmocka_run_group_tests_name("t2", tests, help_sql_setup, help_sql_teardown);
}
