/* test_tsql - SQL Server's dialect as text: no such server is at hand here. */
#include "statement_help.h"
#include "wrap/sql.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(enum enl_statement s)
{
    return enl_dialect_tsql.statements[s];
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *s = text; (s = strstr(s, part)) != NULL; s += strlen(part)) {
        n++;
    }
    return n;
}

/* A whole word, outside of texts in quotes. */
static bool has_word(const char *text, const char *word)
{
    bool quoted = false;
    size_t len = strlen(word);

    for (const char *s = text; *s != '\0'; s++) {
        quoted = *s == '\'' ? !quoted : quoted;
        if (!quoted && strncmp(s, word, len) == 0 && !isalnum((unsigned char)s[len]) &&
            s[len] != '_' && (s == text || (!isalnum((unsigned char)s[-1]) && s[-1] != '_'))) {
            return true;
        }
    }
    return false;
}

/* Every text that this dialect may send. */
static void each_text(void (*check)(const char *text, const char *label))
{
    for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
        check(text_of((enum enl_statement)i), help_statements[i].name);
    }
    check(enl_dialect_tsql.session, "session");
    check(enl_dialect_tsql.lock_migrations, "lock_migrations");
    for (size_t i = 0; i < enl_dialect_tsql.n_migrations; i++) {
        check(enl_dialect_tsql.migrations[i].text, "a migration");
    }
}

static void test_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
        const char *text = text_of((enum enl_statement)i);

        ENL_CHECK(text != NULL && *text != '\0', help_statements[i].name);
        ENL_CHECK(count(text, "?") == help_params(help_statements[i].params),
                  help_statements[i].name);
        ENL_CHECK(count(text, "?") <= ENL_STORE_PARAMS_MAX, help_statements[i].name);
        /* What the drivers send is cast before anything looks at it. */
        ENL_CHECK(count(text, "CAST(? AS nvarchar(") == count(text, "?"), help_statements[i].name);
        /* A batch is bound once and unpacked by the server. */
        ENL_CHECK(strstr(text, "OPENJSON(") == NULL ||
                      strstr(help_statements[i].params, "batch") != NULL,
                  help_statements[i].name);
        ENL_CHECK(strstr(help_statements[i].params, "batch") == NULL || strstr(text, "OPENJSON("),
                  help_statements[i].name);
    }
    assert_int_equal(count(enl_dialect_tsql.session, "?"), 0);
    assert_int_equal(count(enl_dialect_tsql.lock_migrations, "?"), 0);
}

/* The expressions between SELECT and its FROM. */
static size_t count_columns(const char *text)
{
    size_t n = 1;
    int depth = 0;

    for (const char *c = text; *c != '\0'; c++) {
        depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
        if (depth == 0 && strncmp(c, " FROM ", 6) == 0) {
            break;
        }
        n += *c == ',' && depth == 0 ? 1 : 0;
    }
    return n;
}

static void test_columns(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
        const char *text = text_of((enum enl_statement)i);

        ENL_CHECK((strncmp(text, "SELECT ", 7) == 0) == (help_columns[i] > 0),
                  help_statements[i].name);
        ENL_CHECK(help_columns[i] == 0 || count_columns(text) == help_columns[i],
                  help_statements[i].name);
    }
}

static void check_forbidden(const char *text, const char *label)
{
    static const char *const forbidden[] = {
        "MERGE",    "NOLOCK",  "READUNCOMMITTED", "TABLOCK",    "TABLOCKX",    "ROWVERSION",
        "GREATEST", "LEAST",   "STRING_AGG",      "LIMIT",      "CONFLICT",    "excluded",
        "text",     "boolean", "GETDATE",         "GETUTCDATE", "SYSDATETIME", "now",
        "RETURNING"};
    int depth = 0;

    for (size_t i = 0; i < ENL_COUNT(forbidden); i++) {
        if (has_word(text, forbidden[i])) {
            fail_msg("%s has %s", label, forbidden[i]);
        }
    }
    for (const char *c = text; *c != '\0'; c++) {
        depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
        ENL_CHECK(depth >= 0, label);
    }
    ENL_CHECK(depth == 0, label);
    ENL_CHECK(count(text, "'") % 2 == 0, label);
    ENL_CHECK(strstr(text, "COLLATE") == NULL || strstr(text, "COLLATE Latin1_General_100_BIN2"),
              label);
}

static void test_forbidden(void **state)
{
    (void)state;
    each_text(check_forbidden);
    assert_true(has_word("a MERGE b", "MERGE"));
    assert_false(has_word("EMERGE 'MERGE' MERGED", "MERGE"));
}

