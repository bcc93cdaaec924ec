/*
 * settings - the environment of the handler, and the %NAME% of function.json.
 *
 * As with Core Tools: what this process was started with wins over the Values of
 * local.settings.json.
 *
 * Ownership: lh_settings_done() frees all of it.
 * Threads:   read-only once loaded.
 */
#ifndef LH_SETTINGS_H
#define LH_SETTINGS_H

#include "base/err.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stddef.h>

struct lh_settings {
    char **items; /* "NAME=value", ends in NULL: an envp */
    size_t n;
};

/* The environment, then the Values of the file at path; a file that is absent is empty. */
enum enl_rc lh_settings_load(const char *path, struct lh_settings *ret,
                             struct enl_err *err) ENL_MUSTCHECK;
void lh_settings_done(struct lh_settings *s);

/* NULL when there is none. */
const char *lh_settings_find(const struct lh_settings *s, const char *name);
/* Adds or replaces. */
enum enl_rc lh_settings_set(struct lh_settings *s, const char *name, const char *value,
                            struct enl_err *err) ENL_MUSTCHECK;
/* text with every %NAME% replaced, to be freed; INVALID when one is not set. */
enum enl_rc lh_settings_resolve(const struct lh_settings *s, const char *text, char **ret,
                                struct enl_err *err) ENL_MUSTCHECK;

/* The JSON in the file at path; ENL_DENIED when there is no such file. */
enum enl_rc lh_read_json(const char *path, struct enl_json **ret,
                         struct enl_err *err) ENL_MUSTCHECK;

#endif
