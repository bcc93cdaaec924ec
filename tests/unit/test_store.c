/* test_store - dialects filled, errors classed, targets named, migrations, failed transactions. */
#include "domain_help.h"
#include "statement_help.h"
#include "store_help.h"

#include "base/thread.h"
#include "store/lease.h"

#include <pthread.h>
#include <sys/stat.h>

static const struct enl_dialect *const dialects[] = {&enl_dialect_sqlite, &enl_dialect_postgres};

/* Question marks outside of quotes. */
static size_t count_marks(const char *sql)
{
    size_t n = 0;
    bool quoted = false;

    for (const char *c = sql; *c != '\0'; c++) {
        quoted = *c == '\'' ? !quoted : quoted;
        n += *c == '?' && !quoted ? 1 : 0;
    }
    return n;
}

static void test_statements(void **state)
{
    (void)state;
    assert_int_equal(ENL_COUNT(help_statements), ENL_SQL_COUNT);
    for (size_t d = 0; d < ENL_COUNT(dialects); d++) {
        for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
            const char *text = dialects[d]->statements[i];
            const char *name = help_statements[i].name;

            ENL_CHECK(text != NULL && *text != '\0', name);
            ENL_CHECK_STR(enl_statement_name((enum enl_statement)i), name, dialects[d]->name);
            ENL_CHECK(count_marks(text) == help_params(help_statements[i].params), name);
            ENL_CHECK(count_marks(text) <= ENL_STORE_PARAMS_MAX, name);
            /* SQLite's driver counts no rows of a change that begins so. */
            ENL_CHECK(strncmp(text, "WITH", 4) != 0, name);
        }
    }
}

/* Every statement is one that the database takes, and gives as many columns as its user reads. */
static void test_statements_run(void **state)
{
    struct help_db *db = *state;

    for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
        const char *params[ENL_STORE_PARAMS_MAX] = {"[]", "[]", "[]", "[]", "[]", "[]", "[]", "[]"};
        struct enl_sql_result r = {0};
        struct enl_err err = {0};
        enum enl_rc rc = ENL_OK;

        if (i == ENL_SQL_BREAKER_WRITE) {
            params[0] = "open";
        }
        rc = enl_store_run(db->store, (enum enl_statement)i, params,
                           help_params(help_statements[i].params), &r, &err);
        if (rc != ENL_OK) {
            fail_msg("%s: %s", help_statements[i].name, err.text);
        }
        ENL_CHECK(r.cols == help_columns[i], help_statements[i].name);
        enl_sql_result_done(&r);
        if (i == ENL_SQL_COMMIT) {
            /* ROLLBACK, the next, ends a transaction of its own. */
            assert_int_equal(enl_store_run(db->store, ENL_SQL_BEGIN, NULL, 0, NULL, NULL), ENL_OK);
        }
    }
}

static void test_classes(void **state)
{
    static const struct {
        const char *label, *state;
        int native;
        bool dead;
        enum enl_sql_class want;
    } cases[] = {
        {"constraint", "HY000", 19, false, ENL_SQL_CLASS_DATA},
        {"mismatch", "HY000", 20, false, ENL_SQL_CLASS_DATA},
        {"too big", "HY000", 18, false, ENL_SQL_CLASS_DATA},
        {"busy", "HY000", 5, false, ENL_SQL_CLASS_BUSY},
        {"locked", "HY000", 6, false, ENL_SQL_CLASS_BUSY},
        {"disk full", "HY000", 13, false, ENL_SQL_CLASS_BUSY},
        {"disk error", "HY000", 10, false, ENL_SQL_CLASS_DEAD},
        {"cannot open", "HY000", 14, false, ENL_SQL_CLASS_DEAD},
        {"corrupt", "HY000", 11, false, ENL_SQL_CLASS_DEAD},
        {"no database", "HY000", 26, false, ENL_SQL_CLASS_DEAD},
        {"read-only", "HY000", 8, false, ENL_SQL_CLASS_DEAD},
        {"a bug in a statement", "HY000", 1, false, ENL_SQL_CLASS_OTHER},
        {"nothing known", "", 0, false, ENL_SQL_CLASS_OTHER},
        {"a dead connection, whatever its last words", "HY000", 19, true, ENL_SQL_CLASS_DEAD},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_sql_error e = {.native = cases[i].native, .dead = cases[i].dead};

        (void)snprintf(e.state, sizeof(e.state), "%s", cases[i].state);
        ENL_CHECK(enl_dialect_classify(&enl_dialect_sqlite, &e) == cases[i].want, cases[i].label);
    }
}

