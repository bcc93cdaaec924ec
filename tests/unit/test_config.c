/* test_config - the settings table: defaults, bounds, what is wrong is named and never echoed. */
#include "enl_test.h"

#include "base/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    const char *name, *value;
};

static const char *from_pairs(void *ctx, const char *name)
{
    for (const struct pair *p = ctx; p->name; p++) {
        if (strcmp(p->name, name) == 0) {
            return p->value;
        }
    }
    return NULL;
}

static void load(struct enl_config *cfg, struct pair *pairs)
{
    enl_config_load(cfg, from_pairs, pairs);
}

static void load_one(struct enl_config *cfg, const char *name, const char *value)
{
    struct pair pairs[] = {{name, value}, {NULL, NULL}};

    load(cfg, pairs);
}

static void test_defaults(void **state)
{
    struct enl_config c;
    struct pair none[] = {{NULL, NULL}};

    (void)state;
    load(&c, none);
    assert_int_equal(c.n_wrong, 0);
    assert_int_equal(c.port, 0);
    assert_string_equal(c.port_reason, "missing");
    assert_string_equal(c.api_key, "");
    assert_string_equal(c.database_url, "");
    assert_string_equal(c.odoo_host, "");
    assert_int_equal(c.odoo_port, 8069);
    assert_string_equal(c.odoo_protocol, "jsonrpc");
    assert_false(c.odoo_tls);
    assert_true(c.odoo_rate > 0.999 && c.odoo_rate < 1.001);
    assert_int_equal(c.odoo_timeout_s, 60);
    assert_int_equal(c.odoo_turn_slack_ms, 50);
    assert_int_equal(c.duplicate_window_s, 10);
    assert_string_equal(c.local_utc_offset, "+00:00");
    assert_int_equal(c.utc_offset_min, 0);
    assert_string_equal(c.state_custom_field, "estado");
    assert_int_equal(c.queue_hold_s, 200);
    assert_true(enl_cron_due(&c.sync_cron, 60));
    assert_int_equal(c.sync_compare_days, 7);
    assert_false(c.in_azure);
    assert_false(c.odoo_configured);
}

static void test_values(void **state)
{
    struct enl_config c;
    struct pair all[] = {{"FUNCTIONS_CUSTOMHANDLER_PORT", "65535"},
                         {"API_KEY", "k"},
                         {"DATABASE_URL", "d"},
                         {"ODOO_HOST", "h"},
                         {"ODOO_PORT", "443"},
                         {"ODOO_PROTOCOL", "jsonrpc+ssl"},
                         {"ODOO_CA_FILE", "/etc/ca.pem"},
                         {"ODOO_DB", "b"},
                         {"ODOO_USER", "u"},
                         {"ODOO_PASSWORD", "p"},
                         {"ODOO_MAX_REQUESTS_PER_SECOND", "0.25"},
                         {"ODOO_TIMEOUT_SECONDS", "5"},
                         {"ODOO_TURN_SLACK_MS", "5000"},
                         {"DUPLICATE_WINDOW_SECONDS", "0"},
                         {"LOCAL_UTC_OFFSET", "-05:30"},
                         {"STATE_CUSTOM_FIELD", "etapa"},
                         {"QUEUE_HOLD_SECONDS", "1"},
                         {"SYNC_SCHEDULE", "0 */5 * * * *"},
                         {"SYNC_COMPARE_DAYS", "0"},
                         {"WEBSITE_SITE_NAME", "s"},
                         {NULL, NULL}};

    (void)state;
    assert_int_equal(ENL_COUNT(all) - 2, ENL_SETTINGS_COUNT);
    load(&c, all);
    assert_int_equal(c.n_wrong, 0);
    assert_int_equal(c.port, 65535);
    assert_string_equal(c.odoo_password, "p");
    assert_int_equal(c.odoo_port, 443);
    assert_string_equal(c.odoo_ca_file, "/etc/ca.pem");
    assert_true(c.odoo_tls);
    assert_true(c.odoo_rate > 0.2499 && c.odoo_rate < 0.2501);
    assert_int_equal(c.duplicate_window_s, 0);
    assert_int_equal(c.utc_offset_min, -330);
    assert_string_equal(c.state_custom_field, "etapa");
    assert_false(enl_cron_due(&c.sync_cron, 60));
    assert_true(enl_cron_due(&c.sync_cron, 300));
    assert_int_equal(c.sync_compare_days, 0);
    assert_true(c.in_azure);
    assert_true(c.odoo_configured);
}

