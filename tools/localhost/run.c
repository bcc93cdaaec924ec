/* run - see run.h. */
#include "run.h"

#include "answer.h"
#include "base/id.h"
#include "base/str.h"
#include "handler.h"
#include "log.h"
#include "route.h"

#include <string.h>

#define BODY_MAX     ((size_t)512 * 1024 * 1024)
#define HOST_VERSION "4.1037.0.0"
#define AGENT        "Azure-Functions-Host/" HOST_VERSION
/* After functionTimeout the host waits so long before it fails the invocation and kills. */
#define GRACE_US (2LL * 1000000)

#define NOTICE_US (200LL * 1000) /* an exit is noticed at once, on a busy machine too */

struct deadline {
    int64_t timeout_us; /* functionTimeout, monotonic */
    int64_t kill_us;
};

static struct deadline deadline_of(const struct lh_host *h)
{
    int64_t timeout_ms = h->app->function_timeout_ms;
    struct deadline d = {LH_NEVER_US, LH_NEVER_US};

    if (timeout_ms != LH_NO_TIMEOUT) {
        d.timeout_us = lh_now_us() + timeout_ms * 1000;
        d.kill_us = d.timeout_us + GRACE_US;
    }
    return d;
}

static enum lh_outcome time_out(struct lh_host *h, const struct lh_function *f,
                                const struct deadline *d, unsigned start)
{
    if (!lh_host_sleep(h, d->timeout_us)) {
        return LH_ABORTED;
    }
    lh_log("Timeout value of %lld ms exceeded by function: Functions.%s",
           (long long)h->app->function_timeout_ms, f->name);
    if (!lh_host_sleep(h, d->kill_us)) {
        return LH_ABORTED;
    }
    if (start > 0) {
        lh_handler_kill(h->handler, start, false);
    }
    return LH_FAILED;
}

/* Holds until the handler is ready and sends.  When that fails, the handler's end (if that is the
 * reason) is noticed before the caller hears of it, so that its next request is held for the next
 * handler; and a request that found nobody listening is itself held. */
static enum lh_state hold_and_send(struct lh_host *h, const struct lh_request *request,
                                   const struct deadline *d, unsigned *ret_start,
                                   struct lh_reply *reply, enum enl_rc *ret_rc, struct enl_err *err)
{
    for (;;) {
        enum lh_state state = lh_handler_wait(h->handler, d->timeout_us, ret_start);
        bool left = false;

        if (state != LH_READY) {
            return state;
        }
        err->rc = ENL_OK;
        *ret_rc = lh_client_send(h->client, request, (d->kill_us - lh_now_us()) / 1000, reply, err);
        left =
            *ret_rc != ENL_OK && lh_handler_left(h->handler, *ret_start, lh_now_us() + NOTICE_US);
        if (!left || *ret_rc != ENL_DENIED) {
            return LH_READY;
        }
        lh_reply_done(reply);
    }
}

/* On LH_SUCCEEDED the reply is whole and in time. */
static enum lh_outcome send(struct lh_host *h, const struct lh_function *f,
                            const struct lh_request *request, struct lh_reply *reply)
{
    struct deadline d = deadline_of(h);
    struct enl_err err = {0};
    unsigned start = 0;
    enum enl_rc rc = ENL_OK;
    enum lh_state state = hold_and_send(h, request, &d, &start, reply, &rc, &err);

    if (state == LH_STARTING) {
        return time_out(h, f, &d, 0);
    }
    if (state == LH_GONE) {
        lh_log("Executed 'Functions.%s' (Failed): there is no handler", f->name);
        return atomic_load(&h->aborted) ? LH_ABORTED : LH_FAILED;
    }
    if (atomic_load(&h->aborted)) {
        return LH_ABORTED;
    }
    if (lh_now_us() >= d.timeout_us || (rc == ENL_OK && !f->forwarded && lh_answer_hangs(reply))) {
        return time_out(h, f, &d, start);
    }
    if (rc != ENL_OK) {
        lh_log("Executed 'Functions.%s' (Failed): %s", f->name, err.text);
        return LH_FAILED;
    }
    return LH_SUCCEEDED;
}

static bool add_own_headers(struct lh_pairs *headers)
{
    char id[ENL_UUID_TEXT];

    return enl_uuid7(lh_wall_us() / 1000, id, NULL) == ENL_OK &&
           lh_pairs_add(headers, "X-Azure-Functions-HostVersion", HOST_VERSION) &&
           lh_pairs_add(headers, "X-Azure-Functions-InvocationId", id);
}

/* The outcome of an envelope; *ret_answer on LH_SUCCEEDED, its queue outputs put. */
static enum lh_outcome invoke(struct lh_host *h, const struct lh_function *f,
                              const struct enl_buf *envelope, struct lh_answer *ret_answer)
{
    LH_AUTO_PAIRS struct lh_pairs headers = {0};
    LH_AUTO_REPLY struct lh_reply reply = {0};
    ENL_AUTO_BUF struct enl_buf target = ENL_BUF_INIT(4096);
    struct enl_err err = {0};
    struct lh_request request = {.method = "POST",
                                 .headers = &headers,
                                 .body = enl_buf_str(envelope),
                                 .body_len = envelope->len,
                                 .chunked = true};
    enum lh_outcome outcome = LH_FAILED;

    enl_buf_addf(&target, "/%s", f->name);
    request.target = enl_buf_str(&target);
    if (!enl_buf_ok(envelope) || !enl_buf_ok(&target) || !add_own_headers(&headers) ||
        !lh_pairs_add(&headers, "User-Agent", AGENT) ||
        !lh_pairs_add(&headers, "Content-Type", "application/json; charset=utf-8")) {
        lh_log("Executed 'Functions.%s' (Failed): out of memory", f->name);
        return LH_FAILED;
    }
    outcome = send(h, f, &request, &reply);
    if (outcome != LH_SUCCEEDED) {
        return outcome;
    }
    if (lh_answer_read(f, &reply, ret_answer, &err) != ENL_OK ||
        lh_answer_put(h, f, ret_answer, &err) != ENL_OK) {
        lh_log("Executed 'Functions.%s' (Failed): %s", f->name, err.text);
        return LH_FAILED;
    }
    return LH_SUCCEEDED;
}

