/*
 * host - the stand-in as a whole: what runs, what is under way, and its end.
 *
 * Draining: no new work, what is under way may finish.  Aborted: what is under way ends now.
 *
 * Threads: any, but for lh_host_open/close.
 */
#ifndef LH_HOST_H
#define LH_HOST_H

#include "app.h"
#include "client.h"
#include "pool.h"
#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lh_handler;
struct lh_listener;

struct lh_host {
    const struct lh_app *app;
    struct lh_store *store;
    struct lh_client *client;
    struct lh_handler *handler;
    struct lh_pool *pool;
    struct lh_listener *listeners; /* a list, fixed before the first invocation */
    bool notify;                   /* an output wakes the listener of its queue */
    uint16_t port;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* draining, aborted or in_flight */
    bool draining;
    atomic_bool aborted;
    size_t in_flight;
    int exit_code;
    int event_fd; /* readable: the handler became ready, or the host has to stop */
    bool ready;
    bool stopping;
};

enum enl_rc lh_host_init(struct lh_host *h, struct enl_err *err) ENL_MUSTCHECK;
void lh_host_done(struct lh_host *h);

/* Counts an invocation as under way; false when the host is draining. */
bool lh_host_enter(struct lh_host *h);
void lh_host_leave(struct lh_host *h);

/* Sleeps until until_us (monotonic); false at once when the host is aborted. */
bool lh_host_sleep(struct lh_host *h, int64_t until_us);
/* The same, false also when it is draining: for what waits for its next work. */
bool lh_host_rest(struct lh_host *h, int64_t until_us);

void lh_host_drain(struct lh_host *h);
void lh_host_abort(struct lh_host *h);
/* Called by the handler's supervisor. */
void lh_host_set_ready(struct lh_host *h);
void lh_host_stop(struct lh_host *h, int exit_code);

/* Puts the bytes of a message into a queue, in its wire form, and wakes the listener. */
enum enl_rc lh_host_put(struct lh_host *h, const char *queue, const char *data, size_t len,
                        struct enl_err *err) ENL_MUSTCHECK;

int64_t lh_now_us(void);                      /* monotonic */
int64_t lh_wall_us(void);                     /* since 1970 */
#define LH_NEVER_US INT64_C(4000000000000000) /* a monotonic time that does not come */

#endif
