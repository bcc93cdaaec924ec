/*
 * spawn - starts the handler's process and passes its lines on.
 *
 * Threads: lh_spawn() from the thread that lives as long as the process should: when that thread
 *          ends, the kernel kills the child (PR_SET_PDEATHSIG).
 */
#ifndef LH_SPAWN_H
#define LH_SPAWN_H

#include "app.h"

#include <sys/types.h>

struct lh_pipes;

/* One pair of pipes for all starts of the handler, and the thread that reads them. */
enum enl_rc lh_pipes_open(struct lh_pipes **ret, struct enl_err *err) ENL_MUSTCHECK;
/* Passes on what is still in them. */
void lh_pipes_close(struct lh_pipes *p);

/* RETRY: no process.  A program that cannot be executed is a child that exits with 127. */
enum enl_rc lh_spawn(const struct lh_app *app, const struct lh_pipes *pipes, pid_t *ret,
                     struct enl_err *err) ENL_MUSTCHECK;

#endif
