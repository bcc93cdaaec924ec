/*
 * json_span - finds values in a JSON text in one pass, without parsing the rest.
 *
 * An invocation carries the caller's body twice, the second time spread over Metadata, thousands
 * of levels deep if the caller likes; workers have 100 KB of stack.  So the envelope is scanned:
 * brackets are counted, strings are skipped, nothing is built, and no level is recursed into but
 * those on the way to what is looked for.  What is skipped is not validated.
 *
 * Ownership: spans point into the text.
 * Threads:   any; nothing is kept.
 */
#ifndef ENL_HOST_JSON_SPAN_H
#define ENL_HOST_JSON_SPAN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct enl_span {
    const char *text;
    size_t len;
};

/* The one value that the text consists of, white space around it left out; false when it has no
 * end or something follows. */
bool enl_span_whole(const char *text, size_t len, struct enl_span *ret);

#define ENL_PICK_DEPTH 3
#define ENL_PICKS_MAX  8

/* One value that is wanted: where it is, and what was found there. */
struct enl_pick {
    const char *path[ENL_PICK_DEPTH]; /* names from the outermost object on, as they are written in
                                         the text; fewer than all: the rest is NULL */
    struct enl_span value;            /* text NULL: not there; len 0: the text ends within it */
};

/* Fills the values of up to ENL_PICKS_MAX picks in one pass over the text.  Of members with one
 * name the last counts, and nothing of the others.  False when the text is not one object, up to
 * its end, white space around it left out: the picks have what was found as far as it went. */
bool enl_span_pick(const char *text, size_t len, struct enl_pick *picks, size_t n);

/* Steps through an object or an array: *pos starts as 0; *ret_name is empty in an array. */
enum enl_step { ENL_STEP_END, ENL_STEP_ITEM, ENL_STEP_WRONG };
enum enl_step enl_span_step(struct enl_span container, size_t *pos, struct enl_span *ret_name,
                            struct enl_span *ret_value);

bool enl_span_is_string(struct enl_span s);
/* Whether the span is exactly this string (as written, without escapes). */
bool enl_span_equals(struct enl_span s, const char *string);

/* Appends what a string literal stands for.  False when it is no string or an escape is wrong, and
 * nothing is appended.
 * U+0000 becomes a NUL byte, a lone surrogate U+FFFD: what to make of them is the reader's
 * affair. */
bool enl_span_decode(struct enl_span s, struct enl_buf *out);

#endif