static void run_envelope(struct lh_host *h, const struct lh_function *f, struct lh_exchange *x)
{
    LH_AUTO_PAIRS struct lh_pairs params = {0};
    LH_AUTO_ANSWER struct lh_answer answer = {0};
    ENL_AUTO_BUF struct enl_buf envelope = ENL_BUF_INIT(BODY_MAX);
    struct enl_err err = {0};

    if (!lh_route_params(h->app, f, x->path, &params)) {
        lh_answer_bare(x, 500);
        return;
    }
    lh_envelope_http(f, x, &params, &envelope);
    if (invoke(h, f, &envelope, &answer) != LH_SUCCEEDED) {
        lh_answer_bare(x, 500);
    } else if (lh_answer_http(f, &answer, x, &err) != ENL_OK || !enl_buf_ok(&x->answer)) {
        lh_log("Executed 'Functions.%s' (Failed): %s", f->name, err.text);
        lh_pairs_done(&x->answer_headers);
        lh_answer_bare(x, 500);
    }
}

static bool is_hop_by_hop(const char *name)
{
    return enl_ieq(name, "Connection") || enl_ieq(name, "Keep-Alive") ||
           enl_ieq(name, "Transfer-Encoding") || enl_ieq(name, "Upgrade") ||
           enl_ieq(name, "Expect");
}

static bool is_ascii(const char *s)
{
    while (*s > 0) {
        s++;
    }
    return *s == '\0';
}

/* The caller's headers as the host forwards them; false when one has letters beyond ASCII. */
static bool forward_headers(const struct lh_pairs *from, struct lh_pairs *ret)
{
    for (size_t i = 0; i < from->n; i++) {
        const char *name = from->items[i].name;
        ENL_AUTO_BUF struct enl_buf value = ENL_BUF_INIT(BODY_MAX);

        if (!is_ascii(from->items[i].value) || !is_ascii(name)) {
            return false;
        }
        if (!lh_pairs_is_first(from, i) || is_hop_by_hop(name) || enl_ieq(name, "Content-Length")) {
            continue;
        }
        lh_pairs_join(from, i, ", ", &value);
        if (enl_ieq(name, "User-Agent")) {
            enl_buf_adds(&value, " " AGENT);
        }
        if (!enl_buf_ok(&value) || !lh_pairs_add(ret, name, enl_buf_str(&value))) {
            return false;
        }
    }
    return (lh_pairs_find(ret, "User-Agent") || lh_pairs_add(ret, "User-Agent", AGENT)) &&
           add_own_headers(ret);
}

static void run_forwarded(struct lh_host *h, const struct lh_function *f, struct lh_exchange *x)
{
    LH_AUTO_PAIRS struct lh_pairs headers = {0};
    LH_AUTO_REPLY struct lh_reply reply = {0};
    ENL_AUTO_BUF struct enl_buf target = ENL_BUF_INIT(BODY_MAX);
    struct lh_request request = {.method = x->method, .headers = &headers};
    bool ok = forward_headers(&x->headers, &headers);

    if (x->body.len > 0 || x->chunked || lh_pairs_find(&x->headers, "Content-Length")) {
        request.body = enl_buf_str(&x->body);
        request.body_len = x->body.len;
    }
    lh_exchange_target(x, &target);
    request.target = enl_buf_str(&target);
    if (!ok || !enl_buf_ok(&target) || send(h, f, &request, &reply) != LH_SUCCEEDED) {
        lh_answer_bare(x, 500);
        return;
    }
    x->status = reply.status;
    for (size_t i = 0; i < reply.headers.n && ok; i++) {
        const struct lh_pair *p = &reply.headers.items[i];

        ok = is_hop_by_hop(p->name) || lh_pairs_add(&x->answer_headers, p->name, p->value);
    }
    if (!ok) {
        lh_pairs_done(&x->answer_headers);
        lh_answer_bare(x, 500);
        return;
    }
    x->answer = reply.body;
    reply.body = (struct enl_buf){0};
}

void lh_run_http(struct lh_host *h, const struct lh_function *f, struct lh_exchange *x)
{
    if (f->forwarded) {
        run_forwarded(h, f, x);
    } else {
        run_envelope(h, f, x);
    }
}

enum lh_outcome lh_run_queue(struct lh_host *h, const struct lh_function *f,
                             const struct lh_message *m, const char *data, size_t len)
{
    LH_AUTO_ANSWER struct lh_answer answer = {0};
    ENL_AUTO_BUF struct enl_buf envelope = ENL_BUF_INIT(BODY_MAX);

    if (!f->binary && !enl_utf8_valid(data, len)) {
        lh_log("Executed 'Functions.%s' (Failed): the message is no UTF-8", f->name);
        return LH_FAILED;
    }
    lh_envelope_queue(f, m, data, len, &envelope);
    return invoke(h, f, &envelope, &answer);
}

enum lh_outcome lh_run_timer(struct lh_host *h, const struct lh_function *f,
                             const struct lh_tick *tick)
{
    LH_AUTO_ANSWER struct lh_answer answer = {0};
    ENL_AUTO_BUF struct enl_buf envelope = ENL_BUF_INIT(BODY_MAX);

    lh_envelope_timer(f, tick, &envelope);
    return invoke(h, f, &envelope, &answer);
}
