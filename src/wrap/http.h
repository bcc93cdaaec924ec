/*
 * http - the only user of libcurl: one POST at a time, with limits on everything.
 *
 * No keep-alive (Odoo closes every connection), no redirects, no "Expect", no compression.  What
 * matters to the caller of a failed request is whether the server can have seen it.
 *
 * Ownership: a handle belongs to its opener; a response's body to enl_http_response_done.
 * Threads:   a handle is used by one thread at a time.
 */
#ifndef ENL_WRAP_HTTP_H
#define ENL_WRAP_HTTP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct enl_http;

enum enl_http_outcome {
    ENL_HTTP_ANSWERED,  /* a whole response of any status */
    ENL_HTTP_NOT_SENT,  /* no connection: the server has not seen the request */
    ENL_HTTP_UNTRUSTED, /* not sent: the server's certificate is not trusted, which settings mend */
    ENL_HTTP_UNKNOWN,   /* time-out, reset, broken answer: the server may have done the work */
};

struct enl_http_request {
    const char *url;
    const char *content_type;
    const char *body;
    size_t body_len;
    const char *ca_file; /* PEM; NULL: the system's bundle */
    uint32_t timeout_ms; /* whole request */
    uint32_t connect_timeout_ms;
    size_t response_max; /* bytes; a longer answer counts as broken */
};

struct enl_http_response {
    enum enl_http_outcome outcome;
    long status;            /* of ENL_HTTP_ANSWERED */
    int64_t retry_after_ms; /* of the header Retry-After (seconds or a date), -1: none */
    struct enl_buf body;
    char reason[120]; /* of the other outcomes: curl's words for the error */
};

/* Once, before the first thread.  FATAL: libcurl cannot be used. */
enum enl_rc enl_http_global_init(struct enl_err *err) ENL_MUSTCHECK;
void enl_http_global_done(void);

struct enl_http *enl_http_new(void) ENL_MUSTCHECK; /* NULL: memory */
void enl_http_free(struct enl_http *h);            /* NULL allowed */

/* FATAL: memory, before anything was sent.  OK: ret says what came of it; end it with _done. */
enum enl_rc enl_http_post(struct enl_http *h, const struct enl_http_request *req,
                          struct enl_http_response *ret, struct enl_err *err) ENL_MUSTCHECK;
void enl_http_response_done(struct enl_http_response *r);

#endif
