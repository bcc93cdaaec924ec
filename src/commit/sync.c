/* sync - see sync.h. */
#include "commit/sync.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "commit/engine.h"
#include "commit/replay.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS 86400000LL

void enl_sync_init(struct enl_sync *s)
{
    enl_cond_init(&s->done);
}

void enl_sync_done(struct enl_sync *s)
{
    enl_row_list_free(&s->rows);
    enl_sql_result_done(&s->page);
    (void)pthread_cond_destroy(&s->done);
}

static void set_reason(struct enl_sync_report *r, const char *reason)
{
    r->complete = *reason == '\0';
    (void)snprintf(r->reason, sizeof(r->reason), "%.*s", (int)sizeof(r->reason) - 1, reason);
}

void enl_sync_wait(struct enl_engine *e, int64_t deadline_us, struct enl_sync_report *ret)
{
    struct enl_waiters *set = &e->waiters;
    struct enl_sync *s = &e->sync;
    uint64_t round = 0;

    *ret = (struct enl_sync_report){0};
    if (!e->caller) {
        set_reason(ret, "Odoo is not configured");
        return;
    }
    (void)pthread_mutex_lock(&set->mutex);
    round = s->round;
    s->asked = true;
    s->waiting++;
    (void)pthread_cond_signal(&e->outlet);
    while (s->round == round && !set->draining &&
           enl_cond_wait_until(&s->done, &set->mutex, deadline_us)) {
    }
    s->waiting--;
    *ret = s->report;
    if (s->round == round) {
        set_reason(ret, set->draining ? "the process stops" : "its time is over");
    }
    (void)pthread_mutex_unlock(&set->mutex);
}

static void count(struct enl_engine *e, int64_t *counter, size_t n)
{
    (void)pthread_mutex_lock(&e->waiters.mutex);
    *counter += (int64_t)n;
    (void)pthread_mutex_unlock(&e->waiters.mutex);
}

void enl_sync_count(struct enl_engine *e, const size_t fates[ENL_FATES])
{
    struct enl_sync_report *r = &e->sync.report;

    count(e, &r->synced, fates[ENL_FATE_SYNCED]);
    count(e, &r->rejected, fates[ENL_FATE_REJECTED]);
    count(e, &r->pending, fates[ENL_FATE_PENDING]);
}

static void drop_job(struct enl_sync *s)
{
    enl_row_list_free(&s->rows);
    enl_sql_result_done(&s->page);
    s->job = ENL_SYNC_NOTHING;
    s->n = 0;
}

/* reason: what was left to do, "" nothing. */
static void end(struct enl_engine *e, const char *reason)
{
    struct enl_sync *s = &e->sync;

    if (!s->running) {
        return;
    }
    drop_job(s);
    s->running = false;
    (void)pthread_mutex_lock(&e->waiters.mutex);
    set_reason(&s->report, reason);
    s->asked = false;
    s->round++;
    (void)pthread_cond_broadcast(&s->done);
    (void)pthread_mutex_unlock(&e->waiters.mutex);
}

static void look_again(struct enl_engine *e)
{
    e->drain_at_us = 0;
    e->look_at_us = 0;
}

void enl_sync_step(struct enl_engine *e)
{
    struct enl_sync *s = &e->sync;
    bool begin = false;
    bool left = false;

    (void)pthread_mutex_lock(&e->waiters.mutex);
    begin = s->asked && !s->running;
    left = s->waiting == 0 || e->waiters.draining;
    s->asked = false;
    if (begin) {
        s->report = (struct enl_sync_report){0};
    }
    (void)pthread_mutex_unlock(&e->waiters.mutex);
    if (begin) {
        s->running = true;
        s->replayed = false;
        s->checked = false;
        s->pages = 0;
        look_again(e);
    }
    if (left && !s->out && !s->answered) {
        end(e, "nobody waits for it");
    }
}

