/*
 * pairs - a list of names and values: headers, query parameters, route parameters.
 *
 * Names repeat and keep their spelling; they are compared without regard to ASCII case.
 *
 * Ownership: the list owns copies; lh_pairs_done() frees them.
 * Threads:   one thread at a time.
 */
#ifndef LH_PAIRS_H
#define LH_PAIRS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct lh_pair {
    char *name;
    char *value; /* NULL: an optional route parameter that is absent */
};

struct lh_pairs {
    struct lh_pair *items;
    size_t n;
};

#define LH_AUTO_PAIRS __attribute__((cleanup(lh_pairs_done)))

/* value may be NULL.  False when memory is exhausted. */
bool lh_pairs_add(struct lh_pairs *p, const char *name, const char *value) ENL_MUSTCHECK;
bool lh_pairs_addn(struct lh_pairs *p, const char *name, size_t name_len, const char *value,
                   size_t value_len) ENL_MUSTCHECK;
/* Adds or replaces the first of that name. */
bool lh_pairs_set(struct lh_pairs *p, const char *name, const char *value) ENL_MUSTCHECK;
void lh_pairs_done(struct lh_pairs *p);

/* The first value of that name, NULL when there is none. */
const char *lh_pairs_find(const struct lh_pairs *p, const char *name);
/* Whether no item before i has the name of item i. */
bool lh_pairs_is_first(const struct lh_pairs *p, size_t i);
/* All values of the name of item i, from i on, with separator between. */
void lh_pairs_join(const struct lh_pairs *p, size_t i, const char *separator, struct enl_buf *out);
/* The last value of the name of item i. */
const char *lh_pairs_last(const struct lh_pairs *p, size_t i);

/* Decodes a query string ("a=1&b=x%20y") into p. */
bool lh_pairs_add_query(struct lh_pairs *p, const char *query) ENL_MUSTCHECK;
/* Appends text with its %XX decoded; plus: '+' is a space. */
void lh_url_decode(const char *text, size_t len, bool plus, struct enl_buf *out);

#endif
