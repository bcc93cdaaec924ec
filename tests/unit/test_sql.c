/* test_sql - one ODBC connection over SQLite: values both ways, counts, errors, memory. */
#include "store_help.h"

#include "base/str.h"

#include <inttypes.h>

#define CHUNK 16384 /* of wrap/sql.c: where a text comes in several pieces */

struct base {
    char dir[64];
    struct enl_sql *sql;
};

static struct enl_sql *open_file(const char *dir, const char *options)
{
    char conn[200];
    struct enl_sql *s = NULL;
    struct enl_sql_error e = {0};

    (void)snprintf(conn, sizeof(conn), "Driver=SQLite3;Database=%s/" HELP_FILE ";%s", dir, options);
    if (enl_sql_open(conn, 5, &s, &e, NULL) != ENL_OK) {
        fail_msg("%s/%d %s", e.state, e.native, e.message);
    }
    return s;
}

static int setup(void **state)
{
    struct base *b = enl_calloc(1, sizeof(*b));

    assert_non_null(b);
    help_dir_make(b->dir, sizeof(b->dir));
    b->sql = open_file(b->dir, "Timeout=5000;JournalMode=WAL");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct base *b = *state;

    enl_sql_close(b->sql);
    help_dir_remove(b->dir);
    free(b);
    return 0;
}

#define SQL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int64_t run(struct enl_sql *s, const char *text)
{
    struct enl_sql_result r = {0};
    struct enl_sql_error e = {0};
    int64_t affected = 0;

    if (enl_sql_run(s, text, NULL, 0, 5, &r, &e, NULL) != ENL_OK) {
        fail_msg("%s/%d %s: %s", e.state, e.native, e.message, text);
    }
    affected = r.affected;
    enl_sql_result_done(&r);
    return affected;
}

/* A value goes in as a parameter, into a table, and out again, the same. */
static void check_value(struct enl_sql *s, const char *text, size_t len, const char *label)
{
    const struct enl_sql_param params[2] = {{label, strlen(label)}, {text, len}};
    struct enl_sql_result r = {0};
    struct enl_err err = {0};

    ENL_CHECK(enl_sql_run(s, "INSERT INTO t (k, v) VALUES (?, ?)", params, 2, 5, &r, NULL, &err) ==
                  ENL_OK,
              label);
    ENL_CHECK(r.affected == 1 && r.rows == 0, label);
    enl_sql_result_done(&r);
    ENL_CHECK(enl_sql_run(s, "SELECT v, k, v IS NULL, length(CAST(v AS BLOB)) FROM t WHERE k = ?",
                          params, 1, 5, &r, NULL, &err) == ENL_OK,
              label);
    ENL_CHECK(r.rows == 1 && r.cols == 4, label);
    if (text) {
        const char *got = enl_sql_cell(&r, 0, 0);

        ENL_CHECK(got && strlen(got) == len && memcmp(got, text, len) == 0, label);
        ENL_CHECK(enl_sql_cell_i64(&r, 0, 3) == (int64_t)len, label);
    } else {
        ENL_CHECK(!enl_sql_cell(&r, 0, 0), label);
    }
    ENL_CHECK_STR(enl_sql_cell(&r, 0, 1), label, label);
    ENL_CHECK_STR(enl_sql_cell(&r, 0, 2), text ? "0" : "1", label);
    enl_sql_result_done(&r);
}

static void test_values(void **state)
{
    static const struct {
        const char *label, *text;
    } cases[] = {
        {"NULL", NULL},
        {"empty", ""},
        {"a space", " "},
        {"spaces at the end", "x  "},
        {"quotes", "'\"`; DROP TABLE t --"},
        {"question marks", "??"},
        {"braces", "{ts '2020'}"},
        {"a number as written", "1.50"},
        {"lines", "a\r\n\tb"},
        {"accents", "\xc3\xa9\xc3\xb1\xc3\xa7"},
        {"emoji", "\xf0\x9f\x98\x80 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac"},
        {"U+0001 and U+007F", "\x01\x7f"},
        {"U+FFFF and U+10FFFF", "\xef\xbf\xbf\xf4\x8f\xbf\xbf"},
    };
    struct base *b = *state;

    (void)run(b->sql, "CREATE TABLE t (k TEXT, v TEXT)");
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        check_value(b->sql, cases[i].text, cases[i].text ? strlen(cases[i].text) : 0,
                    cases[i].label);
    }
}

