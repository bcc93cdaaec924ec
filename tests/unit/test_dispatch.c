/* test_dispatch - paths, methods, decoding and the one log line, with functions played here. */
#include "enl_test.h"

#include "base/alloc.h"
#include "base/log.h"
#include "host/dispatch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static enum enl_rc played_rc;
static unsigned calls;
static char seen[128];

static enum enl_rc play_http(struct enl_app *app, const struct enl_http_req *req,
                             struct enl_reply *reply, struct enl_err *err)
{
    (void)app;
    calls++;
    (void)snprintf(seen, sizeof(seen), "%s %s%s[%.*s]", req->method, req->param,
                   req->cut ? "cut" : "", (int)req->body_len, req->body ? req->body : "");
    if (played_rc != ENL_OK) {
        return enl_fail(err, played_rc, "cause");
    }
    enl_buf_adds(&reply->body, "{}");
    (void)snprintf(reply->event_id, sizeof(reply->event_id), "e-1");
    return ENL_OK;
}

static enum enl_rc play_queue(struct enl_app *app, const struct enl_queue_msg *msg,
                              struct enl_reply *reply, struct enl_err *err)
{
    (void)app;
    calls++;
    (void)snprintf(seen, sizeof(seen), "%u[%s]", msg->deliveries, msg->text);
    reply->quiet = true;
    return played_rc == ENL_OK ? ENL_OK : enl_fail(err, played_rc, "cause");
}

static enum enl_rc play_timer(struct enl_app *app, const struct enl_timer *timer,
                              struct enl_reply *reply, struct enl_err *err)
{
    (void)app;
    (void)reply;
    (void)err;
    calls++;
    (void)snprintf(seen, sizeof(seen), "%s", timer->past_due ? "late" : "on time");
    return ENL_OK;
}

static const struct enl_function functions[] = {
    ENL_HTTP_FUNCTION("hook", "req", "out", "POST", "api/hook", play_http),
    ENL_QUEUE_FUNCTION("queue", "msg", "back", play_queue),
    ENL_TIMER_FUNCTION("tick", "timer", play_timer),
    ENL_HTTP_FUNCTION("page", "req", NULL, "GET, HEAD", "page/{name?}", play_http),
};

static char last_line[2 * ENL_LOG_MAX];
static unsigned lines;
static int last_fd;

static void capture(void *ctx, int fd, const char *line, size_t len)
{
    (void)ctx;
    (void)snprintf(last_line, sizeof(last_line), "%.*s", (int)len, line);
    last_fd = fd;
    lines++;
}

struct body {
    const char *text;
    bool cut, broken;
};

static enum enl_rc read_body(void *ctx, struct enl_buf *out, bool *ret_cut, struct enl_err *err)
{
    const struct body *b = ctx;

    enl_buf_adds(out, b->text);
    *ret_cut = b->cut;
    if (b->broken) {
        return enl_fail(err, ENL_RETRY, "gone");
    }
    return enl_buf_ok(out) ? ENL_OK : enl_fail_oom(err);
}

static void call_body(const char *method, const char *path, struct body *body,
                      struct enl_reply *ret)
{
    static const struct enl_header headers[] = {{"X-Azure-Functions-InvocationId", "inv-1"}};
    const struct enl_host host = {functions, ENL_COUNT(functions), NULL, &enl_clock_system};
    const struct enl_call call = {.method = method,
                                  .path = path,
                                  .headers = headers,
                                  .n_headers = 1,
                                  .read_body = read_body,
                                  .read_ctx = body};

    calls = 0;
    lines = 0;
    seen[0] = '\0';
    last_line[0] = '\0';
    enl_dispatch(&host, &call, ret);
}

static void call_text(const char *method, const char *path, const char *text, struct enl_reply *ret)
{
    struct body body = {.text = text};

    call_body(method, path, &body, ret);
}

#define HTTP_ENVELOPE(method, body)                                                                \
    "{\"Data\":{\"req\":{\"Method\":\"" method "\",\"Headers\":{},\"Body\":\"" body "\"}},"        \
    "\"Metadata\":{}}"
#define QUEUE_ENVELOPE "{\"Data\":{\"msg\":\"\\\"m\\\"\"},\"Metadata\":{\"DequeueCount\":\"2\"}}"

