/* test_engine - intake, outlet and settling with the thread that calls Odoo played here: turns, and
 * memory that ends on an event's way. */
#include "commit_help.h"

#include "base/thread.h"
#include "commit/engine.h"

#include <pthread.h>
#include <string.h>

#define FAR_US  600000000 /* ten minutes: no test gets there */
#define PASSES  4         /* of intake and outlet: T1 and the request, T2, and one that rests */
#define MOST    50        /* passes in which everything must be done once nothing fails */
#define IDS_MAX 8

/* Odoo takes every event; what it was asked is kept. */
static struct {
    enum enl_caller_state state;
    char ids[IDS_MAX][ENL_EVENT_ID_MAX + 1];
    size_t n;
    size_t requests;
    size_t without_events;
    struct help_db *watched; /* its lease is looked at when the engine asks what is to be sent */
    bool had_turn;           /* it had its turn already */
} played;

enum enl_caller_state enl_caller_state(struct enl_caller *c)
{
    (void)c;
    return played.state;
}

enum enl_odoo_step enl_caller_step(struct enl_caller *c)
{
    (void)c;
    if (played.watched) {
        char *next_at = help_rows(played.watched, "SELECT next_at FROM rate_lease");

        played.had_turn = strcmp(next_at, "0") != 0;
        free(next_at);
    }
    return ENL_ODOO_INGEST;
}

void enl_caller_submit(struct enl_caller *c, const struct enl_caller_request *req)
{
    (void)c;
    assert_in_range(req->n, 0, IDS_MAX);
    played.state = ENL_CALLER_BACK;
    played.requests++;
    played.without_events += req->n == 0 ? 1 : 0;
    played.n = req->n;
    for (size_t i = 0; i < req->n; i++) {
        (void)snprintf(played.ids[i], sizeof(played.ids[i]), "%s", req->ids[i]);
        assert_non_null(strstr(req->items, played.ids[i]));
    }
}

void enl_caller_take(struct enl_caller *c, struct enl_caller_answer *ret)
{
    unsigned armed = enl_alloc_fail_at(0); /* the answer is another thread's memory */

    (void)c;
    played.state = ENL_CALLER_IDLE;
    *ret = (struct enl_caller_answer){
        .step = ENL_ODOO_INGEST,
        .reply = {.class = ENL_ODOO_ANSWERED, .answered = true, .retry_after_ms = -1}};
    ret->reply.verdicts = enl_calloc(played.n + 1, sizeof(*ret->reply.verdicts));
    assert_non_null(ret->reply.verdicts);
    ret->reply.n_verdicts = played.n;
    for (size_t i = 0; i < played.n; i++) {
        ret->reply.verdicts[i] = (struct enl_verdict){.kind = ENL_VERDICT_CREATED, .id = 7};
    }
    (void)enl_alloc_fail_at(armed);
}

static void engine_init(struct enl_engine *e, const struct enl_config *cfg, struct enl_store *s)
{
    *e = (struct enl_engine){.cfg = cfg,
                             .clock = &enl_clock_system,
                             .event = help_options(),
                             .t1_store = s,
                             .store = s,
                             .t2_store = s,
                             .breaker_max = ENL_REQUEST_EVENTS_MAX,
                             .caller = (struct enl_caller *)&played,
                             .items = ENL_BUF_INIT(ENL_ODOO_REQUEST_MAX)};
    e->t1 = (struct enl_t1_options){.event = &e->event, .clock = e->clock, .odoo = true};
    e->ids = enl_calloc(ENL_REQUEST_EVENTS_MAX, sizeof(*e->ids));
    assert_non_null(e->ids);
    enl_waiters_init(&e->waiters, e->clock);
    enl_pace_init(&e->pace, ENL_REQUEST_EVENTS_MAX);
    enl_sync_init(&e->sync);
    enl_cond_init(&e->outlet);
    enl_cond_init(&e->settle);
}

