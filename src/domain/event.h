/*
 * event - one interaction of a lead, read from the body that ManyChat posted.
 *
 * Pure: no I/O, no clock, no environment.  The webhook and the committer run the same code over
 * the same bytes, so the raw body is the one source of truth: what is wrong in it is left out of
 * the field it was meant for and named in a warning; only what cannot be kept at all is refused.
 *
 * Ownership: enl_event_read gives an event that enl_event_free ends; its members are the event's.
 * Threads:   an event is used by one thread at a time.
 */
#ifndef ENL_DOMAIN_EVENT_H
#define ENL_DOMAIN_EVENT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "wrap/crypto.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_EVENT_ID_MAX     128 /* characters of A-Z a-z 0-9 . _ : ~ @ + = , - */
#define ENL_SUBSCRIBER_MAX   64  /* printable ASCII characters without spaces */
#define ENL_ORDER_KEY_MAX    (16 + 1 + ENL_EVENT_ID_MAX)
#define ENL_BODY_MAX         1048576 /* bytes of a body that is parsed at all */
#define ENL_WARNINGS_MAX     20      /* as many are kept */
#define ENL_STATE_MAX        128     /* characters (code points) of a state */
#define ENL_SUMMARY_MAX      8000    /* characters of a summary */
#define ENL_TEXT_MAX         1024    /* characters of any other text */
#define ENL_CUSTOM_NAMES_MAX 1000
#define ENL_CUSTOM_DEPTH_MAX                                                                       \
    64 /* levels of a custom field's value; Odoo's JSON reader ends at                             \
          about 1,000, SQLite's at 2,000: deeper stays in raw only */

enum enl_kind { ENL_KIND_INTERACTION, ENL_KIND_CONTACT, ENL_KIND_STATE, ENL_KIND_ASSIGNMENT };

/* "interaction", "contact", "state", "assignment". */
const char *enl_kind_name(enum enl_kind kind);

struct enl_warning {
    char field[96];  /* path from the top, "data.subscribed"; cut at a character when longer */
    char detail[64]; /* "not a date; left out" */
};

/* Why a body is refused, for the caller of the webhook. */
struct enl_refusal {
    int status;       /* 400, 413 or 422; 0 while nothing was refused */
    char field[96];   /* "$", "data.id", "Idempotency-Key"; "" when the body is no JSON */
    char detail[160]; /* one sentence, without the value */
    int line, column; /* of a 400, from 1; else 0 */
};

struct enl_event_options {
    int utc_offset_min;      /* LOCAL_UTC_OFFSET: for dates without an offset */
    const char *state_field; /* STATE_CUSTOM_FIELD */
    bool check_only;         /* for who passes the event on: body_hash stays empty, and contact,
                                assignment, channel and page_id are not built; all else is the
                                same, refusals and warnings too */
};

struct enl_event_source {
    const char *raw; /* the body's bytes as received, a BOM included */
    size_t raw_len;
    int64_t received_us;  /* microseconds since 1970, unique and rising in a process */
    const char *given_id; /* Idempotency-Key header as it came, or NULL */
    bool given_twice;     /* there were two Idempotency-Key headers */
    const char *known_id; /* set by readers of a queue message: this is the id, whatever the
                             body or a header says (it was checked at reception) */
    bool known_generated; /* with known_id: whether the service made it */
    const char *new_id;   /* a fresh UUIDv7, used when nothing else names the event */
};

struct enl_event {
    char event_id[ENL_EVENT_ID_MAX + 1];
    char subscriber_id[ENL_SUBSCRIBER_MAX + 1];
    char order_key[ENL_ORDER_KEY_MAX + 1]; /* docs/protocol.md: 16 hex digits, ':', event id */
    char body_hash[ENL_SHA256_TEXT];       /* of the parsed body with sorted keys; or "" */
    bool generated;
    int64_t received_us;
    int64_t occurred_ms; /* datetime_actual, or the reception */
    enum enl_kind kind;
    char *state;                 /* NULL: none */
    char *channel;               /* NULL: none */
    char *page_id;               /* NULL: none */
    struct enl_json *contact;    /* object of the normalised fields that the event carries, named as
                                    in Odoo's manychat.contact; dates as UTC text with ms */
    struct enl_json *custom;     /* object of custom fields, null and "" included */
    struct enl_json *assignment; /* object campaign_ref, commercial_ref, medical_ref, kind, summary:
                                    what of it stands there; NULL when it is no assignment */
    struct enl_warning warnings[ENL_WARNINGS_MAX];
    size_t n_warnings;
};

/* Reads one body.  INVALID: refused, *why says how to answer.  FATAL: memory.
 * Must run where the stack fits the body's nesting (wrap/json.h). */
enum enl_rc enl_event_read(const struct enl_event_source *src, const struct enl_event_options *opt,
                           struct enl_event **ret, struct enl_refusal *why,
                           struct enl_err *err) ENL_MUSTCHECK;

void enl_event_free(struct enl_event *e); /* NULL allowed */

/* [{"field":..,"detail":..}, ..]; NULL when memory is exhausted. */
struct enl_json *enl_event_warnings_json(const struct enl_event *e) ENL_MUSTCHECK;

/* 1 to 128 of the allowed characters. */
bool enl_event_id_valid(const char *id);

/* False unless key is 16 lower-case hexadecimal digits, ':' and event_id; *ret_us is the order
 * time in microseconds since 1970. */
bool enl_order_key_read(const char *key, const char *event_id, int64_t *ret_us);

#endif
