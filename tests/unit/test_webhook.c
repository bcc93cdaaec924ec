/* test_webhook - manychat-webhook without a server: keys, refusals and their order, answers. */
#include "enl_test.h"

#include "base/alloc.h"
#include "domain/event.h"
#include "domain/message.h"
#include "fn/app.h"
#include "fn/functions.h"
#include "fn/request.h"
#include "host/reply.h"
#include "wrap/crypto.h"
#include "wrap/json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NOW_US      1778068800123456LL /* 2026-05-06T12:00:00.123456Z */
#define HEADERS_MAX 8
#define TRACE       "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static int64_t fixed_clock(void *ctx)
{
    (void)ctx;
    return NOW_US;
}

static const struct enl_clock clock_fixed = {.wall_us = fixed_clock, .mono_us = fixed_clock};

/* One request; headers as "Name: value", ended by NULL. */
struct request {
    const char *headers[HEADERS_MAX];
    const char *body; /* NULL: the envelope has no Body */
    size_t body_len;  /* 0: that of the text */
    bool cut;
};

struct answer {
    enum enl_rc rc;
    struct enl_err err;
    struct enl_reply reply;
    struct enl_json *json; /* of the body */
};

static struct enl_config config(const char *api_key)
{
    struct enl_config c = {.api_key = api_key, .state_custom_field = "estado"};

    return c;
}

static struct answer ask_app(struct enl_app *app, const struct request *r)
{
    struct enl_header headers[HEADERS_MAX] = {{0}};
    char names[HEADERS_MAX][64];
    struct enl_http_req req = {.method = "POST",
                               .headers = headers,
                               .body = r->body,
                               .body_len = r->body_len,
                               .has_body = r->body != NULL,
                               .cut = r->cut,
                               .param = ""};
    struct answer a = {0};

    for (size_t i = 0; i < HEADERS_MAX && r->headers[i]; i++) {
        const char *colon = strstr(r->headers[i], ": ");

        (void)snprintf(names[i], sizeof(names[i]), "%.*s", (int)(colon - r->headers[i]),
                       r->headers[i]);
        headers[i] = (struct enl_header){names[i], colon + 2};
        req.n_headers++;
    }
    if (r->body && req.body_len == 0) {
        req.body_len = strlen(r->body);
    }
    enl_reply_init(&a.reply);
    a.rc = enl_fn_manychat_webhook(app, &req, &a.reply, &a.err);
    if (a.rc == ENL_OK) {
        assert_int_equal(
            enl_json_parse(enl_buf_str(&a.reply.body), a.reply.body.len, &a.json, NULL, NULL),
            ENL_OK);
    }
    return a;
}

static struct answer ask(const char *api_key, const struct request *r)
{
    const struct enl_config c = config(api_key);
    struct enl_app app = {.cfg = &c, .clock = &clock_fixed};

    return ask_app(&app, r);
}

static void done(struct answer *a)
{
    enl_json_free(a->json);
    enl_reply_done(&a->reply);
}

