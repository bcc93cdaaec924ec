/* committer - see committer.h: the SQL threads, their connections, and what the functions call. */
#include "commit/committer.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "commit/engine.h"
#include "store/lease.h"
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RECONNECT_FIRST_US 100000
#define RECONNECT_MOST_US  5000000
#define IDLE_US            5000000 /* an idle thread looks up, to let go of those who left */
#define STOP_PATIENCE_US   2000000

/* One part of the engine: its thread and its connection. */
struct worker {
    struct enl_committer *c;
    const struct part *part;
    struct enl_store **store; /* the engine's, for this part */
    pthread_cond_t *wake;
    pthread_t thread;
    bool started;
    bool ended;    /* under the waiters' mutex */
    bool was_away; /* an outage was logged */
    int64_t connect_at_us;
    int64_t connect_wait_us;
    char why[ENL_SQL_AWAY_TEXT]; /* it is away; under the waiters' mutex */
};

struct enl_committer {
    struct enl_engine e;
    struct enl_store_target *target;      /* NULL: DATABASE_URL cannot be used */
    struct worker intake, outlet, settle; /* the last two only where Odoo is configured */
    /* Held while a part works on a database that lets one write at a time: that one waits here,
     * and not with a turn in its hand. */
    pthread_mutex_t writer;
    bool stop; /* under the waiters' mutex */
};

struct part {
    const char *away; /* for the log, when SQL is */
    /* what else a new connection needs; NULL: nothing */
    enum enl_rc (*opened)(struct enl_committer *c, struct enl_store *s, struct enl_err *err);
    void (*work)(struct enl_engine *e);
    void (*due)(struct enl_engine *e, int64_t *io_at_us);
    bool (*called)(const struct enl_engine *e);  /* there is work now; under the mutex */
    bool (*over)(const struct enl_committer *c); /* the thread is to end; under the mutex */
    void (*end)(struct enl_engine *e);           /* the last of it; NULL: nothing */
};

const char *enl_outcome_name(enum enl_outcome outcome)
{
    switch (outcome) {
    case ENL_OUTCOME_SAFE: return "safe";
    case ENL_OUTCOME_REJECTED: return "rejected";
    case ENL_OUTCOME_HAND_BACK: return "hand_back";
    }
    return "unknown";
}

static enum enl_rc share_slack(struct enl_committer *c, struct enl_store *s, struct enl_err *err)
{
    bool same = true;
    enum enl_rc rc = enl_lease_share_slack(s, c->e.cfg->odoo_turn_slack_ms, &same, err);

    if (rc == ENL_OK && !same) {
        enl_log(ENL_LOG_ERROR, "ODOO_TURN_SLACK_MS differs from the one that the database holds");
    }
    return rc;
}

static enum enl_rc run_t1_again(struct enl_committer *c, struct enl_store *s, struct enl_err *err)
{
    (void)s;
    (void)err;
    /* Where connecting works and T1 fails, T1 keeps its own pace. */
    if (c->intake.was_away) {
        c->e.t1_at_us = 0;
    }
    return ENL_OK;
}

/* The batch at hand comes first; without SQL the queue is still read, for what is no event. */
static bool intake_called(const struct enl_engine *e)
{
    return e->waiters.first && !e->batch;
}

static bool stopped(const struct enl_committer *c)
{
    return c->stop;
}

/* The rows of the last T1 are given back, too. */
static bool outlet_over(const struct enl_committer *c)
{
    return c->stop && (c->intake.ended || !c->intake.started);
}

/* Others need not wait for the end of claims that nobody will use. */
static void end_outlet(struct enl_engine *e)
{
    enl_outlet_release(e, 0);
}

static const struct part intake_part = {.away = "SQL is away, queue messages are held",
                                        .opened = run_t1_again,
                                        .work = enl_intake,
                                        .due = enl_intake_due,
                                        .called = intake_called,
                                        .over = stopped};
static const struct part outlet_part = {.away = "SQL is away, nothing goes to Odoo",
                                        .opened = share_slack,
                                        .work = enl_outlet,
                                        .due = enl_outlet_due,
                                        .called = enl_outlet_called,
                                        .over = outlet_over,
                                        .end = end_outlet};
