/* intake - waiting invocations into SQL: gathers a batch, runs T1, gives each its outcome. */
#include "base/alloc.h"
#include "base/log.h"
#include "commit/engine.h"

#include <string.h>

#define BACK_OFF_FIRST_US 20000
#define BACK_OFF_MOST_US  5000000

/* Reads the events of fresh waiters; what is no event ends here, at no cost to SQL. */
static struct enl_waiter *read_events(struct enl_engine *e, struct enl_waiter *list)
{
    struct enl_waiter *good = NULL;
    struct enl_waiter **end = &good;

    while (list) {
        struct enl_waiter *w = list;
        struct enl_err err = {0};
        enum enl_rc rc = ENL_OK;

        list = w->next;
        w->next = NULL;
        rc = w->raw_class ? ENL_OK : enl_message_event(&w->message, &e->event, &w->event, &err);
        if (rc == ENL_INVALID && w->record) {
            w->raw_class = "malformed";
            rc = ENL_OK;
        }
        if (rc == ENL_OK) {
            *end = w;
            end = &w->next;
        } else {
            enl_waiter_finish(&e->waiters, w,
                              rc == ENL_INVALID ? ENL_OUTCOME_REJECTED : ENL_OUTCOME_HAND_BACK,
                              err.text);
        }
    }
    return good;
}

static void gather(struct enl_engine *e)
{
    if (e->batch) {
        e->batch = enl_waiters_prune(&e->waiters, e->batch);
    }
    if (!e->batch) {
        e->batch =
            read_events(e, enl_waiters_take(&e->waiters, ENL_T1_EVENTS_MAX, ENL_T1_BYTES_MAX));
        /* A new T1 has a token of its own, made when it is first run. */
        e->t1.token[0] = '\0';
        e->t1_wait_us = 0;
    }
}

static void log_stored(const struct enl_t1_entry *entries, size_t n, int64_t took_us)
{
    struct enl_log_line l;
    ENL_AUTO_BUF struct enl_buf ids = ENL_BUF_INIT(ENL_LOG_MAX);

    for (size_t i = 0; i < n; i++) {
        enl_engine_list(&ids, entries[i].event->event_id);
    }
    enl_log_begin(&l, ENL_LOG_INFO, "stored");
    enl_log_int(&l, "events", (int64_t)n);
    enl_log_int(&l, "duration_ms", took_us / 1000);
    enl_log_str(&l, "ids", enl_buf_str(&ids));
    enl_log_end(&l);
}

/* Hands a waiter to its row, or ends it. */
static void settle(struct enl_engine *e, struct enl_t1_entry *entries, size_t i,
                   struct enl_waiter *w)
{
    struct enl_t1_entry *entry = &entries[i];
    struct enl_row *row = entries[entry->leader].row;

    w->next = NULL;
    if (entry->outcome == ENL_T1_MINE && row) {
        enl_waiter_confirm(&e->waiters, w);
        w->next = row->waiters;
        row->waiters = w;
        return;
    }
    enl_waiter_finish(&e->waiters, w,
                      entry->outcome == ENL_T1_REJECTED ? ENL_OUTCOME_REJECTED : ENL_OUTCOME_SAFE,
                      entry->detail);
}

static void settle_all(struct enl_engine *e, struct enl_t1_entry *entries, struct enl_waiter *list,
                       size_t n)
{
    struct enl_row_list rows = {0};

    for (size_t i = 0; i < n; i++) {
        struct enl_waiter *w = list;

        list = w->next;
        settle(e, entries, i, w);
    }
    for (size_t i = 0; i < n; i++) {
        if (entries[i].row) {
            enl_row_push(&rows, entries[i].row);
        }
    }
    enl_outlet_hand(e, &rows);
}

/* T1 over the first n waiters of list; OK: they are settled. */
static enum enl_rc run_t1(struct enl_engine *e, struct enl_waiter *list, size_t n,
                          struct enl_err *err)
{
    ENL_AUTO_FREE struct enl_t1_entry *entries = enl_calloc(n, sizeof(*entries));
    int64_t start = enl_engine_now(e);
    struct enl_waiter *w = list;
    enum enl_rc rc = ENL_OK;