static void test_keys(void **state)
{
    static const struct {
        const char *label, *configured;
        const char *headers[4];
        int want;
    } cases[] = {
        {"none configured", "", {"X-API-Key: k"}, 503},
        {"only empty entries", " , ,", {"X-API-Key: "}, 503},
        {"none configured, none shown", "", {NULL}, 503},
        {"right", "k", {"X-API-Key: k"}, 200},
        {"any case of the name", "k", {"x-api-KEY: k"}, 200},
        {"second of three", "a, k ,c", {"X-API-Key: k"}, 200},
        {"last of three", "a,b,k", {"X-API-Key: k"}, 200},
        {"the list as a whole", "a,b", {"X-API-Key: a,b"}, 401},
        {"none shown", "k", {NULL}, 401},
        {"wrong", "k", {"X-API-Key: K"}, 401},
        {"prefix", "key", {"X-API-Key: ke"}, 401},
        {"longer", "key", {"X-API-Key: keyy"}, 401},
        {"empty", "k", {"X-API-Key: "}, 401},
        {"two, both right", "k", {"X-API-Key: k", "X-API-Key: k"}, 401},
        {"two, one empty", "k", {"X-API-Key: ", "X-API-Key: k"}, 401},
        {"bearer", "k", {"Authorization: Bearer k"}, 200},
        {"bearer in any case", "k", {"authorization: bEARER   k"}, 200},
        {"bearer wrong", "k", {"Authorization: Bearer x"}, 401},
        {"bearer empty", "k", {"Authorization: Bearer "}, 401},
        {"another scheme", "k", {"Authorization: Basic k"}, 401},
        {"no scheme", "k", {"Authorization: k"}, 401},
        {"two bearers", "k", {"Authorization: Bearer k", "Authorization: Bearer k"}, 401},
        {"X-API-Key counts first", "k", {"X-API-Key: x", "Authorization: Bearer k"}, 401},
        {"X-API-Key alone is looked at", "k", {"X-API-Key: k", "Authorization: Bearer x"}, 200},
        {"empty X-API-Key is absent", "k", {"X-API-Key: ", "Authorization: Bearer k"}, 200},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct request r = {.body = "{\"id\":\"1\"}"};
        struct answer a = {0};

        memcpy(r.headers, cases[i].headers, sizeof(cases[i].headers));
        a = ask(cases[i].configured, &r);
        ENL_CHECK(a.rc == ENL_OK, cases[i].label);
        ENL_CHECK(a.reply.status == cases[i].want, cases[i].label);
        ENL_CHECK(a.reply.has_output == (cases[i].want == 200), cases[i].label);
        done(&a);
    }
}

/* Each request has all the faults below its own too: the first in the contract's order counts. */
static void test_order_of_refusals(void **state)
{
    static const struct {
        const char *label;
        struct request r;
        int want;
    } cases[] = {
        {"wrong key before chunked",
         {.headers = {"Transfer-Encoding: chunked", "Content-Type: multipart/form-data"}},
         401},
        {"chunked before multipart",
         {.headers = {"X-API-Key: k", "Transfer-Encoding: chunked",
                      "Content-Type: multipart/form-data"},
          .cut = false},
         411},
        {"no body and no length is chunked", {.headers = {"X-API-Key: k"}}, 411},
        {"no body, length 5", {.headers = {"X-API-Key: k", "Content-Length: 5"}}, 411},
        {"multipart before size",
         {.headers = {"X-API-Key: k", "Content-Type: Multipart/Form-Data; boundary=x"},
          .cut = true},
         415},
        {"too large to read", {.headers = {"X-API-Key: k"}, .cut = true}, 413},
        {"too large to read, headers lost", {.cut = true}, 413},
        {"too large to read, wrong key", {.headers = {"X-API-Key: x"}, .cut = true}, 401},
        {"empty", {.headers = {"X-API-Key: k", "Content-Length: 0"}}, 400},
        {"empty text", {.headers = {"X-API-Key: k"}, .body = ""}, 400},
        {"not JSON", {.headers = {"X-API-Key: k"}, .body = "a=1"}, 400},
        {"trailing text", {.headers = {"X-API-Key: k"}, .body = "{\"id\":\"1\"} x"}, 400},
        {"no object", {.headers = {"X-API-Key: k"}, .body = "[1]"}, 422},
        {"no id", {.headers = {"X-API-Key: k"}, .body = "{}"}, 422},
        {"octet-stream not UTF-8",
         {.headers = {"X-API-Key: k", "Content-Type: application/octet-stream"},
          .body = "eyJpZCI6Iv8ifQ=="},
         400},
        {"octet-stream no base64",
         {.headers = {"X-API-Key: k", "Content-Type: application/octet-stream"},
          .body = "{\"id\":\"1\"}"},
         400},
        {"two idempotency keys",
         {.headers = {"X-API-Key: k", "Idempotency-Key: a", "Idempotency-Key: a"},
          .body = "{\"id\":\"1\"}"},
         422},
        {"a wrong idempotency key",
         {.headers = {"X-API-Key: k", "Idempotency-Key: a b"}, .body = "{\"id\":\"1\"}"},
         422},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct answer a = ask("k", &cases[i].r);
        int64_t status = 0;

        ENL_CHECK(a.rc == ENL_OK, cases[i].label);
        ENL_CHECK(a.reply.status == cases[i].want, cases[i].label);
        ENL_CHECK(!a.reply.has_output, cases[i].label);
        ENL_CHECK_STR(a.reply.content_type, "application/problem+json", cases[i].label);
        ENL_CHECK(enl_json_get_i64(a.json, "status", &status) && status == cases[i].want,
                  cases[i].label);
        done(&a);
    }
}