static void test_paths(void **state)
{
    static const struct {
        const char *method, *path, *body;
        unsigned want;
        unsigned calls;
        const char *allow;
    } cases[] = {
        {"GET", "/", "", 200, 0, NULL},
        {"HEAD", "/", "", 200, 0, NULL},
        {"POST", "/", "", 405, 0, "GET, HEAD"},
        {"GET", "", "", 404, 0, NULL},
        {"GET", "/nope", "", 404, 0, NULL},
        {"POST", "/hook", HTTP_ENVELOPE("POST", "x"), 200, 1, NULL},
        {"GET", "/hook", "", 405, 0, "POST"},
        {"POST", "/hook/", HTTP_ENVELOPE("POST", "x"), 404, 0, NULL},
        {"POST", "/Hook", HTTP_ENVELOPE("POST", "x"), 404, 0, NULL},
        {"POST", "/api/hook", HTTP_ENVELOPE("POST", "x"), 404, 0, NULL},
        {"POST", "/hook", "{}", 500, 0, NULL},
        {"POST", "/hook", "", 500, 0, NULL},
        {"POST", "/queue", QUEUE_ENVELOPE, 200, 1, NULL},
        {"POST", "/queue", HTTP_ENVELOPE("POST", "x"), 500, 0, NULL},
        {"PUT", "/queue", QUEUE_ENVELOPE, 405, 0, "POST"},
        {"POST", "/tick", "{\"Data\":{\"timer\":{\"IsPastDue\":true}}}", 200, 1, NULL},
        {"GET", "/page", "", 200, 1, NULL},
        {"HEAD", "/page/a", "", 200, 1, NULL},
        {"POST", "/page", "", 405, 0, "GET, HEAD"},
        {"get", "/page", "", 405, 0, "GET, HEAD"},
        {"GET", "/page/a/b", "", 404, 0, NULL},
        {"OPTIONS", "/nope", "", 404, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_reply r;

        call_text(cases[i].method, cases[i].path, cases[i].body, &r);
        ENL_CHECK(r.status == (int)cases[i].want, cases[i].path);
        ENL_CHECK(calls == cases[i].calls, cases[i].path);
        ENL_CHECK(r.body.len > 0, cases[i].path);
        ENL_CHECK_STR(r.content_type,
                      cases[i].want == 200 ? "application/json" : "application/problem+json",
                      cases[i].path);
        if (cases[i].allow) {
            ENL_CHECK(r.n_headers == 1, cases[i].path);
            ENL_CHECK_STR(r.headers[0].name, "Allow", cases[i].path);
            ENL_CHECK_STR(r.headers[0].value, cases[i].allow, cases[i].path);
        }
        enl_reply_done(&r);
    }
}

static void test_envelopes(void **state)
{
    struct enl_reply r;
    struct body cut = {.text = HTTP_ENVELOPE("POST", "x"), .cut = true};
    struct body broken = {.text = HTTP_ENVELOPE("POST", "x"), .broken = true};

    (void)state;
    call_text("POST", "/hook", HTTP_ENVELOPE("POST", "a\\n"), &r);
    assert_string_equal(seen, "POST [a\n]");
    assert_string_equal(
        enl_buf_str(&r.body),
        "{\"Outputs\":{\"res\":{\"statusCode\":200,\"headers\":{\"Content-Type\":"
        "\"application/json\"},\"body\":\"{}\"}},\"Logs\":[],\"ReturnValue\":null}");
    enl_reply_done(&r);
    /* The caller's own method counts, not the host's. */
    call_text("POST", "/hook", HTTP_ENVELOPE("PUT", "x"), &r);
    assert_int_equal(calls, 0);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(enl_buf_str(&r.body), "\"statusCode\":405"));
    assert_non_null(strstr(enl_buf_str(&r.body), "\"Allow\":\"POST\""));
    enl_reply_done(&r);
    call_body("POST", "/hook", &cut, &r);
    assert_string_equal(seen, " cut[]");
    enl_reply_done(&r);
    call_body("POST", "/hook", &broken, &r);
    assert_int_equal(r.status, 500);
    assert_int_equal(calls, 0);
    enl_reply_done(&r);
    call_text("POST", "/queue", QUEUE_ENVELOPE, &r);
    assert_string_equal(seen, "2[m]");
    assert_string_equal(enl_buf_str(&r.body), "{\"Outputs\":{},\"Logs\":[],\"ReturnValue\":null}");
    enl_reply_done(&r);
    call_text("POST", "/tick", "{\"Data\":{\"timer\":{\"IsPastDue\":true}}}", &r);
    assert_string_equal(seen, "late");
    enl_reply_done(&r);
}

