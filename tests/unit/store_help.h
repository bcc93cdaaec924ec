/* store_help - a fresh SQLite database in a directory of its own, and questions to it. */
#ifndef ENL_TEST_STORE_HELP_H
#define ENL_TEST_STORE_HELP_H

#include "enl_test.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "store/migrate.h"
#include "store/store.h"
#include "wrap/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_FILE "e.db"

struct help_db {
    char dir[64];
    struct enl_store_target target;
    struct enl_store *store; /* what is tested */
    struct enl_sql *sql;     /* a second connection, for questions */
};

static inline struct enl_config help_config(const char *database_url)
{
    return (struct enl_config){.database_url = database_url, .odoo_turn_slack_ms = 50};
}

static inline void help_dir_make(char *dir, size_t size)
{
    (void)snprintf(dir, size, "%s/enl-unit-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(dir));
}

/* Removes the directory and the database in it. */
static inline void help_dir_remove(const char *dir)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char path[160];

    for (size_t i = 0; i < ENL_COUNT(ends); i++) {
        (void)snprintf(path, sizeof(path), "%s/" HELP_FILE "%s", dir, ends[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static inline void help_target(const char *dir, struct enl_store_target *ret)
{
    char url[160] = "";
    struct enl_config cfg = help_config(url);
    struct enl_err err = {0};

    (void)snprintf(url, sizeof(url), "sqlite:///%s/" HELP_FILE, dir);
    assert_int_equal(enl_store_target(&cfg, ret, &err), ENL_OK);
}

static inline struct enl_store *help_store_open(const struct enl_store_target *target)
{
    struct enl_store *s = NULL;
    struct enl_err err = {0};

    if (enl_store_open(target, &s, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
    return s;
}

/* An empty database, migrated. */
static inline void help_db_open(struct help_db *db)
{
    struct enl_err err = {0};
    int version = 0;

    help_dir_make(db->dir, sizeof(db->dir));
    help_target(db->dir, &db->target);
    db->store = help_store_open(&db->target);
    if (enl_migrate(db->store, &version, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(enl_sql_open(db->target.conn, 5, &db->sql, NULL, &err), ENL_OK);
}

static inline void help_db_close(struct help_db *db)
{
    enl_sql_close(db->sql);
    enl_store_close(db->store);
    help_dir_remove(db->dir);
}

/* Runs one statement on the second connection. */
static inline void help_sql(struct help_db *db, const char *text)
{
    struct enl_sql_error e = {0};

    if (enl_sql_run(db->sql, text, NULL, 0, 0, NULL, &e, NULL) != ENL_OK) {
        fail_msg("%s/%d %s: %s", e.state, e.native, e.message, text);
    }
}

/* The rows of a query as text: columns joined by "|", rows by " / ", "~" for NULL. */
static inline char *help_rows(struct help_db *db, const char *text)
{
    struct enl_sql_result r = {0};
    struct enl_sql_error e = {0};
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    char *rows = NULL;

    if (enl_sql_run(db->sql, text, NULL, 0, 0, &r, &e, NULL) != ENL_OK) {
        fail_msg("%s/%d %s: %s", e.state, e.native, e.message, text);
    }
    for (size_t i = 0; i < r.rows; i++) {
        for (size_t c = 0; c < r.cols; c++) {
            const char *cell = enl_sql_cell(&r, i, c);

            enl_buf_adds(&b, c > 0 ? "|" : i > 0 ? " / " : "");
            enl_buf_adds(&b, cell ? cell : "~");
        }
    }
    enl_sql_result_done(&r);
    rows = enl_buf_take(&b, NULL);
    assert_non_null(rows);
    return rows;
}

static inline void help_expect_rows(struct help_db *db, const char *text, const char *want,
                                    const char *label)
{
    char *got = help_rows(db, text);

    ENL_CHECK_STR(got, want, label);
    free(got);
}

/* All that the database holds, to compare before and after. */
static inline char *help_snapshot(struct help_db *db)
{
    static const char *const queries[] = {
        "SELECT 'events', * FROM events ORDER BY event_id",
        "SELECT 'contacts', * FROM contacts ORDER BY subscriber_id",
        "SELECT 'dead', * FROM dead_letters ORDER BY key",
        "SELECT 'lease', * FROM rate_lease",
        "SELECT 'breaker', * FROM odoo_breaker",
    };
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    char *all = NULL;

    for (size_t i = 0; i < ENL_COUNT(queries); i++) {
        char *rows = help_rows(db, queries[i]);

        enl_buf_addf(&b, "%s\n", rows);
        free(rows);
    }
    all = enl_buf_take(&b, NULL);
    assert_non_null(all);
    return all;
}

static inline int help_sql_setup(void **state)
{
    (void)state;
    enl_json_init();
    return enl_sql_global_init(NULL) == ENL_OK ? 0 : -1;
}

static inline void help_drop_line(void *ctx, int fd, const char *line, size_t len)
{
    (void)ctx;
    (void)fd;
    (void)line;
    (void)len;
}

/* The same for what logs when it fails, as it is meant to: the test's output is not the place. */
static inline int help_quiet_setup(void **state)
{
    enl_log_capture(help_drop_line, NULL);
    return help_sql_setup(state);
}

static inline int help_sql_teardown(void **state)
{
    (void)state;
    enl_sql_global_done();
    return 0;
}

/* Around each test that wants a database: it comes as the state. */
static inline int help_db_setup(void **state)
{
    struct help_db *db = enl_calloc(1, sizeof(*db));

    assert_non_null(db);
    help_db_open(db);
    *state = db;
    return 0;
}

static inline int help_db_teardown(void **state)
{
    help_db_close(*state);
    free(*state);
    return 0;
}

#define HELP_DB_TEST(fn) cmocka_unit_test_setup_teardown(fn, help_db_setup, help_db_teardown)

#endif
