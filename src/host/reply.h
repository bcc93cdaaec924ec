/*
 * reply - what a function answers, and how it is written for the host.
 *
 * An HTTP function with outputs and a queue function answer the host with an envelope,
 * {"Outputs":{..},"Logs":[],"ReturnValue":null}, never empty: an empty answer hangs the
 * invocation for ever.  A message goes out as base64, the one way the host leaves it alone.
 *
 * Ownership: enl_reply_init .. enl_reply_done; texts given as const char * are constants.
 * Threads:   a reply is used by one thread at a time.
 */
#ifndef ENL_HOST_REPLY_H
#define ENL_HOST_REPLY_H

#include "base/buf.h"
#include "host/functions.h"

#include <stdbool.h>
#include <stddef.h>

#define ENL_REPLY_HEADERS   4
#define ENL_REPLY_MAX       ((size_t)64 * 1024 * 1024)
#define ENL_REPLY_EVENT_MAX 129 /* an event id and its NUL */

struct enl_reply {
    int status;
    const char *content_type;
    struct enl_header headers[ENL_REPLY_HEADERS];
    size_t n_headers;
    struct enl_buf body;
    struct enl_buf output; /* the message for the output binding, not encoded */
    bool has_output;
    /* for the log line */
    char event_id[ENL_REPLY_EVENT_MAX];
    char note[240]; /* why it was refused, without body or key; "" none */
    bool quiet;     /* a success of which others tell: no line */
};

/* Status 200, application/json, nothing in it. */
void enl_reply_init(struct enl_reply *r);
void enl_reply_done(struct enl_reply *r);

void enl_reply_header(struct enl_reply *r, const char *name, const char *value);
void enl_reply_output(struct enl_reply *r, const char *message, size_t len);

/* RFC 9457.  Replaces status, type and body, keeps the headers; the detail is the note too. */
struct enl_problem {
    int status;
    const char *detail;
    const char *field;   /* NULL, "": none */
    int line, column;    /* 0: none */
    const char *members; /* more members as JSON, "\"limit\":1"; NULL: none */
};
void enl_reply_problem(struct enl_reply *r, const struct enl_problem *p);

/* The envelope around an HTTP reply (status and body for the caller) or a queue's or timer's. */
void enl_reply_wrap(const struct enl_function *f, const struct enl_reply *r, struct enl_buf *out);

/* Head and body as they go over the wire; close_after: without keep-alive; head_only: HEAD. */
void enl_reply_http(const struct enl_reply *r, bool close_after, bool head_only,
                    struct enl_buf *out);

/* "Not Found". */
const char *enl_status_text(int status);

#endif