/* Rows of these events, as SQL has them; nobody's claim. */
static enum enl_rc read_rows(struct enl_engine *e, const struct enl_json *ids, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    enum enl_rc rc = enl_store_run_batch(e->store, ENL_SQL_EVENTS_READ, ids, &r, err);

    return rc == ENL_OK ? enl_row_claimed(&r, "", enl_engine_now(e), &e->event, &e->sync.rows, err)
                        : rc;
}

static enum enl_rc next_check(struct enl_engine *e, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    ENL_AUTO_JSON struct enl_json *ids = NULL;
    char most[16];
    const char *params[] = {most};
    enum enl_rc rc = ENL_OK;

    (void)snprintf(most, sizeof(most), "%d", ENL_REQUEST_EVENTS_MAX);
    rc = enl_store_run(e->store, ENL_SQL_EVENTS_UNCHECKED, params, 1, &r, err);
    if (rc == ENL_OK && r.rows > 0) {
        ids = enl_json_column(&r, 0);
        rc = ids ? read_rows(e, ids, err) : enl_fail_oom(err);
    }
    if (rc == ENL_OK) {
        e->sync.checked = e->sync.rows.n == 0;
        e->sync.job = e->sync.checked ? ENL_SYNC_NOTHING : ENL_SYNC_CHECK;
    }
    return rc;
}

/* True when a comparison is under way, or is due to begin. */
static enum enl_rc read_cursor(struct enl_engine *e, struct enl_sql_result *ret, bool *ret_due,
                               struct enl_err *err)
{
    enum enl_rc rc = enl_store_run(e->store, ENL_SQL_SYNC_READ, NULL, 0, ret, err);
    int64_t since_ms = 0;

    if (rc == ENL_OK) {
        since_ms = enl_sql_cell_i64(ret, 0, 2);
        *ret_due = enl_sql_cell_i64(ret, 0, 0) > 0 || since_ms < 0 || since_ms >= ENL_SYNC_AGAIN_MS;
    }
    return rc;
}

/* The page behind the cursor.  Behind the last one the comparison has come to its end. */
static enum enl_rc next_page(struct enl_engine *e, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result cursor = {0};
    struct enl_sync *s = &e->sync;
    char back[24];
    char settled[24];
    char most[16];
    bool due = false;
    enum enl_rc rc = ENL_OK;

    if (e->cfg->sync_compare_days == 0) {
        return ENL_OK;
    }
    rc = read_cursor(e, &cursor, &due, err);
    (void)snprintf(back, sizeof(back), "%lld", (long long)e->cfg->sync_compare_days * DAY_MS);
    (void)snprintf(settled, sizeof(settled), "%d", ENL_SYNC_SETTLED_MS);
    (void)snprintf(most, sizeof(most), "%d", ENL_REQUEST_EVENTS_MAX);
    if (rc == ENL_OK && due) {
        const char *at = enl_sql_cell(&cursor, 0, 0);
        const char *params[] = {at, at, enl_sql_cell(&cursor, 0, 1), back, settled, most};

        rc = enl_store_run(e->store, ENL_SQL_EVENTS_STORED, params, 6, &s->page, err);
    }
    if (rc != ENL_OK) {
        return rc;
    }
    if (s->page.rows > 0) {
        s->job = ENL_SYNC_COMPARE;
        s->pages++;
    } else if (due) {
        rc = enl_store_run(e->store, ENL_SQL_SYNC_ENDED, NULL, 0, NULL, err);
    }
    return rc;
}

/* *ret_drain: events were opened, which are to be drained first. */
static enum enl_rc replay(struct enl_engine *e, bool *ret_drain, struct enl_err *err)
{
    size_t n = 0;
    enum enl_rc rc = enl_replay_transient(e->store, &e->event, &n, err);

    if (rc == ENL_OK) {
        e->sync.replayed = true;
        count(e, &e->sync.report.replayed, n);
        *ret_drain = n > 0;
    }
    return rc;
}

enum enl_rc enl_sync_prepare(struct enl_engine *e, struct enl_err *err)
{
    struct enl_sync *s = &e->sync;
    bool drain = false;
    enum enl_rc rc = ENL_OK;

