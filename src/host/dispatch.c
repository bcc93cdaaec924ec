/* dispatch - see dispatch.h. */
#include "host/dispatch.h"

#include "base/log.h"
#include "base/str.h"
#include "host/envelope.h"
#include "host/route.h"

#include <stdio.h>
#include <string.h>

#define REQUEST_MAX                                                                                \
    ((size_t)16 * 1024 * 1024) /* bytes: an envelope of a body of 1 MiB, with room */

struct trace {
    const char *invocation;
    const char *function;
    const char *method;
    int64_t started_us;
};

const char *enl_http_header(const struct enl_http_req *req, const char *name, size_t *ret_n)
{
    const char *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < req->n_headers; i++) {
        if (enl_ieq(req->headers[i].name, name)) {
            first = first ? first : req->headers[i].value;
            n++;
        }
    }
    if (ret_n) {
        *ret_n = n;
    }
    return first;
}

static void problem(struct enl_reply *r, int status, const char *detail)
{
    enl_reply_problem(r, &(struct enl_problem){.status = status, .detail = detail});
}

static void write_log(const struct enl_host *host, const struct trace *t, const struct enl_reply *r,
                      const struct enl_err *err)
{
    struct enl_log_line l;
    enum enl_log_level level = r->status == 500   ? ENL_LOG_ERROR
                               : r->status >= 500 ? ENL_LOG_WARN
                                                  : ENL_LOG_INFO;

    if (r->quiet && level == ENL_LOG_INFO) {
        return;
    }
    enl_log_begin(&l, level, "call");
    enl_log_str(&l, "inv", t->invocation);
    enl_log_str(&l, "fn", t->function);
    enl_log_str(&l, "method", t->method);
    enl_log_int(&l, "status", r->status);
    enl_log_int(&l, "duration_ms", (host->clock->mono_us(host->clock->ctx) - t->started_us) / 1000);
    if (r->event_id[0] != '\0') {
        enl_log_str(&l, "event", r->event_id);
    }
    if (r->note[0] != '\0') {
        enl_log_str(&l, "note", r->note);
    }
    if (err->rc != ENL_OK) {
        enl_log_str(&l, "err", err->text);
    }
    enl_log_end(&l);
}

/* The answer for a handler that gave none.  What happened stays in the log. */
static void answer_rc(struct enl_reply *r, enum enl_rc rc)
{
    switch (rc) {
    case ENL_OK: return;
    case ENL_INVALID: problem(r, 400, "the request is not valid"); return;
    case ENL_DENIED: problem(r, 401, "a credential was refused"); return;
    case ENL_RETRY: problem(r, 503, "a system that this needs is away; try again"); return;
    case ENL_FATAL: problem(r, 500, "the service failed"); return;
    }
}

static void call_http(const struct enl_host *host, const struct enl_function *f,
                      const struct enl_http_req *req, struct enl_reply *r, struct enl_err *err)
{
    if (!req->cut && !enl_method_listed(f->methods, req->method)) {
        problem(r, 405, "this method is not allowed here");
        enl_reply_header(r, "Allow", f->methods);
        return;
    }
    answer_rc(r, f->fn.http(host->app, req, r, err));
}

/* Queue and timer calls either succeeded or failed: the host knows nothing between. */
static void call_plain(const struct enl_host *host, const struct enl_function *f,
                       const struct enl_envelope *e, struct enl_reply *r, struct enl_err *err)
{
    enum enl_rc rc = f->trigger == ENL_QUEUE ? f->fn.queue(host->app, &e->queue, r, err)
                                             : f->fn.timer(host->app, &e->timer, r, err);

    if (rc != ENL_OK) {
        problem(r, 500, "the invocation failed");
    }
}