static void test_problem_members(void **state)
{
    struct request r = {.headers = {"X-API-Key: k"}, .body = "{\n \"id\": nope}"};
    struct answer a = ask("k", &r);
    int64_t n = 0;

    (void)state;
    assert_true(enl_json_get_i64(a.json, "line", &n));
    assert_int_equal(n, 2);
    assert_true(enl_json_get_i64(a.json, "column", &n));
    assert_true(n > 1);
    done(&a);
    r.body = "{\"data\":{\"id\":\" \"}}";
    a = ask("k", &r);
    assert_int_equal(a.reply.status, 422);
    assert_string_equal(enl_json_get_str(a.json, "field"), "data.id");
    done(&a);
    r.body = "7";
    a = ask("k", &r);
    assert_string_equal(enl_json_get_str(a.json, "field"), "$");
    done(&a);
    r.headers[1] = "Idempotency-Key: \xc3\xa9";
    r.body = "{\"id\":\"1\"}";
    a = ask("k", &r);
    assert_string_equal(enl_json_get_str(a.json, "field"), "Idempotency-Key");
    done(&a);
}

static struct enl_message read_message(const struct answer *a)
{
    struct enl_message m = {0};
    struct enl_err err = {0};

    assert_true(a->reply.has_output);
    assert_int_equal(enl_message_read(enl_buf_str(&a->reply.output), a->reply.output.len, &m, &err),
                     ENL_OK);
    return m;
}

static void test_answer(void **state)
{
    const struct request r = {
        .headers = {"X-API-Key: k", "Idempotency-Key: \"e-1\"", "traceparent: " TRACE},
        .body = "\xef\xbb\xbf{\"data\":{\"id\":\"1\",\"subscribed\":\"soon\"}}"};
    struct answer a = ask("k", &r);
    struct enl_message m = read_message(&a);

    (void)state;
    assert_int_equal(a.reply.status, 200);
    assert_string_equal(a.reply.content_type, "application/json");
    assert_string_equal(enl_buf_str(&a.reply.body),
                        "{\"version\":\"v2\",\"content\":{\"messages\":[],\"actions\":[],"
                        "\"quick_replies\":[]},\"status\":\"queued\",\"event_id\":\"e-1\","
                        "\"warnings\":[{\"field\":\"data.subscribed\",\"detail\":"
                        "\"not a date; left out\"}]}");
    assert_string_equal(a.reply.event_id, "e-1");
    assert_string_equal(m.event_id, "e-1");
    assert_false(m.generated);
    assert_string_equal(m.traceparent, TRACE);
    assert_string_equal(m.raw, r.body);
    assert_true(m.received_us / 1000 == NOW_US / 1000);
    enl_message_done(&m);
    done(&a);
}

static void test_generated_id(void **state)
{
    const struct request r = {.headers = {"X-API-Key: k", "Idempotency-Key: "},
                              .body = "{\"id\":\"1\"}"};
    struct answer a = ask("k", &r);
    struct enl_message m = read_message(&a);

    (void)state;
    assert_true(m.generated);
    assert_int_equal(strlen(m.event_id), 36);
    assert_null(m.traceparent);
    assert_string_equal(enl_json_get_str(a.json, "event_id"), m.event_id);
    assert_int_equal(enl_json_len(enl_json_get(a.json, "warnings")), 0);
    assert_true(enl_json_is(enl_json_get(a.json, "warnings"), ENL_JSON_ARRAY));
    enl_message_done(&m);
    done(&a);
}

static void test_octet_stream(void **state)
{
    const struct request r = {.headers = {"X-API-Key: k", "Content-Type: application/octet-stream"},
                              .body = "eyJpZCI6IsOxIiwiaWQiOiIxIn0="};
    struct answer a = ask("k", &r);
    struct enl_message m = read_message(&a);

    (void)state;
    assert_string_equal(m.raw, "{\"id\":\"\xc3\xb1\",\"id\":\"1\"}");
    enl_message_done(&m);
    done(&a);
}

