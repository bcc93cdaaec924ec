/*
 * t2 - the transaction that writes what Odoo said: synced, rejected, or pending again.
 *
 * Every change carries its guard, so that a slow owner whose claim another has taken changes
 * nothing but the one fact that needs no claim: an event that is in Odoo is synced.  The breaker's
 * row is written in the same transaction.
 *
 * Ownership: items are the caller's.  Threads: as the store.
 */
#ifndef ENL_COMMIT_T2_H
#define ENL_COMMIT_T2_H

#include "base/err.h"
#include "commit/row.h"
#include "odoo/odoo.h"
#include "store/lease.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_UNANSWERED_ALONE    2 /* from here on an event is sent alone, after all others */
#define ENL_UNANSWERED_REJECTED 5 /* and here it is rejected, class "transient" */
#define ENL_BACKOFF_FIRST_MS    5000
#define ENL_BACKOFF_MOST_MS     300000
/* Until a rejected event that may be in Odoo is looked up there: whatever request still holds it
 * has ended (Odoo lets one run for at most 120 s, limit_time_real). */
#define ENL_LOOK_UP_MS 300000

enum enl_fate {
    ENL_FATE_SYNCED,
    ENL_FATE_REJECTED,
    ENL_FATE_PENDING, /* nothing is known: pending, or tried again later */
    ENL_FATES,
};

struct enl_t2_item {
    const struct enl_row *row;
    const struct enl_verdict *verdict; /* NULL: the request as a whole had no answer for it */
    /* set by enl_t2_run */
    enum enl_fate fate;  /* what this request showed */
    bool rejected;       /* the status read back is `rejected` */
    int64_t back_off_ms; /* of ENL_FATE_PENDING */
};

struct enl_t2_request {
    const struct enl_odoo_reply *reply;
    struct enl_t2_item *items;
    size_t n;
    const struct enl_event_options *event;
    bool ingest;              /* the call was ingest: its answer counts for the breaker */
    int64_t throttles;        /* answers in a row that asked for a pause, this one counted */
    struct enl_breaker after; /* set by enl_t2_run: the breaker as it was written */
};

/* RETRY: not confirmed.  FATAL: memory. */
enum enl_rc enl_t2_run(struct enl_store *s, struct enl_t2_request *q,
                       struct enl_err *err) ENL_MUSTCHECK;

/* Gives claimed rows back without having asked Odoo; they are due after delay_ms. */
enum enl_rc enl_t2_release(struct enl_store *s, const struct enl_row *const *rows, size_t n,
                           int64_t delay_ms, struct enl_err *err) ENL_MUSTCHECK;

/* Appends what EVENTS_SYNCED and EVENTS_REPAIRED read of an event that Odoo has.  False: memory. */
bool enl_t2_add_ids(struct enl_json *batch, const char *event_id,
                    const struct enl_verdict *verdict);

/* Why an item with ENL_FATE_REJECTED was rejected: Odoo's code, or "transient".  The item's. */
const char *enl_t2_rejection_code(const struct enl_t2_item *item);

/* Pure: the longest back-off of the n-th attempt (1 is the first); the real one is anything up to
 * it (full jitter). */
int64_t enl_back_off_ms(int64_t attempts);

#endif