/* Around the pieces in which a text comes, and far over them. */
static void test_long_values(void **state)
{
    static const size_t sizes[] = {4000,  4001,      CHUNK - 3,     CHUNK - 2,     CHUNK - 1,
                                   CHUNK, CHUNK + 1, 2 * CHUNK - 2, 2 * CHUNK - 1, 2 * CHUNK,
                                   65535, 65536,     1048576};
    struct base *b = *state;

    (void)run(b->sql, "CREATE TABLE t (k TEXT, v TEXT)");
    for (size_t i = 0; i < ENL_COUNT(sizes); i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char label[64];
            char *text = enl_calloc(1, sizes[i] + 8);
            size_t len = shift;

            assert_non_null(text);
            memset(text, 'x', shift);
            while (len + 4 <= sizes[i]) {
                memcpy(text + len, "\xf0\x9f\x98\x80", 4);
                len += 4;
            }
            while (len < sizes[i]) {
                text[len++] = 'y';
            }
            (void)snprintf(label, sizeof(label), "%zu bytes after %zu", sizes[i], shift);
            check_value(b->sql, text, len, label);
            free(text);
        }
    }
}

static void test_counts(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)", 3},
        {"INSERT INTO t SELECT k, v FROM t WHERE true ON CONFLICT (k) DO NOTHING", 0},
        {"INSERT INTO t VALUES (3, 'c'), (4, 'd') ON CONFLICT (k) DO NOTHING", 1},
        {"UPDATE t SET v = 'x' WHERE k < 3", 2},
        {"UPDATE t SET v = v WHERE k = 1", 1},
        {"UPDATE t SET v = 'x' WHERE k > 9", 0},
        {"DELETE FROM t WHERE k = 4", 1},
        {"DELETE FROM t WHERE k = 4", 0},
        {"DELETE FROM t", 3},
    };
    struct base *b = *state;

    (void)run(b->sql, "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)");
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        ENL_CHECK(run(b->sql, cases[i].text) == cases[i].want, cases[i].text);
    }
}

static void test_rows(void **state)
{
    struct base *b = *state;
    struct enl_sql_result r = {0};
    struct enl_err err = {0};

    assert_int_equal(enl_sql_run(b->sql,
                                 "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
                                 "WHERE i < 999) SELECT i, CASE WHEN i % 2 THEN NULL ELSE 'x' || i "
                                 "END, -i FROM n",
                                 NULL, 0, 0, &r, NULL, &err),
                     ENL_OK);
    assert_int_equal(r.rows, 1000);
    assert_int_equal(r.cols, 3);
    for (size_t i = 0; i < 1000; i++) {
        char want[16];

        assert_int_equal(enl_sql_cell_i64(&r, i, 0), (int64_t)i);
        assert_int_equal(enl_sql_cell_i64(&r, i, 2), -(int64_t)i);
        (void)snprintf(want, sizeof(want), "x%zu", i);
        if (i % 2 == 0) {
            assert_string_equal(enl_sql_cell(&r, i, 1), want);
        } else {
            assert_null(enl_sql_cell(&r, i, 1));
        }
    }
    assert_null(enl_sql_cell(&r, 1000, 0));
    assert_null(enl_sql_cell(&r, 0, 3));
    assert_int_equal(enl_sql_cell_i64(&r, 0, 1), 0); /* no number */
    assert_int_equal(enl_sql_cell_i64(&r, 1, 1), 0); /* NULL */
    enl_sql_result_done(&r);
    assert_null(enl_sql_cell(&r, 0, 0));
    enl_sql_result_done(&r);

    assert_int_equal(enl_sql_run(b->sql, "SELECT 1 WHERE 0", NULL, 0, 0, &r, NULL, &err), ENL_OK);
    assert_int_equal(r.rows, 0);
    enl_sql_result_done(&r);
    assert_int_equal(enl_sql_run(b->sql, "SELECT 9223372036854775807, -9223372036854775808", NULL,
                                 0, 0, &r, NULL, &err),
                     ENL_OK);
    assert_true(enl_sql_cell_i64(&r, 0, 0) == INT64_MAX);
    assert_true(enl_sql_cell_i64(&r, 0, 1) == INT64_MIN);
    enl_sql_result_done(&r);
    /* Rows that nobody wants are fetched all the same: the connection is free again. */
    assert_int_equal(
        enl_sql_run(b->sql, "SELECT 1 UNION ALL SELECT 2", NULL, 0, 0, NULL, NULL, &err), ENL_OK);
    (void)run(b->sql, "BEGIN IMMEDIATE");
    (void)run(b->sql, "COMMIT");
}