static const struct part settle_part = {.away = "SQL is away, verdicts of Odoo wait",
                                        .work = enl_settle,
                                        .due = enl_settle_due,
                                        .called = enl_settle_called,
                                        .over = stopped};

static enum enl_rc open_store(struct worker *w, struct enl_err *err)
{
    struct enl_store *s = NULL;
    int version = 0;
    enum enl_rc rc = enl_store_open(w->c->target, &s, err);

    if (rc != ENL_OK) {
        return rc;
    }
    rc = enl_migrate(s, &version, err);
    if (rc == ENL_OK && version > enl_migrate_known(enl_store_dialect(s))) {
        rc = enl_fail(err, ENL_FATAL, "the schema is newer (%d) than this binary (%d)", version,
                      enl_migrate_known(enl_store_dialect(s)));
    }
    rc = rc == ENL_OK && w->part->opened ? w->part->opened(w->c, s, err) : rc;
    if (rc != ENL_OK) {
        enl_store_close(s);
        return rc;
    }
    *w->store = s;
    return ENL_OK;
}

static void disconnect(struct worker *w)
{
    enl_store_close(*w->store);
    *w->store = NULL;
}

static void say_why(struct worker *w, const char *why)
{
    (void)pthread_mutex_lock(&w->c->e.waiters.mutex);
    (void)snprintf(w->why, sizeof(w->why), "%.190s", why);
    (void)pthread_mutex_unlock(&w->c->e.waiters.mutex);
}

static void connect_when_due(struct worker *w)
{
    struct enl_engine *e = &w->c->e;
    struct enl_err err = {0};

    if (*w->store && enl_store_dead(*w->store)) {
        disconnect(w);
    }
    if (*w->store || !w->c->target || enl_engine_now(e) < w->connect_at_us) {
        return;
    }
    if (open_store(w, &err) == ENL_OK) {
        w->connect_wait_us = 0;
        if (w->was_away) {
            enl_log(ENL_LOG_INFO, "SQL is back");
        }
        w->was_away = false;
        say_why(w, "");
        return;
    }
    say_why(w, err.text);
    if (!w->was_away) {
        struct enl_log_line l;

        enl_log_begin(&l, ENL_LOG_ERROR, w->part->away);
        enl_log_str(&l, "error", err.text);
        enl_log_end(&l);
    }
    w->was_away = true;
    w->connect_wait_us = w->connect_wait_us ? w->connect_wait_us * 2 : RECONNECT_FIRST_US;
    if (w->connect_wait_us > RECONNECT_MOST_US) {
        w->connect_wait_us = RECONNECT_MOST_US;
    }
    w->connect_at_us = enl_engine_now(e) + w->connect_wait_us;
}

/* When the thread has to do something even if nobody wakes it. */
static int64_t next_work(const struct worker *w)
{
    struct enl_engine *e = &w->c->e;
    int64_t at = enl_engine_now(e) + IDLE_US;

    if (!*w->store && w->c->target) {
        at = w->connect_at_us;
    } else if (*w->store && enl_store_dead(*w->store)) {
        at = 0;
    }
    w->part->due(e, &at);
    return at;
}

/* Waits until something is due; false when the thread is to end. */
static bool wait_for_work(struct worker *w)
{
    struct enl_waiters *set = &w->c->e.waiters;
    int64_t at = next_work(w);
    bool go_on = true;

    (void)pthread_mutex_lock(&set->mutex);
    while (!w->part->over(w->c) && !w->part->called(&w->c->e) && enl_engine_now(&w->c->e) < at) {
        if (!enl_cond_wait_until(w->wake, &set->mutex, at)) {
            break;
        }
    }
    go_on = !w->part->over(w->c);
    (void)pthread_mutex_unlock(&set->mutex);
    return go_on;
}

static bool is_one_writer(const struct worker *w)
{
    return *w->store && enl_store_dialect(*w->store)->one_writer;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct enl_committer *c = w->c;

    while (wait_for_work(w)) {
        bool alone = false;

        connect_when_due(w);
        alone = is_one_writer(w);
        if (alone) {
            (void)pthread_mutex_lock(&c->writer);
        }
        w->part->work(&c->e);
        if (alone) {
            (void)pthread_mutex_unlock(&c->writer);
        }
    }
    if (w->part->end) {
        w->part->end(&c->e);
    }
    (void)pthread_mutex_lock(&c->e.waiters.mutex);
    w->ended = true;
    (void)pthread_cond_signal(&c->e.outlet);
    (void)pthread_mutex_unlock(&c->e.waiters.mutex);
    return NULL;
}

