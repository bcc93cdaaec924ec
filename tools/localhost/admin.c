/* admin - requests under /admin/: the host's few that are open, and the stand-in's own. */
#include "serve.h"

#include "base/alloc.h"
#include "base/str.h"
#include "handler.h"
#include "listener.h"
#include "net.h"
#include "run.h"
#include "timer.h"

#include <string.h>

#define ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define QUEUES     "/admin/localhost/queues"
#define FUNCTIONS  "/admin/functions/"

static void answer_json(struct lh_exchange *x, enum enl_rc rc, const struct enl_err *err)
{
    x->status = 200;
    if (rc != ENL_OK) {
        enl_buf_reset(&x->answer);
        enl_buf_adds(&x->answer, "{\"error\":");
        lh_net_literal(err->text, strlen(err->text), &x->answer);
        enl_buf_addc(&x->answer, '}');
        x->status = rc == ENL_INVALID ? 400 : 500;
    } else if (x->answer.len == 0) {
        enl_buf_adds(&x->answer, "{}");
    }
    if (!lh_pairs_add(&x->answer_headers, "Content-Type", "application/json") ||
        !enl_buf_ok(&x->answer)) {
        lh_answer_bare(x, 500);
    }
}

/* Whether the query or a header says name=1. */
static bool is_asked(const struct lh_exchange *x, const char *name)
{
    LH_AUTO_PAIRS struct lh_pairs query = {0};
    const char *header = lh_pairs_find(&x->headers, name);
    const char *value = NULL;

    if (!lh_pairs_add_query(&query, x->query)) {
        return false;
    }
    value = lh_pairs_find(&query, name);
    return (value && strcmp(value, "1") == 0) || (header && strcmp(header, "1") == 0);
}

static void add_count(void *ctx, const struct lh_count *c)
{
    struct enl_buf *out = ctx;

    enl_buf_adds(out, out->len > 1 ? "," : "");
    lh_net_literal(c->queue, strlen(c->queue), out);
    enl_buf_addf(out, ":{\"visible\":%lld,\"invisible\":%lld}", (long long)c->visible,
                 (long long)c->invisible);
}

static void list_queues(struct lh_host *h, struct lh_exchange *x)
{
    struct enl_err err = {0};
    enum enl_rc rc = ENL_OK;

    enl_buf_addc(&x->answer, '{');
    rc = lh_store_each_queue(h->store, add_count, &x->answer, &err);
    enl_buf_addc(&x->answer, '}');
    answer_json(x, rc, &err);
}

struct listing {
    struct enl_buf *out;
    bool base64;
};

static void add_content(const struct listing *l, const struct lh_message *m)
{
    ENL_AUTO_BUF struct enl_buf data = ENL_BUF_INIT(LH_WIRE_MAX);
    bool decoded = l->base64 && lh_net_base64(m->wire, m->wire_len, &data);
    const char *text = decoded ? enl_buf_str(&data) : m->wire;
    size_t len = decoded ? data.len : m->wire_len;

    if (decoded && !enl_utf8_valid(text, len)) {
        enl_buf_adds(l->out, "\"base64\":");
        lh_net_literal(m->wire, m->wire_len, l->out);
    } else {
        enl_buf_adds(l->out, l->base64 && !decoded ? "\"wire\":" : "\"text\":");
        lh_net_literal(text, len, l->out);
    }
}

static void add_message(void *ctx, const struct lh_message *m)
{
    const struct listing *l = ctx;
    int64_t left_ms = m->visible_ms - lh_wall_us() / 1000;

    enl_buf_addf(l->out, "%s{\"id\":\"%s\",", l->out->len > 1 ? "," : "", m->id);
    add_content(l, m);
    enl_buf_addf(l->out, ",\"dequeue_count\":%lld,\"visible_in_ms\":%lld}",
                 (long long)m->dequeue_count, (long long)(left_ms > 0 ? left_ms : 0));
}

static void list_messages(struct lh_host *h, const char *queue, struct lh_exchange *x)
{
    struct listing l = {&x->answer, h->app->base64};
    struct enl_err err = {0};
    enum enl_rc rc = ENL_OK;

    enl_buf_addc(&x->answer, '[');
    rc = lh_store_each_message(h->store, queue, add_message, &l, &err);
    enl_buf_addc(&x->answer, ']');
    answer_json(x, rc, &err);
}

static enum enl_rc put(struct lh_host *h, const char *queue, const struct lh_exchange *x,
                       struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (!is_asked(x, "wire")) {
        return lh_host_put(h, queue, enl_buf_str(&x->body), x->body.len, err);
    }
    rc = lh_store_put(h->store, queue, enl_buf_str(&x->body), x->body.len, err);
    if (rc == ENL_OK && h->notify) {
        lh_listeners_wake(h->listeners, queue);
    }
    return rc;
}