/* What goes to the host: the envelope, or the problem that makes the invocation fail. */
static void wrap(const struct enl_function *f, struct enl_reply *r)
{
    struct enl_buf out = ENL_BUF_INIT(2 * ENL_REPLY_MAX);

    if (r->status == 500) {
        return;
    }
    enl_reply_wrap(f, r, &out);
    enl_buf_done(&r->body);
    r->body = out;
    r->status = 200;
    r->content_type = "application/json";
    r->n_headers = 0;
}

static void invoke(const struct enl_host *host, const struct enl_function *f,
                   const struct enl_call *call, struct trace *t, struct enl_reply *r)
{
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(REQUEST_MAX);
    struct enl_envelope e = {0};
    struct enl_err err = {0};
    bool cut = false;
    enum enl_rc rc = call->read_body(call->read_ctx, &text, &cut, &err);

    if (rc == ENL_OK) {
        rc = enl_envelope_read(f, enl_buf_str(&text), text.len, cut, &e, &err);
        enl_buf_done(&text);
    }
    if (rc != ENL_OK) {
        problem(r, 500,
                rc == ENL_INVALID ? "this is no invocation envelope"
                                  : "the invocation could not be read");
    } else if (f->trigger == ENL_HTTP) {
        t->method = e.http.method;
        call_http(host, f, &e.http, r, &err);
    } else {
        call_plain(host, f, &e, r, &err);
    }
    write_log(host, t, r, &err);
    wrap(f, r);
    enl_envelope_done(&e);
}

static void forward(const struct enl_host *host, const struct enl_function *f,
                    const struct enl_call *call, const char *param, const struct trace *t,
                    struct enl_reply *r)
{
    struct enl_http_req req = {.method = call->method,
                               .headers = call->headers,
                               .n_headers = call->n_headers,
                               .param = param};
    struct enl_err err = {0};

    call_http(host, f, &req, r, &err);
    write_log(host, t, r, &err);
}

static bool is_envelope_path(const struct enl_function *f, const char *path)
{
    return !enl_function_is_forwarded(f) && path[0] == '/' && strcmp(path + 1, f->name) == 0;
}

static void refuse(const struct enl_host *host, const struct trace *t, int status,
                   const char *allow, struct enl_reply *r)
{
    struct enl_err none = {0};

    problem(r, status, allow ? "this method is not allowed here" : "there is nothing here");
    if (allow) {
        enl_reply_header(r, "Allow", allow);
    }
    write_log(host, t, r, &none);
}

/* The host's probe, at any time and often: no line. */
static void answer_root(const struct enl_host *host, const struct enl_call *call,
                        const struct trace *t, struct enl_reply *r)
{
    if (enl_method_listed("GET, HEAD", call->method)) {
        enl_buf_adds(&r->body, "{\"status\":\"ok\"}");
    } else {
        refuse(host, t, 405, "GET, HEAD", r);
    }
}

void enl_dispatch(const struct enl_host *host, const struct enl_call *call, struct enl_reply *ret)
{
    const struct enl_http_req outer = {.headers = call->headers, .n_headers = call->n_headers};
    struct trace t = {.invocation = enl_http_header(&outer, "X-Azure-Functions-InvocationId", NULL),
                      .function = "-",
                      .method = call->method,
                      .started_us = host->clock->mono_us(host->clock->ctx)};
    char param[ENL_PARAM_MAX];

    enl_reply_init(ret);
    if (strcmp(call->path, "/") == 0) {
        answer_root(host, call, &t, ret);
        return;
    }
    for (size_t i = 0; i < host->n_functions; i++) {
        const struct enl_function *f = &host->functions[i];

        t.function = f->name;
        if (is_envelope_path(f, call->path)) {
            if (strcmp(call->method, "POST") == 0) {
                invoke(host, f, call, &t, ret);
            } else {
                refuse(host, &t, 405, "POST", ret);
            }
            return;
        }
        if (enl_function_is_forwarded(f) && enl_route_match(f->route, call->path, param)) {
            forward(host, f, call, param, &t, ret);
            return;
        }
    }
    t.function = "-";
    refuse(host, &t, 404, NULL, ret);
}
