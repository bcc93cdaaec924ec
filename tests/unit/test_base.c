/* test_base - buffers, text, time, ids, errors, and the crypto that the domain uses. */
#include "enl_test.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "base/thread.h"
#include "wrap/crypto.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void test_buf(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(600);
    char *taken = NULL;
    size_t len = 0;

    (void)state;
    assert_string_equal(enl_buf_str(&b), "");
    enl_buf_adds(&b, "ab");
    enl_buf_addc(&b, 'c');
    enl_buf_add(&b, "d\0e", 3);
    enl_buf_addf(&b, "%d-%s", 7, "x");
    assert_int_equal(b.len, 9);
    assert_memory_equal(enl_buf_str(&b), "abcd\0e7-x", 10);
    enl_buf_reset(&b);
    assert_string_equal(enl_buf_str(&b), "");
    for (int i = 0; i < 600; i++) {
        enl_buf_addc(&b, 'x');
    }
    assert_true(enl_buf_ok(&b));
    enl_buf_addf(&b, "%s", "y");
    assert_false(enl_buf_ok(&b));
    assert_true(b.overflow);
    assert_int_equal(strlen(enl_buf_str(&b)), 600);
    enl_buf_adds(&b, "");
    assert_null(enl_buf_take(&b, &len));
    enl_buf_reset(&b);
    enl_buf_adds(&b, "again");
    taken = enl_buf_take(&b, &len);
    assert_string_equal(taken, "again");
    assert_int_equal(len, 5);
    assert_null(b.data);
    free(taken);
    taken = enl_buf_take(&b, NULL);
    assert_string_equal(taken, "");
    free(taken);
    enl_buf_done(&b);
}

/* What does not fit is formatted twice, and once formatted in vain. */
static void test_buf_format(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(300);
    char want[301] = "";

    (void)state;
    for (size_t i = 0; i < 30; i++) {
        enl_buf_addf(&b, "%09zu,", i);
        (void)snprintf(want + 10 * i, 11, "%09zu,", i);
        assert_string_equal(enl_buf_str(&b), want);
    }
    assert_int_equal(b.len, 300);
    enl_buf_addf(&b, "%d", 1);
    assert_true(b.overflow);
    assert_string_equal(enl_buf_str(&b), want);
    enl_buf_done(&b);
}

static void test_buf_room(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(300);
    char *room = NULL;

    (void)state;
    enl_buf_adds(&b, "ab");
    room = enl_buf_room(&b, 298);
    assert_ptr_equal(room, b.data + 2);
    memset(room, 'x', 298);
    assert_int_equal(b.len, 2);
    enl_buf_wrote(&b, 3);
    assert_string_equal(enl_buf_str(&b), "abxxx");
    assert_ptr_equal(enl_buf_room(&b, 295), room + 3);
    assert_null(enl_buf_room(&b, 296));
    assert_true(b.overflow);
    assert_string_equal(enl_buf_str(&b), "abxxx");
    enl_buf_done(&b);
}

static void test_buf_memory(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(4096);

    (void)state;
    enl_buf_adds(&b, "kept");
    enl_alloc_fail_at(1);
    for (int i = 0; i < 300; i++) {
        enl_buf_addc(&b, 'x');
    }
    enl_alloc_fail_at(0);
    assert_false(enl_buf_ok(&b));
    assert_false(b.overflow);
    assert_memory_equal(enl_buf_str(&b), "keptxxx", 7);
    enl_buf_done(&b);
}

static void test_alloc(void **state)
{
    volatile size_t huge = SIZE_MAX; /* or the compiler warns of it */
    char *p = enl_memdup("abc", 2);

    (void)state;
    assert_string_equal(p, "ab");
    free(p);
    assert_null(enl_realloc(NULL, huge, 2));
    assert_null(enl_memdup("", huge));
    enl_alloc_fail_at(2);
    p = enl_malloc(1);
    assert_non_null(p);
    assert_null(enl_strdup("x"));
    free(p);
    p = enl_strdup("x");
    assert_non_null(p);
    free(p);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
    };
    uint32_t u = 9;

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        int64_t v = 0;

        ENL_CHECK(enl_parse_i64(cases[i].text, &v) == cases[i].ok, cases[i].text);
        ENL_CHECK(v == cases[i].v, cases[i].text);
    }
    assert_true(enl_parse_u32("4294967295", 0, UINT32_MAX, &u) && u == UINT32_MAX);
    assert_true(enl_parse_u32("5", 5, 5, &u) && u == 5);
    assert_false(enl_parse_u32("4", 5, 6, &u));
    assert_false(enl_parse_u32("7", 5, 6, &u));
    assert_false(enl_parse_u32("4294967296", 0, UINT32_MAX, &u));
    assert_false(enl_parse_u32("-0", 0, 6, &u));
    assert_int_equal(u, 5);
}