static void caller_is_back(void *ctx)
{
    struct enl_committer *c = ctx;

    (void)pthread_mutex_lock(&c->e.waiters.mutex);
    (void)pthread_cond_signal(&c->e.outlet);
    (void)pthread_mutex_unlock(&c->e.waiters.mutex);
}

static void release(struct enl_committer *c)
{
    disconnect(&c->intake);
    disconnect(&c->outlet);
    disconnect(&c->settle);
    enl_sync_done(&c->e.sync);
    enl_intake_done(&c->e);
    enl_outlet_done(&c->e);
    free(c->e.ids);
    free(c->target);
    (void)pthread_mutex_destroy(&c->writer);
    (void)pthread_cond_destroy(&c->e.outlet);
    (void)pthread_cond_destroy(&c->e.settle);
    enl_waiters_done(&c->e.waiters);
    free(c);
}

static enum enl_rc find_target(struct enl_committer *c, struct enl_err *err)
{
    struct enl_err why = {0};
    enum enl_rc rc = ENL_OK;

    c->target = enl_calloc(1, sizeof(*c->target));
    if (!c->target) {
        return enl_fail_oom(err);
    }
    rc = enl_store_target(c->e.cfg, c->target, &why);
    if (rc == ENL_FATAL) {
        return enl_fail_oom(err);
    }
    if (rc != ENL_OK) {
        enl_log(ENL_LOG_ERROR, why.text);
        free(c->target);
        c->target = NULL;
    }
    return ENL_OK;
}

static struct enl_committer *make(const struct enl_config *cfg, const struct enl_clock *clock)
{
    struct enl_committer *c = enl_calloc(1, sizeof(*c));

    if (!c) {
        return NULL;
    }
    c->e.cfg = cfg;
    c->e.clock = clock;
    c->e.event = (struct enl_event_options){.utc_offset_min = cfg->utc_offset_min,
                                            .state_field = cfg->state_custom_field};
    c->e.t1 = (struct enl_t1_options){.event = &c->e.event,
                                      .clock = clock,
                                      .window_s = cfg->duplicate_window_s,
                                      .odoo = cfg->odoo_configured};
    c->e.items = (struct enl_buf)ENL_BUF_INIT(ENL_ODOO_REQUEST_MAX + 262144);
    c->e.ids = enl_calloc(ENL_REQUEST_EVENTS_MAX, sizeof(*c->e.ids));
    c->e.breaker_max = ENL_REQUEST_EVENTS_MAX;
    enl_pace_init(&c->e.pace, ENL_REQUEST_EVENTS_MAX);
    enl_waiters_init(&c->e.waiters, clock);
    enl_sync_init(&c->e.sync);
    enl_cond_init(&c->e.outlet);
    enl_cond_init(&c->e.settle);
    (void)pthread_mutex_init(&c->writer, NULL);
    c->intake = (struct worker){
        .c = c, .part = &intake_part, .store = &c->e.t1_store, .wake = &c->e.waiters.work};
    c->outlet =
        (struct worker){.c = c, .part = &outlet_part, .store = &c->e.store, .wake = &c->e.outlet};
    c->settle = (struct worker){
        .c = c, .part = &settle_part, .store = &c->e.t2_store, .wake = &c->e.settle};
    return c;
}

static enum enl_rc start_worker(struct worker *w, struct enl_err *err)
{
    enum enl_rc rc = enl_thread_start(&w->thread, run, w, err);

    w->started = rc == ENL_OK;
    return rc;
}

/* False when the thread hangs in a driver, with all that it uses. */
static bool join(const struct worker *w, const struct timespec *until)
{
    return !w->started || pthread_timedjoin_np(w->thread, NULL, until) == 0;
}

