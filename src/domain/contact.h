/*
 * contact - what is known of a lead: the merge of its events, field by field, newest wins.
 *
 * A field's value is the one of the event with the greatest order_key that carries it.  The merge
 * is commutative, associative and idempotent, so events may come late, twice and in any order.
 * Fields are named as in manychat.contact; "custom_fields.<name>" is one field each; the state is
 * the field "last_state"; of an assignment all but its kind are fields.
 *
 * Ownership: the contact owns its two objects.  Threads: one at a time.
 */
#ifndef ENL_DOMAIN_CONTACT_H
#define ENL_DOMAIN_CONTACT_H

#include "base/err.h"
#include "domain/event.h"
#include "wrap/json.h"

#include <stdbool.h>

struct enl_contact {
    struct enl_json *fields; /* field -> value */
    struct enl_json *keys;   /* field -> order_key of the event that set it */
};

/* Empty.  FATAL: memory. */
enum enl_rc enl_contact_init(struct enl_contact *c, struct enl_err *err) ENL_MUSTCHECK;
/* From the two stored texts.  INVALID when one is no JSON object; FATAL: memory. */
enum enl_rc enl_contact_load(struct enl_contact *c, const char *fields, const char *keys,
                             struct enl_err *err) ENL_MUSTCHECK;
void enl_contact_done(struct enl_contact *c);

/* *ret_changed (NULL allowed) says whether any field was set.  FATAL: memory; c may then hold a
 * part of the event, which a repeated merge completes. */
enum enl_rc enl_contact_merge(struct enl_contact *c, const struct enl_event *e, bool *ret_changed,
                              struct enl_err *err) ENL_MUSTCHECK;

#endif
