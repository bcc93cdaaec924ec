/* test_json - the strict JSON wrapper: what it keeps, what it refuses and where. */
#include "enl_test.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <string.h>

static int setup(void **state)
{
    (void)state;
    enl_json_init();
    return 0;
}

static struct enl_json *parse(const char *text)
{
    struct enl_json *j = NULL;
    struct enl_err err = {0};

    if (enl_json_parse(text, strlen(text), &j, NULL, &err) != ENL_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return j;
}

static char *dump(const struct enl_json *j, bool sorted)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    char *text = NULL;

    enl_json_dump(j, sorted, &b);
    text = enl_buf_take(&b, NULL);
    assert_non_null(text);
    return text;
}

/* What goes in as in comes out as out (NULL: the same). */
static const struct {
    const char *in, *out;
} trips[] = {
    {"1.50", NULL},
    {"-0", NULL},
    {"1E+5", NULL},
    {"0.1e-7", NULL},
    {"[1,2.0,3.00]", NULL},
    {"9007199254740993", NULL},
    {"-9223372036854775808", NULL},
    {"9223372036854775808", NULL},
    {"123456789012345678901234567890", NULL},
    {"1e308", NULL},
    {"1e-999", NULL},
    {"\"\"", NULL},
    {"null", NULL},
    {"[true,false,null,{},[]]", NULL},
    {"\"\\u0001n5\"", NULL},
    {"\"\\u0001s\"", NULL},
    {"\"\\u0001\"", NULL},
    {"[\"\\u0001n5\",\"\\u0001s\\u0001n5\",5]", NULL},
    {"{\"\\u0001n5\":\"\\u0001n7\"}", NULL},
    {"{\"5\":5,\"a\":\"5\"}", NULL},
    {"\"\\u0001\\\"\\\\\"", NULL},
    {"[\"a\\\\\",1,\"\\\"\",2]", NULL},
    {"\"1\\n2\"", NULL},
    {"\"\\ud83d\\ude00\\u00e9\\/\"", "\"\xf0\x9f\x98\x80\xc3\xa9/\""},
    {" { \"b\" : 1 ,\r\n\t\"a\" : [ 1 , \"x\" ] } ", "{\"b\":1,\"a\":[1,\"x\"]}"},
    {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
    {"{\"\":1,\"a \":2,\"\xc3\xb1\":3}", NULL},
};

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(trips); i++) {
        struct enl_json *j = parse(trips[i].in);
        char *text = dump(j, false);
        struct enl_json *again = parse(text);

        ENL_CHECK_STR(text, trips[i].out ? trips[i].out : trips[i].in, trips[i].in);
        ENL_CHECK(enl_json_equal(j, again), trips[i].in);
        free(text);
        enl_json_free(j);
        enl_json_free(again);
    }
}

