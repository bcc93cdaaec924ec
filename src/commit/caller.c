/* caller - see caller.h. */
#include "commit/caller.h"

#include "base/alloc.h"
#include "base/thread.h"

#include <time.h>

struct enl_caller {
    const struct enl_config *cfg;
    const struct enl_clock *clock;
    void (*back)(void *ctx);
    void *ctx;
    struct enl_odoo *odoo;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    enum enl_caller_state state;
    bool stop;
    struct enl_caller_request request;
    struct enl_caller_answer answer;
};

static int64_t now(const struct enl_caller *c)
{
    return c->clock->mono_us(c->clock->ctx);
}

static void call(struct enl_caller *c)
{
    int64_t slack_us = ((int64_t)c->cfg->odoo_turn_slack_ms - ENL_TURN_MARGIN_MS) * 1000;
    const struct enl_caller_request *q = &c->request;
    int64_t start = now(c);

    c->answer = (struct enl_caller_answer){.step = enl_odoo_next(c->odoo)};
    if (q->look_up && c->answer.step == ENL_ODOO_INGEST) {
        c->answer.step = ENL_ODOO_LOOK_UP;
    }
    if (start - q->turn_us > slack_us) {
        c->answer.stale = true;
        return;
    }
    c->answer.failed = (q->look_up ? enl_odoo_look_up(c->odoo, q->ids, q->n, &c->answer.reply, NULL)
                                   : enl_odoo_call(c->odoo, q->items, q->items_len, q->ids, q->n,
                                                   &c->answer.reply, NULL)) != ENL_OK;
    c->answer.duration_us = now(c) - start;
}

static void *run(void *arg)
{
    struct enl_caller *c = arg;

    (void)pthread_mutex_lock(&c->mutex);
    while (!c->stop) {
        if (c->state != ENL_CALLER_BUSY) {
            (void)pthread_cond_wait(&c->cond, &c->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&c->mutex);
        call(c);
        (void)pthread_mutex_lock(&c->mutex);
        c->state = ENL_CALLER_BACK;
        (void)pthread_mutex_unlock(&c->mutex);
        c->back(c->ctx);
        (void)pthread_mutex_lock(&c->mutex);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return NULL;
}

static void release(struct enl_caller *c)
{
    enl_odoo_free(c->odoo);
    (void)pthread_cond_destroy(&c->cond);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

enum enl_rc enl_caller_start(const struct enl_config *cfg, const struct enl_clock *clock,
                             void (*back)(void *ctx), void *ctx, struct enl_caller **ret,
                             struct enl_err *err)
{
    struct enl_caller *c = enl_calloc(1, sizeof(*c));
    enum enl_rc rc = ENL_OK;

    if (!c) {
        return enl_fail_oom(err);
    }
    c->cfg = cfg;
    c->clock = clock;
    c->back = back;
    c->ctx = ctx;
    (void)pthread_mutex_init(&c->mutex, NULL);
    enl_cond_init(&c->cond);
    c->odoo = enl_odoo_new(cfg);
    rc = c->odoo ? enl_thread_start(&c->thread, run, c, err) : enl_fail_oom(err);
    if (rc != ENL_OK) {
        release(c);
        return rc;
    }
    *ret = c;
    return ENL_OK;
}

enum enl_caller_state enl_caller_state(struct enl_caller *c)
{
    enum enl_caller_state state = ENL_CALLER_IDLE;

    (void)pthread_mutex_lock(&c->mutex);
    state = c->state;
    (void)pthread_mutex_unlock(&c->mutex);
    return state;
}

enum enl_odoo_step enl_caller_step(struct enl_caller *c)
{
    return enl_odoo_next(c->odoo);
}

void enl_caller_submit(struct enl_caller *c, const struct enl_caller_request *req)
{
    (void)pthread_mutex_lock(&c->mutex);
    c->request = *req;
    c->state = ENL_CALLER_BUSY;
    (void)pthread_cond_signal(&c->cond);
    (void)pthread_mutex_unlock(&c->mutex);
}

void enl_caller_take(struct enl_caller *c, struct enl_caller_answer *ret)
{
    (void)pthread_mutex_lock(&c->mutex);
    *ret = c->answer;
    c->answer = (struct enl_caller_answer){0};
    c->state = ENL_CALLER_IDLE;
    (void)pthread_mutex_unlock(&c->mutex);
}

bool enl_caller_stop(struct enl_caller *c, int64_t patience_us)
{
    struct timespec until = {0};

    (void)pthread_mutex_lock(&c->mutex);
    c->stop = true;
    (void)pthread_cond_signal(&c->cond);
    (void)pthread_mutex_unlock(&c->mutex);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(patience_us / 1000000);
    if (pthread_timedjoin_np(c->thread, NULL, &until) != 0) {
        return false;
    }
    if (c->state == ENL_CALLER_BACK) {
        enl_odoo_reply_done(&c->answer.reply);
    }
    release(c);
    return true;
}
