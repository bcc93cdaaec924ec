/* outlet - rows to Odoo: breaker, drain, turn, request, and what its answer means for the next. */
#include "base/alloc.h"
#include "base/log.h"
#include "commit/engine.h"
#include "commit/t2.h"

#include <stdio.h>

#define MS 1000

static struct enl_row_list *list_of(struct enl_engine *e, const struct enl_row *row)
{
    if (row->unanswered >= ENL_UNANSWERED_ALONE) {
        return &e->killers;
    }
    return row->live ? &e->live : &e->drained;
}

static void add_row(struct enl_engine *e, struct enl_row *row)
{
    enl_row_push(list_of(e, row), row);
}

static void move_all(struct enl_row_list *from, struct enl_row_list *to)
{
    struct enl_row *row = NULL;

    while ((row = enl_row_pop(from)) != NULL) {
        enl_row_push(to, row);
    }
}

void enl_outlet_hand(struct enl_engine *e, struct enl_row_list *rows)
{
    (void)pthread_mutex_lock(&e->waiters.mutex);
    move_all(rows, &e->arrived);
    (void)pthread_cond_signal(&e->outlet);
    (void)pthread_mutex_unlock(&e->waiters.mutex);
}

bool enl_engine_settling(struct enl_engine *e)
{
    bool settling = false;

    (void)pthread_mutex_lock(&e->waiters.mutex);
    settling = e->settling;
    (void)pthread_mutex_unlock(&e->waiters.mutex);
    return settling;
}

bool enl_outlet_called(const struct enl_engine *e)
{
    return e->arrived.first || e->settled.any || e->sync.asked ||
           (e->caller && !e->settling && !e->sync.answered &&
            enl_caller_state(e->caller) == ENL_CALLER_BACK);
}

static void take_arrived(struct enl_engine *e)
{
    struct enl_row_list arrived = {0};
    struct enl_row *row = NULL;

    (void)pthread_mutex_lock(&e->waiters.mutex);
    move_all(&e->arrived, &arrived);
    (void)pthread_mutex_unlock(&e->waiters.mutex);
    while ((row = enl_row_pop(&arrived)) != NULL) {
        add_row(e, row);
    }
}

void enl_engine_end_row(struct enl_engine *e, struct enl_row *row, enum enl_outcome outcome,
                        const char *detail)
{
    while (row->waiters) {
        struct enl_waiter *w = row->waiters;

        row->waiters = w->next;
        w->next = NULL;
        enl_waiter_finish(&e->waiters, w, outcome, detail);
    }
    enl_row_free(row);
}

static void end_list(struct enl_engine *e, struct enl_row_list *list)
{
    struct enl_row *row = NULL;

    while ((row = enl_row_pop(list)) != NULL) {
        enl_engine_end_row(e, row, ENL_OUTCOME_SAFE, "");
    }
}

/* Gives the claims of a list back; where SQL does not confirm it, they end by themselves. */
static void release_list(struct enl_engine *e, struct enl_row_list *list, int64_t delay_ms)
{
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    ENL_AUTO_FREE const struct enl_row **rows = enl_calloc(list->n ? list->n : 1, sizeof(*rows));
    size_t n = 0;

    for (const struct enl_row *row = list->first; rows && row; row = row->next) {
        rows[n++] = row;
    }
    if (n > 0 && e->store) {
        (void)!enl_t2_release(e->store, rows, n, delay_ms, NULL);
    }
    end_list(e, list);
}

void enl_outlet_release(struct enl_engine *e, int64_t delay_ms)
{
    take_arrived(e);
    release_list(e, &e->live, delay_ms);
    release_list(e, &e->drained, delay_ms);
    release_list(e, &e->killers, delay_ms);
    e->probing = false;
}

static size_t ready(const struct enl_engine *e)
{
    return e->live.n + e->drained.n + e->killers.n;
}

static void release_impatient(struct enl_engine *e, struct enl_row_list *list)
{
    struct enl_row_list old = {0};
    int64_t before = enl_engine_now(e) - ENL_TURN_PATIENCE_US;

    while (list->first && list->first->taken_us < before) {
        enl_row_push(&old, enl_row_pop(list));
    }
    if (old.n > 0) {
        release_list(e, &old, 0);
    }
}

/* Claims rows that nobody holds, and one suspect: the next is claimed when that one went.  RETRY
 * leaves them to their claim's end. */
