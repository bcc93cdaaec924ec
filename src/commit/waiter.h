/*
 * waiter - one queue invocation that waits for its outcome, shared with the SQL thread.
 *
 * The invocation leaves at its deadline whatever the SQL thread does; who comes second frees.
 *
 * Ownership: enl_waiters_wait frees the waiter of an invocation that got its outcome; one that was
 *            left is freed by the SQL thread's enl_waiter_finish.
 * Threads:   all state under the set's mutex.
 */
#ifndef ENL_COMMIT_WAITER_H
#define ENL_COMMIT_WAITER_H

#include "base/clock.h"
#include "base/err.h"
#include "commit/committer.h"
#include "domain/event.h"
#include "domain/message.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum enl_waiter_state {
    ENL_WAITER_NEW,       /* T1 has not confirmed it */
    ENL_WAITER_CONFIRMED, /* SQL owns the event: it can only end safe or rejected */
    ENL_WAITER_DONE,
};

struct enl_waiter {
    char *text; /* the message's bytes */
    size_t len;
    unsigned deliveries;
    bool record;           /* of the poison queue */
    const char *raw_class; /* of record: its bytes are stored as a dead letter of this class, NULL:
                              it is an event */
    struct enl_message message;
    struct enl_event *event; /* read by the SQL thread, NULL before */
    enum enl_waiter_state state;
    bool queued; /* in the set's queue: the SQL thread has not seen it */
    bool left;   /* the invocation has answered */
    struct enl_commit_result result;
    pthread_cond_t cond;
    struct enl_waiter *next;     /* in the queue, a batch, or a row's waiters */
    struct enl_waiter *all_prev; /* in the set of all */
    struct enl_waiter *all_next;
};

struct enl_waiters {
    pthread_mutex_t mutex;
    pthread_cond_t work;             /* the SQL thread's: something was queued */
    struct enl_waiter *first, *last; /* queue */
    struct enl_waiter *all;
    bool draining;
    const struct enl_clock *clock;
};

void enl_waiters_init(struct enl_waiters *set, const struct enl_clock *clock);
void enl_waiters_done(struct enl_waiters *set);

struct enl_waiter_message {
    const char *text;
    size_t len;
    unsigned deliveries;
    bool record; /* of the poison queue: nothing is refused, what is no event is kept raw */
};

/* From this delivery on a message of the poison queue is stored unread: it may be what kills the
 * process. */
#define ENL_DELIVERIES_RAW 4

/* Copies the message and reads it.  INVALID: no event.  FATAL: memory. */
enum enl_rc enl_waiter_new(const struct enl_waiter_message *message, struct enl_waiter **ret,
                           struct enl_err *err) ENL_MUSTCHECK;

/* Queues w (unless its message is of a newer version: then it is only held) and waits for the
 * outcome, at most until deadline_us.  Afterwards w is no longer the caller's. */
void enl_waiters_wait(struct enl_waiters *set, struct enl_waiter *w, int64_t deadline_us,
                      struct enl_commit_result *ret);

/* Everybody whose event is not confirmed gets its message handed back, now and later. */
void enl_waiters_drain(struct enl_waiters *set);

bool enl_waiters_is_draining(struct enl_waiters *set);

/* For the SQL thread.  Takes up to max_n waiters of up to max_bytes from the queue, as a list; one
 * that was delivered ENL_DELIVERIES_ALONE times comes alone. */
#define ENL_DELIVERIES_ALONE 3
struct enl_waiter *enl_waiters_take(struct enl_waiters *set, size_t max_n, size_t max_bytes);
/* Frees those of a list that were left; returns the rest. */
struct enl_waiter *enl_waiters_prune(struct enl_waiters *set, struct enl_waiter *list);
void enl_waiter_confirm(struct enl_waiters *set, struct enl_waiter *w);
void enl_waiter_finish(struct enl_waiters *set, struct enl_waiter *w, enum enl_outcome outcome,
                       const char *detail);

#endif
