/*
 * timer - fires the timer functions on their schedules.
 *
 * One thread each; a run that lasts past the next tick delays it.  When a timer last ran is kept
 * with the queues, so that a tick missed while the host was down fires at its start.
 */
#ifndef LH_TIMER_H
#define LH_TIMER_H

#include "host.h"
#include "run.h"

struct lh_timers;

enum enl_rc lh_timers_start(struct lh_host *h, struct lh_timers **ret,
                            struct enl_err *err) ENL_MUSTCHECK;
/* After lh_host_drain.  NULL allowed. */
void lh_timers_stop(struct lh_timers *t);

/* Fires f now, outside of its schedule. */
enum lh_outcome lh_timer_fire(struct lh_host *h, const struct lh_function *f, bool past_due);

#endif