    if (!s->running) {
        return ENL_OK;
    }
    /* Not for an Odoo that is only coming back. */
    if (s->job == ENL_SYNC_NOTHING && !s->replayed && e->breaker == ENL_BREAKER_CLOSED) {
        rc = replay(e, &drain, err);
    }
    if (rc == ENL_OK && drain) {
        look_again(e);
        return ENL_OK;
    }
    if (rc == ENL_OK && s->job == ENL_SYNC_NOTHING && !s->checked) {
        rc = next_check(e, err);
    }
    if (rc == ENL_OK && s->job == ENL_SYNC_NOTHING && s->pages < ENL_SYNC_PAGES_MAX) {
        rc = next_page(e, err);
    }
    if (rc == ENL_OK && s->job == ENL_SYNC_NOTHING) {
        end(e, s->pages < ENL_SYNC_PAGES_MAX ? "" : "more is to be compared");
    }
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}

enum enl_rc enl_sync_away(struct enl_engine *e, const char *reason, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    enum enl_rc rc = ENL_OK;

    if (!e->sync.running) {
        return ENL_OK;
    }
    rc = enl_store_run(e->store, ENL_SQL_HEALTH, NULL, 0, &r, err);
    if (rc == ENL_OK && enl_sql_cell_i64(&r, 0, 0) == 0) {
        end(e, *reason ? reason : "Odoo is away");
    }
    return rc;
}

static void fill_repair(struct enl_engine *e, struct enl_caller_request *req)
{
    struct enl_sync *s = &e->sync;

    enl_buf_reset(&e->items);
    s->n = 0;
    for (const struct enl_row *row = s->rows.first; row; row = row->next) {
        if (!enl_engine_put(e, row, s->n)) {
            break;
        }
        s->n++;
    }
    req->items = enl_buf_str(&e->items);
    req->items_len = e->items.len;
}

void enl_sync_fill(struct enl_engine *e, struct enl_caller_request *req)
{
    struct enl_sync *s = &e->sync;

    s->out = true;
    if (s->job == ENL_SYNC_REPAIR) {
        fill_repair(e, req);
    } else if (s->job == ENL_SYNC_CHECK) {
        s->n = 0;
        for (const struct enl_row *row = s->rows.first; row; row = row->next) {
            e->ids[s->n++] = row->event->event_id;
        }
        req->look_up = true;
    } else {
        for (s->n = 0; s->n < s->page.rows; s->n++) {
            e->ids[s->n] = enl_sql_cell(&s->page, s->n, 0);
        }
        req->look_up = true;
    }
    req->ids = e->ids;
    req->n = s->n;
}

/* The i-th verdict; none is ENL_VERDICT_NONE. */
static const struct enl_verdict *verdict_of(const struct enl_engine *e, size_t i)
{
    static const struct enl_verdict none = {.kind = ENL_VERDICT_NONE};

    return i < e->answer.reply.n_verdicts ? &e->answer.reply.verdicts[i] : &none;
}

static bool was_created(const struct enl_verdict *v)
{
    return v->kind == ENL_VERDICT_CREATED;
}

static bool is_absent(const struct enl_verdict *v)
{
    return v->kind == ENL_VERDICT_ABSENT;
}

/* Odoo remembers that people deleted it.  Any other refusal may end, as that of a new mandatory
 * field, and the next comparison asks again. */
static bool was_deleted(const struct enl_verdict *v)
{
    return v->kind == ENL_VERDICT_REJECTED && strcmp(v->code, "erased") == 0;
}

static bool was_refused(const struct enl_verdict *v)
{
    return v->kind == ENL_VERDICT_REJECTED && !was_deleted(v);
}

/* The ids of the job's events with such a verdict.  NULL: memory. */
static struct enl_json *ids_with(const struct enl_engine *e,
                                 bool (*matches)(const struct enl_verdict *v))
{
    struct enl_json *ids = enl_json_new_array();

    for (size_t i = 0; ids && i < e->sync.n; i++) {
        if (matches(verdict_of(e, i)) && !enl_json_add_text(ids, e->ids[i])) {
            enl_json_free(ids);
            return NULL;
        }
    }
    return ids;
}

