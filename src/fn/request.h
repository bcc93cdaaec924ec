/*
 * request - what the headers of a caller's request say.
 *
 * Threads: any; nothing is kept.
 */
#ifndef ENL_FN_REQUEST_H
#define ENL_FN_REQUEST_H

#include "host/functions.h"

#include <stdbool.h>

/* Whether Content-Type is that media type, parameters aside; "multipart/" matches all of them. */
bool enl_request_is_type(const struct enl_http_req *req, const char *type);

/* The caller sent its body in chunks: such a body does not arrive.  Also a request that has neither
 * body nor "Content-Length: 0". */
bool enl_request_is_chunked(const struct enl_http_req *req);

/* Prefer: handling=strict (RFC 7240); the first handling counts. */
bool enl_request_is_strict(const struct enl_http_req *req);

/* The traceparent header where there is exactly one and it looks like one (W3C Trace Context,
 * version 00), else NULL.  Borrowed. */
const char *enl_request_traceparent(const struct enl_http_req *req);

#endif