/* rest: "/NAME" or "/NAME/reveal". */
static void serve_queue(struct lh_host *h, const char *rest, struct lh_exchange *x)
{
    size_t len = strcspn(rest + 1, "/");
    ENL_AUTO_FREE char *queue = enl_memdup(rest + 1, len);
    const char *verb = rest + 1 + len;
    struct enl_err err = {0};

    if (!queue) {
        lh_answer_bare(x, 500);
    } else if (strcmp(verb, "/reveal") == 0 && enl_ieq(x->method, "POST")) {
        enum enl_rc rc = lh_store_reveal(h->store, queue, &err);

        lh_listeners_wake(h->listeners, queue);
        answer_json(x, rc, &err);
    } else if (*verb || len == 0) {
        lh_answer_bare(x, 404);
    } else if (enl_ieq(x->method, "GET")) {
        list_messages(h, queue, x);
    } else if (enl_ieq(x->method, "POST")) {
        answer_json(x, put(h, queue, x, &err), &err);
    } else if (enl_ieq(x->method, "DELETE")) {
        answer_json(x, lh_store_clear(h->store, queue, &err), &err);
    } else {
        lh_answer_bare(x, 405);
    }
}

static void show_handler(struct lh_host *h, struct lh_exchange *x)
{
    struct lh_handler_info info = lh_handler_about(h->handler);
    struct enl_err none = {0};

    enl_buf_addf(&x->answer, "{\"pid\":%d,\"starts\":%u,\"port\":%u}", (int)info.pid, info.starts,
                 info.port);
    answer_json(x, ENL_OK, &none);
}

struct by_hand {
    struct lh_host *h;
    const struct lh_function *f;
    char *input;
};

static void run_by_hand(void *arg)
{
    struct by_hand *b = arg;

    if (b->f->kind == LH_TIMER) {
        (void)lh_timer_fire(b->h, b->f, false);
    } else {
        (void)lh_run_queue(b->h, b->f, NULL, b->input, strlen(b->input));
    }
    lh_host_leave(b->h);
    free(b->input);
    free(b);
}

/* Starts it and answers at once, as the host does. */
static void run_function(struct lh_host *h, const char *name, struct lh_exchange *x)
{
    const struct lh_function *f = lh_app_find(h->app, name);
    ENL_AUTO_JSON struct enl_json *json = NULL;
    const char *input = NULL;
    struct by_hand *b = NULL;
    struct enl_err err = {0};

    if (!f || f->kind == LH_HTTP) {
        lh_answer_bare(x, 404);
        return;
    }
    if (x->body.len > 0 && enl_json_parse(x->body.data, x->body.len, &json, NULL, &err) != ENL_OK) {
        answer_json(x, ENL_INVALID, &err);
        return;
    }
    input = enl_json_get_str(json, "input");
    b = enl_calloc(1, sizeof(*b));
    if (b) {
        *b = (struct by_hand){h, f, enl_strdup(input ? input : "")};
    }
    if (!b || !b->input || !lh_host_enter(h)) {
        lh_answer_bare(x, 503);
    } else if (lh_pool_run(h->pool, run_by_hand, b, &err) != ENL_OK) {
        lh_host_leave(h);
        answer_json(x, ENL_FATAL, &err);
    } else {
        lh_answer_bare(x, 202);
        return;
    }
    if (b) {
        free(b->input);
    }
    free(b);
}

void lh_admin(struct lh_host *h, struct lh_exchange *x)
{
    const char *path = x->path;
    bool get = enl_ieq(x->method, "GET");
    bool post = enl_ieq(x->method, "POST");
    struct enl_err none = {0};

    x->answer.max = ANSWER_MAX;
    if (strcmp(path, "/admin/host/ping") == 0) {
        lh_answer_bare(x, 200);
    } else if (strcmp(path, "/admin/host/status") == 0 || strcmp(path, "/admin/functions") == 0) {
        lh_answer_bare(x, 401); /* they need the master key, and there is none */
    } else if (strcmp(path, QUEUES) == 0 && get) {
        list_queues(h, x);
    } else if (enl_starts(path, QUEUES "/")) {
        serve_queue(h, path + strlen(QUEUES), x);
    } else if (strcmp(path, "/admin/localhost/handler") == 0 && get) {
        show_handler(h, x);
    } else if (strcmp(path, "/admin/localhost/handler/kill") == 0 && post) {
        lh_handler_kill(h->handler, 0, !is_asked(x, "uncounted"));
        answer_json(x, ENL_OK, &none);
    } else if (enl_starts(path, FUNCTIONS) && post) {
        run_function(h, path + strlen(FUNCTIONS), x);
    } else {
        lh_answer_bare(x, 404);
    }
}
