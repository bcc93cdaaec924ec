/*
 * pace - how many rows the next request to Odoo may hold, by what the last ones took.
 *
 * A request is to take less than ENL_PACE_AIM_US: longer ones hold Odoo's locks and one of its
 * workers, and come near its time-outs.  The limit begins at its most, shrinks at once when a
 * request took longer, and grows by half after a full one that took less than half of that.
 * Where a smaller request is not quicker its size is not to blame (a slow line, a cold Odoo):
 * then the limit goes up again, for small requests would cost throughput and win nothing.
 *
 * Each process has its own; forgetting it costs one slow request.
 *
 * Threads: one at a time.  Pure: no clock.
 */
#ifndef ENL_COMMIT_PACE_H
#define ENL_COMMIT_PACE_H

#include <stddef.h>
#include <stdint.h>

#define ENL_PACE_AIM_US 1000000 /* a second: what a turn at the usual rate lasts */
#define ENL_PACE_FLOOR  8       /* rows; fewer are a slow way to send, whatever Odoo does */

struct enl_pace {
    size_t most;     /* rows, from ENL_PACE_FLOOR on */
    size_t rows;     /* the limit */
    size_t slow_n;   /* rows of the last request if it took too long, else 0 */
    int64_t slow_us; /* what it took */
};

void enl_pace_init(struct enl_pace *p, size_t most);
/* A request of n rows was answered after took_us, whatever Odoo said. */
void enl_pace_answered(struct enl_pace *p, size_t n, int64_t took_us);
/* It got no answer; one that was given up early tells nothing about its size. */
void enl_pace_unanswered(struct enl_pace *p, size_t n, int64_t took_us);

#endif