/* A form's content type, or none, says nothing. */
static void test_content_types(void **state)
{
    static const char *const types[] = {"Content-Type: application/x-www-form-urlencoded",
                                        "Content-Type: text/plain",
                                        "Content-Type: ",
                                        "X: y",
                                        "Content-Type: application/octet-streams",
                                        "Content-Type: multipartish/x"};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(types); i++) {
        const struct request r = {.headers = {"X-API-Key: k", types[i]}, .body = "{\"id\":1}"};
        struct answer a = ask("k", &r);

        ENL_CHECK(a.reply.status == 200, types[i]);
        done(&a);
    }
}

static void test_strict(void **state)
{
    static const struct {
        const char *prefer;
        bool strict;
    } cases[] = {
        {"Prefer: handling=strict", true},
        {"prefer: HANDLING=Strict", true},
        {"Prefer: handling=\"strict\"", true},
        {"Prefer: respond-async, handling = strict ; x=y", true},
        {"Prefer: handling=strict, handling=lenient", true},
        {"Prefer: handling=lenient, handling=strict", false},
        {"Prefer: handling=lenient", false},
        {"Prefer: handling", false},
        {"Prefer: strict", false},
        {"Prefer: x; handling=strict", false},
        {"Prefer: ", false},
        {"X-Prefer: handling=strict", false},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct request r = {.headers = {"X-API-Key: k", cases[i].prefer},
                            .body = "{\"id\":1,\"subscribed\":\"x\"}"};
        struct answer a = ask("k", &r);

        ENL_CHECK(a.reply.status == (cases[i].strict ? 422 : 200), cases[i].prefer);
        ENL_CHECK(a.reply.has_output == !cases[i].strict, cases[i].prefer);
        ENL_CHECK(enl_json_len(enl_json_get(a.json, "warnings")) == 1, cases[i].prefer);
        done(&a);
        r.body = "{\"id\":1}";
        a = ask("k", &r);
        ENL_CHECK(a.reply.status == 200, cases[i].prefer);
        done(&a);
    }
}

static void test_traceparent(void **state)
{
    static const struct {
        const char *value;
        bool ok;
    } cases[] = {
        {TRACE, true},
        {"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false},
        {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"", false},
    };
    struct enl_header h[2] = {{"TraceParent", TRACE}, {"traceparent", TRACE}};
    struct enl_http_req req = {.headers = h, .n_headers = 2};

    (void)state;
    assert_null(enl_request_traceparent(&req));
    req.n_headers = 1;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        h[0].value = cases[i].value;
        ENL_CHECK((enl_request_traceparent(&req) != NULL) == cases[i].ok, cases[i].value);
    }
    req.n_headers = 0;
    assert_null(enl_request_traceparent(&req));
}

/* A body of n bytes in all. */
static char *body_of(size_t n)
{
    static const char head[] = "{\"id\":\"1\",\"x\":\"";
    char *text = enl_malloc(n + 1);

    assert_non_null(text);
    memset(text, 'a', n);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + n - 2, "\"}", 3);
    return text;
}

static void expect_size(size_t n, int want, int64_t limit)
{
    char *body = body_of(n);
    const struct request r = {.headers = {"X-API-Key: k", "Idempotency-Key: e"}, .body = body};
    struct answer a = ask("k", &r);
    int64_t size = 0;
    int64_t shown = 0;

    assert_int_equal(a.reply.status, want);
    if (want == 413) {
        assert_true(enl_json_get_i64(a.json, "size", &size));
        assert_true(enl_json_get_i64(a.json, "limit", &shown));
        assert_int_equal(shown, limit);
        assert_true(size > limit);
    } else {
        assert_true(a.reply.output.len <= ENL_MESSAGE_MAX);
    }
    done(&a);
    free(body);
}

static void test_sizes(void **state)
{
    const struct request small = {.headers = {"X-API-Key: k", "Idempotency-Key: e"},
                                  .body = "{\"id\":\"1\",\"x\":\"\"}"};
    struct answer a = ask("k", &small);
    size_t room = ENL_MESSAGE_MAX - a.reply.output.len;

    (void)state;
    done(&a);
    expect_size(strlen(small.body) + room, 200, 0);
    expect_size(strlen(small.body) + room + 1, 413, ENL_MESSAGE_MAX);
    expect_size(ENL_BODY_MAX, 413, ENL_MESSAGE_MAX);
    expect_size(ENL_BODY_MAX + 1, 413, ENL_BODY_MAX);
}