static enum enl_rc drain(struct enl_engine *e, size_t most, struct enl_err *err)
{
    char token[ENL_TOKEN_TEXT];
    char claim[16];
    char rows[16];
    ENL_AUTO_SQL_RESULT struct enl_sql_result claimed = {0};
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_EVENTS_DRAIN, .params = {token, token, claim, rows}, .n_params = 4},
        {.statement = ENL_SQL_EVENTS_DRAIN_SUSPECTS,
         .params = {token, token, claim, e->killers.n == 0 ? "1" : "0"},
         .n_params = 4},
        {.statement = ENL_SQL_EVENTS_CLAIMED, .params = {token}, .n_params = 1, .ret = &claimed},
    };
    struct enl_row_list got = {0};
    struct enl_row *row = NULL;
    int64_t taken = enl_engine_now(e);
    enum enl_rc rc = enl_token(token, err);

    (void)snprintf(claim, sizeof(claim), "%d", ENL_CLAIM_MS);
    (void)snprintf(rows, sizeof(rows), "%zu", most);
    rc = rc == ENL_OK ? enl_store_run_all(e->store, calls, 3, err) : rc;
    rc = rc == ENL_OK ? enl_row_claimed(&claimed, token, taken, &e->event, &got, err) : rc;
    while ((row = enl_row_pop(&got)) != NULL) {
        if (rc == ENL_OK) {
            add_row(e, row);
        } else {
            enl_row_free(row);
        }
    }
    return rc;
}

/* An open breaker: nothing goes out but one row of the one instance that holds the probe. */
static enum enl_rc probe(struct enl_engine *e, const struct enl_breaker *b, struct enl_err *err)
{
    int64_t wait_ms = b->probe_in_ms > 0 ? b->probe_in_ms : 0;
    enum enl_rc rc = ENL_OK;

    enl_outlet_release(e, wait_ms);
    e->drain_at_us = enl_engine_now(e) + wait_ms * MS;
    if (wait_ms > 0) {
        if (e->drain_at_us > enl_engine_now(e) + ENL_DRAIN_US) {
            e->drain_at_us = enl_engine_now(e) + ENL_DRAIN_US;
        }
        return ENL_OK;
    }
    e->drain_at_us += ENL_DRAIN_US;
    rc = drain(e, 1, err);
    if (rc == ENL_OK && ready(e) > 0) {
        rc = enl_breaker_probe(e->store, &e->probing, err);
        if (rc == ENL_OK && !e->probing) {
            enl_outlet_release(e, 0);
        }
    }
    return rc;
}

static void see_breaker(struct enl_engine *e, const struct enl_breaker *b)
{
    e->breaker = b->state;
    e->breaker_max = b->state == ENL_BREAKER_HALF && b->max_rows < ENL_REQUEST_EVENTS_MAX
                         ? (size_t)b->max_rows
                         : ENL_REQUEST_EVENTS_MAX;
}

/* Rows of the next request. */
static size_t request_max(const struct enl_engine *e)
{
    if (e->probing) {
        return 1;
    }
    return e->breaker_max < e->pace.rows ? e->breaker_max : e->pace.rows;
}

/* How many rows to drain for it: half of the room is theirs, and what live ones do not need. */
static size_t drain_max(const struct enl_engine *e, size_t max)
{
    size_t half = max / 2;

    return e->live.n > max - half ? (half > 0 ? half : 1) : max - e->live.n;
}

bool enl_engine_put(struct enl_engine *e, const struct enl_row *row, size_t n)
{
    size_t before = e->items.len;

    if (before > 0) {
        enl_buf_addc(&e->items, ',');
    }
    enl_odoo_item(row->event, &e->items);
    if (!enl_buf_ok(&e->items) || (before > 0 && e->items.len > ENL_ODOO_REQUEST_MAX)) {
        e->items.len = before;
        e->items.failed = false;
        e->items.overflow = false;
        return false;
    }
    e->ids[n] = row->event->event_id;
    return true;
}

/* Moves a row into the request if it fits. */
static bool put(struct enl_engine *e, struct enl_row_list *from, size_t max)
{
    if (!from->first || e->sent.n >= max || !enl_engine_put(e, from->first, e->sent.n)) {
        return false;
    }
    enl_row_push(&e->sent, enl_row_pop(from));
    return true;
}