static void test_errors(void **state)
{
    static const struct {
        const char *label, *text;
        int native;
    } cases[] = {
        {"no such table", "INSERT INTO nowhere VALUES (1)", 1},
        {"no SQL", "nonsense", 1},
        {"a key twice", "INSERT INTO t VALUES (1, 'secret')", 19},
        {"NULL where none may be", "INSERT INTO t VALUES (NULL, NULL)", 19},
        {"a check", "INSERT INTO t VALUES (2, 'bad')", 19},
        {"no transaction", "COMMIT", 1},
        /* Comes only with the second row. */
        {"an overflow on the way",
         "SELECT 1 UNION ALL SELECT abs(k - 9223372036854775807 - 2) "
         "FROM t",
         1},
    };
    struct base *b = *state;

    (void)run(b->sql, "CREATE TABLE t (k INTEGER NOT NULL PRIMARY KEY, v TEXT NOT NULL CHECK (v <> "
                      "'bad'))");
    (void)run(b->sql, "INSERT INTO t VALUES (1, 'a')");
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_sql_result r = {0};
        struct enl_sql_error e = {0};
        struct enl_err err = {0};
        enum enl_rc rc = enl_sql_run(b->sql, cases[i].text, NULL, 0, 5, &r, &e, &err);

        ENL_CHECK(rc == ENL_INVALID, cases[i].label);
        ENL_CHECK(!e.dead, cases[i].label);
        ENL_CHECK_STR(e.state, "HY000", cases[i].label);
        ENL_CHECK(e.native == cases[i].native, cases[i].label);
        ENL_CHECK(e.message[0] != '\0', cases[i].label);
        ENL_CHECK(!r.cells && r.rows == 0 && r.affected == -1, cases[i].label);
        ENL_CHECK(strstr(err.text, "secret") == NULL, cases[i].label);
        /* The connection is as good as before. */
        ENL_CHECK(run(b->sql, "UPDATE t SET v = 'a'") == 1, cases[i].label);
    }
}

/* An error leaves the transaction to its owner. */
static void test_transaction(void **state)
{
    struct base *b = *state;
    struct enl_sql *other = open_file(b->dir, "Timeout=1");
    struct enl_sql_error e = {0};

    (void)run(b->sql, "CREATE TABLE t (k INTEGER PRIMARY KEY)");
    (void)run(b->sql, "BEGIN IMMEDIATE");
    (void)run(b->sql, "INSERT INTO t VALUES (1)");
    assert_int_equal(enl_sql_run(b->sql, "INSERT INTO t VALUES (1)", NULL, 0, 5, NULL, &e, NULL),
                     ENL_INVALID);
    /* Somebody else waits for his turn, and gives up. */
    assert_int_equal(enl_sql_run(other, "BEGIN IMMEDIATE", NULL, 0, 5, NULL, &e, NULL),
                     ENL_INVALID);
    assert_int_equal(e.native, 5);
    assert_false(e.dead);
    (void)run(b->sql, "ROLLBACK");
    (void)run(other, "BEGIN IMMEDIATE");
    assert_int_equal(run(other, "DELETE FROM t"), 0);
    (void)run(other, "COMMIT");
    enl_sql_close(other);
}