/* T2 of rejected events that Odoo has: they are synced after all. */
static enum enl_rc settle_found(struct enl_engine *e, size_t *ret_n, struct enl_err *err)
{
    ENL_AUTO_FREE struct enl_t2_item *items = enl_calloc(e->sync.n, sizeof(*items));
    struct enl_t2_request q = {.reply = &e->answer.reply, .items = items, .event = &e->event};
    const struct enl_row *row = e->sync.rows.first;

    if (!items) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < e->sync.n; i++, row = row->next) {
        if (verdict_of(e, i)->kind == ENL_VERDICT_DUPLICATE) {
            items[q.n].row = row;
            items[q.n++].verdict = verdict_of(e, i);
        }
    }
    *ret_n = q.n;
    return q.n > 0 ? enl_t2_run(e->store, &q, err) : ENL_OK;
}

static enum enl_rc settle_check(struct enl_engine *e, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *absent = ids_with(e, is_absent);
    size_t found = 0;
    enum enl_rc rc = absent ? settle_found(e, &found, err) : enl_fail_oom(err);

    if (rc == ENL_OK && enl_json_len(absent) > 0) {
        rc = enl_store_run_batch(e->store, ENL_SQL_EVENTS_CHECKED, absent, NULL, err);
    }
    if (rc == ENL_OK) {
        count(e, &e->sync.report.looked_up, e->sync.n);
        count(e, &e->sync.report.found, found);
        drop_job(&e->sync);
    }
    return rc;
}

/* The page is done: the cursor behind its last event. */
static enum enl_rc write_cursor(struct enl_engine *e, struct enl_err *err)
{
    const struct enl_sql_result *page = &e->sync.page;
    const char *params[] = {enl_sql_cell(page, page->rows - 1, 1),
                            enl_sql_cell(page, page->rows - 1, 0)};

    return enl_store_run(e->store, ENL_SQL_SYNC_WRITE, params, 2, NULL, err);
}

/* The rows of the request are done; with the last of them the job is. */
static void drop_sent(struct enl_sync *s)
{
    for (size_t i = 0; i < s->n; i++) {
        enl_row_free(enl_row_pop(&s->rows));
    }
    if (s->rows.n == 0) {
        drop_job(s);
    }
}

static enum enl_rc settle_compare(struct enl_engine *e, struct enl_err *err)
{
    struct enl_sync *s = &e->sync;
    ENL_AUTO_JSON struct enl_json *absent = ids_with(e, is_absent);
    size_t missing = enl_json_len(absent);
    enum enl_rc rc = absent ? ENL_OK : enl_fail_oom(err);

    if (rc == ENL_OK && missing > 0 && e->answer.reply.remembers) {
        rc = read_rows(e, absent, err);
    }
    if (rc == ENL_OK && s->rows.n == 0) {
        rc = write_cursor(e, err);
    }
    if (rc != ENL_OK) {
        enl_row_list_free(&s->rows);
        return rc;
    }
    count(e, &s->report.compared, s->n);
    count(e, &s->report.missing, missing);
    if (s->rows.n > 0) {
        s->job = ENL_SYNC_REPAIR;
    } else {
        drop_job(s);
    }
    return rc;
}

/* The batch of EVENTS_REPAIRED.  NULL: memory. */
static struct enl_json *repaired_batch(const struct enl_engine *e)
{
    struct enl_json *batch = enl_json_new_array();

    for (size_t i = 0; batch && i < e->sync.n; i++) {
        const struct enl_verdict *v = verdict_of(e, i);

        if ((v->kind == ENL_VERDICT_CREATED || v->kind == ENL_VERDICT_DUPLICATE) &&
            !enl_t2_add_ids(batch, e->ids[i], v)) {
            enl_json_free(batch);
            return NULL;
        }
    }
    return batch;
}

static size_t count_with(const struct enl_engine *e, bool (*matches)(const struct enl_verdict *v))
{
    size_t n = 0;

    for (size_t i = 0; i < e->sync.n; i++) {
        n += matches(verdict_of(e, i)) ? 1 : 0;
    }
    return n;
}