static void test_target(void **state)
{
    static const struct {
        const char *label, *url;
        bool azure;
        const char *want; /* part of the connection string; NULL: refused */
        const char *why;  /* part of the refusal */
    } cases[] = {
        {"the default", "", false, ";Database=enlace.db;", NULL},
        {"unset", NULL, false, ";Database=enlace.db;", NULL},
        {"relative", "sqlite:///data/a b.db", false, ";Database=data/a b.db;", NULL},
        {"absolute", "sqlite:////var/x.db", false, ";Database=/var/x.db;", NULL},
        {"a brace at the front is the driver manager's", "sqlite:///{secret", false, NULL,
         "DATABASE_URL"},
        {"no name", "sqlite:///", false, NULL, "DATABASE_URL"},
        {"another option smuggled in", "sqlite:///secret.db;Driver=x", false, NULL, "DATABASE_URL"},
        {"two slashes", "sqlite://secret.db", false, NULL, "DATABASE_URL: only sqlite:///path"},
        {"another database", "mysql://u:secret@h/db", false, NULL,
         "DATABASE_URL: only sqlite:///path"},
        {"any text", "secret", false, NULL, "DATABASE_URL: only sqlite:///path"},
        {"unset in Azure", "", true, NULL, "DATABASE_URL: unset or SQLite"},
        {"SQLite in Azure", "sqlite:////secret.db", true, NULL, "DATABASE_URL: unset or SQLite"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_config cfg = help_config(cases[i].url);
        struct enl_store_target t = {0};
        struct enl_err err = {0};
        enum enl_rc rc = ENL_OK;

        if (!cases[i].url) {
            cfg.database_url = "";
        }
        cfg.in_azure = cases[i].azure;
        rc = enl_store_target(&cfg, &t, &err);
        if (cases[i].want) {
            ENL_CHECK(rc == ENL_OK, cases[i].label);
            ENL_CHECK(t.dialect == &enl_dialect_sqlite, cases[i].label);
            ENL_CHECK(strstr(t.conn, cases[i].want) != NULL, cases[i].label);
            continue;
        }
        ENL_CHECK(rc == ENL_INVALID, cases[i].label);
        ENL_CHECK(strstr(err.text, cases[i].why) != NULL, cases[i].label);
        ENL_CHECK(strstr(err.text, "secret") == NULL, cases[i].label);
    }
}

static void test_long_path(void **state)
{
    char url[2048] = "sqlite:////";
    struct enl_config cfg = help_config(url);
    struct enl_store_target t = {0};
    struct enl_err err = {0};

    (void)state;
    memset(url + strlen(url), 'x', sizeof(url) - strlen(url) - 1);
    assert_int_equal(enl_store_target(&cfg, &t, &err), ENL_INVALID);
}

/* The file is where its name says, whatever characters that has. */
static void test_odd_path(void **state)
{
    struct enl_store_target t = {0};
    struct enl_store *s = NULL;
    struct stat st;
    char dir[64];
    char odd[96];
    char path[160];
    int version = 0;

    (void)state;
    help_dir_make(dir, sizeof(dir));
    (void)snprintf(odd, sizeof(odd), "%s/a 'b' \xc3\xa9", dir);
    assert_int_equal(mkdir(odd, 0700), 0);
    help_target(odd, &t);
    s = help_store_open(&t);
    assert_int_equal(enl_migrate(s, &version, NULL), ENL_OK);
    enl_store_close(s);
    (void)snprintf(path, sizeof(path), "%s/" HELP_FILE, odd);
    assert_int_equal(stat(path, &st), 0);
    help_dir_remove(odd);
    assert_int_equal(rmdir(dir), 0);
}

static void test_missing_directory(void **state)
{
    struct enl_store_target t = {0};
    struct enl_store *s = NULL;
    struct enl_err err = {0};

    (void)state;
    help_target("/nowhere/at/all", &t);
    assert_int_equal(enl_store_open(&t, &s, &err), ENL_RETRY);
    assert_null(s);
    assert_null(strstr(err.text, "nowhere"));
}

static void test_migrations(void **state)
{
    struct help_db *db = *state;
    struct enl_store *other = help_store_open(&db->target);
    struct enl_err err = {0};
    int known = enl_migrate_known(&enl_dialect_sqlite);
    int version = 0;
    char all[32];

    (void)snprintf(all, sizeof(all), "%d|%d", known, known);
    help_expect_rows(db, "SELECT COUNT(*), MAX(version) FROM schema_migrations", all, "once");
    help_sql(db, "UPDATE rate_lease SET slack_ms = 7");
    assert_int_equal(enl_migrate(db->store, &version, &err), ENL_OK);
    assert_int_equal(version, known);
    assert_int_equal(enl_migrate(other, &version, &err), ENL_OK);
    help_expect_rows(db, "SELECT COUNT(*), MAX(version) FROM schema_migrations", all,
                     "twice is nothing");
    help_expect_rows(db, "SELECT slack_ms FROM rate_lease", "7", "nothing was touched");
    help_sql(db, "INSERT INTO schema_migrations (version, applied_at) VALUES (99, '')");
    assert_int_equal(enl_migrate(other, &version, &err), ENL_OK);
    assert_int_equal(version, 99);
    assert_true(version > known);
    enl_store_close(other);
}

/* Many connect at once, or while somebody writes: none waits to learn that nothing is to be done.
 */
static void test_migrated_already(void **state)
{
    struct help_db *db = *state;
    struct enl_err err = {0};
    int version = 0;

    help_sql(db, "BEGIN IMMEDIATE");
    assert_int_equal(enl_migrate(db->store, &version, &err), ENL_OK);
    assert_int_equal(version, enl_migrate_known(&enl_dialect_sqlite));
    help_sql(db, "ROLLBACK");
}

/* A migration that cannot be done leaves nothing behind. */
static void test_migration_fails(void **state)
{
    struct help_db *db = *state;
    int version = -1;

    help_sql(db, "DELETE FROM schema_migrations");
    help_sql(db, "DROP TABLE events");
    help_sql(db, "DROP TABLE dead_letters");
    assert_int_equal(enl_migrate(db->store, &version, NULL), ENL_RETRY);
    assert_int_equal(version, -1);
    help_expect_rows(db, "SELECT name FROM sqlite_master WHERE name IN ('events', 'dead_letters')",
                     "", "rolled back");
    help_expect_rows(db, "SELECT COUNT(*) FROM schema_migrations", "0", "not counted");
    help_sql(db, "DROP TABLE contacts");
    help_sql(db, "DROP TABLE rate_lease");
    help_sql(db, "DROP TABLE odoo_breaker");
    help_sql(db, "DROP TABLE sync_state");
    assert_int_equal(enl_migrate(db->store, &version, NULL), ENL_OK);
    assert_int_equal(version, enl_migrate_known(&enl_dialect_sqlite));
}

static void test_migrate_run(void **state)
{
    struct help_db *db = *state;
    char url[160] = "";
    struct enl_config cfg = help_config(url);
    struct enl_err err = {0};

    (void)snprintf(url, sizeof(url), "sqlite:///%s/" HELP_FILE, db->dir);
    cfg.odoo_turn_slack_ms = 70;
    assert_int_equal(enl_migrate_run(&cfg, &err), ENL_OK);
    help_expect_rows(db, "SELECT slack_ms FROM rate_lease", "70", "recorded");
    cfg.odoo_turn_slack_ms = 80;
    assert_int_equal(enl_migrate_run(&cfg, &err), ENL_OK);
    help_expect_rows(db, "SELECT slack_ms FROM rate_lease", "80", "whatever was there");
    help_sql(db, "INSERT INTO schema_migrations (version, applied_at) VALUES (99, '')");
    assert_int_equal(enl_migrate_run(&cfg, &err), ENL_FATAL);
    assert_non_null(strstr(err.text, "newer (99) than this binary"));
    cfg.database_url = "nonsense";
    err = (struct enl_err){0};
    assert_int_equal(enl_migrate_run(&cfg, &err), ENL_INVALID);
}

struct migrator {
    const struct enl_store_target *target;
    pthread_barrier_t *barrier;
    enum enl_rc rc;
    int version;
    struct enl_err err;
};

static void *migrate_one(void *arg)
{
    struct migrator *m = arg;
    struct enl_store *s = NULL;

    m->rc = enl_store_open(m->target, &s, &m->err);
    (void)pthread_barrier_wait(m->barrier);
    if (m->rc == ENL_OK) {
        m->rc = enl_migrate(s, &m->version, &m->err);
    }
    enl_store_close(s);
    return NULL;
}

static void test_migrating_together(void **state)
{
    struct enl_store_target target;
    struct migrator m[2];
    pthread_t threads[2];
    pthread_barrier_t barrier;
    char dir[64];
    struct enl_store *s = NULL;

    (void)state;
    help_dir_make(dir, sizeof(dir));
    help_target(dir, &target);
    (void)pthread_barrier_init(&barrier, NULL, 2);
    for (size_t i = 0; i < 2; i++) {
        m[i] = (struct migrator){.target = &target, .barrier = &barrier};
        assert_int_equal(enl_thread_start(&threads[i], migrate_one, &m[i], NULL), ENL_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < 2; i++) {
        if (m[i].rc != ENL_OK) {
            fail_msg("%s", m[i].err.text);
        }
        assert_int_equal(m[i].version, enl_migrate_known(&enl_dialect_sqlite));
    }
    s = help_store_open(&target);
    assert_int_equal(enl_store_run(s, ENL_SQL_HEALTH, NULL, 0, NULL, NULL), ENL_OK);
    enl_store_close(s);
    (void)pthread_barrier_destroy(&barrier);
    help_dir_remove(dir);
}

#define INSERT "INSERT INTO contacts (subscriber_id) VALUES ('1')"

static void test_failed_statement(void **state)
{
    struct help_db *db = *state;
    struct enl_err err = {0};

    assert_int_equal(enl_store_begin(db->store, &err), ENL_OK);
    assert_int_equal(enl_store_run_text(db->store, INSERT, &err), ENL_OK);
    assert_int_equal(enl_store_run_text(db->store, "INSERT INTO nowhere VALUES (1)", &err),
                     ENL_RETRY);
    /* The statement after the failed one goes well; that makes nothing good. */
    assert_int_equal(enl_store_run(db->store, ENL_SQL_MIGRATIONS_VERSION, NULL, 0, NULL, &err),
                     ENL_OK);
    assert_int_equal(enl_store_commit(db->store, &err), ENL_RETRY);
    enl_store_rollback(db->store);
    assert_false(enl_store_dead(db->store));
    help_expect_rows(db, "SELECT COUNT(*) FROM contacts", "0", "rolled back");

    assert_int_equal(enl_store_commit(db->store, &err), ENL_RETRY);
    assert_int_equal(enl_store_begin(db->store, &err), ENL_OK);
    assert_int_equal(enl_store_run_text(db->store, INSERT, &err), ENL_OK);
    assert_int_equal(enl_store_commit(db->store, &err), ENL_OK);
    help_expect_rows(db, "SELECT COUNT(*) FROM contacts", "1", "the next is a new one");
}

/* A value that is refused is the event's fault; its text is not in the error. */
static void test_refused_value(void **state)
{
    struct help_db *db = *state;
    struct enl_err err = {0};

    assert_int_equal(enl_store_run_text(db->store,
                                        "CREATE TRIGGER t BEFORE INSERT ON contacts BEGIN SELECT "
                                        "RAISE(ABORT, 'secret'); END",
                                        &err),
                     ENL_OK);
    assert_int_equal(enl_store_run_text(db->store, INSERT, &err), ENL_INVALID);
    assert_false(enl_store_dead(db->store));
    assert_null(strstr(err.text, "secret"));
}

/* A trigger that ends the whole transaction leaves nothing to roll back: a new connection. */
static void test_lost_transaction(void **state)
{
    struct help_db *db = *state;
    struct enl_err err = {0};

    help_sql(db, "CREATE TRIGGER t BEFORE INSERT ON contacts BEGIN SELECT RAISE(ROLLBACK, 'x'); "
                 "END");
    assert_int_equal(enl_store_begin(db->store, &err), ENL_OK);
    assert_int_equal(enl_store_run_text(db->store, INSERT, &err), ENL_INVALID);
    enl_store_rollback(db->store);
    assert_true(enl_store_dead(db->store));
}

/* Every way through the store, and each leaves it fit for the next. */
static void test_torture(void **state)
{
    struct help_db *db = *state;
    const char *params[4] = {"e", "1", "1", "0"};
    struct enl_json *batch = help_parse("[\"1\",\"2\"]");
    struct enl_sql_result r = {0};
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_CONTACTS_INSERT, .batch = batch},
        {.statement = ENL_SQL_CONTACTS_LOCK, .batch = batch, .ret = &r},
    };
    struct enl_torture t = {0};

    assert_true(ENL_TORTURE(enl_store_run(db->store, ENL_SQL_LEASE_TURN, params, 4, NULL, NULL)) >
                0);
    assert_true(ENL_TORTURE(enl_store_run_batch(db->store, ENL_SQL_CONTACTS_INSERT, batch, NULL,
                                                NULL)) > 1);
    help_sql(db, "DELETE FROM contacts");
    while (enl_torture_next(&t)) {
        enum enl_rc rc = enl_store_begin_with(db->store, calls, 2, NULL);

        rc = rc == ENL_OK ? enl_store_commit(db->store, NULL) : rc;
        enl_torture_end(&t, rc);
        if (!t.done) {
            enl_store_rollback(db->store);
        }
        assert_false(enl_store_dead(db->store));
        help_expect_rows(db, "SELECT COUNT(*) FROM contacts", t.done ? "2" : "0", "all or nothing");
        enl_sql_result_done(&r);
    }
    enl_json_free(batch);
}

