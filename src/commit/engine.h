/*
 * engine - what the SQL threads work with; shared by committer.c and the parts of the work.
 *
 * intake.c turns waiting invocations into rows (T1), outlet.c sends rows in requests, settle.c
 * writes what Odoo answered (T2).  Each has a thread and a connection of its own: however slow a T1
 * or a T2 is, the next request goes out in its turn.  Rows are handed from one to the next.
 *
 * Threads: what lies between them is under the waiters' mutex; what is said to be a part's, that
 * part's thread alone uses; the rest is constant.
 */
#ifndef ENL_COMMIT_ENGINE_H
#define ENL_COMMIT_ENGINE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "commit/caller.h"
#include "commit/pace.h"
#include "commit/row.h"
#include "commit/sync.h"
#include "commit/t1.h"
#include "commit/waiter.h"
#include "store/lease.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define ENL_REQUEST_EVENTS_MAX 500     /* rows of one request; half of them kept for drained ones */
#define ENL_DRAIN_US           5000000 /* a drain at least this often */
/* A row that is not out so long after its claim began is released.  The claim (ENL_CLAIM_MS)
 * outlasts it, the longest ODOO_TIMEOUT_SECONDS (100) and 10 s more. */
#define ENL_TURN_PATIENCE_US 30000000
#define ENL_TURN_JITTER_MS   20     /* between instances that wait for the same turn */
#define ENL_T2_TRIES         5      /* then the claim ends and the drain asks again */
#define ENL_T2_AGAIN_US      100000 /* to the next of these, and longer each time */
/* While others wait, every so many-th request is a suspect's: those that are none keep most of the
 * turns, and no suspect waits for ever (tests/model/fair.pml). */
#define ENL_SUSPECT_EVERY 4
/* What was read of the breaker is good for so long; live rows know more: their T1 read it. */
#define ENL_LOOK_US 5000000

/* What came of a T2. */
struct enl_settled {
    bool any;     /* since the outlet looked last */
    bool written; /* else it was given up */
    bool ingest;
    struct enl_breaker breaker; /* of one that was written */
};

struct enl_engine {
    const struct enl_config *cfg;
    const struct enl_clock *clock;
    struct enl_waiters waiters;
    struct enl_event_options event;
    struct enl_caller *caller; /* NULL: Odoo is not configured */

    /* between the parts */
    struct enl_row_list arrived; /* from T1, for the outlet */
    pthread_cond_t outlet;       /* its thread's: rows arrived, Odoo answered, a T2 ended */
    bool settling; /* answer and answered are the settling part's, else the outlet's */
    struct enl_row_list answered;
    struct enl_caller_answer answer;
    struct enl_settled settled; /* for the outlet */
    pthread_cond_t settle;      /* its thread's: an answer is to be written */

    /* intake */
    struct enl_store *t1_store; /* NULL: not connected, or the schema is not ours */
    struct enl_waiter *batch;   /* of the T1 that is to be run, or run again */
    struct enl_t1_options t1;
    int64_t t1_at_us;   /* not before */
    int64_t t1_wait_us; /* back-off of the next failure */

    /* outlet */
    struct enl_store *store;                    /* as t1_store */
    struct enl_row_list live, drained, killers; /* claimed, waiting for a turn */
    struct enl_row_list sent;                   /* in the request that is out */
    struct enl_buf items;                       /* the request's text */
    const char **ids;                           /* and event ids, ENL_REQUEST_EVENTS_MAX */
    bool good; /* and the next request need not wait for it: it cannot change the breaker */
    int64_t turn_at_us;  /* the next try for a turn */
    int64_t look_at_us;  /* the next look at the breaker and for rows that nobody holds */
    int64_t drain_at_us; /* the same where nothing else is to be done */
    bool more;           /* the request that is out was full: there may be more such rows */
    bool probing;        /* the breaker is open and this instance holds the probe */
    enum enl_breaker_state breaker; /* when it was last seen */
    size_t breaker_max;             /* rows of a request that it allows */
    struct enl_pace pace;
    unsigned usual;    /* requests since a suspect's */
    int64_t throttles; /* answers in a row that asked for a pause */
    struct enl_sync sync;
    struct enl_turn_times turn_times;
    uint32_t turns_thrown; /* not recorded yet */

    /* settle */
    struct enl_store *t2_store; /* as t1_store */
    int t2_tries;
    int64_t t2_at_us; /* 0: at once */
};

static inline int64_t enl_engine_now(const struct enl_engine *e)
{
    return e->clock->mono_us(e->clock->ctx);
}

/* Appends an event id to the list of a log's line, as far as the line goes. */
static inline void enl_engine_list(struct enl_buf *ids, const char *event_id)
{
    if (enl_buf_ok(ids)) {
        enl_buf_addf(ids, "%s%s", ids->len > 0 ? "," : "", event_id);
    }
}

/* Runs what is due of T1. */
void enl_intake(struct enl_engine *e);
/* True when T1 has something to do; *io_at_us is brought forward to when. */
void enl_intake_due(struct enl_engine *e, int64_t *io_at_us);
/* The end: ends the invocations of the batch at hand; SQL has not confirmed their messages. */
void enl_intake_done(struct enl_engine *e);

/* Runs what is due of the way to Odoo. */
void enl_outlet(struct enl_engine *e);
void enl_outlet_due(struct enl_engine *e, int64_t *io_at_us);
/* The caller's answer or a row waits to be looked at; under the waiters' mutex. */
bool enl_outlet_called(const struct enl_engine *e);
/* Gives all claims back that are not out; their invocations end safe. */
void enl_outlet_release(struct enl_engine *e, int64_t delay_ms);
/* From the intake's thread: the outlet has the rows from now on, all at once; the list is empty. */
void enl_outlet_hand(struct enl_engine *e, struct enl_row_list *rows);
/* The end: ends all rows, the claims of those that are out end by themselves. */
void enl_outlet_done(struct enl_engine *e);

/* Appends a row to the request's text and ids, as the n-th; false when it does not fit. */
bool enl_engine_put(struct enl_engine *e, const struct enl_row *row, size_t n);

/* Writes what Odoo answered when that is due. */
void enl_settle(struct enl_engine *e);
void enl_settle_due(struct enl_engine *e, int64_t *io_at_us);
bool enl_settle_called(const struct enl_engine *e); /* under the waiters' mutex */

/* An answer waits for its T2, or is in it. */
bool enl_engine_settling(struct enl_engine *e);
/* Ends a row and whoever waits for it. */
void enl_engine_end_row(struct enl_engine *e, struct enl_row *row, enum enl_outcome outcome,
                        const char *detail);

#endif
