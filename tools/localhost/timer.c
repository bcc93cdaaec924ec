/* timer - see timer.h. */
#include "timer.h"

#include "base/alloc.h"
#include "base/cron.h"
#include "base/thread.h"
#include "log.h"

#define US_PER_S        INT64_C(1000000)
#define MONITOR_LEAST_S 60 /* more frequent ones are not monitored unless they ask for it */

struct timer {
    struct lh_host *host;
    const struct lh_function *f;
    struct enl_cron cron;
    pthread_t thread;
};

struct lh_timers {
    size_t n;
    struct timer items[];
};

static int64_t now_s(void)
{
    return lh_wall_us() / US_PER_S;
}

static bool is_monitored(const struct lh_function *f, const struct enl_cron *cron)
{
    int64_t first = enl_cron_next(cron, now_s());

    if (f->use_monitor >= 0) {
        return f->use_monitor == 1;
    }
    return first != INT64_MAX && enl_cron_next(cron, first) - first >= MONITOR_LEAST_S;
}

static int64_t next_us(const struct enl_cron *cron)
{
    int64_t s = enl_cron_next(cron, now_s());

    return s == INT64_MAX ? 0 : s * US_PER_S;
}

enum lh_outcome lh_timer_fire(struct lh_host *h, const struct lh_function *f, bool past_due)
{
    struct enl_cron cron = {0};
    struct lh_tick tick = {.past_due = past_due};
    struct enl_err err = {0};
    int64_t started_us = lh_wall_us();
    enum lh_outcome outcome = LH_FAILED;

    if (enl_cron_parse(f->schedule, &cron, &err) != ENL_OK ||
        lh_store_timer_get(h->store, f->name, &tick.last_us, &tick.next_us, &err) != ENL_OK) {
        lh_log("timer %s: %s", f->name, err.text);
        return LH_FAILED;
    }
    tick.monitored = is_monitored(f, &cron);
    if (tick.next_us == 0) {
        tick.next_us = next_us(&cron);
    }
    outcome = lh_run_timer(h, f, &tick);
    if (outcome != LH_ABORTED &&
        lh_store_timer_set(h->store, f->name, started_us, next_us(&cron), &err) != ENL_OK) {
        lh_log("timer %s: %s", f->name, err.text);
    }
    return outcome;
}

/* Whether a tick was missed while no host ran. */
static bool is_past_due(const struct timer *t)
{
    struct enl_err err = {0};
    int64_t last_us = 0;
    int64_t due_us = 0;

    if (!is_monitored(t->f, &t->cron) ||
        lh_store_timer_get(t->host->store, t->f->name, &last_us, &due_us, &err) != ENL_OK) {
        return false;
    }
    return due_us > 0 && due_us < lh_wall_us();
}

static void fire(struct timer *t, bool past_due)
{
    if (lh_host_enter(t->host)) {
        (void)lh_timer_fire(t->host, t->f, past_due);
        lh_host_leave(t->host);
    }
}

static void *run_timer(void *arg)
{
    struct timer *t = arg;
    bool past_due = is_past_due(t);

    if (past_due || t->f->at_start) {
        fire(t, past_due);
    }
    for (;;) {
        int64_t due_us = next_us(&t->cron);

        /* Short rests: the wall clock may be set meanwhile. */
        while (due_us == 0 || lh_wall_us() < due_us) {
            int64_t left_us = due_us == 0 ? US_PER_S : due_us - lh_wall_us();

            if (!lh_host_rest(t->host, lh_now_us() + (left_us < US_PER_S ? left_us : US_PER_S))) {
                return NULL;
            }
        }
        if (!lh_host_rest(t->host, 0)) {
            return NULL;
        }
        fire(t, false);
    }
}

enum enl_rc lh_timers_start(struct lh_host *h, struct lh_timers **ret, struct enl_err *err)
{
    struct lh_timers *all =
        enl_calloc(1, sizeof(*all) + h->app->n_functions * sizeof(all->items[0]));
    enum enl_rc rc = ENL_OK;

    if (!all) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < h->app->n_functions && rc == ENL_OK; i++) {
        struct timer *t = &all->items[all->n];

        if (h->app->functions[i].kind != LH_TIMER) {
            continue;
        }
        t->host = h;
        t->f = &h->app->functions[i];
        rc = enl_cron_parse(t->f->schedule, &t->cron, err);
        rc = rc ? rc : enl_thread_start(&t->thread, run_timer, t, err);
        all->n += rc == ENL_OK ? 1 : 0;
    }
    *ret = all;
    return rc;
}

void lh_timers_stop(struct lh_timers *t)
{
    for (size_t i = 0; t && i < t->n; i++) {
        (void)pthread_join(t->items[i].thread, NULL);
    }
    free(t);
}
