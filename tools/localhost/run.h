/*
 * run - one invocation of a function, from the held request to its outcome.
 *
 * Threads: each on a thread with a real stack (pool), as JSON may be nested.
 */
#ifndef LH_RUN_H
#define LH_RUN_H

#include "envelope.h"
#include "host.h"
#include "http.h"

enum lh_outcome {
    LH_SUCCEEDED,
    LH_FAILED,
    LH_ABORTED, /* the host is being stopped: as if it had died */
};

/* Fills in the answer of x, whatever the outcome. */
void lh_run_http(struct lh_host *h, const struct lh_function *f, struct lh_exchange *x);
/* m NULL: called by hand. */
enum lh_outcome lh_run_queue(struct lh_host *h, const struct lh_function *f,
                             const struct lh_message *m, const char *data, size_t len);
enum lh_outcome lh_run_timer(struct lh_host *h, const struct lh_function *f,
                             const struct lh_tick *tick);

#endif