/* What each part's thread does when it is woken, one after the other. */
static void pass(struct enl_engine *e)
{
    enl_intake(e);
    enl_outlet(e);
    enl_settle(e);
}

static void engine_done(struct enl_engine *e)
{
    enl_sync_done(&e->sync);
    enl_intake_done(e);
    enl_outlet_done(e);
    (void)pthread_cond_destroy(&e->outlet);
    (void)pthread_cond_destroy(&e->settle);
    free(e->ids);
    enl_waiters_done(&e->waiters);
}

struct invocation {
    struct enl_waiters *set;
    struct enl_waiter *waiter;
    struct enl_commit_result result;
    pthread_t thread;
};

static void *wait_for_outcome(void *arg)
{
    struct invocation *i = arg;

    enl_waiters_wait(i->set, i->waiter, enl_clock_system.mono_us(NULL) + FAR_US, &i->result);
    return NULL;
}

/* One that is in the queue. */
static void invoke(struct invocation *i, struct enl_waiters *set, const char *text)
{
    const struct enl_waiter_message message = {.text = text, .len = strlen(text), .deliveries = 1};

    *i = (struct invocation){.set = set};
    assert_int_equal(enl_waiter_new(&message, &i->waiter, NULL), ENL_OK);
    (void)pthread_mutex_lock(&set->mutex);
    assert_int_equal(enl_thread_start(&i->thread, wait_for_outcome, i, NULL), ENL_OK);
    while (!set->first) {
        (void)pthread_cond_wait(&set->work, &set->mutex);
    }
    (void)pthread_mutex_unlock(&set->mutex);
}

/* All that an engine puts off is due: back-offs, claims that nobody holds any more, the lease. */
static void pass_time(struct help_db *db, struct enl_engine *e)
{
    help_sql(db, "UPDATE rate_lease SET next_at = 0");
    if (!e->settling && played.state == ENL_CALLER_IDLE &&
        e->arrived.n + e->live.n + e->drained.n + e->killers.n + e->sent.n + e->answered.n == 0) {
        help_sql(db, "UPDATE events SET claim_until = 0, next_attempt_at = 0");
    }
    e->t1_at_us = 0;
    e->t2_at_us = 0;
    e->turn_at_us = 0;
    e->drain_at_us = 0;
    e->look_at_us = 0;
}

/* As the committer: a connection that cannot be trusted is replaced. */
static void reconnect(struct help_db *db, struct enl_engine *e)
{
    if (enl_store_dead(db->store)) {
        enl_store_close(db->store);
        db->store = help_store_open(&db->target);
        e->t1_store = db->store;
        e->store = db->store;
        e->t2_store = db->store;
    }
}

/* An event that waits in SQL for a drain. */
static void store_one(struct help_db *db, const char *body, const char *id)
{
    struct help_batch b = {0};

    help_add(&b, body, id, 0);
    help_t1(db, &b, "gone");
    help_batch_done(&b);
    help_sql(db, "UPDATE events SET status = 'pending', claim_until = 0, next_attempt_at = 0");
}

/* What holds whenever all is done, and memory may have ended anywhere: an event of which the
 * invocation was told that it is safe is in both stores, one that was handed back in none. */
static void expect_done(struct help_db *db, const struct invocation *i)
{
    bool safe = i->result.outcome == ENL_OUTCOME_SAFE;

    assert_true(safe || i->result.outcome == ENL_OUTCOME_HAND_BACK);
    help_expect_rows(db, "SELECT status FROM events WHERE event_id = 'live'", safe ? "synced" : "",
                     "what the invocation was told");
    help_expect_rows(db, "SELECT status FROM events WHERE event_id = 'stored'", "synced",
                     "drained");
    help_expect_rows(db, "SELECT COUNT(*) FROM dead_letters", "0", "nobody's fault");
    assert_int_equal(played.without_events, 0);
}

