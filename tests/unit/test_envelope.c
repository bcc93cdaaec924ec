/* test_envelope - invocations as the Functions host posts them, forged ones and cut ones. */
#include "enl_test.h"

#include "base/alloc.h"
#include "host/envelope.h"
#include "host/json_span.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEEP 100000 /* levels: far more than any stack of ours would take */

static const struct enl_function webhook = {
    .name = "manychat-webhook", .binding = "req", .output = "event", .trigger = ENL_HTTP};
static const struct enl_function processor = {
    .name = "queue-processor", .binding = "msg", .trigger = ENL_QUEUE};
static const struct enl_function tick = {.name = "tick", .binding = "timer", .trigger = ENL_TIMER};

/* As recorded from a real host. */
static const char golden_post[] =
    "{\"Data\":{\"req\":{\"Url\":\"http://127.0.0.1:7071/api/webhook/abc?x=1&y=2&y=3\",\"Method\":"
    "\"POST\",\"Query\":{\"x\":\"1\",\"y\":\"2,3\"},\"Headers\":{\"Accept\":[\"*/*\"],\"Host\":["
    "\"127.0.0.1:7071\"],\"User-Agent\":[\"curl/7.88.1\"],\"Content-Type\":[\"application/json; "
    "charset=utf-8\"],\"Cookie\":[\"c=1\"],\"Content-Length\":[\"194\"],\"X-Hub-Signature-256\":["
    "\"sha256=abc\"],\"X-Multi\":[\"a\",\"b\"]},\"Params\":{\"kind\":\"abc\"},\"Identities\":[{"
    "\"AuthenticationType\":null,\"IsAuthenticated\":false,\"Actor\":null,\"BootstrapContext\":"
    "null,\"Claims\":[],\"Label\":null,\"Name\":null,\"NameClaimType\":"
    "\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name\",\"RoleClaimType\":"
    "\"http://schemas.microsoft.com/ws/2008/06/identity/claims/role\"}],\"Body\":"
    "\"{\\\"resp\\\":{\\\"Outputs\\\":{\\\"outMsg\\\":{\\\"id\\\":\\\"k1\\\",\\\"n\\\":1},"
    "\\\"res\\\":{\\\"statusCode\\\":202}}}, \\\"txt\\\":\\\"\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 "
    "\xf0\x9f\x99\x82\\\"}\"}},\"Metadata\":{\"resp\":{\"Outputs\":{\"outMsg\":{\"id\":\"k1\","
    "\"n\":1},\"res\":{\"statusCode\":202}}},\"txt\":\"\\\"\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 "
    "\xf0\x9f\x99\x82\\\"\",\"x\":\"\\\"1\\\"\",\"y\":\"\\\"3\\\"\",\"kind\":\"\\\"abc\\\"\","
    "\"Query\":{\"x\":\"1\",\"y\":\"3\"},\"Headers\":{\"Accept\":\"*/*\"},\"sys\":{\"MethodName\":"
    "\"manychat-webhook\",\"UtcNow\":\"2026-11-23T23:22:54.7587884Z\",\"RandGuid\":"
    "\"0ae18f7b-ddda-40d0-b93f-c0692ef25146\"}}}";
static const char golden_get[] =
    "{\"Data\":{\"req\":{\"Url\":\"http://127.0.0.1:7071/api/plain?name=a%20b&empty=\",\"Method\":"
    "\"GET\",\"Query\":{\"name\":\"a b\",\"empty\":\"\"},\"Headers\":{\"Accept\":[\"*/*\"]},"
    "\"Params\":{},\"Identities\":[]}},\"Metadata\":{\"name\":\"\\\"a b\\\"\",\"empty\":\"\\\"\\\""
    "\",\"Query\":{\"name\":\"a b\",\"empty\":\"\"},\"Headers\":{},\"sys\":{}}}";
