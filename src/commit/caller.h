/*
 * caller - the thread that owns the Odoo handle: one call at a time, handed over and back.
 *
 * A turn of the lease is worth nothing once it is old: the caller throws a stale one away instead
 * of sending, for the next holder may already be sending.
 *
 * Ownership: the request's texts are the submitter's until the call is back.
 * Threads:   submit, state and take from the SQL thread; the rest is the caller's own thread.
 */
#ifndef ENL_COMMIT_CALLER_H
#define ENL_COMMIT_CALLER_H

#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "odoo/odoo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_TURN_MARGIN_MS 20 /* of the slack, kept for the way from here to the wire */

struct enl_caller;

enum enl_caller_state { ENL_CALLER_IDLE, ENL_CALLER_BUSY, ENL_CALLER_BACK };

struct enl_caller_request {
    const char *items; /* of enl_odoo_item, joined by commas */
    size_t items_len;
    const char *const *ids;
    size_t n;
    bool look_up;    /* look the ids up instead of sending the items */
    int64_t turn_us; /* monotonic, when the UPDATE that took the turn was issued */
};

/* back is called, from the caller's thread, whenever a call is back.  cfg, clock: borrowed. */
enum enl_rc enl_caller_start(const struct enl_config *cfg, const struct enl_clock *clock,
                             void (*back)(void *ctx), void *ctx, struct enl_caller **ret,
                             struct enl_err *err) ENL_MUSTCHECK;
enum enl_caller_state enl_caller_state(struct enl_caller *c);
/* What the next call will be; while it is not busy. */
enum enl_odoo_step enl_caller_step(struct enl_caller *c);
void enl_caller_submit(struct enl_caller *c, const struct enl_caller_request *req);

struct enl_caller_answer {
    bool stale;                  /* the turn was too old: nothing was sent */
    bool failed;                 /* out of memory: nothing was sent */
    enum enl_odoo_step step;     /* what was called */
    struct enl_odoo_reply reply; /* of all others: end it with enl_odoo_reply_done */
    int64_t duration_us;
};
/* The answer of a call that is back; the caller is idle again. */
void enl_caller_take(struct enl_caller *c, struct enl_caller_answer *ret);

/* False when the thread hangs in a call: then it is left behind with all it uses. */
bool enl_caller_stop(struct enl_caller *c, int64_t patience_us);

#endif
