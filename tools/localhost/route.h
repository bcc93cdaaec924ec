/*
 * route - route templates: "webhook/{kind?}" against the path of a request.
 *
 * Literal segments compare without regard to case, as in ASP.NET; constraints and catch-alls are
 * refused (no function of ours may have one).
 */
#ifndef LH_ROUTE_H
#define LH_ROUTE_H

#include "app.h"
#include "pairs.h"

/* INVALID: a template that is not understood. */
enum enl_rc lh_route_check(const char *route, struct enl_err *err) ENL_MUSTCHECK;

/* The function for method and path (raw, with the prefix): of several the one with the earlier
 * literal segment.  NULL when there is none. */
const struct lh_function *lh_route_find(const struct lh_app *app, const char *method,
                                        const char *path);

/* The route parameters of a path that lh_route_find matched to f.  False: out of memory. */
bool lh_route_params(const struct lh_app *app, const struct lh_function *f, const char *path,
                     struct lh_pairs *ret) ENL_MUSTCHECK;

#endif