/* The locks that the protocol wants, and only those. */
static void test_locks(void **state)
{
    static const char *const hints[ENL_SQL_COUNT] = {
        [ENL_SQL_CONTACTS_INSERT] = " WITH (UPDLOCK, HOLDLOCK)",
        [ENL_SQL_CONTACTS_LOCK] = " WITH (UPDLOCK, HOLDLOCK, ROWLOCK)",
        [ENL_SQL_EVENTS_INSERT] = " WITH (UPDLOCK, HOLDLOCK)",
        [ENL_SQL_EVENTS_DRAIN] = " WITH (UPDLOCK, READPAST, ROWLOCK)",
        [ENL_SQL_EVENTS_DRAIN_SUSPECTS] = " WITH (UPDLOCK, READPAST, ROWLOCK)",
        [ENL_SQL_EVENTS_LOCK] = " WITH (UPDLOCK, ROWLOCK)",
        [ENL_SQL_DEAD_OPEN] = " WITH (UPDLOCK, HOLDLOCK)",
        [ENL_SQL_BREAKER_LOCK] = " WITH (UPDLOCK, ROWLOCK)",
    };

    (void)state;
    for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
        const char *text = text_of((enum enl_statement)i);

        ENL_CHECK((strstr(text, "LOCK") != NULL) == (hints[i] != NULL), help_statements[i].name);
        ENL_CHECK(hints[i] == NULL || count(text, hints[i]) == (i == ENL_SQL_DEAD_OPEN ? 2 : 1),
                  help_statements[i].name);
        /* What a batch locks or changes is sought key by key, in their order. */
        ENL_CHECK(count(text, "OPENJSON(") == count(text, "OPTION (LOOP JOIN, FORCE ORDER)"),
                  help_statements[i].name);
        ENL_CHECK(count(text, "OPENJSON(") <= count(text, "TOP (2147483647)"),
                  help_statements[i].name);
        /* A row is not put in twice. */
        ENL_CHECK(count(text, "OPENJSON(") == 0 ||
                      count(text, "INSERT INTO ") == count(text, "WHERE NOT EXISTS (SELECT 1 "),
                  help_statements[i].name);
    }
    assert_non_null(strstr(text_of(ENL_SQL_EVENTS_DRAIN), "SELECT TOP (CAST("));
    assert_null(strstr(text_of(ENL_SQL_BREAKER_READ), "WITH ("));
}

/* One statement each where its count is asked for; no count at all where there are two. */
static void test_counts(void **state)
{
    static const enum enl_statement counted[] = {ENL_SQL_EVENTS_INSERT, ENL_SQL_EVENTS_PROMOTED,
                                                 ENL_SQL_LEASE_TURN, ENL_SQL_BREAKER_PROBE};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(counted); i++) {
        const char *text = text_of(counted[i]);

        ENL_CHECK(strncmp(text, "INSERT ", 7) == 0 || strncmp(text, "UPDATE ", 7) == 0, text);
    }
    for (size_t i = 0; i < ENL_SQL_COUNT; i++) {
        const char *text = text_of((enum enl_statement)i);

        ENL_CHECK(strchr(text, ';') == NULL || strncmp(text, "SET NOCOUNT ON;", 15) == 0,
                  help_statements[i].name);
    }
    /* A text with parameters could not begin a transaction, nor keep a setting. */
    assert_false(enl_dialect_tsql.many);
}

static void test_session(void **state)
{
    static const char *const parts[] = {
        "SET XACT_ABORT ON;", "SET NOCOUNT OFF;", "SET LOCK_TIMEOUT 5000;",
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;", "SET TEXTSIZE 2147483647;"};
    const char *lock = enl_dialect_tsql.lock_migrations;

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(parts); i++) {
        ENL_CHECK(strstr(enl_dialect_tsql.session, parts[i]) != NULL, parts[i]);
    }
    assert_true(strncmp(lock, "BEGIN TRANSACTION;", 18) == 0);
    assert_non_null(strstr(lock, "sp_getapplock"));
    assert_non_null(strstr(lock, "@LockOwner = N'Transaction'"));
    assert_null(enl_dialect_sqlite.session);
    assert_null(enl_dialect_postgres.session);
}

/* Of one CREATE TABLE: what stands between its name and the next ";". */
static void table_of(const char *migration, const char *name, char *ret, size_t size)
{
    char head[64];
    const char *start = NULL;
    const char *end = NULL;

    (void)snprintf(head, sizeof(head), "CREATE TABLE %s (", name);
    start = strstr(migration, head);
    end = start ? strstr(start, ";\n") : NULL;
    ENL_CHECK(end != NULL && (size_t)(end - start) < size, name);
    memcpy(ret, start, (size_t)(end - start));
    ret[end - start] = '\0';
}

/* Names of the columns, one a line, without brackets. */
static void columns_of(const char *table, char *ret, size_t size)
{
    size_t n = 0;

    for (const char *line = strstr(table, "\n    "); line; line = strstr(line + 1, "\n    ")) {
        const char *word = line + 5;
        size_t len = 0;

        word += *word == '[' ? 1 : 0;
        len = strspn(word, "abcdefghijklmnopqrstuvwxyz_");
        if (len > 0) {
            n += (size_t)snprintf(ret + n, size - n, "%.*s\n", (int)len, word);
        }
    }
}

