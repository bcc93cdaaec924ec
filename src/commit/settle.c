/* settle - what Odoo answered into SQL (T2), whose rows and invocations end with it. */
#include "base/alloc.h"
#include "base/log.h"
#include "commit/engine.h"
#include "commit/t2.h"

/* ret: by enum enl_fate. */
static void count_fates(const struct enl_t2_request *q, size_t ret[ENL_FATES])
{
    for (size_t i = 0; i < q->n; i++) {
        ret[q->items[i].fate]++;
    }
}

static void log_batch(const struct enl_engine *e, const struct enl_t2_request *q,
                      const size_t fates[ENL_FATES])
{
    static const char *const steps[] = {"login", "api_info", "ingest"};
    struct enl_log_line l;
    ENL_AUTO_BUF struct enl_buf ids = ENL_BUF_INIT(ENL_LOG_MAX);
    bool bad = e->answer.reply.class != ENL_ODOO_ANSWERED;

    for (size_t i = 0; i < q->n; i++) {
        enl_engine_list(&ids, q->items[i].row->event->event_id);
    }
    enl_log_begin(&l, bad ? ENL_LOG_WARN : ENL_LOG_INFO, "odoo");
    enl_log_str(&l, "call", steps[e->answer.step]);
    enl_log_int(&l, "synced", (int64_t)fates[ENL_FATE_SYNCED]);
    enl_log_int(&l, "rejected", (int64_t)fates[ENL_FATE_REJECTED]);
    enl_log_int(&l, "pending", (int64_t)fates[ENL_FATE_PENDING]);
    enl_log_int(&l, "duration_ms", e->answer.duration_us / 1000);
    if (bad) {
        enl_log_str(&l, "reason", e->answer.reply.reason);
    }
    enl_log_str(&l, "ids", enl_buf_str(&ids));
    enl_log_end(&l);
}

/* Odoo's words stay in SQL: they may quote what the lead typed. */
static void log_rejected(const struct enl_t2_item *item)
{
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_WARN, "event rejected, see its dead letter");
    enl_log_str(&l, "event", item->row->event->event_id);
    enl_log_str(&l, "code", enl_t2_rejection_code(item));
    enl_log_end(&l);
}

static void log_unwritten(size_t n, const struct enl_err *err)
{
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_ERROR, "verdicts could not be written, they will be asked again");
    enl_log_int(&l, "events", (int64_t)n);
    enl_log_str(&l, "error", err->text);
    enl_log_end(&l);
}

/* Ends all rows of the request; items NULL: T2 is not confirmed. */
static void end_answered(struct enl_engine *e, const struct enl_t2_item *items)
{
    struct enl_row *row = NULL;

    for (size_t i = 0; (row = enl_row_pop(&e->answered)) != NULL; i++) {
        bool rejected = items && items[i].rejected;

        if (rejected) {
            log_rejected(&items[i]);
        }
        enl_engine_end_row(e, row, rejected ? ENL_OUTCOME_REJECTED : ENL_OUTCOME_SAFE,
                           rejected ? "Odoo rejected the event" : "");
    }
}

/* Rows of the answer with what was said of each. */
static size_t fill_items(const struct enl_engine *e, struct enl_t2_item *items)
{
    size_t n = 0;

    for (const struct enl_row *row = e->answered.first; row; row = row->next) {
        items[n].row = row;
        if (n < e->answer.reply.n_verdicts) {
            items[n].verdict = &e->answer.reply.verdicts[n];
        }
        n++;
    }
    return n;
}

static void hand_back(struct enl_engine *e, const struct enl_settled *done)
{
    enl_odoo_reply_done(&e->answer.reply);
    (void)pthread_mutex_lock(&e->waiters.mutex);
    e->settling = false;
    e->settled = *done;
    (void)pthread_cond_signal(&e->outlet);
    (void)pthread_mutex_unlock(&e->waiters.mutex);
}

/* The answer is the settling part's. */
static void write_answer(struct enl_engine *e)
{
    ENL_AUTO_FREE struct enl_t2_item *items = NULL;
    struct enl_t2_request q = {.reply = &e->answer.reply,
                               .event = &e->event,
                               .ingest = e->answer.step == ENL_ODOO_INGEST,
                               .throttles = e->throttles};
    struct enl_err err = {0};
    enum enl_rc rc = ENL_OK;

    items = enl_calloc(e->answered.n ? e->answered.n : 1, sizeof(*items));
    if (items) {
        q.items = items;
        q.n = fill_items(e, items);
        rc = enl_t2_run(e->t2_store, &q, &err);
    } else {
        rc = enl_fail_oom(&err);
    }
    if (rc != ENL_OK && ++e->t2_tries < ENL_T2_TRIES) {
        e->t2_at_us = enl_engine_now(e) + (int64_t)ENL_T2_AGAIN_US * e->t2_tries;
        return;
    }
    if (rc == ENL_OK) {
        size_t fates[ENL_FATES] = {0};

        count_fates(&q, fates);
        log_batch(e, &q, fates);
        enl_sync_count(e, fates);
    } else {
        log_unwritten(e->answered.n, &err);
    }
    end_answered(e, rc == ENL_OK ? items : NULL);
    hand_back(e, &(struct enl_settled){
                     .any = true, .written = rc == ENL_OK, .ingest = q.ingest, .breaker = q.after});
}

void enl_settle(struct enl_engine *e)
{
    if (enl_engine_settling(e) && e->t2_store && enl_engine_now(e) >= e->t2_at_us) {
        write_answer(e);
    }
}

bool enl_settle_called(const struct enl_engine *e)
{
    return e->settling && e->t2_store && e->t2_at_us == 0;
}

void enl_settle_due(struct enl_engine *e, int64_t *io_at_us)
{
    if (e->t2_store && enl_engine_settling(e) && e->t2_at_us < *io_at_us) {
        *io_at_us = e->t2_at_us;
    }
}