static void test_results(void **state)
{
    static const struct {
        enum enl_rc rc;
        int forwarded;
        const char *wrapped; /* NULL: the invocation fails */
    } cases[] = {
        {ENL_INVALID, 400, "\"statusCode\":400"},
        {ENL_DENIED, 401, "\"statusCode\":401"},
        {ENL_RETRY, 503, "\"statusCode\":503"},
        {ENL_FATAL, 500, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_reply r;

        played_rc = cases[i].rc;
        call_text("GET", "/page", "", &r);
        assert_int_equal(r.status, cases[i].forwarded);
        assert_string_equal(r.content_type, "application/problem+json");
        /* What happened is the log's, not the caller's. */
        assert_null(strstr(enl_buf_str(&r.body), "cause"));
        assert_non_null(strstr(last_line, "err=cause"));
        enl_reply_done(&r);
        call_text("POST", "/hook", HTTP_ENVELOPE("POST", "x"), &r);
        assert_int_equal(r.status, cases[i].wrapped ? 200 : 500);
        assert_non_null(
            strstr(enl_buf_str(&r.body), cases[i].wrapped ? cases[i].wrapped : "\"status\":500"));
        enl_reply_done(&r);
        call_text("POST", "/queue", QUEUE_ENVELOPE, &r);
        assert_int_equal(r.status, 500);
        assert_true(r.body.len > 0);
        enl_reply_done(&r);
    }
    played_rc = ENL_OK;
}

static void test_log(void **state)
{
    struct enl_reply r;

    (void)state;
    call_text("GET", "/page/secret-name", "", &r);
    assert_int_equal(lines, 1);
    assert_int_equal(last_fd, 1);
    assert_non_null(strstr(last_line, "level=info msg=\"call\" inv=inv-1 fn=page method=GET "
                                      "status=200 duration_ms="));
    assert_non_null(strstr(last_line, " event=e-1\n"));
    assert_null(strstr(last_line, "secret"));
    enl_reply_done(&r);
    call_text("POST", "/hook", HTTP_ENVELOPE("POST", "secret"), &r);
    assert_int_equal(lines, 1);
    assert_null(strstr(last_line, "secret"));
    enl_reply_done(&r);
    /* The batch line tells of a message that went well; the probe is no call. */
    call_text("POST", "/queue", QUEUE_ENVELOPE, &r);
    assert_int_equal(lines, 0);
    enl_reply_done(&r);
    call_text("GET", "/", "", &r);
    assert_int_equal(lines, 0);
    enl_reply_done(&r);
    played_rc = ENL_FATAL;
    call_text("POST", "/queue", QUEUE_ENVELOPE, &r);
    assert_int_equal(lines, 1);
    assert_int_equal(last_fd, 2);
    assert_non_null(strstr(last_line, "level=error "));
    enl_reply_done(&r);
    played_rc = ENL_RETRY;
    call_text("GET", "/page", "", &r);
    assert_non_null(strstr(last_line, "level=warn "));
    enl_reply_done(&r);
    played_rc = ENL_OK;
    call_text("GET", "/nope", "", &r);
    assert_non_null(strstr(last_line, "level=info "));
    assert_non_null(strstr(last_line, "fn=- "));
    enl_reply_done(&r);
}

static void test_torture(void **state)
{
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_reply r;

        call_text("POST", "/hook", HTTP_ENVELOPE("POST", "x"), &r);
        enl_torture_end(&t, enl_buf_ok(&r.body) && r.status == 200 ? ENL_OK : ENL_FATAL);
        if (t.done) {
            assert_non_null(strstr(enl_buf_str(&r.body), "\"statusCode\":200"));
        }
        enl_reply_done(&r);
    }
    assert_true(t.n > 4);
}

static int setup(void **state)
{
    (void)state;
    enl_log_capture(capture, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_results), cmocka_unit_test(test_log),
        cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("dispatch", tests, setup, NULL);
}
