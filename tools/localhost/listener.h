/*
 * listener - takes messages of one function's queue and runs the function for each.
 *
 * Up to batchSize messages at a time while no more than newBatchThreshold run; an empty queue is
 * asked again after 100 ms, then ever later up to the polling interval, or when woken.
 *
 * Threads: lh_listeners_wake() from any.
 */
#ifndef LH_LISTENER_H
#define LH_LISTENER_H

#include "host.h"

/* One for each queue function, put into h->listeners; none takes messages yet. */
enum enl_rc lh_listeners_new(struct lh_host *h, struct enl_err *err) ENL_MUSTCHECK;
enum enl_rc lh_listeners_start(struct lh_host *h, struct enl_err *err) ENL_MUSTCHECK;
/* After lh_host_drain: waits until none takes messages any more. */
void lh_listeners_stop(struct lh_host *h);
void lh_listeners_free(struct lh_host *h);

/* The listeners of queue (NULL: all) look again at once.  l may be NULL. */
void lh_listeners_wake(struct lh_listener *l, const char *queue);

#endif