/* Memory that ends in a rollback leaves a connection that nobody can trust. */
static void test_rollback_without_memory(void **state)
{
    struct help_db *db = *state;

    assert_int_equal(enl_store_begin(db->store, NULL), ENL_OK);
    (void)enl_alloc_fail_at(1);
    enl_store_rollback(db->store);
    assert_int_equal(enl_alloc_fail_at(0), 0);
    assert_true(enl_store_dead(db->store));
}

static void test_torture_open(void **state)
{
    struct help_db *db = *state;
    struct enl_store *s = NULL;

    assert_int_equal(ENL_TORTURE(enl_store_open(&db->target, &s, NULL)), 2);
    enl_store_close(s);
}

static void test_torture_migrate(void **state)
{
    char url[160] = "";
    struct enl_config cfg = help_config(url);
    struct enl_torture t = {0};
    char dir[64];

    (void)state;
    help_dir_make(dir, sizeof(dir));
    (void)snprintf(url, sizeof(url), "sqlite:///%s/" HELP_FILE, dir);
    while (enl_torture_next(&t)) {
        enl_torture_end(&t, enl_migrate_run(&cfg, NULL));
    }
    assert_true(t.n > 15);
    assert_true(ENL_TORTURE(enl_migrate_run(&cfg, NULL)) > 5);
    help_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        HELP_DB_TEST(test_statements_run),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_odd_path),
        cmocka_unit_test(test_missing_directory),
        HELP_DB_TEST(test_migrations),
        HELP_DB_TEST(test_migrated_already),
        HELP_DB_TEST(test_migration_fails),
        HELP_DB_TEST(test_migrate_run),
        cmocka_unit_test(test_migrating_together),
        HELP_DB_TEST(test_failed_statement),
        HELP_DB_TEST(test_refused_value),
        HELP_DB_TEST(test_lost_transaction),
        HELP_DB_TEST(test_torture),
        HELP_DB_TEST(test_rollback_without_memory),
        HELP_DB_TEST(test_torture_open),
        cmocka_unit_test(test_torture_migrate),
    };

    return cmocka_run_group_tests_name("store", tests, help_sql_setup, help_sql_teardown);
}