static const struct {
    const char *text;
    int line, column; /* -1: any from 1 */
    const char *why;
} refusals[] = {
    {"", 1, 1, "the JSON text ends too early"},
    {"{", 1, -1, "the JSON text ends too early"},
    {"[1,\n2,\n", 3, -1, "the JSON text ends too early"},
    {"{}x", 1, 3, "text after the end of the JSON text"},
    {"1 2", 1, 3, "text after the end of the JSON text"},
    {"{}\n\n  {}", 3, 3, "text after the end of the JSON text"},
    {"nope", 1, -1, "not JSON"},
    {"[1,]", 1, 4, "not JSON"},
    {"{\"a\":}", 1, 6, "not JSON"},
    {"{1:2}", 1, 2, "not JSON"},
    {"[1 2]", 1, 4, "not JSON"},
    {"[1\"a\"]", 1, -1, "not JSON"},
    {"[12true]", 1, -1, "not JSON"},
    {"[true1]", 1, -1, "not JSON"},
    {"[01]", 1, -1, "not JSON"},
    {"[+1]", 1, -1, "not JSON"},
    {"[.5]", 1, -1, "not JSON"},
    {"[1.]", 1, -1, "not JSON"},
    {"[1e]", 1, -1, "not JSON"},
    {"[-]", 1, -1, "not JSON"},
    {"[1-2]", 1, -1, "not JSON"},
    {"[NaN]", 1, -1, "not JSON"},
    {"['a']", 1, -1, "not JSON"},
    {"[\"a\nb\"]", 1, -1, "not JSON"},
    {"[\"\x01n5\"]", 1, -1, "not JSON"},
    {"[\"\\x\"]", 1, -1, "not JSON"},
    {"\xef\xbb\xbf{}", 1, 1, "not JSON"},
    {"[1e999]", 1, -1, "a number is out of range"},
    {"[5,\n -1E400]", 2, -1, "a number is out of range"},
    {"[\"\\u0000\"]", 1, -1, "U+0000 is not allowed"},
    {"{\"a\\u0000\":1}", 1, -1, "U+0000 is not allowed"},
    {"[\"\\ud800\"]", 1, -1, "a lone surrogate is not allowed"},
    {"[\"\\udc00\"]", 1, -1, "a lone surrogate is not allowed"},
    {"[\"\\ud800\\u0041\"]", 1, -1, "a lone surrogate is not allowed"},
    {"[\"\xff\"]", 1, -1, "not UTF-8"},
    {"[\"\xc3\"]", 1, -1, "not UTF-8"},
    {"[\"\xed\xa0\x80\"]", 1, -1, "not UTF-8"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(refusals); i++) {
        const char *text = refusals[i].text;
        struct enl_json *j = NULL;
        struct enl_json_pos pos = {0};
        struct enl_err err = {0};

        ENL_CHECK(enl_json_parse(text, strlen(text), &j, &pos, &err) == ENL_INVALID, text);
        ENL_CHECK(!j, text);
        ENL_CHECK_STR(err.text, refusals[i].why, text);
        ENL_CHECK(pos.line == refusals[i].line, text);
        ENL_CHECK(refusals[i].column < 0 ? pos.column > 0 : pos.column == refusals[i].column, text);
    }
}

static void test_nul_byte(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        int line, column;
    } cases[] = {{"{}\0", 3, 1, 3},
                 {"[\"\xc3\xa9\0b\"]", 8, 1, 4},
                 {"\0", 1, 1, 1},
                 {"[1,\n\0 2]", 8, 2, 1},
                 {"[1\0,2]", 7, 1, 3},
                 {"[true\0]", 7, 1, 6},
                 {"{\"a\":null\0}", 11, 1, 10}};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_json *j = NULL;
        struct enl_json_pos pos = {0};

        ENL_CHECK(enl_json_parse(cases[i].text, cases[i].len, &j, &pos, NULL) == ENL_INVALID,
                  cases[i].text);
        ENL_CHECK(pos.line == cases[i].line && pos.column == cases[i].column, cases[i].text);
    }
}

static void test_numbers(void **state)
{
    struct enl_json *j = parse("{\"i\":-42,\"f\":1.0,\"big\":9223372036854775808,\"s\":\"7\","
                               "\"max\":9223372036854775807,\"z\":-0,\"forged\":\"\\u0001n7\"}");
    int64_t v = 1;

    (void)state;
    assert_true(enl_json_get_i64(j, "i", &v) && v == -42);
    assert_true(enl_json_get_i64(j, "max", &v) && v == INT64_MAX);
    assert_true(enl_json_get_i64(j, "z", &v) && v == 0);
    v = 5;
    assert_false(enl_json_get_i64(j, "f", &v));
    assert_false(enl_json_get_i64(j, "big", &v));
    assert_false(enl_json_get_i64(j, "s", &v));
    assert_false(enl_json_get_i64(j, "forged", &v));
    assert_false(enl_json_get_i64(j, "none", &v));
    assert_int_equal(v, 5);
    assert_string_equal(enl_json_number(enl_json_get(j, "f")), "1.0");
    assert_null(enl_json_number(enl_json_get(j, "s")));
    assert_null(enl_json_str(enl_json_get(j, "f")));
    assert_string_equal(enl_json_get_str(j, "forged"), "\x01n7");
    assert_true(enl_json_is(enl_json_get(j, "forged"), ENL_JSON_STRING));
    assert_true(enl_json_is(enl_json_get(j, "f"), ENL_JSON_NUMBER));
    enl_json_free(j);
}

