/*
 * handler - the custom handler's process: start, readiness, restart, end.
 *
 * One supervisor thread starts it, asks GET / every 25 ms until it answers, and starts it again
 * when it exits, as the host does: exit code 0 never, 200 always, any other until the third
 * within 30 minutes of the one before, which stops the host.
 *
 * Threads: any, but for lh_handler_start/stop.
 */
#ifndef LH_HANDLER_H
#define LH_HANDLER_H

#include "host.h"

struct lh_handler;

enum lh_state {
    LH_READY,
    LH_STARTING, /* lh_handler_wait: the time was up */
    LH_GONE,     /* it exited with 0, or the host stops: no invocation will succeed */
};

struct lh_handler_info {
    pid_t pid; /* 0 while there is none */
    unsigned starts;
    uint16_t port;
};

enum enl_rc lh_handler_start(struct lh_host *host, struct lh_handler **ret,
                             struct enl_err *err) ENL_MUSTCHECK;
/* Kills it and ends the supervisor. */
void lh_handler_stop(struct lh_handler *h);
void lh_handler_free(struct lh_handler *h);

/* Holds the caller until the handler is ready; *ret_start: which start of it that is. */
enum lh_state lh_handler_wait(struct lh_handler *h, int64_t until_us, unsigned *ret_start);

/* Whether that start of it is over, or proves to be before until_us. */
bool lh_handler_left(struct lh_handler *h, unsigned start, int64_t until_us);

/* SIGKILL, if that start of it still runs (0: whichever does); counted: as a crash. */
void lh_handler_kill(struct lh_handler *h, unsigned start, bool counted);

struct lh_handler_info lh_handler_about(struct lh_handler *h);

#endif
