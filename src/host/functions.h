/*
 * functions - what a row of the function table is: from function name to typed C handler.
 *
 * The Functions host POSTs a trigger to /<function name> as an envelope, unless the function has
 * an HTTP trigger and no other output than its answer: then the request is forwarded as it came.
 * The row gives the trigger's kind and the names in function.json; the union member's type makes
 * the compiler refuse a handler of another kind.  The table itself is fn/functions.c.
 *
 * Ownership: what a handler is given is borrowed for the call.
 * Threads:   handlers run on the server's workers, many at once, with about 100 KB of stack.
 */
#ifndef ENL_HOST_FUNCTIONS_H
#define ENL_HOST_FUNCTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct enl_app;   /* fn/app.h */
struct enl_reply; /* host/reply.h */

struct enl_header {
    const char *name;
    const char *value;
};

struct enl_http_req {
    const char *method;
    const struct enl_header *headers; /* a name that came twice is here twice, but a forwarded
                                         request has it once, joined by ", " */
    size_t n_headers;
    const char *body; /* what the host gave: text, or base64 of octet-stream; any byte */
    size_t body_len;
    bool has_body;     /* the envelope has a Body; false for a forwarded request */
    bool cut;          /* the envelope was too large to read: body is missing, headers may be */
    const char *param; /* a forwarded route's parameter, decoded; "" when absent */
};

struct enl_queue_msg {
    const char *text;
    size_t len;
    unsigned deliveries; /* DequeueCount; 0 when it is not plainly a number */
};

struct enl_timer {
    bool past_due;
};

/* ENL_OK: the reply is filled, a refusal is one too.  Anything else: dispatch answers by the rc. */
typedef enum enl_rc enl_http_fn(struct enl_app *app, const struct enl_http_req *req,
                                struct enl_reply *reply, struct enl_err *err);
typedef enum enl_rc enl_queue_fn(struct enl_app *app, const struct enl_queue_msg *msg,
                                 struct enl_reply *reply, struct enl_err *err);
typedef enum enl_rc enl_timer_fn(struct enl_app *app, const struct enl_timer *timer,
                                 struct enl_reply *reply, struct enl_err *err);

enum enl_trigger { ENL_HTTP, ENL_QUEUE, ENL_TIMER };

struct enl_function {
    const char *name;    /* folder of function.json */
    const char *binding; /* "name" of the trigger in function.json */
    const char *output;  /* "name" of the queue output, NULL: none */
    const char *route;   /* of an HTTP trigger, as in function.json */
    const char *methods; /* of an HTTP trigger, as Allow has them: "GET, HEAD" */
    enum enl_trigger trigger;
    union {
        enl_http_fn *http;
        enl_queue_fn *queue;
        enl_timer_fn *timer;
    } fn;
};

#define ENL_HTTP_FUNCTION(name_, binding_, output_, methods_, route_, fn_)                         \
    {                                                                                              \
        .name = (name_), .binding = (binding_), .output = (output_), .route = (route_),            \
        .methods = (methods_), .trigger = ENL_HTTP, .fn.http = (fn_)                               \
    }
#define ENL_QUEUE_FUNCTION(name_, binding_, output_, fn_)                                          \
    {                                                                                              \
        .name = (name_), .binding = (binding_), .output = (output_), .trigger = ENL_QUEUE,         \
        .fn.queue = (fn_)                                                                          \
    }
#define ENL_TIMER_FUNCTION(name_, binding_, fn_)                                                   \
    {                                                                                              \
        .name = (name_), .binding = (binding_), .trigger = ENL_TIMER, .fn.timer = (fn_)            \
    }

/* Whether the host forwards the function's requests instead of wrapping them. */
static inline bool enl_function_is_forwarded(const struct enl_function *f)
{
    return f->trigger == ENL_HTTP && !f->output;
}

/* The value of the first header of that name (any case), NULL: none; *ret_n (NULL allowed) is how
 * many there are. */
const char *enl_http_header(const struct enl_http_req *req, const char *name, size_t *ret_n);

#endif