static void test_building(void **state)
{
    struct enl_json *o = enl_json_new_object();
    struct enl_json *a = enl_json_new_array();
    char *text = NULL;

    (void)state;
    assert_true(enl_json_append(a, enl_json_new_i64(INT64_MIN)));
    assert_true(enl_json_append(a, enl_json_new_str("\x01n5")));
    assert_true(enl_json_append(a, enl_json_new_bool(false)));
    assert_true(enl_json_append(a, enl_json_new_null()));
    assert_false(enl_json_append(a, NULL));
    assert_true(enl_json_set(o, "z", a));
    assert_true(enl_json_set(o, "b", enl_json_new_strn("xyz", 2)));
    assert_false(enl_json_set(o, "c", NULL));
    assert_null(enl_json_new_str("\xff"));
    assert_int_equal(enl_json_len(o), 2);
    assert_int_equal(enl_json_len(a), 4);
    assert_null(enl_json_at(a, 4));
    assert_null(enl_json_at(o, 0));
    text = dump(o, false);
    assert_string_equal(text, "{\"z\":[-9223372036854775808,\"\\u0001n5\",false,null],\"b\":"
                              "\"xy\"}");
    free(text);
    text = dump(o, true);
    assert_string_equal(text, "{\"b\":\"xy\",\"z\":[-9223372036854775808,\"\\u0001n5\",false,"
                              "null]}");
    free(text);
    enl_json_free(o);
}

static void test_null(void **state)
{
    (void)state;
    assert_true(enl_json_is(NULL, ENL_JSON_NULL));
    assert_null(enl_json_str(NULL));
    assert_null(enl_json_number(NULL));
    assert_null(enl_json_get(NULL, "a"));
    assert_null(enl_json_at(NULL, 0));
    assert_null(enl_json_iter(NULL));
    assert_false(enl_json_true(NULL));
    assert_int_equal(enl_json_len(NULL), 0);
    enl_json_free(NULL);
}

static void test_iteration(void **state)
{
    struct enl_json *j = parse("{\"c\":1,\"a\":2,\"b\":3,\"c\":4}");
    char keys[4] = "";
    size_t n = 0;

    (void)state;
    for (void *it = enl_json_iter(j); it; it = enl_json_next(j, it)) {
        assert_true(n < 3 && strlen(enl_json_key(it)) == 1);
        keys[n++] = enl_json_key(it)[0];
        assert_non_null(enl_json_number(enl_json_value(it)));
    }
    assert_string_equal(keys, "cab");
    enl_json_free(j);
}

static void test_depth(void **state)
{
    static const struct {
        const char *text;
        size_t depth;
    } cases[] = {{"", 0},
                 {"7", 0},
                 {"\"[[[\"", 0},
                 {"{}", 1},
                 {"[[],[[]],{\"a\":[]}]", 3},
                 {"[\"\\\"]]\",[1]]", 2},
                 {"]]][[", 2},
                 {"[\"", 1},
                 {"[\"\\", 1}};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        ENL_CHECK(enl_json_depth(cases[i].text, strlen(cases[i].text)) == cases[i].depth,
                  cases[i].text);
    }
}

struct deep_call {
    size_t levels;
    enum enl_rc rc;
    struct enl_err err;
    bool same;
};

static void run_deep(void *arg)
{
    struct deep_call *c = arg;
    struct enl_json *j = NULL;
    struct enl_buf text = ENL_BUF_INIT(65536);
    struct enl_buf again = ENL_BUF_INIT(65536);

    for (size_t i = 0; i < c->levels; i++) {
        enl_buf_adds(&text, i + 1 < c->levels ? "{\"a\":" : "[");
    }
    for (size_t i = 0; i < c->levels; i++) {
        enl_buf_adds(&text, i == 0 ? "]" : "}");
    }
    c->rc = enl_json_parse(enl_buf_str(&text), text.len, &j, NULL, &c->err);
    if (c->rc == ENL_OK) {
        enl_json_dump(j, true, &again);
        c->same = enl_buf_ok(&again) && strcmp(enl_buf_str(&text), enl_buf_str(&again)) == 0;
    }
    enl_json_free(j);
    enl_buf_done(&text);
    enl_buf_done(&again);
}

