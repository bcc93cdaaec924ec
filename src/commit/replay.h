/*
 * replay - another try for rejected events: dead letter and event open again in one transaction.
 *
 * Ownership: nothing is kept.  Threads: as the store.
 */
#ifndef ENL_COMMIT_REPLAY_H
#define ENL_COMMIT_REPLAY_H

#include "base/err.h"
#include "domain/event.h"
#include "store/store.h"

#include <stddef.h>

/* Events of class "transient" got no answer 5 times: they are tried again 5, 20 and 80 minutes
 * after the last time, then only a person does. */
#define ENL_REPLAYS_MAX     "3"
#define ENL_REPLAY_FIRST_MS "300000"
#define ENL_REPLAY_ROWS     "100" /* of one transaction */

/* Opens those that are due; *ret_n is how many.  The drain sends them.  RETRY: not confirmed. */
enum enl_rc enl_replay_transient(struct enl_store *s, const struct enl_event_options *opt,
                                 size_t *ret_n, struct enl_err *err) ENL_MUSTCHECK;

#endif