static void log_repair(const struct enl_engine *e, size_t sent, size_t gone)
{
    struct enl_log_line l;
    ENL_AUTO_BUF struct enl_buf ids = ENL_BUF_INIT(ENL_LOG_MAX);

    for (size_t i = 0; i < e->sync.n; i++) {
        enl_engine_list(&ids, e->ids[i]);
    }
    enl_log_begin(&l, ENL_LOG_WARN,
                  "Odoo did not have these events any more: sent again, deleted there, or refused "
                  "for now");
    enl_log_int(&l, "sent", (int64_t)sent);
    enl_log_int(&l, "gone", (int64_t)gone);
    enl_log_int(&l, "refused", (int64_t)count_with(e, was_refused));
    enl_log_str(&l, "ids", enl_buf_str(&ids));
    enl_log_end(&l);
}

/* What Odoo refuses to have again stays away. */
static enum enl_rc settle_repair(struct enl_engine *e, struct enl_err *err)
{
    struct enl_sync *s = &e->sync;
    size_t sent = count_with(e, was_created);
    ENL_AUTO_JSON struct enl_json *gone = ids_with(e, was_deleted);
    ENL_AUTO_JSON struct enl_json *repaired = repaired_batch(e);
    struct enl_store_call calls[ENL_STORE_CALLS_MAX];
    size_t n = 0;
    enum enl_rc rc = ENL_OK;

    if (!gone || !repaired) {
        return enl_fail_oom(err);
    }
    enl_store_add_call(
        calls, &n,
        (struct enl_store_call){.statement = ENL_SQL_EVENTS_REPAIRED, .batch = repaired});
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){.statement = ENL_SQL_EVENTS_GONE, .batch = gone});
    rc = enl_store_run_all(e->store, calls, n, err);
    if (rc == ENL_OK && s->n == s->rows.n) {
        rc = write_cursor(e, err);
    }
    if (rc == ENL_OK) {
        log_repair(e, sent, enl_json_len(gone));
        drop_sent(s);
        count(e, &s->report.sent, sent);
        count(e, &s->report.gone, enl_json_len(gone));
    }
    return rc;
}

/* No answer to the question: breaker and lease learn of it, and the round is over. */
static enum enl_rc settle_failure(struct enl_engine *e, struct enl_err *err)
{
    struct enl_t2_item none;
    struct enl_t2_request q = {
        .reply = &e->answer.reply, .items = &none, .event = &e->event, .throttles = e->throttles};
    enum enl_rc rc = enl_t2_run(e->store, &q, err);

    if (rc == ENL_OK) {
        end(e, e->answer.reply.reason);
    }
    return rc;
}

static enum enl_rc settle(struct enl_engine *e, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (e->answer.reply.class != ENL_ODOO_ANSWERED) {
        rc = settle_failure(e, err);
    } else if (e->sync.job == ENL_SYNC_CHECK) {
        rc = settle_check(e, err);
    } else if (e->sync.job == ENL_SYNC_COMPARE) {
        rc = settle_compare(e, err);
    } else if (e->sync.job == ENL_SYNC_REPAIR) {
        rc = settle_repair(e, err);
    }
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}

void enl_sync_answered(struct enl_engine *e)
{
    e->sync.out = false;
    e->sync.answered = true;
    e->sync.tries = 0;
    e->sync.settle_at_us = 0;
}

void enl_sync_settle(struct enl_engine *e)
{
    struct enl_sync *s = &e->sync;
    struct enl_err err = {0};
    enum enl_rc rc = ENL_OK;

    if (!s->answered || enl_engine_now(e) < s->settle_at_us) {
        return;
    }
    rc = settle(e, &err);
    if (rc != ENL_OK && ++s->tries < ENL_T2_TRIES) {
        s->settle_at_us = enl_engine_now(e) + (int64_t)ENL_T2_AGAIN_US * s->tries;
        return;
    }
    if (rc != ENL_OK) {
        end(e, err.text);
    }
    enl_odoo_reply_done(&e->answer.reply);
    s->answered = false;
    look_again(e);
}