static bool all_synced(struct help_db *db)
{
    char *open = help_rows(db, "SELECT COUNT(*) FROM events WHERE status <> 'synced'");
    bool none = strcmp(open, "0") == 0;

    free(open);
    return none;
}

/* Two events: one that an invocation brings, one that waits in SQL. */
static void run_way(struct help_db *db, struct enl_engine *e, const char *text,
                    struct enl_torture *t)
{
    struct invocation i;

    store_one(db, "{\"id\":\"2\"}", "stored");
    invoke(&i, &e->waiters, text);
    pass_time(db, e);
    (void)enl_torture_next(t);
    for (int k = 0; k < PASSES; k++) {
        pass(e);
    }
    enl_torture_survived(t);
    for (int k = 0; k < MOST && !(!e->batch && !e->waiters.first && all_synced(db)); k++) {
        pass_time(db, e);
        reconnect(db, e);
        pass(e);
    }
    (void)pthread_join(i.thread, NULL);
    expect_done(db, &i);
}

static void test_torture(void **state)
{
    struct help_db *db = *state;
    const struct enl_config cfg = {.odoo_rate = 1, .odoo_turn_slack_ms = 50};
    struct help_message live = {0};
    struct enl_torture t = {0};
    struct enl_engine e;

    help_message_make(&live, "{\"id\":\"1\",\"name\":\"Ana\"}", "live", true, RECEIVED_US);
    engine_init(&e, &cfg, db->store);
    while (!t.done) {
        run_way(db, &e, live.text, &t);
        help_sql(db, "DELETE FROM events");
        help_sql(db, "DELETE FROM contacts");
    }
    assert_true(t.n > 200);
    engine_done(&e);
    help_message_done(&live);
}

/* A turn is worth nothing after some milliseconds: a machine on which a large request takes longer
 * than that to build would throw all its turns away. */
static void test_request_is_built_before_its_turn(void **state)
{
    struct help_db *db = *state;
    const struct enl_config cfg = {.odoo_rate = 1, .odoo_turn_slack_ms = 50};
    struct enl_engine e;

    engine_init(&e, &cfg, db->store);
    store_one(db, "{\"id\":\"1\"}", "stored");
    pass_time(db, &e);
    played.watched = db;
    pass(&e);
    played.watched = NULL;
    assert_int_equal(played.n, 1);
    assert_false(played.had_turn);
    help_expect_rows(db, "SELECT next_at > 0 FROM rate_lease", "1", "it took its turn");
    pass(&e);
    engine_done(&e);
}

/* Another instance has the turn: what was built for it waits, in its order. */
static void test_no_turn(void **state)
{
    struct help_db *db = *state;
    const struct enl_config cfg = {.odoo_rate = 1, .odoo_turn_slack_ms = 50};
    struct enl_engine e;

    engine_init(&e, &cfg, db->store);
    store_one(db, "{\"id\":\"1\"}", "a");
    store_one(db, "{\"id\":\"2\"}", "b");
    pass_time(db, &e);
    help_sql(db, "UPDATE rate_lease SET next_at = (SELECT MAX(stored_at) FROM events) + 600000");
    played.requests = 0;
    pass(&e);
    assert_int_equal(played.requests, 0);
    assert_int_equal(e.drained.n, 2);
    assert_int_equal(e.sent.n, 0);
    assert_true(e.turn_at_us > enl_engine_now(&e));
    pass_time(db, &e);
    pass(&e);
    assert_int_equal(played.requests, 1);
    assert_int_equal(played.n, 2);
    pass(&e);
    assert_true(all_synced(db));
    engine_done(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELP_DB_TEST(test_request_is_built_before_its_turn),
        HELP_DB_TEST(test_no_turn),
        HELP_DB_TEST(test_torture),
    };

    return cmocka_run_group_tests_name("engine", tests, help_quiet_setup, help_sql_teardown);
}