static const char golden_queue[] =
    "{\"Data\":{\"msg\":\"\\\"{\\\\n  \\\\\\\"id\\\\\\\": \\\\\\\"k1\\\\\\\",\\\\n  "
    "\\\\\\\"n\\\\\\\": 1\\\\n}\\\"\"},\"Metadata\":{\"DequeueCount\":\"1\",\"ExpirationTime\":"
    "\"2026-11-30T23:22:55+00:00\",\"Id\":\"\\\"k1\\\"\",\"InsertionTime\":"
    "\"2026-11-23T23:22:55+00:00\",\"NextVisibleTime\":\"2026-11-23T23:32:56+00:00\","
    "\"PopReceipt\":\"\\\"MjNOb3YyMDI2MjM6MjI6NTZmNGQz\\\"\",\"sys\":{\"MethodName\":"
    "\"queue-processor\",\"UtcNow\":\"2026-11-23T23:22:56.1782438Z\",\"RandGuid\":"
    "\"2d4f7fbf-714a-443b-926d-93bdc184b4a6\"},\"n\":\"\\\"1\\\"\"}}";
static const char golden_forged[] =
    "{\"Data\":{\"msg\":\"\\\"{\\\\\\\"code\\\\\\\":500}\\\"\"},\"Metadata\":{\"DequeueCount\":"
    "\"\\\"zzz\\\"\",\"ExpirationTime\":\"x\",\"Id\":\"\\\"a26f\\\"\",\"sys\":\"\\\"evil\\\"\","
    "\"code\":\"\\\"500\\\"\",\"tag\":\"\\\"poisonme\\\"\"}}";

static enum enl_rc read_text(const struct enl_function *f, const char *text, size_t len, bool cut,
                             struct enl_envelope *ret)
{
    struct enl_err err = {0};
    /* A copy of the exact size, so that the sanitizer sees a read beyond the end. */
    char *copy = malloc(len > 0 ? len : 1);
    enum enl_rc rc = ENL_OK;

    assert_non_null(copy);
    memcpy(copy, text, len);
    rc = enl_envelope_read(f, copy, len, cut, ret, &err);
    assert_int_equal(err.rc, rc);
    free(copy);
    return rc;
}

static void test_golden_post(void **state)
{
    struct enl_envelope e;
    size_t n = 0;

    (void)state;
    assert_int_equal(read_text(&webhook, golden_post, sizeof(golden_post) - 1, false, &e), ENL_OK);
    assert_string_equal(e.http.method, "POST");
    assert_string_equal(enl_http_header(&e.http, "content-TYPE", &n),
                        "application/json; charset=utf-8");
    assert_int_equal(n, 1);
    assert_string_equal(enl_http_header(&e.http, "X-Multi", &n), "a");
    assert_int_equal(n, 2);
    assert_null(enl_http_header(&e.http, "X-API-Key", &n));
    assert_int_equal(n, 0);
    assert_int_equal(e.http.n_headers, 9);
    assert_true(e.http.has_body);
    assert_string_equal(e.http.body,
                        "{\"resp\":{\"Outputs\":{\"outMsg\":{\"id\":\"k1\",\"n\":1},\"res\":{"
                        "\"statusCode\":202}}}, \"txt\":\"\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 "
                        "\xf0\x9f\x99\x82\"}");
    assert_int_equal(e.http.body_len, strlen(e.http.body));
    enl_envelope_done(&e);
}

static void test_golden_get(void **state)
{
    struct enl_envelope e;

    (void)state;
    assert_int_equal(read_text(&webhook, golden_get, sizeof(golden_get) - 1, false, &e), ENL_OK);
    assert_string_equal(e.http.method, "GET");
    assert_false(e.http.has_body);
    assert_int_equal(e.http.body_len, 0);
    enl_envelope_done(&e);
}

