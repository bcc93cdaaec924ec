/* server - see server.h. */
#include "server.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "log.h"

#include <civetweb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define BODY_MAX ((size_t)100 * 1024 * 1024) /* as the host's own limit */
#define THREADS  "256"                       /* a connection holds one as long as it is open */
#define KNOCK_US 20000
#define WRITE_US (5LL * 1000000) /* at the end, for answers under way */

struct lh_server {
    struct mg_context *civetweb;
    uint16_t port;
    struct lh_pool *pool;
    lh_serve_fn *serve;
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_open; /* requests whose answer is not written yet */
    bool stopped;
};

struct call {
    struct lh_server *server;
    struct lh_exchange *x;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void free_exchange_content(struct lh_exchange *x)
{
    free(x->method);
    free(x->path);
    free(x->query);
    lh_pairs_done(&x->headers);
    lh_pairs_done(&x->answer_headers);
    enl_buf_done(&x->body);
    enl_buf_done(&x->answer);
}

static void run_call(void *arg)
{
    struct call *c = arg;

    c->server->serve(c->server->ctx, c->x);
    (void)pthread_mutex_lock(&c->lock);
    c->done = true;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

static void answer(struct lh_server *s, struct lh_exchange *x)
{
    struct call c = {.server = s, .x = x};
    struct enl_err err = {0};

    (void)pthread_mutex_init(&c.lock, NULL);
    (void)pthread_cond_init(&c.changed, NULL);
    if (lh_pool_run(s->pool, run_call, &c, &err) != ENL_OK) {
        lh_log("%s %s: %s", x->method, x->path, err.text);
        lh_answer_bare(x, 503);
    } else {
        (void)pthread_mutex_lock(&c.lock);
        while (!c.done) {
            (void)pthread_cond_wait(&c.changed, &c.lock);
        }
        (void)pthread_mutex_unlock(&c.lock);
    }
    (void)pthread_cond_destroy(&c.changed);
    (void)pthread_mutex_destroy(&c.lock);
}

static bool read_head(const struct mg_request_info *info, struct lh_exchange *x)
{
    bool ok = true;

    x->method = enl_strdup(info->request_method);
    x->path = enl_strdup(info->request_uri ? info->request_uri : "/");
    x->query = enl_strdup(info->query_string ? info->query_string : "");
    for (int i = 0; i < info->num_headers && ok; i++) {
        ok = lh_pairs_add(&x->headers, info->http_headers[i].name, info->http_headers[i].value);
    }
    return ok && x->method && x->path && x->query;
}

/* False when the body did not come whole or is too large. */
static bool read_body(struct mg_connection *conn, long long length, struct lh_exchange *x)
{
    const char *expect = lh_pairs_find(&x->headers, "Expect");
    char chunk[8192];
    int n = 0;

    x->chunked = length < 0 && lh_pairs_find(&x->headers, "Transfer-Encoding");
    x->body.max = BODY_MAX;
    if (length <= 0 && !x->chunked) {
        return true;
    }
    if (expect && enl_ieq(expect, "100-continue")) {
        (void)mg_printf(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    while (enl_buf_ok(&x->body) && (n = mg_read(conn, chunk, sizeof(chunk))) > 0) {
        enl_buf_add(&x->body, chunk, (size_t)n);
    }
    return enl_buf_ok(&x->body) && n == 0 && (x->chunked || x->body.len == (size_t)length);
}

static void add_head(struct mg_connection *conn, const struct lh_exchange *x, struct enl_buf *out)
{
    enl_buf_addf(out, "HTTP/1.1 %d %s\r\n", x->status, mg_get_response_code_text(conn, x->status));
    for (size_t i = 0; i < x->answer_headers.n; i++) {
        enl_buf_addf(out, "%s: %s\r\n", x->answer_headers.items[i].name,
                     x->answer_headers.items[i].value);
    }
}

static void write_answer(struct mg_connection *conn, const struct lh_exchange *x)
{
    ENL_AUTO_BUF struct enl_buf out = ENL_BUF_INIT(2 * BODY_MAX);
    bool head = enl_ieq(x->method, "HEAD");
    bool old = strcmp(mg_get_request_info(conn)->http_version, "1.0") == 0;

    add_head(conn, x, &out);
    if (x->bare) {
        enl_buf_adds(&out, "Content-Length: 0\r\n\r\n");
    } else if (head || x->status == 204 || x->status == 304) {
        enl_buf_adds(&out, "\r\n");
    } else if (lh_pairs_find(&x->answer_headers, "Content-Length")) {
        enl_buf_adds(&out, "\r\n");
        enl_buf_add(&out, enl_buf_str(&x->answer), x->answer.len);
    } else if (old) {
        enl_buf_addf(&out, "Content-Length: %zu\r\n\r\n", x->answer.len);
        enl_buf_add(&out, enl_buf_str(&x->answer), x->answer.len);
    } else {
        enl_buf_adds(&out, "Transfer-Encoding: chunked\r\n\r\n");
        if (x->answer.len > 0) {
            enl_buf_addf(&out, "%zx\r\n", x->answer.len);
            enl_buf_add(&out, enl_buf_str(&x->answer), x->answer.len);
            enl_buf_adds(&out, "\r\n");
        }
        enl_buf_adds(&out, "0\r\n\r\n");
    }
    if (enl_buf_ok(&out)) {
        (void)mg_write(conn, enl_buf_str(&out), out.len);
    }
}

static void count_open(struct lh_server *s, bool more)
{
    (void)pthread_mutex_lock(&s->lock);
    s->n_open += more ? 1 : 0;
    s->n_open -= more ? 0 : 1;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

static int on_request(struct mg_connection *conn)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct lh_exchange *x = enl_calloc(1, sizeof(*x));

    if (!x) {
        return 500;
    }
    count_open(info->user_data, true);
    if (!read_head(info, x)) {
        lh_answer_bare(x, 500);
    } else if (!read_body(conn, info->content_length, x)) {
        lh_answer_bare(x, x->body.overflow ? 413 : 400);
        if (!lh_pairs_add(&x->answer_headers, "Connection", "close")) {
            x->status = 500;
        }
    } else {
        answer(info->user_data, x);
    }
    write_answer(conn, x);
    count_open(info->user_data, false);
    free_exchange_content(x);
    free(x);
    return 200;
}

static int on_log(const struct mg_connection *conn, const char *text)
{
    (void)conn;
    lh_log("%s", text);
    return 1;
}

static struct mg_context *listen_on(const char *ports, struct lh_server *s)
{
    const char *options[] = {"listening_ports",
                             ports,
                             "num_threads",
                             THREADS,
                             "connection_queue",
                             "400",
                             "listen_backlog",
                             "400",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "120000",
                             "request_timeout_ms",
                             "120000",
                             "tcp_nodelay",
                             "1",
                             NULL};
    struct mg_callbacks callbacks = {.begin_request = on_request, .log_message = on_log};

    return mg_start(&callbacks, s, options);
}

static void free_server(struct lh_server *s)
{
    (void)mg_exit_library();
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

enum enl_rc lh_server_start(uint16_t port, struct lh_pool *pool, lh_serve_fn *serve, void *ctx,
                            struct lh_server **ret, struct enl_err *err)
{
    struct lh_server *s = enl_calloc(1, sizeof(*s));
    struct mg_server_port opened = {0};
    char ports[64] = "";

    if (!s) {
        return enl_fail_oom(err);
    }
    *s = (struct lh_server){.pool = pool, .serve = serve, .ctx = ctx};
    (void)pthread_mutex_init(&s->lock, NULL);
    enl_cond_init(&s->changed);
    (void)mg_init_library(0);
    (void)snprintf(ports, sizeof(ports), "127.0.0.1:%u", port);
    s->civetweb = listen_on(ports, s);
    if (!s->civetweb) {
        free_server(s);
        return enl_fail(err, ENL_FATAL, "port %u cannot be had", port);
    }
    (void)mg_get_server_ports(s->civetweb, 1, &opened);
    s->port = (uint16_t)opened.port;
    *ret = s;
    return ENL_OK;
}

uint16_t lh_server_port(const struct lh_server *s)
{
    return s->port;
}

/* civetweb's accepting thread looks at its stop flag every 2 s, or when a connection comes. */
static void *knock(void *arg)
{
    struct lh_server *s = arg;
    int64_t until_us = 0;

    (void)pthread_mutex_lock(&s->lock);
    while (!s->stopped) {
        char text[128] = "";
        struct mg_connection *c = NULL;

        (void)pthread_mutex_unlock(&s->lock);
        c = mg_connect_client("127.0.0.1", s->port, 0, text, sizeof(text));
        if (c) {
            mg_close_connection(c);
        }
        (void)pthread_mutex_lock(&s->lock);
        until_us = enl_clock_system.mono_us(NULL) + KNOCK_US;
        while (!s->stopped && enl_cond_wait_until(&s->changed, &s->lock, until_us)) {
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void stop_civetweb(struct lh_server *s)
{
    pthread_t knocker;
    bool knocking = enl_thread_start(&knocker, knock, s, NULL) == ENL_OK;

    mg_stop(s->civetweb);
    (void)pthread_mutex_lock(&s->lock);
    s->stopped = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    if (knocking) {
        (void)pthread_join(knocker, NULL);
    }
}

void lh_server_stop(struct lh_server *s)
{
    int64_t until_us = enl_clock_system.mono_us(NULL) + WRITE_US;

    if (!s) {
        return;
    }
    /* civetweb drops what is not yet written when it is told to stop. */
    (void)pthread_mutex_lock(&s->lock);
    while (s->n_open > 0 && enl_cond_wait_until(&s->changed, &s->lock, until_us)) {
    }
    (void)pthread_mutex_unlock(&s->lock);
    stop_civetweb(s);
    free_server(s);
}
