/*
 * envelope - reads what the Functions host posts for one invocation.
 *
 * {"Data":{"<binding>":..},"Metadata":{..}}.  Only Data is read, and of Metadata only
 * DequeueCount: the rest of Metadata repeats the caller's body and names that the caller chose.
 *
 * Ownership: a struct enl_envelope owns what it was read into until enl_envelope_done; the text
 *            may go before.
 * Threads:   an envelope is used by one thread at a time; fits a worker's stack.
 */
#ifndef ENL_HOST_ENVELOPE_H
#define ENL_HOST_ENVELOPE_H

#include "base/buf.h"
#include "base/err.h"
#include "host/functions.h"

#include <stdbool.h>
#include <stddef.h>

struct enl_envelope {
    struct enl_http_req http;   /* of an HTTP trigger */
    struct enl_queue_msg queue; /* of a queue trigger */
    struct enl_timer timer;     /* of a timer trigger */
    char method[16];
    struct enl_buf body; /* the HTTP body or the message */
    struct enl_header *headers;
    struct enl_buf names; /* names and values of the headers, each with a NUL */
};

/* Reads the envelope of f.  cut: the text is only the beginning of one that was too large; an HTTP
 * trigger is then read as far as it goes.  INVALID: it is no envelope of f.  FATAL: memory.
 * enl_envelope_done is needed in each case. */
enum enl_rc enl_envelope_read(const struct enl_function *f, const char *text, size_t len, bool cut,
                              struct enl_envelope *ret, struct enl_err *err) ENL_MUSTCHECK;
void enl_envelope_done(struct enl_envelope *e);

#endif