static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"", true},
        {"a\x7f", true},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xc3", false},
        {"\xa9", false},
        {"\xc0\x80", false},
        {"\xe0\x80\x80", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x80\x80\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82", false},
        {"\xff", false},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        ENL_CHECK(enl_utf8_valid(cases[i].text, strlen(cases[i].text)) == cases[i].ok,
                  cases[i].text);
    }
}

static void test_text(void **state)
{
    const char *s = " \t a b\r\n";
    size_t len = strlen(s);

    (void)state;
    enl_trim(&s, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(s, "a b", 3);
    s = "  ";
    len = 2;
    enl_trim(&s, &len);
    assert_int_equal(len, 0);
    assert_true(enl_ieq("AbC", "aBc"));
    assert_false(enl_ieq("ab", "abc"));
    assert_true(enl_starts("abc", "ab") && enl_starts("abc", ""));
    assert_false(enl_starts("a", "ab"));
}

static void test_time(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {1778025600123, "2026-05-06T00:00:00.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    static const char *const wrong[] = {"",
                                        "2026-05-06T00:00:00Z",
                                        "2026-05-06 00:00:00.123Z",
                                        "2026-05-06T00:00:00.123z",
                                        "2026-02-29T00:00:00.123Z",
                                        "2026-13-01T00:00:00.123Z",
                                        "2026-00-01T00:00:00.123Z",
                                        "2026-05-00T00:00:00.123Z",
                                        "2026-05-06T24:00:00.123Z",
                                        "2026-05-06T00:60:00.123Z",
                                        "2026-05-06T00:00:60.123Z",
                                        "2026-05-06T00:00:00.123Z "};
    int64_t ms = 5;

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        char text[ENL_TIME_TEXT];

        enl_time_format(cases[i].ms, text);
        ENL_CHECK_STR(text, cases[i].text, cases[i].text);
        ENL_CHECK(enl_time_parse(text, &ms) && ms == cases[i].ms, cases[i].text);
    }
    ms = 5;
    for (size_t i = 0; i < ENL_COUNT(wrong); i++) {
        ENL_CHECK(!enl_time_parse(wrong[i], &ms) && ms == 5, wrong[i]);
    }
    for (int64_t day = -200000; day < 400000; day += 13) {
        assert_true(enl_days_from_date(enl_date_from_days(day)) == day);
    }
    assert_int_equal(enl_days_in_month(2000, 2), 29);
    assert_int_equal(enl_days_in_month(1900, 2), 28);
    assert_int_equal(enl_days_in_month(2026, 12), 31);
}

static void test_clock(void **state)
{
    int64_t wall = enl_clock_system.wall_us(NULL);
    int64_t mono = enl_clock_system.mono_us(NULL);

    (void)state;
    assert_true(wall > 1577836800000000LL); /* 2020 */
    assert_true(enl_clock_system.mono_us(NULL) >= mono);
}

static void test_ids(void **state)
{
    char a[ENL_UUID_TEXT];
    char b[ENL_UUID_TEXT];
    char token[ENL_TOKEN_TEXT];

    (void)state;
    assert_int_equal(enl_uuid7(0x0123456789ab, a, NULL), ENL_OK);
    assert_int_equal(enl_uuid7(0x0123456789ab, b, NULL), ENL_OK);
    assert_int_equal(strlen(a), 36);
    assert_memory_equal(a, "01234567-89ab-7", 15);
    assert_non_null(strchr("89ab", a[19]));
    assert_true(a[18] == '-' && a[23] == '-');
    assert_string_not_equal(a, b);
    assert_int_equal(enl_token(token, NULL), ENL_OK);
    assert_int_equal(strspn(token, "0123456789abcdef"), 32);
    assert_int_equal(enl_jitter(0), 0);
    for (int i = 0; i < 100; i++) {
        assert_in_range(enl_jitter(3), 0, 2);
    }
}

static void test_err(void **state)
{
    struct enl_err err = {0};

    (void)state;
    assert_int_equal(enl_fail(&err, ENL_RETRY, "first %d", 1), ENL_RETRY);
    assert_int_equal(enl_fail_oom(&err), ENL_FATAL);
    assert_int_equal(err.rc, ENL_RETRY);
    assert_string_equal(err.text, "first 1");
    assert_int_equal(enl_fail(NULL, ENL_INVALID, "x"), ENL_INVALID);
    assert_string_equal(enl_rc_name(ENL_DENIED), "denied");
}

static void set_flag(void *arg)
{
    bool *flag = arg;

    *flag = true;
}

