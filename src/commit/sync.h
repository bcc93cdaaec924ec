/*
 * sync - a round of scheduled-sync in the committer: drain until nothing is due, then mend.
 *
 * A round gives rejected events that had no answer another try (replay.h), looks rejected events
 * up that may be in Odoo all the same, and compares: what SQL holds as synced and Odoo no longer
 * has is sent again.  SQL fills what Odoo lacks; it never takes a value from a person, because the
 * addon merges by order keys, which a person's change leaves as they are, and refuses events that
 * people deleted.  An addon that does not remember those (feature `erased`) is sent nothing.
 *
 * Live and drained rows go first: a look-up takes a turn that nobody else wants.
 *
 * Threads: enl_sync_wait from any, enl_sync_count from the settling part's, all else from the
 *          outlet's.
 */
#ifndef ENL_COMMIT_SYNC_H
#define ENL_COMMIT_SYNC_H

#include "base/err.h"
#include "base/id.h"
#include "commit/caller.h"
#include "commit/committer.h"
#include "commit/row.h"
#include "commit/t2.h"
#include "wrap/sql.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Odoo's transactions last up to 120 s (limit_time_real), and clocks differ: what is younger is
 * not compared. */
#define ENL_SYNC_SETTLED_MS 300000
/* A comparison that came to its end begins again no sooner: it costs a request for 500 events. */
#define ENL_SYNC_AGAIN_MS 3600000
/* Requests of one round's comparison: half of the turns of a minute. */
#define ENL_SYNC_PAGES_MAX 30

struct enl_engine;

enum enl_sync_job {
    ENL_SYNC_NOTHING,
    ENL_SYNC_CHECK,   /* rows: rejected events that may be in Odoo */
    ENL_SYNC_COMPARE, /* page: synced events */
    ENL_SYNC_REPAIR,  /* rows: those of a page that Odoo does not have */
};

struct enl_sync {
    /* under the waiters' mutex */
    pthread_cond_t done;
    bool asked;
    unsigned waiting;
    uint64_t round; /* rounds that have ended */
    struct enl_sync_report report;

    /* the outlet's */
    bool running, replayed, checked; /* of the running round: what is done */
    unsigned pages;
    enum enl_sync_job job;
    bool out;      /* the request that is out is the job's */
    bool answered; /* the engine's answer is the job's, and waits to be written */
    int tries;
    int64_t settle_at_us;
    size_t n; /* events of the request */
    struct enl_row_list rows;
    struct enl_sql_result page; /* EVENTS_STORED */
};

void enl_sync_init(struct enl_sync *s);
void enl_sync_done(struct enl_sync *s);

/* Asks for a round, or joins the running one, and waits for its end, at most until deadline_us. */
void enl_sync_wait(struct enl_engine *e, int64_t deadline_us, struct enl_sync_report *ret);

/* Begins what was asked for; ends a round that nobody waits for, or that cannot do anything. */
void enl_sync_step(struct enl_engine *e);
/* Nothing else is to be sent or under way: the round finds its next job, or ends because nothing is
 * left.  RETRY: SQL. */
enum enl_rc enl_sync_prepare(struct enl_engine *e, struct enl_err *err) ENL_MUSTCHECK;
/* The breaker is open: ends the round unless events wait for Odoo. */
enum enl_rc enl_sync_away(struct enl_engine *e, const char *reason,
                          struct enl_err *err) ENL_MUSTCHECK;
/* Makes req the job's request. */
void enl_sync_fill(struct enl_engine *e, struct enl_caller_request *req);
/* The job's request has its answer, which is the job's until it is written. */
void enl_sync_answered(struct enl_engine *e);
/* Writes what it showed when that is due; not confirmed, the same again, a few times. */
void enl_sync_settle(struct enl_engine *e);
/* Verdicts that T2 wrote meanwhile, by enum enl_fate. */
void enl_sync_count(struct enl_engine *e, const size_t fates[ENL_FATES]);

#endif