static void test_wrong_values(void **state)
{
    static const struct {
        const char *name, *value, *reason;
    } cases[] = {
        {"ODOO_PORT", "0", "not an integer in 1..65535"},
        {"ODOO_PORT", "65536", "not an integer in 1..65535"},
        {"ODOO_PORT", " 80", "not an integer in 1..65535"},
        {"ODOO_PORT", "80x", "not an integer in 1..65535"},
        {"ODOO_PORT", "+80", "not an integer in 1..65535"},
        {"ODOO_TIMEOUT_SECONDS", "4", "not an integer in 5..100"},
        {"ODOO_TIMEOUT_SECONDS", "101", "not an integer in 5..100"},
        {"ODOO_TURN_SLACK_MS", "24", "not an integer in 25..5000"},
        {"DUPLICATE_WINDOW_SECONDS", "-1", "not an integer in 0..3600"},
        {"DUPLICATE_WINDOW_SECONDS", "3601", "not an integer in 0..3600"},
        {"QUEUE_HOLD_SECONDS", "0", "not an integer in 1..200"},
        {"QUEUE_HOLD_SECONDS", "201", "not an integer in 1..200"},
        {"SYNC_SCHEDULE", "* * * *", "not a schedule like 0 */5 * * * *"},
        {"SYNC_SCHEDULE", "0 60 * * * *", "not a schedule like 0 */5 * * * *"},
        {"SYNC_COMPARE_DAYS", "367", "not an integer in 0..366"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "0", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "0.009", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "100.001", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "99999999999999999999", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "1e1", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", ".", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "-1", "not a number in 0.01..100"},
        {"ODOO_MAX_REQUESTS_PER_SECOND", "1.2.3", "not a number in 0.01..100"},
        {"ODOO_PROTOCOL", "xmlrpc", "neither jsonrpc nor jsonrpc+ssl"},
        {"LOCAL_UTC_OFFSET", "2", "not an offset like +02:00"},
        {"LOCAL_UTC_OFFSET", "+02:60", "not an offset like +02:00"},
        {"LOCAL_UTC_OFFSET", "+14:01", "not an offset like +02:00"},
        {"LOCAL_UTC_OFFSET", "+0a:00", "not an offset like +02:00"},
        {"ODOO_PASSWORD", "@Microsoft.KeyVault(SecretUri=x)", "unresolved Key Vault reference"},
        {"API_KEY", "@Microsoft.KeyVault(", "unresolved Key Vault reference"},
        {"ODOO_PORT", "@Microsoft.KeyVault(SecretUri=x)", "unresolved Key Vault reference"},
        {"ODOO_PASSWORD", "\t @Microsoft.KeyVault(SecretUri=x)", "unresolved Key Vault reference"},
    };
    struct enl_config fresh;
    struct pair none[] = {{NULL, NULL}};

    (void)state;
    load(&fresh, none);
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_config c;

        load_one(&c, cases[i].name, cases[i].value);
        ENL_CHECK(c.n_wrong == 1, cases[i].value);
        ENL_CHECK_STR(c.wrong[0].name, cases[i].name, cases[i].value);
        ENL_CHECK_STR(c.wrong[0].reason, cases[i].reason, cases[i].value);
        ENL_CHECK(c.odoo_port == fresh.odoo_port && c.queue_hold_s == fresh.queue_hold_s &&
                      c.utc_offset_min == 0 && c.odoo_timeout_s == fresh.odoo_timeout_s,
                  cases[i].value);
        ENL_CHECK(*c.odoo_password == '\0' && *c.api_key == '\0', cases[i].value);
        ENL_CHECK(c.odoo_rate > 0.999 && c.odoo_rate < 1.001, cases[i].value);
    }
}

static void test_all_wrong(void **state)
{
    struct pair pairs[ENL_SETTINGS_COUNT + 1] = {{0}};
    struct enl_config c;

    (void)state;
    for (size_t i = 0; i < ENL_SETTINGS_COUNT; i++) {
        pairs[i] = (struct pair){enl_config_name(i), "@Microsoft.KeyVault(x)"};
    }
    assert_null(enl_config_name(ENL_SETTINGS_COUNT));
    load(&c, pairs);
    assert_int_equal(c.n_wrong, ENL_SETTINGS_COUNT - 1);
    assert_int_equal(c.port, 0);
    assert_string_equal(c.port_reason, "unresolved Key Vault reference");
}

static void test_empty_is_missing(void **state)
{
    struct pair pairs[ENL_SETTINGS_COUNT + 2] = {{0}};
    struct enl_config c;

    (void)state;
    for (size_t i = 0; i < ENL_SETTINGS_COUNT; i++) {
        pairs[i] = (struct pair){enl_config_name(i), ""};
    }
    pairs[ENL_SETTINGS_COUNT] = (struct pair){"WEBSITE_SITE_NAME", ""};
    load(&c, pairs);
    assert_int_equal(c.n_wrong, 0);
    assert_int_equal(c.odoo_port, 8069);
    assert_string_equal(c.state_custom_field, "estado");
    assert_false(c.in_azure);
}