/* Half of the room is kept for either side while it has rows; a suspect goes alone, when nothing
 * else waits or others had their turns. */
static void fill_request(struct enl_engine *e, size_t max)
{
    size_t half = max / 2 > 0 ? max / 2 : 1;
    size_t keep = e->drained.n < half ? e->drained.n : half;

    enl_buf_reset(&e->items);
    if (e->usual + 1 >= ENL_SUSPECT_EVERY && put(e, &e->killers, 1)) {
        return;
    }
    while (put(e, &e->live, max - (max > 1 ? keep : 0))) {
    }
    while (put(e, &e->drained, max)) {
    }
    while (put(e, &e->live, max)) {
    }
    if (e->sent.n == 0) {
        (void)put(e, &e->killers, 1);
    }
}

/* In front of what came meanwhile, in their order. */
static void put_back(struct enl_engine *e)
{
    struct enl_row_list reversed = {0};
    struct enl_row *row = NULL;

    while ((row = enl_row_pop(&e->sent)) != NULL) {
        enl_row_push_front(&reversed, row);
    }
    while ((row = enl_row_pop(&reversed)) != NULL) {
        enl_row_push_front(list_of(e, row), row);
    }
}

/* The request is built before its turn is taken, which is soon too old: a machine on which that
 * takes long would throw away all its turns. */
static enum enl_rc build(struct enl_engine *e, struct enl_caller_request *req, struct enl_err *err)
{
    if (enl_caller_step(e->caller) != ENL_ODOO_INGEST) {
        return ENL_OK;
    }
    if (ready(e) == 0) {
        enl_sync_fill(e, req);
        return req->n > 0 ? ENL_OK : enl_fail_oom(err);
    }
    fill_request(e, request_max(e));
    if (e->sent.n == 0) {
        return enl_fail_oom(err);
    }
    req->items = enl_buf_str(&e->items);
    req->items_len = e->items.len;
    req->ids = e->ids;
    req->n = e->sent.n;
    return ENL_OK;
}

/* Tries for a turn; *ret_mine: sent at once. */
static enum enl_rc try_turn(struct enl_engine *e, struct enl_caller_request *req, bool *ret_mine,
                            struct enl_err *err)
{
    char token[ENL_TOKEN_TEXT];
    struct enl_turn turn = {
        .token = token,
        .interval_ms = enl_lease_interval_ms(e->cfg->odoo_rate, e->cfg->odoo_turn_slack_ms),
        .median_ms = enl_turn_times_median_ms(&e->turn_times),
        .thrown = e->turns_thrown};
    int64_t wait_ms = 0;
    int64_t start = 0;
    int64_t took = 0;
    enum enl_rc rc = enl_token(token, err);

    start = enl_engine_now(e);
    rc = rc == ENL_OK ? enl_lease_turn(e->store, &turn, &wait_ms, err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    took = enl_engine_now(e) - start;
    if (wait_ms > 0) {
        /* As of when it was read, in the second of two round trips; the next UPDATE is as long on
         * its way there as that was. */
        e->turn_at_us = start + took / 2 + wait_ms * MS + enl_jitter(ENL_TURN_JITTER_MS * MS);
        return ENL_OK;
    }
    req->turn_us = start;
    enl_caller_submit(e->caller, req);
    *ret_mine = true;
    /* The next one's UPDATE is as long under way as this one's was. */
    e->turn_at_us = start + turn.interval_ms * (int64_t)MS + enl_jitter(ENL_TURN_JITTER_MS * MS);
    e->turns_thrown -= turn.thrown;
    enl_turn_times_add(&e->turn_times, took);
    return ENL_OK;
}

static enum enl_rc take_turn(struct enl_engine *e, struct enl_err *err)
{
    struct enl_caller_request req = {0};
    size_t max = request_max(e);
    bool mine = false;
    enum enl_rc rc = build(e, &req, err);

    rc = rc == ENL_OK ? try_turn(e, &req, &mine, err) : rc;
    if (mine) {
        e->more = e->sent.n >= max;
        e->look_at_us = 0;
    } else {
        put_back(e);
        e->sync.out = false;
    }
    return rc;
}

/* What the next request needs to know and to hold, got while its turn is not due or another is
 * out: then a turn that is due costs one round trip. */
static enum enl_rc look(struct enl_engine *e, struct enl_err *err)
{
    struct enl_breaker breaker;
    int64_t now = enl_engine_now(e);
    enum enl_rc rc = enl_breaker_read(e->store, &breaker, err);

