/*
 * message - the text that carries an event from the webhook over the queue to the committer.
 *
 * {"v":1,"event_id":..,"generated":..,"received_at":..,"order_key":..,"traceparent":..,"raw":..}:
 * raw is the body's text as received; everything else about the event is read from it again.
 *
 * Ownership: enl_message_read's strings belong to the message until enl_message_done.
 * Threads:   a message is used by one thread at a time.
 */
#ifndef ENL_DOMAIN_MESSAGE_H
#define ENL_DOMAIN_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "domain/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_MESSAGE_VERSION 1
/* Bytes that the host can put on the queue: 64 KiB less base64 (functions host, golden cases). */
#define ENL_MESSAGE_MAX 49152

struct enl_message {
    struct enl_json *root; /* owns the strings below */
    bool newer;            /* v is greater than ours: only this member is set; hold, hand back */
    const char *event_id;
    const char *order_key;
    const char *traceparent; /* NULL: none */
    const char *raw;
    size_t raw_len;
    int64_t received_us; /* received_at has milliseconds; the microseconds come from order_key's
                            reception where it is the order time, else they are 0 */
    bool generated;
};

/* Appends the message of an event that was read from raw: UTF-8 without a NUL.  traceparent may be
 * NULL. */
void enl_message_write(const struct enl_event *e, const char *traceparent, const char *raw,
                       size_t raw_len, struct enl_buf *out);

/* INVALID: the text is no event of ours (also: a top-level key named DequeueCount in any case,
 * nested deeper than ENL_JSON_SHALLOW, a malformed or missing member).  FATAL: memory. */
enum enl_rc enl_message_read(const char *text, size_t len, struct enl_message *ret,
                             struct enl_err *err) ENL_MUSTCHECK;
void enl_message_done(struct enl_message *m);

/* The event of a message: enl_event_read over raw, then order_key and id as the message has them.
 * INVALID when raw holds no event. */
enum enl_rc enl_message_event(const struct enl_message *m, const struct enl_event_options *opt,
                              struct enl_event **ret, struct enl_err *err) ENL_MUSTCHECK;

#endif