/* Ends the threads and frees, unless one hangs. */
static void end(struct enl_committer *c)
{
    struct timespec until = {0};

    (void)pthread_mutex_lock(&c->e.waiters.mutex);
    c->stop = true;
    (void)pthread_cond_signal(&c->e.waiters.work);
    (void)pthread_cond_signal(&c->e.outlet);
    (void)pthread_cond_signal(&c->e.settle);
    (void)pthread_mutex_unlock(&c->e.waiters.mutex);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_PATIENCE_US / 1000000;
    if (join(&c->intake, &until) && join(&c->outlet, &until) && join(&c->settle, &until) &&
        (!c->e.caller || enl_caller_stop(c->e.caller, STOP_PATIENCE_US))) {
        release(c);
    }
}

enum enl_rc enl_committer_start(const struct enl_config *cfg, const struct enl_clock *clock,
                                struct enl_committer **ret, struct enl_err *err)
{
    struct enl_committer *c = make(cfg, clock);
    enum enl_rc rc = ENL_OK;

    if (!c) {
        return enl_fail_oom(err);
    }
    rc = c->e.ids ? find_target(c, err) : enl_fail_oom(err);
    if (rc == ENL_OK && cfg->odoo_configured) {
        rc = enl_caller_start(cfg, clock, caller_is_back, c, &c->e.caller, err);
        rc = rc == ENL_OK ? start_worker(&c->settle, err) : rc;
        rc = rc == ENL_OK ? start_worker(&c->outlet, err) : rc;
    } else if (rc == ENL_OK) {
        enl_log(ENL_LOG_WARN, "Odoo is not configured: events stay pending");
    }
    rc = rc == ENL_OK ? start_worker(&c->intake, err) : rc;
    if (rc == ENL_OK) {
        *ret = c;
    } else {
        end(c);
    }
    return rc;
}

static void wait_for_outcome(struct enl_committer *c, const struct enl_waiter_message *message,
                             struct enl_commit_result *ret)
{
    struct enl_waiter *w = NULL;
    struct enl_err err = {0};
    int64_t deadline = enl_engine_now(&c->e) + (int64_t)c->e.cfg->queue_hold_s * 1000000;
    enum enl_rc rc = enl_waiter_new(message, &w, &err);

    if (rc == ENL_OK) {
        enl_waiters_wait(&c->e.waiters, w, deadline, ret);
        return;
    }
    *ret = (struct enl_commit_result){.outcome = rc == ENL_INVALID ? ENL_OUTCOME_REJECTED
                                                                   : ENL_OUTCOME_HAND_BACK};
    (void)snprintf(ret->detail, sizeof(ret->detail), "%.180s", err.text);
}

void enl_committer_commit(struct enl_committer *c, const char *text, size_t len,
                          unsigned deliveries, struct enl_commit_result *ret)
{
    wait_for_outcome(
        c, &(struct enl_waiter_message){.text = text, .len = len, .deliveries = deliveries}, ret);
}

void enl_committer_record(struct enl_committer *c, const char *text, size_t len,
                          unsigned deliveries, struct enl_commit_result *ret)
{
    wait_for_outcome(c,
                     &(struct enl_waiter_message){
                         .text = text, .len = len, .deliveries = deliveries, .record = true},
                     ret);
}

void enl_committer_sql_away(struct enl_committer *c, char ret_why[ENL_SQL_AWAY_TEXT])
{
    (void)pthread_mutex_lock(&c->e.waiters.mutex);
    memcpy(ret_why, c->intake.why, sizeof(c->intake.why));
    (void)pthread_mutex_unlock(&c->e.waiters.mutex);
}

void enl_committer_drain(struct enl_committer *c)
{
    enl_waiters_drain(&c->e.waiters);
    (void)pthread_mutex_lock(&c->e.waiters.mutex);
    (void)pthread_cond_broadcast(&c->e.sync.done);
    (void)pthread_mutex_unlock(&c->e.waiters.mutex);
}

void enl_committer_sync(struct enl_committer *c, int64_t deadline_us, struct enl_sync_report *ret)
{
    enl_sync_wait(&c->e, deadline_us, ret);
}

void enl_committer_stop(struct enl_committer *c)
{
    if (c) {
        enl_waiters_drain(&c->e.waiters);
        end(c);
    }
}