/* The same tables and columns in the same order as PostgreSQL's. */
static void test_schema(void **state)
{
    static const char *const tables[] = {"events", "contacts", "dead_letters", "rate_lease",
                                         "odoo_breaker"};
    const char *ours = enl_dialect_tsql.migrations[0].text;

    (void)state;
    assert_int_equal(enl_dialect_tsql.n_migrations, enl_dialect_postgres.n_migrations);
    for (size_t i = 0; i < ENL_COUNT(tables); i++) {
        char a[8192];
        char b[8192];
        char want[2048] = "";
        char got[2048] = "";

        table_of(ours, tables[i], a, sizeof(a));
        table_of(enl_dialect_postgres.migrations[0].text, tables[i], b, sizeof(b));
        columns_of(a, got, sizeof(got));
        columns_of(b, want, sizeof(want));
        assert_string_equal(got, want);
        assert_true(strlen(want) > 10);
    }
    assert_int_equal(count(ours, "CREATE TABLE "), ENL_COUNT(tables));
    /* As migrate.c takes them apart. */
    assert_int_equal(count(ours, ";"), count(ours, ";\n"));
    assert_string_equal(ours + strlen(ours) - 2, ";\n");
    assert_int_equal(count(ours, "event_id        nvarchar(128) COLLATE Latin1_General_100_BIN2"),
                     1);
}

static void test_classes(void **state)
{
    static const struct {
        enum enl_sql_class want;
        int natives[40]; /* to the first 0 */
    } cases[] = {
        {ENL_SQL_CLASS_DUPLICATE, {2627, 2601}},
        {ENL_SQL_CLASS_DATA,
         {8152, 2628, 245, 8114, 8115, 220, 241, 242, 515, 547, 9803, 13609, 2402}},
        {ENL_SQL_CLASS_BUSY,
         {1205, 1222, 1204, 3960, 9002, 1105, 1101, 40544, 701, 8645, 8651, 10928, 10929, 40501,
          49918, 49919, 49920, 50001}},
        {ENL_SQL_CLASS_DEAD,
         {4060, 4221, 18456, 40197, 40143, 40540, 40613, 40549, 40550, 40551, 40552, 40553,
          3906, 921,  942,   983,   596,   6005,  10053, 10054, 10060, 10061, 233,   121,
          64,   53,   20,    20002, 20004, 20006, 20009, 20017, 20020, 20047}},
        {ENL_SQL_CLASS_OTHER, {208, 207, 102, 266, 229, 3902, 3903, 1}},
    };
    /* What a driver makes of the server's number. */
    static const char *const states[] = {"42000", "HY000", "23000", "22001", "37000", "40001"};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        for (const int *native = cases[i].natives; *native != 0; native++) {
            for (size_t k = 0; k < ENL_COUNT(states); k++) {
                struct enl_sql_error e = {.native = *native};
                char label[32];

                (void)snprintf(e.state, sizeof(e.state), "%s", states[k]);
                (void)snprintf(label, sizeof(label), "%s/%d", states[k], *native);
                ENL_CHECK(enl_dialect_classify(&enl_dialect_tsql, &e) == cases[i].want, label);
            }
        }
    }
}

static void test_states(void **state)
{
    static const struct {
        const char *label, *state;
        int native;
        bool dead;
        enum enl_sql_class want;
    } cases[] = {
        {"a statement's time", "HYT00", 0, false, ENL_SQL_CLASS_BUSY},
        {"a login's time", "HYT01", 0, false, ENL_SQL_CLASS_DEAD},
        {"the link", "08S01", 0, false, ENL_SQL_CLASS_DEAD},
        {"a link that does not come back", "IMC06", 0, false, ENL_SQL_CLASS_DEAD},
        {"not reachable", "08001", 17, false, ENL_SQL_CLASS_DEAD},
        {"poisoned", "24000", 0, false, ENL_SQL_CLASS_DEAD},
        {"unknown error", "HY000", 0, false, ENL_SQL_CLASS_DEAD},
        {"an error of the server's", "HY000", 8180, false, ENL_SQL_CLASS_OTHER},
        {"a dead connection, whatever its last words", "23000", 2627, true, ENL_SQL_CLASS_DEAD},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_sql_error e = {.native = cases[i].native, .dead = cases[i].dead};

        (void)snprintf(e.state, sizeof(e.state), "%s", cases[i].state);
        ENL_CHECK(enl_dialect_classify(&enl_dialect_tsql, &e) == cases[i].want, cases[i].label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_forbidden),  cmocka_unit_test(test_locks),
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_session),
        cmocka_unit_test(test_schema),     cmocka_unit_test(test_classes),
        cmocka_unit_test(test_states),
    };

    return cmocka_run_group_tests_name("tsql", tests, NULL, NULL);
}
