/*
 * serve - what a request is for: a function, the home page, or the control surface.
 */
#ifndef LH_SERVE_H
#define LH_SERVE_H

#include "host.h"
#include "http.h"

/* ctx: the struct lh_host. */
void lh_serve(void *ctx, struct lh_exchange *x);

/* Requests under /admin/. */
void lh_admin(struct lh_host *h, struct lh_exchange *x);

#endif
