/*
 * dispatch - from one request of the Functions host to the handler and back.
 *
 * Decodes once per kind of trigger, calls the row's handler and logs one line a call.  Knows
 * nothing of sockets: server.c hands it the request and writes the reply.
 *
 * Ownership: a request is borrowed for the call; the reply is the caller's.
 * Threads:   any number at once.
 */
#ifndef ENL_HOST_DISPATCH_H
#define ENL_HOST_DISPATCH_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "host/functions.h"
#include "host/reply.h"

#include <stdbool.h>
#include <stddef.h>

struct enl_host {
    const struct enl_function *functions;
    size_t n_functions;
    struct enl_app *app;
    const struct enl_clock *clock;
};

/* Appends the request's body; *ret_cut when there was more than fits.  RETRY: the connection is
 * gone. */
typedef enum enl_rc enl_read_body_fn(void *ctx, struct enl_buf *out, bool *ret_cut,
                                     struct enl_err *err);

struct enl_call {
    const char *method;
    const char *path; /* as it came, without the query */
    const struct enl_header *headers;
    size_t n_headers;
    enl_read_body_fn *read_body; /* called at most once */
    void *read_ctx;
};

/* Answers every call: *ret, which the caller has not initialised, is filled and to be ended with
 * enl_reply_done. */
void enl_dispatch(const struct enl_host *host, const struct enl_call *call, struct enl_reply *ret);

#endif
