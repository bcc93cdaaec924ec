/*
 * function - reads one function.json.
 */
#ifndef LH_FUNCTION_H
#define LH_FUNCTION_H

#include "app.h"

/* INVALID: the function is in error; DENIED: it is disabled. */
enum enl_rc lh_function_read(const struct lh_app *app, const char *name,
                             const struct enl_json *json, struct lh_function *ret,
                             struct enl_err *err) ENL_MUSTCHECK;
void lh_function_done(struct lh_function *f);

#endif