static void test_thread(void **state)
{
    bool ran = false;

    (void)state;
    assert_int_equal(enl_thread_call(set_flag, &ran, NULL), ENL_OK);
    assert_true(ran);
}

static void test_crypto(void **state)
{
    static const struct {
        const char *plain, *base64;
    } cases[] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                 {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe?>", "//4/Pg=="}};
    static const char *const wrong[] = {
        "Zg=", "Zg", "Z===", "Zg==\n", "Zm9v=", "Z g=", "Zg==A", "====", "Zm=v", "-_=="};
    char hex[ENL_SHA256_TEXT];

    (void)state;
    assert_int_equal(enl_sha256("abc", 3, hex, NULL), ENL_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_buf b = ENL_BUF_INIT(100);

        enl_base64_encode(cases[i].plain, strlen(cases[i].plain), &b);
        ENL_CHECK_STR(enl_buf_str(&b), cases[i].base64, cases[i].plain);
        enl_buf_reset(&b);
        ENL_CHECK(enl_base64_decode(cases[i].base64, strlen(cases[i].base64), &b, NULL) == ENL_OK,
                  cases[i].base64);
        ENL_CHECK_STR(enl_buf_str(&b), cases[i].plain, cases[i].base64);
        enl_buf_done(&b);
    }
    for (size_t i = 0; i < ENL_COUNT(wrong); i++) {
        struct enl_buf b = ENL_BUF_INIT(100);

        ENL_CHECK(enl_base64_decode(wrong[i], strlen(wrong[i]), &b, NULL) == ENL_INVALID, wrong[i]);
        ENL_CHECK(b.len == 0, wrong[i]);
        enl_buf_done(&b);
    }
    assert_true(enl_secret_equal("abc", 3, "abc", 3));
    assert_false(enl_secret_equal("abc", 3, "abd", 3));
    assert_false(enl_secret_equal("abc", 3, "ab", 2));
}

#define DEEP 262144 /* bytes of stack */

__attribute__((noinline)) static unsigned use_stack(void)
{
    volatile unsigned char deep[DEEP];
    unsigned sum = 0;

    for (size_t i = 0; i < DEEP; i += 512) {
        deep[i] = (unsigned char)(i >> 9);
        sum += deep[i];
    }
    return sum;
}

/* Pages of DEEP below the frame of a thread's function that are there. */
static size_t resident_pages(const char *frame)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t top = (uintptr_t)frame / page * page;
    unsigned char there[DEEP / 4096];
    size_t n = 0;

    if (page < 4096 || mincore((void *)(top - DEEP), DEEP, there) != 0) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < DEEP / page; i++) {
        n += there[i] & 1U;
    }
    return n;
}

struct stack_use {
    unsigned first, again;
    size_t before, after;
    bool kept;
};

static void *release_stack(void *arg)
{
    struct stack_use *u = arg;
    const char *frame = __builtin_frame_address(0);
    volatile char own[64];

    own[0] = own[63] = 'x';
    u->first = use_stack();
    u->before = resident_pages(frame);
    enl_thread_release_stack();
    u->after = resident_pages(frame);
    u->kept = own[0] == 'x' && own[63] == 'x';
    u->again = use_stack();
    return NULL;
}

static void test_release_stack(void **state)
{
    struct stack_use u = {0};
    pthread_t thread = 0;

    (void)state;
    assert_int_equal(enl_thread_start(&thread, release_stack, &u, NULL), ENL_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(u.before != SIZE_MAX && u.before >= DEEP / (size_t)sysconf(_SC_PAGESIZE) - 1);
    assert_true(u.after <= 4);
    assert_true(u.kept);
    assert_int_equal(u.first, u.again);
}

static void test_crypto_torture(void **state)
{
    struct enl_torture encode = {0};
    struct enl_torture decode = {0};

    (void)state;
    while (enl_torture_next(&encode)) {
        struct enl_buf b = ENL_BUF_INIT(100);

        enl_base64_encode("foob", 4, &b);
        enl_torture_end(&encode, enl_buf_ok(&b) ? ENL_OK : ENL_FATAL);
        enl_buf_done(&b);
    }
    assert_int_equal(encode.n - 1, 1);
    while (enl_torture_next(&decode)) {
        struct enl_buf b = ENL_BUF_INIT(100);

        enl_torture_end(&decode, enl_base64_decode("Zm9vYg==", 8, &b, NULL));
        enl_buf_done(&b);
    }
    assert_int_equal(decode.n - 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_torture),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_buf_memory),
        cmocka_unit_test(test_release_stack),
        cmocka_unit_test(test_buf_format),
        cmocka_unit_test(test_buf_room),
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_err),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_crypto),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
