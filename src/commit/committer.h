/*
 * committer - makes queue messages durable: SQL, then Odoo, then SQL again, in batches.
 *
 * Three threads of ours: two with a SQL connection each, one that owns the Odoo handle.  All
 * waiting invocations are gathered into one transaction (T1); what it stored goes to Odoo in one
 * request a turn of the shared lease; the verdicts are written in a second transaction (T2).
 * Every invocation gets its own outcome, at the latest when its hold is over: a driver that hangs
 * never delays an answer.  Events that SQL holds and nobody works on are drained every 5 s.
 * docs/protocol.md has the rules, state by state.
 *
 * Ownership: the committer owns its threads and connections; texts are copied on entry.
 * Threads:   enl_committer_commit from any number of threads; start and stop from one.
 */
#ifndef ENL_COMMIT_COMMITTER_H
#define ENL_COMMIT_COMMITTER_H

#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum enl_outcome {
    ENL_OUTCOME_SAFE,      /* the event is in SQL: answer 200 */
    ENL_OUTCOME_REJECTED,  /* refused for good, or no event: answer 500 */
    ENL_OUTCOME_HAND_BACK, /* not confirmed in time: answer 200 with the message as output */
};

const char *enl_outcome_name(enum enl_outcome outcome); /* "safe", "rejected", "hand_back" */

struct enl_commit_result {
    enum enl_outcome outcome;
    char event_id[129]; /* "" when the message is no event */
    char detail[200];   /* why it was rejected or handed back, for the log; without bodies */
};

/* What a round of scheduled-sync did. */
struct enl_sync_report {
    bool complete;    /* nothing was left to do */
    char reason[200]; /* else why it ended, for the log */
    int64_t synced;   /* verdicts written meanwhile, of live and drained events */
    int64_t rejected;
    int64_t pending;
    int64_t replayed;  /* given up events that are tried again */
    int64_t looked_up; /* rejected events that might be in Odoo; found: they were, and are synced */
    int64_t found;
    int64_t compared; /* synced events that Odoo was asked for; missing: it did not have them */
    int64_t missing;
    int64_t sent; /* of those: stored again; gone: refused, as what people deleted is */
    int64_t gone;
};

#define ENL_SQL_AWAY_TEXT 200 /* characters of why SQL is away and the NUL */

struct enl_committer;

/* Starts the threads; opens nothing before it returns (an unreachable SQL is held, not an error).
 * cfg and clock are borrowed until enl_committer_stop.  RETRY: no thread could be started. */
enum enl_rc enl_committer_start(const struct enl_config *cfg, const struct enl_clock *clock,
                                struct enl_committer **ret, struct enl_err *err) ENL_MUSTCHECK;

/* Waits for the outcome of one queue message, at most QUEUE_HOLD_SECONDS from now.  text is the
 * message as decoded from the host's Data; deliveries is the host's dequeue count (0: unknown). */
void enl_committer_commit(struct enl_committer *c, const char *text, size_t len,
                          unsigned deliveries, struct enl_commit_result *ret);

/* The same for a message of the poison queue, which must never fail: what SQL never saw is stored
 * and delivered, what was rejected is counted, what is no event is stored as it came.  The outcome
 * is ENL_OUTCOME_SAFE or ENL_OUTCOME_HAND_BACK. */
void enl_committer_record(struct enl_committer *c, const char *text, size_t len,
                          unsigned deliveries, struct enl_commit_result *ret);

/* Works off what is due, then looks up and compares (docs/protocol.md), until nothing is left or
 * deadline_us (monotonic).  Several at once are one round. */
void enl_committer_sync(struct enl_committer *c, int64_t deadline_us, struct enl_sync_report *ret);

/* Why nothing can be stored: the last attempt to connect, or to bring the schema up; "" when it
 * succeeded or was not made yet.  No secrets.  Never waits for I/O. */
void enl_committer_sql_away(struct enl_committer *c, char ret_why[ENL_SQL_AWAY_TEXT]);

/* From now on every commit that T1 has not confirmed is handed back at once; waiters return. */
void enl_committer_drain(struct enl_committer *c);
/* Ends the threads (at most ~2 s when idle; a hung driver is left behind) and frees. NULL ok. */
void enl_committer_stop(struct enl_committer *c);

#endif
