/*
 * fields - the one table of normalised fields: which keys of a body become which field, and how.
 *
 * What does not fit its field is left out and named in a warning; it is not replaced by the next
 * key in line (docs/webhook.md W5, W7, W8).
 *
 * Ownership: results belong to the event.  Threads: one at a time.
 */
#ifndef ENL_DOMAIN_FIELDS_H
#define ENL_DOMAIN_FIELDS_H

#include "base/err.h"
#include "domain/body.h"
#include "domain/date.h"
#include "domain/event.h"

#include <stdbool.h>

/* Sets custom, state and kind, and unless opt says check_only contact, assignment, channel and
 * page_id.  FATAL: memory. */
enum enl_rc enl_fields_read(const struct enl_body *b, const struct enl_event_options *opt,
                            struct enl_event *e, struct enl_err *err) ENL_MUSTCHECK;

/* The event's own time; false when the body has none. */
bool enl_fields_time(const struct enl_body *b, const struct enl_event_options *opt,
                     struct enl_event *e, struct enl_moment *ret);

#endif
