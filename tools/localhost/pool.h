/*
 * pool - threads for invocations: as many as there is work, kept for the next.
 *
 * A task never waits for another to end (invocations may hang for good), so a thread is started
 * whenever none is idle.
 *
 * Threads: any.
 */
#ifndef LH_POOL_H
#define LH_POOL_H

#include "base/err.h"

struct lh_pool;

typedef void lh_task_fn(void *arg);

enum enl_rc lh_pool_new(struct lh_pool **ret, struct enl_err *err) ENL_MUSTCHECK;
/* Waits for the end of all tasks. */
void lh_pool_free(struct lh_pool *pool);

/* RETRY or FATAL: fn will not be called. */
enum enl_rc lh_pool_run(struct lh_pool *pool, lh_task_fn *fn, void *arg,
                        struct enl_err *err) ENL_MUSTCHECK;

#endif
