/* serve - see serve.h. */
#include "serve.h"

#include "base/str.h"
#include "route.h"
#include "run.h"

#include <string.h>

static void show_home_page(struct lh_exchange *x)
{
    x->status = 200;
    x->answer.max = 1024;
    enl_buf_adds(&x->answer, "<!doctype html><title>enlace-localhost</title>"
                             "<p>The function app is up, on a stand-in for the Functions host "
                             "(for development and tests only).\n");
    if (!lh_pairs_add(&x->answer_headers, "Content-Type", "text/html; charset=utf-8")) {
        lh_answer_bare(x, 500);
    }
}

void lh_serve(void *ctx, struct lh_exchange *x)
{
    struct lh_host *h = ctx;
    const struct lh_function *f = NULL;

    if (strncmp(x->path, "/admin/", 7) == 0) {
        lh_admin(h, x);
        return;
    }
    f = lh_route_find(h->app, x->method, x->path);
    if (!f && strcmp(x->path, "/") == 0 && enl_ieq(x->method, "GET") && h->app->home_page) {
        show_home_page(x);
    } else if (!f) {
        lh_answer_bare(x, 404);
    } else if (!f->anonymous) {
        lh_answer_bare(x, 401);
    } else if (!lh_host_enter(h)) {
        lh_answer_bare(x, 503);
    } else {
        lh_run_http(h, f, x);
        lh_host_leave(h);
    }
}
