/*
 * odoo - JSON-RPC to Odoo 18: log in, ask the addon's version, ingest a batch, look events up.
 *
 * One call is one HTTP request and so one turn of the rate lease; enl_odoo_next says which the
 * session needs.  What an answer means is decided by pure functions over recorded exchanges.
 *
 * Ownership: a session belongs to its opener; a reply to enl_odoo_reply_done.
 * Threads:   one thread at a time.
 */
#ifndef ENL_ODOO_ODOO_H
#define ENL_ODOO_ODOO_H

#include "base/config.h"
#include "base/err.h"
#include "domain/event.h"
#include "wrap/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_ODOO_API          1
#define ENL_ODOO_REQUEST_MAX  524288 /* bytes of a request's events */
#define ENL_ODOO_RESPONSE_MAX 4194304
#define ENL_ODOO_CONNECT_MS   5000
#define ENL_ODOO_ERROR_MAX    501 /* characters of a rejection and the NUL */

struct enl_odoo;

enum enl_odoo_step {
    ENL_ODOO_LOGIN,
    ENL_ODOO_VERSION, /* api_info */
    ENL_ODOO_INGEST,
    ENL_ODOO_LOOK_UP, /* search_read of manychat.state by event ids */
};

/* What became of one call as a whole. */
enum enl_odoo_class {
    ENL_ODOO_ANSWERED, /* login, version: done; ingest: verdicts are there */
    ENL_ODOO_NOT_SENT, /* none of the events can be in Odoo by this call */
    ENL_ODOO_PERHAPS,  /* unknown: any of them may be */
    ENL_ODOO_CONFIG,   /* a matter of settings, rights or addon: opens the breaker */
    ENL_ODOO_DENIED,   /* AccessDenied to a call after a login: log in again once, then CONFIG */
};

enum enl_verdict_kind {
    ENL_VERDICT_NONE, /* not named in the answer */
    ENL_VERDICT_CREATED,
    ENL_VERDICT_DUPLICATE,
    ENL_VERDICT_REJECTED,
    ENL_VERDICT_RETRY,  /* not tried: the call's own time was used up */
    ENL_VERDICT_ABSENT, /* of a look-up: Odoo does not have it */
};

struct enl_verdict {
    enum enl_verdict_kind kind;
    int64_t id; /* manychat.state, of created and duplicate (of a look-up: found); 0 unknown */
    int64_t contact_id; /* manychat.contact; 0 unknown */
    char code[16];      /* of rejected: invalid, constraint, erased, too_large */
    char *error;        /* of rejected: Odoo's words, at most 500 characters; owned by the reply */
};

struct enl_odoo_reply {
    enum enl_odoo_class class;
    bool answered;          /* Odoo itself spoke JSON-RPC: it is up, whatever it said */
    int64_t retry_after_ms; /* of 429 and 503, -1: none said */
    bool throttled;         /* 429, or 503 with Retry-After */
    bool maybe_done;  /* events may be in Odoo all the same: the call ended well and its answer is
                         not  understood (ENL_ODOO_CONFIG), or a 503 with Retry-After */
    bool transient;   /* Odoo said that a repetition may succeed: never the event's fault */
    bool remembers;   /* the addon keeps the ids of events that people deleted (feature `erased`) */
    char reason[200]; /* of all but ENL_ODOO_ANSWERED, for log and /health; no secrets */
    char words[200];  /* the same with what Odoo says, which may quote a lead: for SQL only */
    struct enl_verdict *verdicts;
    size_t n_verdicts;
};

/* cfg is borrowed.  NULL: memory. */
struct enl_odoo *enl_odoo_new(const struct enl_config *cfg) ENL_MUSTCHECK;
void enl_odoo_free(struct enl_odoo *o); /* NULL allowed */

/* What the session needs before, or ENL_ODOO_INGEST: events can be sent and looked up. */
enum enl_odoo_step enl_odoo_next(const struct enl_odoo *o);

/* Makes the call that enl_odoo_next names.  items (of enl_odoo_item, joined by commas) and ids, the
 * n event ids in the same order, are used by ENL_ODOO_INGEST only; verdicts come in that order.
 * FATAL: memory, nothing sent. */
enum enl_rc enl_odoo_call(struct enl_odoo *o, const char *items, size_t items_len,
                          const char *const *ids, size_t n, struct enl_odoo_reply *ret,
                          struct enl_err *err) ENL_MUSTCHECK;
/* The same, but where the session is ready events are looked up instead: ids as above. */
enum enl_rc enl_odoo_look_up(struct enl_odoo *o, const char *const *ids, size_t n,
                             struct enl_odoo_reply *ret, struct enl_err *err) ENL_MUSTCHECK;
void enl_odoo_reply_done(struct enl_odoo_reply *r);

/* Appends one event as ingest takes it. */
void enl_odoo_item(const struct enl_event *e, struct enl_buf *out);

/* Pure: what an HTTP response to a step means; fills ret but for the verdicts and gives the
 * JSON-RPC result (NULL: none, also a method that returned nothing). */
enum enl_rc enl_odoo_classify(const struct enl_http_response *res, struct enl_odoo_reply *ret,
                              struct enl_json **ret_result, struct enl_err *err) ENL_MUSTCHECK;

/* Pure: the verdicts of an ingest result for ids; what is not named stays ENL_VERDICT_NONE.
 * INVALID: the result is not ingest's. */
enum enl_rc enl_odoo_verdicts(const struct enl_json *result, const char *const *ids, size_t n,
                              struct enl_odoo_reply *ret, struct enl_err *err) ENL_MUSTCHECK;

/* Pure: the same of a look-up's result: ENL_VERDICT_DUPLICATE or ENL_VERDICT_ABSENT. */
enum enl_rc enl_odoo_found(const struct enl_json *result, const char *const *ids, size_t n,
                           struct enl_odoo_reply *ret, struct enl_err *err) ENL_MUSTCHECK;

#endif