/* Deeper than a worker's stack allows: read on a stack of its own. */
static void test_deep_body(void **state)
{
    static const struct {
        size_t levels;
        int want;
    } cases[] = {{ENL_JSON_SHALLOW - 2, 200}, {ENL_JSON_SHALLOW, 200}, {2000, 200}, {3000, 400}};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_buf b = ENL_BUF_INIT(100000);
        struct request r = {.headers = {"X-API-Key: k"}};
        struct answer a = {0};

        enl_buf_adds(&b, "{\"id\":1,\"x\":");
        for (size_t k = 0; k < cases[i].levels; k++) {
            enl_buf_addc(&b, '[');
        }
        for (size_t k = 0; k < cases[i].levels; k++) {
            enl_buf_addc(&b, ']');
        }
        enl_buf_addc(&b, '}');
        r.body = enl_buf_str(&b);
        a = ask("k", &r);
        assert_int_equal(a.reply.status, cases[i].want);
        done(&a);
        enl_buf_done(&b);
    }
}

/* What the host replaced stays; a NUL is no JSON. */
static void test_odd_bytes(void **state)
{
    struct request r = {.headers = {"X-API-Key: k"}, .body = "{\"id\":1,\"x\":\"\xef\xbf\xbd\"}"};
    struct answer a = ask("k", &r);

    (void)state;
    assert_int_equal(a.reply.status, 200);
    done(&a);
    r.body = "{\"id\":1}\0";
    r.body_len = 9;
    a = ask("k", &r);
    assert_int_equal(a.reply.status, 400);
    done(&a);
}

/* Two events of one microsecond keep their order. */
static void test_received_rises(void **state)
{
    const struct enl_config c = config("k");
    struct enl_app app = {.cfg = &c, .clock = &clock_fixed};
    const struct request r = {.headers = {"X-API-Key: k"}, .body = "{\"id\":1}"};
    char last[ENL_ORDER_KEY_MAX + 1] = "";

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct answer a = ask_app(&app, &r);
        struct enl_message m = read_message(&a);
        char want[17];

        (void)snprintf(want, sizeof(want), "%016" PRIx64, (uint64_t)(NOW_US + i));
        assert_int_equal(strncmp(m.order_key, want, 16), 0);
        assert_true(strcmp(m.order_key, last) > 0);
        (void)snprintf(last, sizeof(last), "%s", m.order_key);
        enl_message_done(&m);
        done(&a);
    }
}

static void test_torture(void **state)
{
    const struct request r = {
        .headers = {"X-API-Key: k", "Content-Type: application/octet-stream", "Idempotency-Key: e"},
        .body = "eyJpZCI6MSwic3Vic2NyaWJlZCI6IngifQ=="};
    struct enl_torture t = {0};

    (void)state;
    while (!t.done) {
        const struct enl_config c = config("k");
        struct enl_app app = {.cfg = &c, .clock = &clock_fixed};
        struct enl_header headers[3] = {{"X-API-Key", "k"},
                                        {"Content-Type", "application/octet-stream"},
                                        {"Idempotency-Key", "e"}};
        struct enl_http_req req = {.method = "POST",
                                   .headers = headers,
                                   .n_headers = 3,
                                   .body = r.body,
                                   .body_len = strlen(r.body),
                                   .has_body = true,
                                   .param = ""};
        struct enl_reply reply;
        struct enl_err err = {0};
        enum enl_rc rc = ENL_OK;

        enl_reply_init(&reply);
        (void)enl_torture_next(&t);
        rc = enl_fn_manychat_webhook(&app, &req, &reply, &err);
        if (rc == ENL_OK) {
            assert_int_equal(reply.status, 200);
            rc = enl_buf_ok(&reply.body) && enl_buf_ok(&reply.output) ? ENL_OK : ENL_FATAL;
        }
        enl_torture_end(&t, rc);
        enl_reply_done(&reply);
    }
    assert_true(t.n > 30);
}

static int setup(void **state)
{
    (void)state;
    enl_json_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_order_of_refusals),
        cmocka_unit_test(test_problem_members),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_generated_id),
        cmocka_unit_test(test_octet_stream),
        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_traceparent),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_deep_body),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_received_rises),
        cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("webhook", tests, setup, NULL);
}