    if (!entries) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < n; i++, w = w->next) {
        entries[i].text = w->text;
        entries[i].text_len = w->len;
        entries[i].message = &w->message;
        entries[i].event = w->event;
        entries[i].record = w->record;
    }
    if (e->t1.token[0] == '\0') {
        rc = enl_token(e->t1.token, err);
    }
    rc = rc == ENL_OK ? enl_t1_run(e->t1_store, entries, n, &e->t1, err) : rc;
    if (rc == ENL_INVALID && n == 1) {
        struct enl_err again = {0};

        rc = enl_t1_refuse(e->t1_store, &entries[0], &again);
        if (rc == ENL_OK && entries[0].record) {
            entries[0].outcome = ENL_T1_SAFE;
        }
    }
    if (rc == ENL_OK) {
        log_stored(entries, n, enl_engine_now(e) - start);
        settle_all(e, entries, list, n);
        e->t1.token[0] = '\0';
    }
    return rc;
}

static void log_raw(const struct enl_waiter *w)
{
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_WARN,
                  "a message of the poison queue is kept unread, see dead_letters");
    enl_log_str(&l, "class", w->raw_class);
    enl_log_int(&l, "deliveries", w->deliveries);
    enl_log_end(&l);
}

/* Messages of the poison queue that are no events: each a dead letter, out of the batch. */
static enum enl_rc store_raw(struct enl_engine *e, struct enl_err *err)
{
    struct enl_waiter **at = &e->batch;

    while (*at) {
        struct enl_waiter *w = *at;
        enum enl_rc rc = ENL_OK;

        if (!w->raw_class) {
            at = &w->next;
            continue;
        }
        rc = enl_t1_store_raw(e->t1_store, w->text, w->len, w->raw_class, err);
        if (rc != ENL_OK) {
            return rc == ENL_INVALID ? ENL_RETRY : rc;
        }
        log_raw(w);
        *at = w->next;
        w->next = NULL;
        enl_waiter_finish(&e->waiters, w, ENL_OUTCOME_SAFE, w->raw_class);
    }
    return ENL_OK;
}

/* One event's data made SQL refuse the whole batch: each alone, the one at fault last of all. */
static enum enl_rc run_one_by_one(struct enl_engine *e, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    e->t1.token[0] = '\0';
    while (e->batch && rc == ENL_OK) {
        struct enl_waiter *rest = e->batch->next;

        rc = run_t1(e, e->batch, 1, err);
        if (rc == ENL_OK) {
            e->batch = rest;
        }
    }
    return rc;
}

static void log_failure(const struct enl_err *err, size_t n)
{
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_ERROR, "events could not be stored, they are held");
    enl_log_int(&l, "events", (int64_t)n);
    enl_log_str(&l, "error", err->text);
    enl_log_end(&l);
}

void enl_intake(struct enl_engine *e)
{
    struct enl_err err = {0};
    enum enl_rc rc = ENL_OK;
    size_t n = 0;

    gather(e);
    if (!e->batch || !e->t1_store || enl_engine_now(e) < e->t1_at_us) {
        return;
    }
    rc = store_raw(e, &err);
    for (const struct enl_waiter *w = e->batch; w; w = w->next) {
        n++;
    }
    if (rc == ENL_OK && n > 0) {
        rc = run_t1(e, e->batch, n, &err);
    }
    if (rc == ENL_INVALID && n > 1) {
        err = (struct enl_err){0};
        rc = run_one_by_one(e, &err);
    } else if (rc == ENL_OK) {
        e->batch = NULL;
    }
    if (rc == ENL_OK) {
        e->t1_wait_us = 0;
        e->t1_at_us = 0;
        return;
    }
    /* A race with another committer repeats at once and is no news. */
    if (e->t1_wait_us > 0) {
        log_failure(&err, n);
    }
    e->t1_wait_us = e->t1_wait_us ? e->t1_wait_us * 2 : BACK_OFF_FIRST_US;
    e->t1_wait_us = e->t1_wait_us < BACK_OFF_MOST_US ? e->t1_wait_us : BACK_OFF_MOST_US;
    e->t1_at_us = enl_engine_now(e) + e->t1_wait_us;
}

void enl_intake_due(struct enl_engine *e, int64_t *io_at_us)
{
    if (e->batch && e->t1_store && e->t1_at_us < *io_at_us) {
        *io_at_us = e->t1_at_us;
    }
}

void enl_intake_done(struct enl_engine *e)
{
    while (e->batch) {
        struct enl_waiter *w = e->batch;

        e->batch = w->next;
        w->next = NULL;
        enl_waiter_finish(&e->waiters, w, ENL_OUTCOME_HAND_BACK, "the process is stopping");
    }
}