static void test_port(void **state)
{
    static const char *const wrong[] = {"0", "65536", "x", "7071 ", "-1"};
    struct enl_config c;

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(wrong); i++) {
        load_one(&c, "FUNCTIONS_CUSTOMHANDLER_PORT", wrong[i]);
        ENL_CHECK(c.port == 0 && c.n_wrong == 0, wrong[i]);
        ENL_CHECK_STR(c.port_reason, "not an integer in 1..65535", wrong[i]);
    }
    load_one(&c, "FUNCTIONS_CUSTOMHANDLER_PORT", "1");
    assert_int_equal(c.port, 1);
    assert_string_equal(c.port_reason, "");
}

static void expect_keys(const char *api_key, const char *want)
{
    struct enl_config c;
    char got[256] = "";
    size_t pos = 0;
    const char *key = NULL;
    size_t len = 0;

    load_one(&c, "API_KEY", api_key);
    while (enl_config_next_key(&c, &pos, &key, &len)) {
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "[%.*s]", (int)len, key);
    }
    ENL_CHECK_STR(got, want, api_key);
}

static void test_keys(void **state)
{
    (void)state;
    expect_keys("", "");
    expect_keys("a", "[a]");
    expect_keys("a,b", "[a][b]");
    expect_keys(" a , ,,\tb c ,", "[a][b c]");
    expect_keys(" , ,", "");
    expect_keys("old, @Microsoft.KeyVault(VaultName=v,SecretName=s), new", "[old][new]");
    expect_keys("old,@Microsoft.KeyVault(VaultName=v,SecretName=s", "[old]");
}

/* The other keys go on working: a webhook that is refused is a lead that is lost. */
static void test_one_key_is_unresolved(void **state)
{
    struct enl_config c;

    (void)state;
    load_one(&c, "API_KEY", "old,@Microsoft.KeyVault(SecretUri=x)");
    assert_int_equal(c.n_wrong, 1);
    assert_string_equal(c.wrong[0].name, "API_KEY");
    assert_non_null(strstr(c.wrong[0].reason, "unresolved Key Vault reference"));
    assert_string_not_equal(c.api_key, "");
}

static void test_odoo_missing(void **state)
{
    struct enl_config c;
    char text[ENL_ODOO_MISSING_TEXT];
    struct pair some[] = {{"ODOO_HOST", "h"}, {"ODOO_USER", "u"}, {NULL, NULL}};
    struct pair none[] = {{NULL, NULL}};

    (void)state;
    load(&c, some);
    enl_config_odoo_missing(&c, text);
    assert_string_equal(text, "ODOO_DB, ODOO_PASSWORD");
    assert_false(c.odoo_configured);
    load(&c, none);
    enl_config_odoo_missing(&c, text);
    assert_string_equal(text, "ODOO_HOST, ODOO_DB, ODOO_USER, ODOO_PASSWORD");
}

static void test_database(void **state)
{
    static const struct {
        const char *url;
        bool wrong;
    } cases[] = {{"", true},
                 {"sqlite:x.db", true},
                 {"SQLite:///x", true},
                 {"Driver=SQLite3;Database=x.db", true},
                 {"DRIVER={/usr/lib/libsqlite3odbc.so};Database=x", true},
                 {"Driver=/sqlite/libtdsodbc.so;Server=h", false},
                 {"Driver=FreeTDS;Server=h;PWD=sqlite", false},
                 {"mssql+pyodbc://u:sqlite@h/d?driver=FreeTDS", false},
                 {"postgresql://h/sqlite", false},
                 {"Driver=PostgreSQL;Server=h", false}};
    struct enl_config c;

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct pair pairs[] = {
            {"DATABASE_URL", cases[i].url}, {"WEBSITE_INSTANCE_ID", "1"}, {NULL, NULL}};

        load(&c, pairs);
        ENL_CHECK(enl_config_database_is_wrong(&c) == cases[i].wrong, cases[i].url);
        pairs[1].name = NULL;
        load(&c, pairs);
        ENL_CHECK(!enl_config_database_is_wrong(&c), cases[i].url);
    }
}

/* Other container hosts than Azure's set it. */
static void test_container_name_is_not_azure(void **state)
{
    struct enl_config c;

    (void)state;
    load_one(&c, "CONTAINER_NAME", "x");
    assert_false(c.in_azure);
}

static void test_doc(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    (void)state;
    assert_non_null(f);
    enl_config_print_doc(f);
    assert_int_equal(fclose(f), 0);
    for (size_t i = 0; i < ENL_SETTINGS_COUNT; i++) {
        char row[96];

        (void)snprintf(row, sizeof(row), "\n| `%s` | ", enl_config_name(i));
        ENL_CHECK(strstr(text, row), row);
    }
    assert_non_null(strstr(text, "| `ODOO_PORT` | integer | `8069` | "));
    assert_non_null(strstr(text, "| `API_KEY` | secret |  | "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_all_wrong),
        cmocka_unit_test(test_empty_is_missing),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_one_key_is_unresolved),
        cmocka_unit_test(test_odoo_missing),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_container_name_is_not_azure),
        cmocka_unit_test(test_doc),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
