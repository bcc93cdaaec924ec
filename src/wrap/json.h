/*
 * json - the only user of jansson: strict parsing, numbers as written, compact output.
 *
 * jansson turns numbers into doubles; here every number keeps its text, so that 1.50 stays 1.50
 * and an id of 19 digits stays itself.  For that a number travels inside as a string
 * "\u0001n<text>", a string that begins with U+0001 as "\u0001s<string>", so that no caller's
 * string can pass for a number; marked as the text is read, which is done here, and unmarked after
 * jansson wrote it. Duplicate keys: the last wins.  Objects keep the order of insertion.
 *
 * jansson recurses once a level, so a text nested deeper than ENL_JSON_SHALLOW belongs on a
 * thread with a real stack (enl_thread_call), from parsing to freeing.
 *
 * Ownership: enl_json_parse and enl_json_new_* give a reference that enl_json_free ends; set and
 *            append steal their value, also when they fail; get, at and the iterators borrow.
 * Threads:   a value is used by one thread at a time.
 */
#ifndef ENL_WRAP_JSON_H
#define ENL_WRAP_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_JSON_SHALLOW   64   /* levels that fit on any of our stacks */
#define ENL_JSON_DEPTH_MAX 2048 /* levels that are accepted at all (jansson 2.14) */

struct enl_json;

enum enl_json_type {
    ENL_JSON_NULL,
    ENL_JSON_BOOL,
    ENL_JSON_NUMBER,
    ENL_JSON_STRING,
    ENL_JSON_ARRAY,
    ENL_JSON_OBJECT,
};

struct enl_json_pos {
    int line, column; /* both from 1; 0 when unknown */
};

/* Once, before the first thread: seeds the hash, sends jansson's memory through base/alloc. */
void enl_json_init(void);

/* Deepest nesting of the text, counted without recursion; 0 for a scalar or for no JSON. */
size_t enl_json_depth(const char *text, size_t len);

/* Parses one JSON text of any type.  INVALID with the reason in err and the place in *ret_pos
 * (NULL allowed): no JSON, trailing text, U+0000, a lone surrogate, no UTF-8, deeper than
 * ENL_JSON_DEPTH_MAX, a number too large for a double.  FATAL: memory. */
enum enl_rc enl_json_parse(const char *text, size_t len, struct enl_json **ret,
                           struct enl_json_pos *ret_pos, struct enl_err *err) ENL_MUSTCHECK;

void enl_json_free(struct enl_json *j); /* NULL allowed */
struct enl_json *enl_json_ref(struct enl_json *j);

static inline void enl_json_auto_(struct enl_json **j)
{
    enl_json_free(*j);
}
#define ENL_AUTO_JSON __attribute__((cleanup(enl_json_auto_)))

/* NULL counts as ENL_JSON_NULL in all of the following. */
enum enl_json_type enl_json_type(const struct enl_json *j);
bool enl_json_is(const struct enl_json *j, enum enl_json_type type);
/* The text of a string, without NUL inside; NULL for any other type.  Borrowed. */
const char *enl_json_str(const struct enl_json *j);
/* The text of a number as written; NULL for any other type.  Borrowed. */
const char *enl_json_number(const struct enl_json *j);
/* A number written as an integer that fits; false for all else. */
bool enl_json_i64(const struct enl_json *j, int64_t *ret);
bool enl_json_true(const struct enl_json *j);

/* NULL when j is no object or has no such key.  Borrowed. */
struct enl_json *enl_json_get(const struct enl_json *j, const char *key);
/* enl_json_str(enl_json_get(..)). */
const char *enl_json_get_str(const struct enl_json *j, const char *key);
bool enl_json_get_i64(const struct enl_json *j, const char *key, int64_t *ret);
/* Members of an object or items of an array; 0 for all else. */
size_t enl_json_len(const struct enl_json *j);
struct enl_json *enl_json_at(const struct enl_json *array, size_t i);

/* for (void *it = enl_json_iter(o); it; it = enl_json_next(o, it)): do not change o meanwhile. */
void *enl_json_iter(const struct enl_json *object);
void *enl_json_next(const struct enl_json *object, void *it);
const char *enl_json_key(void *it);
struct enl_json *enl_json_value(void *it);

/* Each returns NULL when memory is exhausted (str: also when the text is no UTF-8). */
struct enl_json *enl_json_new_object(void) ENL_MUSTCHECK;
struct enl_json *enl_json_new_array(void) ENL_MUSTCHECK;
struct enl_json *enl_json_new_str(const char *s) ENL_MUSTCHECK;
struct enl_json *enl_json_new_strn(const char *s, size_t len) ENL_MUSTCHECK;
struct enl_json *enl_json_new_i64(int64_t v) ENL_MUSTCHECK;
struct enl_json *enl_json_new_bool(bool v) ENL_MUSTCHECK;
struct enl_json *enl_json_new_null(void) ENL_MUSTCHECK;

/* False when memory is exhausted or value is NULL (so that calls nest). Steals value. */
bool enl_json_set(struct enl_json *object, const char *key, struct enl_json *value);
bool enl_json_append(struct enl_json *array, struct enl_json *value);

bool enl_json_equal(const struct enl_json *a, const struct enl_json *b);

/* Appends the compact text, non-ASCII as it stands; sorted: keys in byte order (for hashes).
 * A failure is the buffer's sticky one. */
void enl_json_dump(const struct enl_json *j, bool sorted, struct enl_buf *out);

/* Appends the text, which must be UTF-8, as a JSON string literal: non-ASCII as it stands, and
 * escapes as short as there are. */
void enl_json_quote(const char *text, size_t len, struct enl_buf *out);

#endif
