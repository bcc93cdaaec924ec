/* test_message - the message on the queue, written and read (docs/webhook.md W9). */
#include "domain_help.h"

#include "domain/message.h"

#include <stdbool.h>

#define KEY "00065124e737b240:e-1" /* 2026-05-06T12:00:00.123456Z */

static char *write_message(const struct enl_event *e, const char *traceparent, const char *raw)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);

    enl_message_write(e, traceparent, raw, strlen(raw), &b);
    assert_true(enl_buf_ok(&b));
    return enl_buf_take(&b, NULL);
}

static void test_text(void **state)
{
    const char *raw = "\xef\xbb\xbf{ \"id\":\"1\",\n\"name\":\"\xc3\xa9\\u00e9\xf0\x9f\x98\x80\"}";
    struct enl_event *e = help_event_at(raw, "e-1", RECEIVED_US);
    char *text = write_message(e, "00-a-b-01", raw);
    char *want = help_repeat("{\"v\":1,\"event_id\":\"e-1\",\"generated\":true,\"received_at\":"
                             "\"2026-05-06T12:00:00.123Z\",\"order_key\":\"",
                             e->order_key, 1,
                             "\",\"traceparent\":\"00-a-b-01\",\"raw\":\"\xef\xbb\xbf{ "
                             "\\\"id\\\":\\\"1\\\",\\n\\\"name\\\":\\\"\xc3\xa9\\\\u00e9"
                             "\xf0\x9f\x98\x80\\\"}\"}");

    (void)state;
    assert_string_equal(text, want);
    free(text);
    free(want);
    text = write_message(e, NULL, raw);
    assert_null(strstr(text, "traceparent"));
    free(text);
    enl_event_free(e);
}

static void check_round_trip(const char *raw, const char *label)
{
    struct enl_event *e = help_event(raw);
    char *text = write_message(e, NULL, raw);
    const struct enl_event_options opt = help_options();
    struct enl_message m = {0};
    struct enl_event *again = NULL;
    struct enl_err err = {0};
    struct enl_json *shown = help_show(e);
    char *want = help_dump(shown);

    ENL_CHECK(enl_message_read(text, strlen(text), &m, &err) == ENL_OK, label);
    ENL_CHECK(!m.newer && !m.traceparent, label);
    ENL_CHECK_STR(m.raw, raw, label);
    ENL_CHECK(m.raw_len == strlen(raw), label);
    ENL_CHECK(enl_message_event(&m, &opt, &again, &err) == ENL_OK, label);
    help_expect(again, want, label);
    ENL_CHECK_STR(again->body_hash, e->body_hash, label);
    ENL_CHECK_STR(again->order_key, e->order_key, label);
    enl_event_free(again);
    enl_event_free(e);
    enl_message_done(&m);
    enl_json_free(shown);
    free(want);
    free(text);
}

static void test_round_trip(void **state)
{
    static const char *const files[] = {"manychat-flat-contact-event.json",
                                        "manychat-full-contact.json"};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(files); i++) {
        char *raw = help_file(files[i]);

        check_round_trip(raw, files[i]);
        free(raw);
    }
    check_round_trip("\xef\xbb\xbf{\"id\":\"1\"}", "W9 a BOM is part of raw");
    check_round_trip("\r\n\t{\"id\":\"1\",\"a\":\"\\u0001n5\\\\ \\\"\"} ", "escapes and space");
    check_round_trip("{\"id\":\"1\",\"event_id\":\"mine\",\"subscribed\":\"x\"}",
                     "own id, warning");
}

static void test_microseconds(void **state)
{
    static const struct {
        const char *label, *received_at, *order_key;
        int64_t us;
    } cases[] = {
        {"from an order key that is the reception", "1970-01-01T00:00:00.001Z",
         "00000000000004d2:e-1", 1234},
        {"an older order time", "1970-01-01T00:00:00.002Z", "00000000000004d2:e-1", 2000},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        char text[512];
        const struct enl_event_options opt = help_options();
        struct enl_message m = {0};
        struct enl_event *e = NULL;

        (void)snprintf(text, sizeof(text),
                       "{\"v\":1,\"event_id\":\"e-1\",\"generated\":false,\"received_at\":\"%s\","
                       "\"order_key\":\"%s\",\"raw\":\"{\\\"id\\\":1}\"}",
                       cases[i].received_at, cases[i].order_key);
        ENL_CHECK(enl_message_read(text, strlen(text), &m, NULL) == ENL_OK, cases[i].label);
        ENL_CHECK(m.received_us == cases[i].us, cases[i].label);
        ENL_CHECK(enl_message_event(&m, &opt, &e, NULL) == ENL_OK, cases[i].label);
        ENL_CHECK_STR(e->order_key, cases[i].order_key, cases[i].label);
        ENL_CHECK(e->received_us == cases[i].us && !e->generated, cases[i].label);
        enl_event_free(e);
        enl_message_done(&m);
    }
}