static void test_open(void **state)
{
    static const char *const conns[] = {"Driver=NoSuchDriver;Database=secret;Pwd=secret",
                                        "Driver=SQLite3;Database=/nowhere/secret/x.db", "secret",
                                        ""};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(conns); i++) {
        struct enl_sql *s = NULL;
        struct enl_sql_error e = {0};
        struct enl_err err = {0};

        ENL_CHECK(enl_sql_open(conns[i], 5, &s, &e, &err) == ENL_RETRY, conns[i]);
        ENL_CHECK(!s && e.dead, conns[i]);
        ENL_CHECK(strstr(err.text, "secret") == NULL, conns[i]);
        ENL_CHECK(enl_sql_open(conns[i], 0, &s, NULL, NULL) == ENL_RETRY, conns[i]);
    }
    enl_sql_close(NULL);
}

static void test_parameters(void **state)
{
    struct base *b = *state;
    struct enl_sql_param params[33];
    struct enl_sql_result r = {0};
    char want[2] = "";

    for (size_t i = 0; i < 33; i++) {
        params[i] = (struct enl_sql_param){&"01234567"[i % 8], 1};
    }
    assert_int_equal(
        enl_sql_run(b->sql, "SELECT ?, ?, ?, ?, ?, ?, ?, ?", params, 8, 0, &r, NULL, NULL), ENL_OK);
    for (size_t i = 0; i < 8; i++) {
        want[0] = (char)('0' + (char)i);
        assert_string_equal(enl_sql_cell(&r, 0, i), want);
    }
    enl_sql_result_done(&r);
    assert_int_equal(enl_sql_run(b->sql, "SELECT 1", params, 33, 0, &r, NULL, NULL), ENL_FATAL);
    /* One too few is the driver's to refuse, or NULL; it must not crash. */
    (void)!enl_sql_run(b->sql, "SELECT ?, ?", params, 1, 0, &r, NULL, NULL);
    enl_sql_result_done(&r);
}

static void test_torture(void **state)
{
    struct base *b = *state;
    struct enl_torture t = {0};

    while (enl_torture_next(&t)) {
        struct enl_sql_result r = {0};
        struct enl_sql_error e = {0};
        struct enl_err err = {0};

        enl_torture_end(
            &t, enl_sql_run(b->sql,
                            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE "
                            "i < 39) SELECT i, 'x', NULL, printf('%.*c', 40000, 'y') FROM n",
                            NULL, 0, 0, &r, &e, &err));
        if (t.done) {
            assert_int_equal(r.rows, 40);
        } else {
            assert_int_equal(r.rows, 0);
            assert_null(r.cells);
            assert_string_equal(err.text, "out of memory");
        }
        enl_sql_result_done(&r);
    }
    assert_in_range(t.n, 40 * 4, 4000);
    enl_alloc_fail_at(1);
    {
        struct enl_sql *s = NULL;

        assert_int_equal(enl_sql_open("x", 0, &s, NULL, NULL), ENL_FATAL);
    }
    enl_alloc_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQL_TEST(test_values),       SQL_TEST(test_long_values), SQL_TEST(test_counts),
        SQL_TEST(test_rows),         SQL_TEST(test_errors),      SQL_TEST(test_transaction),
        cmocka_unit_test(test_open), SQL_TEST(test_parameters),  SQL_TEST(test_torture),
    };

    return cmocka_run_group_tests_name("sql", tests, help_sql_setup, help_sql_teardown);
}
