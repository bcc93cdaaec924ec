/* scheduled_sync - every minute: what is due goes to Odoo, then SQL and Odoo are compared.
 *
 * The host runs one tick at a time, on one instance.  While it waits here the instance lives, and
 * with it the committer's drain: so events that wait for Odoo wake an app that is scaled to zero.
 */
#include "base/clock.h"
#include "base/cron.h"
#include "base/log.h"
#include "fn/app.h"
#include "fn/functions.h"
#include "host/reply.h"

#define US_PER_S 1000000LL

/* One tick that is past due stands for all that were missed. */
static bool is_due(const struct enl_app *app, const struct enl_timer *timer)
{
    return timer->past_due ||
           enl_cron_due(&app->cfg->sync_cron, app->clock->wall_us(app->clock->ctx) / US_PER_S);
}

static void log_report(const struct enl_sync_report *r)
{
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_INFO, "sync");
    enl_log_int(&l, "synced", r->synced);
    enl_log_int(&l, "rejected", r->rejected);
    enl_log_int(&l, "pending", r->pending);
    enl_log_int(&l, "replayed", r->replayed);
    enl_log_int(&l, "looked_up", r->looked_up);
    enl_log_int(&l, "found", r->found);
    enl_log_int(&l, "compared", r->compared);
    enl_log_int(&l, "missing", r->missing);
    enl_log_int(&l, "sent", r->sent);
    enl_log_int(&l, "gone", r->gone);
    if (!r->complete) {
        enl_log_str(&l, "reason", r->reason);
    }
    enl_log_end(&l);
}

enum enl_rc enl_fn_scheduled_sync(struct enl_app *app, const struct enl_timer *timer,
                                  struct enl_reply *reply, struct enl_err *err)
{
    struct enl_committer *committer = app->committer;
    struct enl_sync_report report = {0};
    int64_t now_us = app->clock->mono_us(app->clock->ctx);

    (void)err;
    reply->quiet = true;
    if (committer && is_due(app, timer)) {
        enl_committer_sync(committer, now_us + (int64_t)app->cfg->queue_hold_s * US_PER_S, &report);
        log_report(&report);
    }
    return ENL_OK;
}
