/*
 * t1 - the transaction after which SQL owns an event: store, merge, claim.
 *
 * Contacts are locked before events and keys are sorted, so that two committers never deadlock.
 * What must be decided (new, known, conflict, duplicate, merge) is decided in C between two
 * statements.  A T1 that was not confirmed is run again with the same token: what the lost one
 * inserted counts as its own.
 *
 * Ownership: entries are the caller's; a row that T1 hands out is the caller's (enl_row_free).
 * Threads:   as the store.
 */
#ifndef ENL_COMMIT_T1_H
#define ENL_COMMIT_T1_H

#include "base/err.h"
#include "base/id.h"
#include "commit/row.h"
#include "domain/message.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define ENL_T1_EVENTS_MAX 500
#define ENL_T1_BYTES_MAX  2097152 /* of the messages */
#define ENL_CLAIM_MS      180000

enum enl_t1_outcome {
    ENL_T1_SAFE,     /* in SQL, and nothing more to wait for */
    ENL_T1_REJECTED, /* known as refused for good */
    ENL_T1_MINE,     /* claimed: row says more */
};

struct enl_t1_entry {
    const char *text; /* the queue message's bytes */
    size_t text_len;
    const struct enl_message *message;
    const struct enl_event *event;
    bool record; /* from the poison queue: stored, not claimed; a rejection counts the delivery */
    /* set by enl_t1_run */
    enum enl_t1_outcome outcome;
    size_t leader;       /* of ENL_T1_MINE: index of the entry whose row it is (often
                            its own) */
    struct enl_row *row; /* of a leader that is ENL_T1_MINE */
    char detail[160];    /* of ENL_T1_REJECTED and conflicts, for the log */
};

struct enl_t1_options {
    const struct enl_event_options *event;
    const struct enl_clock *clock;
    char token[ENL_TOKEN_TEXT];
    uint32_t window_s; /* duplicate window; 0 off */
    bool odoo;         /* false: not configured, nothing is claimed */
};

/* INVALID: SQL refuses a value of one of the events (take them one by one, and the one at fault to
 * enl_t1_refuse).  RETRY: not confirmed.  FATAL: memory.  Then no row is handed out. */
enum enl_rc enl_t1_run(struct enl_store *s, struct enl_t1_entry *entries, size_t n,
                       const struct enl_t1_options *opt, struct enl_err *err) ENL_MUSTCHECK;

/* Stores bytes that are no event, or must not be read, as a dead letter of this class. */
enum enl_rc enl_t1_store_raw(struct enl_store *s, const char *text, size_t len, const char *class,
                             struct enl_err *err) ENL_MUSTCHECK;

/* Stores an event that SQL refuses as rejected without its body, and the message's bytes as a dead
 * letter of class "data". */
enum enl_rc enl_t1_refuse(struct enl_store *s, struct enl_t1_entry *entry,
                          struct enl_err *err) ENL_MUSTCHECK;

#endif