    if (rc != ENL_OK) {
        return rc;
    }
    see_breaker(e, &breaker);
    e->more = false;
    e->look_at_us = now + ENL_LOOK_US;
    if (breaker.state == ENL_BREAKER_OPEN && !e->probing) {
        rc = probe(e, &breaker, err);
        e->look_at_us = e->drain_at_us;
    } else if (!e->probing) {
        e->drain_at_us = now + ENL_DRAIN_US;
        rc = drain(e, e->drained.n == 0 ? drain_max(e, request_max(e)) : 0, err);
    }
    /* Whoever waits for a round is told that nothing is left only when nothing is under way. */
    if (rc == ENL_OK && ready(e) == 0 && enl_caller_state(e->caller) == ENL_CALLER_IDLE &&
        !enl_engine_settling(e)) {
        rc = breaker.state == ENL_BREAKER_OPEN ? enl_sync_away(e, breaker.reason, err)
                                               : enl_sync_prepare(e, err);
    }
    return rc;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

/* When to look; INT64_MAX while there is no need. */
static int64_t look_due(const struct enl_engine *e)
{
    bool idle = enl_caller_state(e->caller) == ENL_CALLER_IDLE;
    /* No rows are held for a turn that is far away: Retry-After may be hours. */
    int64_t at = later(e->look_at_us, e->turn_at_us - ENL_LOOK_US);

    if (e->probing) {
        return INT64_MAX;
    }
    if (ready(e) > 0) {
        return at;
    }
    return idle ? later(at, e->drain_at_us) : e->more ? at : INT64_MAX;
}

/* Rows or a job of scheduled-sync wait, and nothing but a turn is missing. */
static bool wants_turn(const struct enl_engine *e)
{
    return (ready(e) > 0 || e->sync.job != ENL_SYNC_NOTHING) &&
           (e->breaker != ENL_BREAKER_OPEN || e->probing) &&
           enl_caller_state(e->caller) == ENL_CALLER_IDLE;
}

static enum enl_rc send_what_waits(struct enl_engine *e, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    release_impatient(e, &e->live);
    release_impatient(e, &e->drained);
    release_impatient(e, &e->killers);
    e->probing = e->probing && (ready(e) > 0 || e->sent.n > 0);
    if (enl_engine_now(e) >= look_due(e)) {
        rc = look(e, err);
    }
    return rc == ENL_OK && wants_turn(e) && enl_engine_now(e) >= e->turn_at_us ? take_turn(e, err)
                                                                               : rc;
}

/* What the answer to an ingest says about how many rows, and whose turn is next. */
static void learn(struct enl_engine *e)
{
    const struct enl_odoo_reply *r = &e->answer.reply;
    bool suspect = e->sent.first && list_of(e, e->sent.first) == &e->killers;

    e->usual = suspect ? 0 : e->usual + 1;
    if (r->answered) {
        enl_pace_answered(&e->pace, e->sent.n, e->answer.duration_us);
    } else if (r->class == ENL_ODOO_PERHAPS) {
        enl_pace_unanswered(&e->pace, e->sent.n, e->answer.duration_us);
    }
}

/* An answer that leaves a closed breaker closed, whatever came before it. */
static bool is_good(const struct enl_engine *e)
{
    const struct enl_odoo_reply *r = &e->answer.reply;
    bool good = e->breaker == ENL_BREAKER_CLOSED && r->class == ENL_ODOO_ANSWERED &&
                e->answer.step == ENL_ODOO_INGEST;

    for (size_t i = 0; i < r->n_verdicts; i++) {
        good = good && (r->verdicts[i].kind == ENL_VERDICT_CREATED ||
                        r->verdicts[i].kind == ENL_VERDICT_DUPLICATE);
    }
    return good;
}

/* The call is back: repeat, go on, or write what it showed. */
static void take_answer(struct enl_engine *e)
{
    const struct enl_odoo_reply *r = &e->answer.reply;
    bool done = false;

    enl_caller_take(e->caller, &e->answer);
    done = r->class == ENL_ODOO_ANSWERED && e->answer.step < ENL_ODOO_INGEST;
    if (e->answer.stale || e->answer.failed) {
        e->turns_thrown += e->answer.stale ? 1 : 0;
        enl_log(ENL_LOG_WARN, e->answer.stale ? "a turn came too late and was thrown away"
                                              : "out of memory before a request to Odoo");
        put_back(e);
        e->sync.out = false;
        return;
    }
    if (done || r->class == ENL_ODOO_DENIED) {
        put_back(e);
        e->sync.out = false;
        enl_odoo_reply_done(&e->answer.reply);
        return;
    }
    e->throttles = r->throttled ? e->throttles + 1 : 0;
    if (e->sync.out) {
        enl_sync_answered(e);
        return;
    }
    e->good = is_good(e);
    if (e->answer.step == ENL_ODOO_INGEST) {
        learn(e);
        move_all(&e->sent, &e->answered);
    } else {
        /* Nothing was asked about the rows, but none of them can go out. */
        move_all(&e->live, &e->answered);
        move_all(&e->drained, &e->answered);
        move_all(&e->killers, &e->answered);
    }
    (void)pthread_mutex_lock(&e->waiters.mutex);
    e->settling = true;
    e->t2_tries = 0;
    e->t2_at_us = 0;
    (void)pthread_cond_signal(&e->settle);
    (void)pthread_mutex_unlock(&e->waiters.mutex);
}

/* What the last T2 tells about the next request. */
static void take_settled(struct enl_engine *e)
{
    struct enl_settled done;

    (void)pthread_mutex_lock(&e->waiters.mutex);
    done = e->settled;
    e->settled.any = false;
    (void)pthread_mutex_unlock(&e->waiters.mutex);
    if (!done.any) {
        return;
    }
    if (done.written) {
        see_breaker(e, &done.breaker);
    }
    if (!e->good || ready(e) == 0) {
        e->look_at_us = 0;
    }
    if (done.written && done.ingest && done.breaker.state != ENL_BREAKER_OPEN) {
        e->drain_at_us = 0; /* there may be more */
    }
    /* A good answer's successor may be out already, and is no probe. */
    e->probing = false;
}

static void log_failure(struct enl_engine *e, const struct enl_err *err)
{
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_ERROR, "the way to Odoo failed in SQL");
    enl_log_str(&l, "error", err->text);
    enl_log_end(&l);
    e->turn_at_us = enl_engine_now(e) + 1000LL * MS;
    e->look_at_us = e->turn_at_us;
}

void enl_outlet(struct enl_engine *e)
{
    struct enl_err err = {0};
    bool settling = false;

    if (!e->caller) {
        return;
    }
    enl_sync_step(e);
    take_arrived(e);
    take_settled(e);
    settling = enl_engine_settling(e);
    if (!settling && !e->sync.answered && enl_caller_state(e->caller) == ENL_CALLER_BACK) {
        take_answer(e);
        settling = enl_engine_settling(e);
    }
    if (e->store) {
        enl_sync_settle(e);
    }
    /* What an answer may have told the breaker is written before the next request. */
    if (!e->store || e->sync.answered || (settling && !e->good) ||
        enl_waiters_is_draining(&e->waiters)) {
        return;
    }
    if (send_what_waits(e, &err) != ENL_OK) {
        log_failure(e, &err);
    }
}

void enl_outlet_due(struct enl_engine *e, int64_t *io_at_us)
{
    int64_t at = 0;

    /* An answer, rows and the end of a T2 wake us besides. */
    if (!e->caller || !e->store || (enl_engine_settling(e) && !e->good)) {
        return;
    }
    if (e->sync.answered) {
        *io_at_us = e->sync.settle_at_us < *io_at_us ? e->sync.settle_at_us : *io_at_us;
        return;
    }
    at = look_due(e);
    if (wants_turn(e) && e->turn_at_us < at) {
        at = e->turn_at_us;
    }
    *io_at_us = at < *io_at_us ? at : *io_at_us;
}

void enl_outlet_done(struct enl_engine *e)
{
    end_list(e, &e->arrived);
    end_list(e, &e->live);
    end_list(e, &e->drained);
    end_list(e, &e->killers);
    end_list(e, &e->sent);
    end_list(e, &e->answered);
    enl_odoo_reply_done(&e->answer.reply);
    enl_buf_done(&e->items);
}