static void test_deepest(void **state)
{
    struct deep_call c = {.levels = ENL_JSON_DEPTH_MAX};

    (void)state;
    assert_int_equal(enl_thread_call(run_deep, &c, NULL), ENL_OK);
    assert_int_equal(c.rc, ENL_OK);
    assert_true(c.same);
    c = (struct deep_call){.levels = ENL_JSON_DEPTH_MAX + 1};
    assert_int_equal(enl_thread_call(run_deep, &c, NULL), ENL_OK);
    assert_int_equal(c.rc, ENL_INVALID);
    assert_string_equal(c.err.text, "nested deeper than 2048 levels");
}

/* Strings longer than jansson's first buffer, and a number that needs a copy. */
static void test_torture(void **state)
{
    static const char text[] = "{\"a long enough key to need growth\":[\"a long enough text, too\","
                               "1e5,\"\\u0001n5\",{\"b\":null}],\"c\":12345678901234567890}";
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
        struct enl_json *j = NULL;
        struct enl_err err = {0};
        enum enl_rc rc = enl_json_parse(text, sizeof(text) - 1, &j, NULL, &err);

        if (rc == ENL_OK) {
            enl_json_dump(j, true, &b);
            rc = enl_buf_ok(&b) ? ENL_OK : ENL_FATAL;
        }
        enl_torture_end(&t, rc);
        if (rc == ENL_OK) {
            assert_string_equal(enl_buf_str(&b), text);
        }
        enl_json_free(j);
        enl_buf_done(&b);
    }
    assert_true(t.n > 10);
}

/* The place of an error is looked for in a second parse. */
static void test_torture_refusal(void **state)
{
    static const char text[] = "{\"a long enough key to need growth\":[1e5,\"\\u0001n5\",tru]}";
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_json *j = NULL;
        struct enl_json_pos pos = {0};
        enum enl_rc rc = enl_json_parse(text, sizeof(text) - 1, &j, &pos, NULL);

        enl_torture_end(&t, rc == ENL_INVALID ? ENL_OK : rc);
        assert_null(j);
        assert_int_equal(pos.line, t.done ? 1 : 0);
    }
    assert_true(t.n > 10);
}

static void test_torture_building(void **state)
{
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_json *o = enl_json_new_object();
        struct enl_json *a = enl_json_new_array();
        bool ok = o && a && enl_json_append(a, enl_json_new_i64(INT64_MIN)) &&
                  enl_json_append(a, enl_json_new_bool(true)) &&
                  enl_json_append(a, enl_json_new_null()) &&
                  enl_json_set(o, "text", enl_json_new_str("\x01n5")) &&
                  enl_json_set(o, "part", enl_json_new_strn("abc", 2)) &&
                  enl_json_set(o, "list", enl_json_ref(a)) &&
                  enl_json_set(o, "again", enl_json_ref(a));

        enl_torture_end(&t, ok ? ENL_OK : ENL_FATAL);
        if (ok) {
            assert_int_equal(enl_json_len(o), 4);
            assert_int_equal(enl_json_len(a), 3);
        }
        enl_json_free(o);
        enl_json_free(a);
    }
    assert_true(t.n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nul_byte),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_building),        cmocka_unit_test(test_null),
        cmocka_unit_test(test_iteration),       cmocka_unit_test(test_depth),
        cmocka_unit_test(test_deepest),         cmocka_unit_test(test_torture),
        cmocka_unit_test(test_torture_refusal), cmocka_unit_test(test_torture_building),
    };

    return cmocka_run_group_tests_name("json", tests, setup, NULL);
}