static void test_golden_queue(void **state)
{
    struct enl_envelope e;

    (void)state;
    assert_int_equal(read_text(&processor, golden_queue, sizeof(golden_queue) - 1, false, &e),
                     ENL_OK);
    assert_string_equal(e.queue.text, "{\n  \"id\": \"k1\",\n  \"n\": 1\n}");
    assert_int_equal(e.queue.len, strlen(e.queue.text));
    assert_int_equal(e.queue.deliveries, 1);
    enl_envelope_done(&e);
    assert_int_equal(read_text(&processor, golden_forged, sizeof(golden_forged) - 1, false, &e),
                     ENL_OK);
    assert_string_equal(e.queue.text, "{\"code\":500}");
    assert_int_equal(e.queue.deliveries, 0);
    enl_envelope_done(&e);
}

static void test_queue_texts(void **state)
{
    static const struct {
        const char *data, *text; /* text NULL: refused */
    } cases[] = {
        {"\"\\\"str-message\\\"\"", "str-message"},
        {"\"\\\"12345\\\"\"", "12345"},
        {"\"\\\"\\\"\"", ""},
        {"\" \\\"x\\\" \"", "x"},
        {"\"\\\"\\\\u00e9\\\\ud83d\\\\ude00\\\"\"", "\xc3\xa9\xf0\x9f\x98\x80"},
        {"\"\\\"\\u00e9\\\"\"", "\xc3\xa9"},
        {"\"str\"", NULL},
        {"\"12\"", NULL},
        {"\"\"", NULL},
        {"\"\\\"a\\\"b\"", NULL},
        {"\"\\\"a\"", NULL},
        {"\"\\\"\\\\x\\\"\"", NULL},
        {"12", NULL},
        {"null", NULL},
        {"{\"a\":1}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_envelope e;
        char text[256];
        enum enl_rc rc = ENL_OK;

        (void)snprintf(text, sizeof(text), "{\"Data\":{\"msg\":%s},\"Metadata\":{}}",
                       cases[i].data);
        rc = read_text(&processor, text, strlen(text), false, &e);
        ENL_CHECK(rc == (cases[i].text ? ENL_OK : ENL_INVALID), cases[i].data);
        if (cases[i].text) {
            ENL_CHECK_STR(e.queue.text, cases[i].text, cases[i].data);
        }
        enl_envelope_done(&e);
    }
}

static void test_deliveries(void **state)
{
    static const struct {
        const char *metadata;
        unsigned want;
    } cases[] = {
        {"{\"DequeueCount\":\"3\"}", 3},
        {"{\"DequeueCount\":\"0\"}", 0},
        {"{\"DequeueCount\":3}", 0},
        {"{\"DequeueCount\":\"\\\"3\\\"\"}", 0},
        {"{\"DequeueCount\":\" 3\"}", 0},
        {"{\"DequeueCount\":\"-3\"}", 0},
        {"{\"DequeueCount\":\"99999999999\"}", 0},
        {"{\"DequeueCount\":\"4294967295\"}", 4294967295U},
        {"{\"x\":{\"DequeueCount\":\"3\"}}", 0},
        {"{\"x\":\"\\\"DequeueCount\\\":\\\"3\\\"\"}", 0},
        {"{\"a\":[{\"b\":\"]}\"}],\"DequeueCount\":\"4\"}", 4},
        {"[\"DequeueCount\",\"3\"]", 0},
        {"7", 0},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_envelope e;
        char text[256];

        (void)snprintf(text, sizeof(text), "{\"Metadata\":%s,\"Data\":{\"msg\":\"\\\"x\\\"\"}}",
                       cases[i].metadata);
        ENL_CHECK(read_text(&processor, text, strlen(text), false, &e) == ENL_OK, text);
        ENL_CHECK(e.queue.deliveries == cases[i].want, text);
        enl_envelope_done(&e);
    }
}

/* What the caller's body puts into Metadata is neither parsed nor walked through by recursion. */
static void test_deep_metadata(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_envelope e;

    (void)state;
    enl_buf_adds(&b, "{\"Metadata\":{\"sys\":\"evil\",\"x\":");
    for (int i = 0; i < DEEP; i++) {
        enl_buf_adds(&b, i % 2 ? "[" : "{\"Data\":");
    }
    for (int i = DEEP - 1; i >= 0; i--) {
        enl_buf_adds(&b, i % 2 ? "]" : "}");
    }
    enl_buf_adds(&b, ",\"DequeueCount\":\"2\"},\"Data\":{\"msg\":\"\\\"x\\\"\"}}");
    assert_true(enl_buf_ok(&b));
    assert_int_equal(read_text(&processor, enl_buf_str(&b), b.len, false, &e), ENL_OK);
    assert_string_equal(e.queue.text, "x");
    assert_int_equal(e.queue.deliveries, 2);
    enl_envelope_done(&e);
    enl_buf_done(&b);
}

static void test_no_envelope(void **state)
{
    static const char *const http[] = {
        "",
        " ",
        "{}",
        "[]",
        "null",
        "\"Data\"",
        "{\"Data\":{}}",
        "{\"Data\":[]}",
        "{\"Data\":{\"req\":1}}",
        "{\"Data\":{\"req\":{}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\"}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":[]}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{\"a\":}}}}",
        "{\"Data\":{\"req\":{\"Headers\":{}}}}",
        "{\"Data\":{\"req\":{\"Method\":1,\"Headers\":{}}}}",
        "{\"Data\":{\"req\":{\"Method\":\"AVERYLONGMETHODNAME\",\"Headers\":{}}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{},\"Body\":1}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{},\"Body\":\"\\q\"}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{},\"Body\":\"\\u12\"}}}",
        "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{}}}} x",
        "{\"Data\":{\"msg\":\"x\"}}",
        "{\"id\":\"1\"}",
        "{\"data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{}}}}",
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(http); i++) {
        struct enl_envelope e;

        ENL_CHECK(read_text(&webhook, http[i], strlen(http[i]), false, &e) == ENL_INVALID, http[i]);
        enl_envelope_done(&e);
    }
}

static void test_deep_headers(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_envelope e;

    (void)state;
    enl_buf_adds(&b, "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{\"a\":");
    for (int i = 0; i < DEEP; i++) {
        enl_buf_addc(&b, '[');
    }
    for (int i = 0; i < DEEP; i++) {
        enl_buf_addc(&b, ']');
    }
    enl_buf_adds(&b, "}}}}");
    assert_int_equal(read_text(&webhook, enl_buf_str(&b), b.len, false, &e), ENL_INVALID);
    enl_envelope_done(&e);
    enl_buf_done(&b);
}

/* Every prefix of a good envelope is none; read as the beginning of one too large it never fails
 * badly, and its headers are there from their end on. */
static void test_truncated(void **state)
{
    const struct {
        const struct enl_function *f;
        const char *text;
        size_t len;
    } texts[] = {{&webhook, golden_post, sizeof(golden_post) - 1},
                 {&webhook, golden_get, sizeof(golden_get) - 1},
                 {&processor, golden_queue, sizeof(golden_queue) - 1},
                 {&tick, golden_forged, sizeof(golden_forged) - 1}};
    size_t headers_end = (size_t)(strstr(golden_post, ",\"Params\"") - golden_post);

    (void)state;
    for (size_t t = 0; t < ENL_COUNT(texts); t++) {
        for (size_t len = 0; len < texts[t].len; len++) {
            struct enl_envelope e;

            assert_int_equal(read_text(texts[t].f, texts[t].text, len, false, &e), ENL_INVALID);
            enl_envelope_done(&e);
            if (texts[t].f == &webhook) {
                enum enl_rc rc = read_text(texts[t].f, texts[t].text, len, true, &e);

                assert_true(rc == ENL_OK || rc == ENL_INVALID);
                if (t == 0 && len > headers_end) {
                    assert_int_equal(rc, ENL_OK);
                    assert_int_equal(e.http.n_headers, 9);
                    assert_true(e.http.cut);
                    assert_false(e.http.has_body);
                }
                enl_envelope_done(&e);
            }
        }
    }
}

static void test_cut_queue(void **state)
{
    struct enl_envelope e;

    (void)state;
    assert_int_equal(read_text(&processor, golden_queue, sizeof(golden_queue) - 1, true, &e),
                     ENL_INVALID);
    enl_envelope_done(&e);
}

static void test_body_bytes(void **state)
{
    static const char text[] = "{\"Data\":{\"req\":{\"Method\":\"POST\",\"Headers\":{},\"Body\":"
                               "\"a\\u0000b\\ud800c\\udc00\\ud800\\u0041\\b\\f\\/\"}}}";
    static const char want[] = "a\0b\xef\xbf\xbd"
                               "c\xef\xbf\xbd\xef\xbf\xbd"
                               "A\b\f/";
    struct enl_envelope e;

    (void)state;
    assert_int_equal(read_text(&webhook, text, sizeof(text) - 1, false, &e), ENL_OK);
    assert_int_equal(e.http.body_len, sizeof(want) - 1);
    assert_memory_equal(e.http.body, want, sizeof(want) - 1);
    enl_envelope_done(&e);
}

static void test_timer(void **state)
{
    static const char past[] = "{\"Data\":{\"timer\":{\"Schedule\":{\"AdjustForDST\":true},"
                               "\"ScheduleStatus\":null,\"IsPastDue\":true}},\"Metadata\":{}}";
    static const char on_time[] =
        "{\"Data\":{\"timer\":{\"Schedule\":{\"IsPastDue\":true},\"IsPastDue\":false}}}";
    struct enl_envelope e;

    (void)state;
    assert_int_equal(read_text(&tick, past, sizeof(past) - 1, false, &e), ENL_OK);
    assert_true(e.timer.past_due);
    enl_envelope_done(&e);
    assert_int_equal(read_text(&tick, on_time, sizeof(on_time) - 1, false, &e), ENL_OK);
    assert_false(e.timer.past_due);
    enl_envelope_done(&e);
}

/* What is picked of a/b, a/b/c and d. */
static void test_pick(void **state)
{
    static const struct {
        const char *text;
        bool whole;
        const char *b, *c, *d; /* NULL: not there; "": the text ends within it */
    } cases[] = {
        {"{\"a\":{\"b\":{\"c\":1}},\"d\":[2]}", true, "{\"c\":1}", "1", "[2]"},
        {" { \"d\" : null , \"a\" : { \"b\" : true } } ", true, "true", NULL, "null"},
        {"{}", true, NULL, NULL, NULL},
        {"{\"a\":[{\"b\":1}],\"b\":2,\"c\":3}", true, NULL, NULL, NULL},
        {"{\"x\":{\"a\":{\"b\":1},\"d\":1},\"a\":{\"d\":1}}", true, NULL, NULL, NULL},
        {"{\"a\":{\"b\":{\"b\":1,\"d\":1},\"c\":1}}", true, "{\"b\":1,\"d\":1}", NULL, NULL},
        /* the last of a name, and nothing of the others */
        {"{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{}}}", true, "{}", NULL, NULL},
        {"{\"a\":{\"b\":{\"c\":1},\"b\":2}}", true, "2", NULL, NULL},
        {"{\"a\":{\"b\":{\"c\":1}},\"a\":{}}", true, NULL, NULL, NULL},
        {"{\"a\":{\"b\":{\"c\":1}},\"a\":7}", true, NULL, NULL, NULL},
        {"{\"d\":1,\"d\":{\"d\":2}}", true, NULL, NULL, "{\"d\":2}"},
        /* as far as it goes */
        {"{\"a\":{\"b\":{\"c\":\"x\",", false, "", "\"x\"", NULL},
        {"{\"a\":{\"b\":{\"c\":\"x", false, "", "", NULL},
        {"{\"a\":{\"b\":{\"c\":12", false, "", "", NULL},
        {"{\"a\":{\"b\":{\"c\":", false, "", NULL, NULL},
        {"{\"a\":{\"b\":", false, NULL, NULL, NULL},
        {"{\"a\":{\"b\":1},\"d\":[", false, "1", NULL, ""},
        {"{\"d\":1,\"d\":2", false, NULL, NULL, ""},
        {"{\"d\":1} 2", false, NULL, NULL, "1"},
        {"{\"d\":1,}", false, NULL, NULL, "1"},
        {"{\"d\":1 \"a\":{}}", false, NULL, NULL, "1"},
        {"{\"d\" 1}", false, NULL, NULL, NULL},
        {"{d:1}", false, NULL, NULL, NULL},
        {"[{\"d\":1}]", false, NULL, NULL, NULL},
        {"", false, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_pick picks[] = {
            {.path = {"a", "b"}}, {.path = {"a", "b", "c"}}, {.path = {"d"}}};
        const char *want[] = {cases[i].b, cases[i].c, cases[i].d};
        const char *text = cases[i].text;

        ENL_CHECK(enl_span_pick(text, strlen(text), picks, 3) == cases[i].whole, text);
        for (size_t k = 0; k < ENL_COUNT(picks); k++) {
            struct enl_span got = picks[k].value;

            ENL_CHECK((got.text == NULL) == (want[k] == NULL), text);
            ENL_CHECK(got.len == (want[k] ? strlen(want[k]) : 0), text);
            ENL_CHECK(!got.text || !want[k] || memcmp(got.text, want[k], got.len) == 0, text);
        }
    }
}

static void test_quote(void **state)
{
    static const char raw[] = "a\"\\\n\x01\x1f\b\f\r\t/\x7f\xc3\xa9\0z";
    struct enl_buf b = ENL_BUF_INIT(1000);
    struct enl_buf back = ENL_BUF_INIT(1000);
    struct enl_span span = {0};

    (void)state;
    enl_json_quote(raw, sizeof(raw) - 1, &b);
    assert_string_equal(enl_buf_str(&b),
                        "\"a\\\"\\\\\\n\\u0001\\u001f\\b\\f\\r\\t/\x7f\xc3\xa9\\u0000z\"");
    assert_true(enl_span_whole(enl_buf_str(&b), b.len, &span));
    assert_true(enl_span_decode(span, &back));
    assert_int_equal(back.len, sizeof(raw) - 1);
    assert_memory_equal(enl_buf_str(&back), raw, sizeof(raw) - 1);
    enl_buf_done(&b);
    enl_buf_done(&back);
}

static unsigned torture(const struct enl_function *f, const char *text, size_t len)
{
    struct enl_torture t = {0};

    while (enl_torture_next(&t)) {
        struct enl_envelope e;
        struct enl_err err = {0};

        enl_torture_end(&t, enl_envelope_read(f, text, len, false, &e, &err));
        enl_envelope_done(&e);
    }
    return t.n;
}

static void test_torture(void **state)
{
    (void)state;
    assert_true(torture(&webhook, golden_post, sizeof(golden_post) - 1) > 3);
    assert_true(torture(&processor, golden_queue, sizeof(golden_queue) - 1) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_post),  cmocka_unit_test(test_golden_get),
        cmocka_unit_test(test_golden_queue), cmocka_unit_test(test_queue_texts),
        cmocka_unit_test(test_deliveries),   cmocka_unit_test(test_deep_metadata),
        cmocka_unit_test(test_no_envelope),  cmocka_unit_test(test_deep_headers),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_cut_queue),
        cmocka_unit_test(test_body_bytes),   cmocka_unit_test(test_timer),
        cmocka_unit_test(test_pick),         cmocka_unit_test(test_quote),
        cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
