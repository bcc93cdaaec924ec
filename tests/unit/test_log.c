/* test_log - the logfmt writer: quoting, the cap, the streams, and no "warn" in an error. */
#include "enl_test.h"

#include "base/log.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct captured {
    int fd;
    char line[2 * ENL_LOG_MAX];
    size_t len;
    unsigned n;
};

static void capture(void *ctx, int fd, const char *line, size_t len)
{
    struct captured *c = ctx;

    assert_true(len < sizeof(c->line));
    memcpy(c->line, line, len);
    c->line[len] = '\0';
    c->len = len;
    c->fd = fd;
    c->n++;
}

static const char *log_value(struct captured *c, enum enl_log_level level, const char *value)
{
    struct enl_log_line l;

    enl_log_begin(&l, level, "m");
    enl_log_str(&l, "k", value);
    enl_log_end(&l);
    return c->line;
}

static void test_values(void **state)
{
    struct captured *c = *state;
    static const struct {
        const char *value, *want;
    } cases[] = {
        {"plain-1.2:3/4", "k=plain-1.2:3/4"},
        {"", "k=\"\""},
        {NULL, "k=\"\""},
        {"two words", "k=\"two words\""},
        {"a=b", "k=\"a=b\""},
        {"q\"b\\", "k=\"q\\\"b\\\\\""},
        {"l1\nl2\r\tx", "k=\"l1\\nl2\\r\\tx\""},
        {"\x01\x7f", "k=\"\\x01\\x7f\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", "k=\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"a\xff\xc3", "k=\"a\\xff\\xc3\""},
    };

    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        const char *line = log_value(c, ENL_LOG_INFO, cases[i].value);

        ENL_CHECK(strncmp(line, "level=info msg=\"m\" ", 19) == 0, cases[i].want);
        ENL_CHECK(strncmp(line + 19, cases[i].want, strlen(cases[i].want)) == 0, line);
        ENL_CHECK_STR(line + 19 + strlen(cases[i].want), "\n", cases[i].want);
    }
}

static void test_streams(void **state)
{
    struct captured *c = *state;
    struct enl_log_line l;

    (void)log_value(c, ENL_LOG_DEBUG, "x");
    assert_int_equal(c->fd, 1);
    (void)log_value(c, ENL_LOG_INFO, "x");
    assert_int_equal(c->fd, 1);
    (void)log_value(c, ENL_LOG_WARN, "x");
    assert_int_equal(c->fd, 2);
    assert_non_null(strstr(c->line, "level=warn "));
    (void)log_value(c, ENL_LOG_ERROR, "x");
    assert_int_equal(c->fd, 2);
    enl_log_begin(&l, ENL_LOG_INFO, "numbers");
    enl_log_int(&l, "n", -5);
    enl_log_int(&l, "big", INT64_MIN);
    enl_log_end(&l);
    assert_string_equal(c->line, "level=info msg=\"numbers\" n=-5 big=-9223372036854775808\n");
}

/* The host would take the line for a mere warning. */
static void test_error_says_no_warn(void **state)
{
    struct captured *c = *state;
    struct enl_log_line l;

    enl_log_begin(&l, ENL_LOG_ERROR, "Warning: WARN");
    enl_log_str(&l, "warnings", "wARNwarn");
    enl_log_end(&l);
    assert_null(strcasestr(c->line, "warn"));
    assert_string_equal(c->line, "level=error msg=\"W*rning: W*RN\" w*rnings=w*RNw*rn\n");
    (void)log_value(c, ENL_LOG_WARN, "warn");
    assert_string_equal(c->line, "level=warn msg=\"m\" k=warn\n");
}

static bool quotes_match(const char *line)
{
    bool open = false;

    for (; *line != '\0'; line++) {
        if (*line == '\\') {
            line++;
        } else if (*line == '"') {
            open = !open;
        }
    }
    return !open;
}

static void test_cap(void **state)
{
    struct captured *c = *state;
    char value[2000];

    for (size_t len = 900; len < 1100; len++) {
        for (int kind = 0; kind < 3; kind++) {
            const char unit[] = {'a', '"', '\xc3'};
            struct enl_log_line l;

            memset(value, unit[kind], len);
            value[len] = '\0';
            for (size_t i = 1; kind == 2 && i < len; i += 2) {
                value[i] = '\xa9';
            }
            enl_log_begin(&l, ENL_LOG_INFO, "m");
            enl_log_str(&l, "k", value);
            enl_log_str(&l, "after", "x");
            enl_log_str(&l, "more", "x y");
            enl_log_end(&l);
            assert_true(c->len <= ENL_LOG_MAX);
            assert_int_equal(strlen(c->line), c->len);
            assert_int_equal(c->line[c->len - 1], '\n');
            assert_null(memchr(c->line, '\n', c->len - 1));
            assert_true(quotes_match(c->line));
        }
    }
    assert_non_null(strstr(c->line, "...\"\n"));
    assert_null(strstr(c->line, "after"));
}

static void test_long_message(void **state)
{
    struct captured *c = *state;
    char msg[3000];

    memset(msg, 'x', sizeof(msg) - 1);
    msg[sizeof(msg) - 1] = '\0';
    enl_log(ENL_LOG_INFO, msg);
    assert_int_equal(c->len, ENL_LOG_MAX);
    assert_true(quotes_match(c->line));
}

static int setup(void **state)
{
    static struct captured c;

    enl_log_capture(capture, &c);
    *state = &c;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    enl_log_capture(NULL, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_error_says_no_warn),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_long_message),
    };

    return cmocka_run_group_tests_name("log", tests, setup, teardown);
}
