/*
 * app - what an app folder says: host.json and every function.json.
 *
 * Ownership: lh_app_done() frees all of it.
 * Threads:   read-only once loaded.
 */
#ifndef LH_APP_H
#define LH_APP_H

#include "base/err.h"
#include "settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LH_NO_TIMEOUT (-1)

enum lh_kind { LH_HTTP, LH_QUEUE, LH_TIMER };

struct lh_output {
    char *name;
    char *queue;
};

struct lh_function {
    char *name;
    enum lh_kind kind;
    char *binding;  /* the trigger's name */
    bool anonymous; /* HTTP: authLevel */
    char **methods; /* HTTP: n_methods of them, 0: all */
    size_t n_methods;
    char *route;     /* HTTP: without the prefix, without a leading slash */
    char *http_out;  /* name of the http output, NULL when there is none */
    bool forwarded;  /* HTTP: nothing but httpTrigger and http, and host.json asks for it */
    char *queue;     /* queue: the queue's name */
    bool binary;     /* queue: dataType binary */
    char *schedule;  /* timer */
    int use_monitor; /* timer: -1 not given */
    bool at_start;   /* timer: runOnStartup */
    struct lh_output *outputs;
    size_t n_outputs;
};

struct lh_app {
    char *root; /* absolute */
    struct lh_settings settings;
    struct lh_function *functions;
    size_t n_functions;
    char *route_prefix;
    int64_t function_timeout_ms; /* or LH_NO_TIMEOUT */
    bool home_page;
    /* customHandler */
    char *executable;
    char *arguments; /* joined by spaces */
    bool forwarding;
    int64_t start_timeout_ms;
    /* queues */
    uint32_t batch_size, new_batch_threshold, max_dequeue_count;
    int64_t visibility_timeout_ms, max_polling_ms;
    bool base64;
};

/* root: the app folder; settings: relative to it.  A function in error is logged and left out. */
enum enl_rc lh_app_load(const char *root, const char *settings, struct lh_app *ret,
                        struct enl_err *err) ENL_MUSTCHECK;
void lh_app_done(struct lh_app *app);

const struct lh_function *lh_app_find(const struct lh_app *app, const char *name);

#endif
