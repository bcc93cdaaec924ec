/* test_reply - what goes back to the host: envelopes, problems, HTTP. */
#include "enl_test.h"

#include "base/alloc.h"
#include "host/reply.h"
#include "wrap/json.h"

#include <string.h>

static const struct enl_function webhook = {
    .name = "w", .binding = "req", .output = "event", .trigger = ENL_HTTP};
static const struct enl_function processor = {
    .name = "p", .binding = "event", .output = "back", .trigger = ENL_QUEUE};
static const struct enl_function tick = {.name = "t", .binding = "timer", .trigger = ENL_TIMER};

static void expect_wrap(const struct enl_function *f, const struct enl_reply *r, const char *want)
{
    struct enl_buf b = ENL_BUF_INIT(100000);

    enl_reply_wrap(f, r, &b);
    assert_true(enl_buf_ok(&b));
    assert_string_equal(enl_buf_str(&b), want);
    enl_buf_done(&b);
}

static void test_http_with_output(void **state)
{
    struct enl_reply r;

    (void)state;
    enl_reply_init(&r);
    enl_buf_adds(&r.body, "{\"a\":\"\xc3\xa9\\n\"}");
    enl_reply_header(&r, "Preference-Applied", "handling=strict");
    enl_reply_output(&r, "{\"v\":1}", 7);
    expect_wrap(&webhook, &r,
                "{\"Outputs\":{\"res\":{\"statusCode\":200,\"headers\":{\"Content-Type\":"
                "\"application/json\",\"Preference-Applied\":\"handling=strict\"},\"body\":"
                "\"{\\\"a\\\":\\\"\xc3\xa9\\\\n\\\"}\"},\"event\":\"eyJ2IjoxfQ==\"},\"Logs\":[],"
                "\"ReturnValue\":null}");
    enl_reply_done(&r);
}

static void test_http_problem(void **state)
{
    struct enl_reply r;

    (void)state;
    enl_reply_init(&r);
    enl_reply_output(&r, "x", 1);
    enl_reply_problem(&r, &(struct enl_problem){.status = 422,
                                                .detail = "not \"it\"",
                                                .field = "data.id",
                                                .line = 3,
                                                .column = 7,
                                                .members = "\"limit\":1"});
    assert_string_equal(enl_buf_str(&r.body),
                        "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":"
                        "422,\"detail\":\"not \\\"it\\\"\",\"field\":\"data.id\",\"line\":3,"
                        "\"column\":7,\"limit\":1}");
    assert_string_equal(r.note, "data.id: not \"it\"");
    /* Nothing that was refused goes out. */
    expect_wrap(&webhook, &r,
                "{\"Outputs\":{\"res\":{\"statusCode\":422,\"headers\":{\"Content-Type\":"
                "\"application/problem+json\"},\"body\":\"{\\\"type\\\":\\\"about:blank\\\","
                "\\\"title\\\":\\\"Unprocessable Content\\\",\\\"status\\\":422,\\\"detail\\\":"
                "\\\"not \\\\\\\"it\\\\\\\"\\\",\\\"field\\\":\\\"data.id\\\",\\\"line\\\":3,"
                "\\\"column\\\":7,\\\"limit\\\":1}\"}},\"Logs\":[],\"ReturnValue\":null}");
    enl_reply_done(&r);
}

static void test_queue(void **state)
{
    struct enl_reply r;

    (void)state;
    enl_reply_init(&r);
    expect_wrap(&processor, &r, "{\"Outputs\":{},\"Logs\":[],\"ReturnValue\":null}");
    expect_wrap(&tick, &r, "{\"Outputs\":{},\"Logs\":[],\"ReturnValue\":null}");
    enl_reply_output(&r, "\xff\0\xfe", 3);
    expect_wrap(&processor, &r,
                "{\"Outputs\":{\"back\":\"/wD+\"},\"Logs\":[],\"ReturnValue\":null}");
    enl_reply_done(&r);
}

static void test_wire(void **state)
{
    struct enl_reply r;
    struct enl_buf b = ENL_BUF_INIT(10000);

    (void)state;
    enl_reply_init(&r);
    enl_buf_adds(&r.body, "{}");
    enl_reply_header(&r, "Cache-Control", "no-store");
    enl_reply_http(&r, false, false, &b);
    assert_string_equal(enl_buf_str(&b),
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                        "Cache-Control: no-store\r\nConnection: keep-alive\r\n\r\n{}");
    enl_buf_reset(&b);
    enl_reply_http(&r, true, true, &b);
    assert_string_equal(enl_buf_str(&b),
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                        "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    r.body.failed = true;
    enl_reply_http(&r, true, true, &b);
    assert_false(enl_buf_ok(&b));
    enl_buf_done(&b);
    enl_reply_done(&r);
}

static void test_status_texts(void **state)
{
    static const int used[] = {200, 400, 401, 404, 405, 411, 413, 415, 422, 500, 503};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(used); i++) {
        assert_string_not_equal(enl_status_text(used[i]), "Error");
    }
    assert_string_equal(enl_status_text(418), "Error");
    assert_string_equal(enl_status_text(299), "OK");
}

static void test_torture(void **state)
{
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_reply r;
        struct enl_buf b = ENL_BUF_INIT(100000);

        enl_reply_init(&r);
        enl_buf_adds(&r.body, "{}");
        enl_reply_output(&r, "message", 7);
        enl_reply_wrap(&webhook, &r, &b);
        enl_torture_end(&t, enl_buf_ok(&b) ? ENL_OK : ENL_FATAL);
        if (t.done) {
            assert_non_null(strstr(enl_buf_str(&b), "\"event\":\"bWVzc2FnZQ==\""));
        }
        enl_buf_done(&b);
        enl_reply_done(&r);
    }
    assert_true(t.n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_with_output),
        cmocka_unit_test(test_http_problem),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_status_texts),
        cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