#define MEMBERS(v, id, generated, at, key, raw)                                                    \
    "{\"v\":" v ",\"event_id\":" id ",\"generated\":" generated ",\"received_at\":" at             \
    ",\"order_key\":" key ",\"raw\":" raw
#define AT  "\"2026-05-06T12:00:00.123Z\""
#define RAW "\"{\\\"id\\\":1}\""

static const struct {
    const char *label, *text;
    enum enl_rc rc;
    bool newer;
} readings[] = {
    {"as ours", MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) "}", ENL_OK, false},
    {"unknown keys are ignored",
     MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) ",\"x\":[{}],\"dequeue\":1}", ENL_OK,
     false},
    {"a traceparent that is none",
     MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) ",\"traceparent\":7}", ENL_OK, false},
    {"newer", "{\"v\":2}", ENL_OK, true},
    {"much newer", "{\"v\":9223372036854775807,\"raw\":7}", ENL_OK, true},
    {"newer, with a DequeueCount", "{\"v\":2,\"dequeuecount\":1}", ENL_INVALID, false},
    {"DequeueCount",
     MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) ",\"DequeueCount\":\"1\"}",
     ENL_INVALID, false},
    {"DEQUEUECOUNT null",
     MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) ",\"DEQUEUECOUNT\":null}", ENL_INVALID,
     false},
    {"dequeueCount deeper down is harmless",
     MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) ",\"x\":{\"DequeueCount\":1}}", ENL_OK,
     false},
    {"empty", "", ENL_INVALID, false},
    {"no JSON", "hello", ENL_INVALID, false},
    {"a list", "[]", ENL_INVALID, false},
    {"a text", "\"x\"", ENL_INVALID, false},
    {"no member", "{}", ENL_INVALID, false},
    {"v 0", MEMBERS("0", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) "}", ENL_INVALID, false},
    {"v is text", MEMBERS("\"1\"", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) "}", ENL_INVALID,
     false},
    {"v 1.0", MEMBERS("1.0", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) "}", ENL_INVALID, false},
    {"event_id with a space",
     MEMBERS("1", "\"e 1\"", "true", AT, "\"00065124e737b240:e 1\"", RAW) "}", ENL_INVALID, false},
    {"event_id a number", MEMBERS("1", "1", "true", AT, "\"00065124e737b240:1\"", RAW) "}",
     ENL_INVALID, false},
    {"generated is text", MEMBERS("1", "\"e-1\"", "\"true\"", AT, "\"" KEY "\"", RAW) "}",
     ENL_INVALID, false},
    {"received_at without milliseconds",
     MEMBERS("1", "\"e-1\"", "true", "\"2026-05-06T12:00:00Z\"", "\"" KEY "\"", RAW) "}",
     ENL_INVALID, false},
    {"received_at before 1970",
     MEMBERS("1", "\"e-1\"", "true", "\"1969-05-06T12:00:00.000Z\"", "\"" KEY "\"", RAW) "}",
     ENL_INVALID, false},
    {"order_key of another event", MEMBERS("1", "\"e-2\"", "true", AT, "\"" KEY "\"", RAW) "}",
     ENL_INVALID, false},
    {"order_key in capitals",
     MEMBERS("1", "\"e-1\"", "true", AT, "\"00065124E737B240:e-1\"", RAW) "}", ENL_INVALID, false},
    {"order_key too short", MEMBERS("1", "\"e-1\"", "true", AT, "\"65124e737b240:e-1\"", RAW) "}",
     ENL_INVALID, false},
    {"raw an object", MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", "{\"id\":1}") "}",
     ENL_INVALID, false},
    {"raw null", MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", "null") "}", ENL_INVALID,
     false},
    {"trailing text", MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) "}}", ENL_INVALID,
     false},
};

