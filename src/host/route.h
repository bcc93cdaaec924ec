/*
 * route - matches a request's path with the route of a function.
 *
 * Threads: any; nothing is kept.
 */
#ifndef ENL_HOST_ROUTE_H
#define ENL_HOST_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#define ENL_PARAM_MAX 160 /* bytes of a decoded parameter with its NUL: an event id fits */

/* route is as in function.json: literal segments (any case, as the host has it) and at most one
 * parameter as the last, "{name}" or, when it may be absent, "{name?}".  path begins with '/' and
 * has no query; one '/' at its end does not count.  ret_param is the decoded parameter, "" when
 * absent.  No match: also a wrong escape, U+0000 and a parameter that does not fit. */
bool enl_route_match(const char *route, const char *path, char ret_param[ENL_PARAM_MAX]);

/* Whether a list like "GET, HEAD" has the method. */
bool enl_method_listed(const char *methods, const char *method);

#endif