static void test_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(readings); i++) {
        struct enl_message m = {0};
        struct enl_err err = {0};
        enum enl_rc rc = enl_message_read(readings[i].text, strlen(readings[i].text), &m, &err);

        ENL_CHECK(rc == readings[i].rc, readings[i].label);
        ENL_CHECK(m.newer == readings[i].newer, readings[i].label);
        ENL_CHECK((err.text[0] != '\0') == (rc != ENL_OK), readings[i].label);
        enl_message_done(&m);
    }
}

static void test_depth(void **state)
{
    char *open = help_repeat(MEMBERS("1", "\"e-1\"", "true", AT, "\"" KEY "\"", RAW) ",\"x\":", "[",
                             ENL_JSON_SHALLOW - 1, "");
    char *fits = help_repeat(open, "]", ENL_JSON_SHALLOW - 1, "}");
    char *open_more = help_repeat(open, "[", 1, "]");
    char *deeper = help_repeat(open_more, "]", ENL_JSON_SHALLOW - 1, "}");
    struct enl_message m = {0};

    (void)state;
    assert_int_equal(enl_message_read(fits, strlen(fits), &m, NULL), ENL_OK);
    enl_message_done(&m);
    assert_int_equal(enl_message_read(deeper, strlen(deeper), &m, NULL), ENL_INVALID);
    free(open);
    free(fits);
    free(open_more);
    free(deeper);
}

static void test_raw_without_event(void **state)
{
    static const char *const raws[] = {"\"\"", "\"x\"", "\"{}\"", "\"[1]\""};
    const struct enl_event_options opt = help_options();

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(raws); i++) {
        char *text =
            help_repeat("{\"v\":1,\"event_id\":\"e-1\",\"generated\":true,\"received_at\":" AT
                        ",\"order_key\":\"" KEY "\",\"raw\":",
                        raws[i], 1, "}");
        struct enl_message m = {0};
        struct enl_event *e = NULL;
        struct enl_err err = {0};

        ENL_CHECK(enl_message_read(text, strlen(text), &m, &err) == ENL_OK, raws[i]);
        ENL_CHECK(enl_message_event(&m, &opt, &e, &err) == ENL_INVALID, raws[i]);
        ENL_CHECK(!e && err.rc == ENL_INVALID, raws[i]);
        enl_message_done(&m);
        free(text);
    }
}

static void test_write_limit(void **state)
{
    struct enl_event *e = help_event("{\"id\":\"1\"}");
    struct enl_buf b = ENL_BUF_INIT(100);

    (void)state;
    enl_message_write(e, NULL, "{\"id\":\"1\"}", 10, &b);
    assert_false(enl_buf_ok(&b));
    assert_true(b.overflow);
    enl_buf_done(&b);
    enl_event_free(e);
}

static void test_torture(void **state)
{
    const char *raw = "{\"id\":\"1\",\"ultimo_estado\":\"x\"}";
    struct enl_event *e = help_event(raw);
    const struct enl_event_options opt = help_options();
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        enum enl_rc rc = ENL_OK;
        struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
        struct enl_message m = {0};
        struct enl_event *again = NULL;
        struct enl_err err = {0};

        enl_message_write(e, "00-a-b-01", raw, strlen(raw), &b);
        rc = enl_buf_ok(&b) ? enl_message_read(enl_buf_str(&b), b.len, &m, &err) : ENL_FATAL;
        if (rc == ENL_OK) {
            rc = enl_message_event(&m, &opt, &again, &err);
        }
        enl_torture_end(&t, rc);
        if (rc == ENL_OK) {
            assert_string_equal(again->state, "x");
            assert_string_equal(m.traceparent, "00-a-b-01");
        }
        enl_event_free(again);
        enl_message_done(&m);
        enl_buf_done(&b);
    }
    assert_true(t.n > 30);
    enl_event_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),         cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_microseconds), cmocka_unit_test(test_reading),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_raw_without_event),
        cmocka_unit_test(test_write_limit),  cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("message", tests, help_setup, NULL);
}
