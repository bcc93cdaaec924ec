/* test_fn - health, events and queue-processor over a committer and a reader that are played here.
 */
#include "enl_test.h"

#include "fn/app.h"
#include "fn/functions.h"
#include "host/reply.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What the two play. */
static struct enl_health played_health;
static enum enl_rc played_event;
static struct enl_commit_result played_result;
static const char *played_away = "";
static char committed[64];
static unsigned committed_deliveries;
static char played_handle;

const char *enl_outcome_name(enum enl_outcome outcome)
{
    return outcome == ENL_OUTCOME_SAFE       ? "safe"
           : outcome == ENL_OUTCOME_REJECTED ? "rejected"
                                             : "hand_back";
}

void enl_committer_commit(struct enl_committer *c, const char *text, size_t len,
                          unsigned deliveries, struct enl_commit_result *ret)
{
    assert_non_null(c);
    (void)snprintf(committed, sizeof(committed), "%.*s", (int)len, text);
    committed_deliveries = deliveries;
    *ret = played_result;
}

void enl_committer_sql_away(struct enl_committer *c, char ret_why[ENL_SQL_AWAY_TEXT])
{
    assert_non_null(c);
    (void)snprintf(ret_why, ENL_SQL_AWAY_TEXT, "%s", played_away);
}

void enl_reader_health(struct enl_reader *r, struct enl_health *ret)
{
    assert_non_null(r);
    *ret = played_health;
}

enum enl_rc enl_reader_event(struct enl_reader *r, const char *event_id, struct enl_buf *out,
                             struct enl_err *err)
{
    (void)err;
    assert_non_null(r);
    enl_buf_addf(out, "{\"event_id\":\"%s\"}", event_id);
    return played_event;
}

static int64_t fixed_clock(void *ctx)
{
    (void)ctx;
    return 1000000000;
}

static const struct enl_clock clock_fixed = {.wall_us = fixed_clock, .mono_us = fixed_clock};

static struct enl_config good_config(void)
{
    struct enl_config c = {.api_key = "k",
                           .database_url = "",
                           .odoo_host = "h",
                           .odoo_db = "d",
                           .odoo_user = "u",
                           .odoo_password = "p",
                           .odoo_configured = true};

    return c;
}

static struct enl_app app_of(const struct enl_config *c)
{
    struct enl_app app = {.cfg = c, .clock = &clock_fixed, .started_us = 995000000};

    app.committer = (struct enl_committer *)&played_handle;
    app.reader = (struct enl_reader *)&played_handle;
    return app;
}

static void play_good_health(void)
{
    played_health = (struct enl_health){.sql = {.state = ENL_HEALTH_OK},
                                        .odoo = {.state = ENL_HEALTH_OK},
                                        .pending = 3,
                                        .oldest_pending_s = 12,
                                        .open_dead_letters = 0,
                                        .turn_ms = 4,
                                        .turns_thrown = 0};
}

static struct enl_json *ask_health(struct enl_app *app, const char *probe, int want)
{
    const struct enl_http_req req = {.method = "GET", .param = probe};
    struct enl_json *json = NULL;
    struct enl_reply r;
    struct enl_err err = {0};

    enl_reply_init(&r);
    assert_int_equal(enl_fn_health(app, &req, &r, &err), ENL_OK);
    assert_int_equal(r.status, want);
    assert_string_equal(r.headers[0].name, "Cache-Control");
    assert_string_equal(r.headers[0].value, "no-store");
    assert_int_equal(enl_json_parse(enl_buf_str(&r.body), r.body.len, &json, NULL, NULL), ENL_OK);
    enl_reply_done(&r);
    return json;
}

static const char *part_status(const struct enl_json *j, const char *part)
{
    return enl_json_get_str(enl_json_get(j, part), "status");
}

static void test_health_ok(void **state)
{
    const struct enl_config c = good_config();
    struct enl_app app = app_of(&c);
    struct enl_json *j = NULL;
    int64_t n = 0;

    (void)state;
    play_good_health();
    j = ask_health(&app, "", 200);
    assert_string_equal(enl_json_get_str(j, "status"), "ok");
    assert_string_equal(enl_json_get_str(j, "version"), ENL_VERSION);
    assert_true(enl_json_get_i64(j, "uptime_s", &n));
    assert_int_equal(n, 5);
    assert_string_equal(part_status(j, "sql"), "ok");
    assert_string_equal(part_status(j, "odoo"), "ok");
    assert_null(enl_json_get(enl_json_get(j, "sql"), "reason"));
    assert_true(enl_json_get_i64(enl_json_get(j, "events"), "pending", &n));
    assert_int_equal(n, 3);
    assert_true(enl_json_get_i64(enl_json_get(j, "events"), "oldest_s", &n));
    assert_int_equal(n, 12);
    assert_true(enl_json_get_i64(enl_json_get(j, "dead_letters"), "open", &n));
    assert_int_equal(n, 0);
    assert_true(enl_json_get_i64(enl_json_get(j, "turns"), "update_ms", &n));
    assert_int_equal(n, 4);
    assert_true(enl_json_get_i64(enl_json_get(j, "turns"), "thrown_away", &n));
    assert_int_equal(n, 0);
    assert_int_equal(enl_json_len(enl_json_get(j, "settings")), 0);
    assert_null(enl_json_get(j, "notice"));
    enl_json_free(j);
}

static void test_health_states(void **state)
{
    static const struct {
        enum enl_health_state sql, odoo;
        int want;
        const char *status;
    } cases[] = {
        {ENL_HEALTH_OK, ENL_HEALTH_UNKNOWN, 200, "ok"},
        {ENL_HEALTH_OK, ENL_HEALTH_DOWN, 200, "degraded"},
        {ENL_HEALTH_OK, ENL_HEALTH_NOT_CONFIGURED, 200, "degraded"},
        {ENL_HEALTH_DOWN, ENL_HEALTH_OK, 503, "down"},
        {ENL_HEALTH_UNKNOWN, ENL_HEALTH_OK, 503, "down"},
        {ENL_HEALTH_MIGRATING, ENL_HEALTH_DOWN, 503, "migrating"},
    };
    const struct enl_config c = good_config();
    struct enl_app app = app_of(&c);

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_json *j = NULL;

        play_good_health();
        played_health.sql.state = cases[i].sql;
        played_health.odoo.state = cases[i].odoo;
        (void)snprintf(played_health.odoo.reason, sizeof(played_health.odoo.reason), "a \"b\"");
        j = ask_health(&app, "", cases[i].want);
        assert_string_equal(enl_json_get_str(j, "status"), cases[i].status);
        assert_string_equal(enl_json_get_str(enl_json_get(j, "odoo"), "reason"), "a \"b\"");
        enl_json_free(j);
    }
}

static void test_health_of_a_schema_that_cannot_be_brought_up(void **state)
{
    const struct enl_config c = good_config();
    struct enl_app app = app_of(&c);
    struct enl_json *j = NULL;

    (void)state;
    play_good_health();
    played_health.sql.state = ENL_HEALTH_MIGRATING;
    played_away = "no right to do so";
    j = ask_health(&app, "", 503);
    assert_string_equal(enl_json_get_str(j, "status"), "down");
    assert_string_equal(enl_json_get_str(enl_json_get(j, "sql"), "status"), "down");
    assert_string_equal(enl_json_get_str(enl_json_get(j, "sql"), "reason"), "no right to do so");
    enl_json_free(j);
    app.committer = NULL;
    j = ask_health(&app, "", 503);
    assert_string_equal(enl_json_get_str(j, "status"), "migrating");
    enl_json_free(j);
    played_away = "";
}

static void expect_setting(struct enl_app *app, const char *name)
{
    struct enl_json *j = ask_health(app, "", 503);
    const struct enl_json *list = enl_json_get(j, "settings");

    assert_int_equal(enl_json_len(list), 1);
    assert_string_equal(enl_json_get_str(enl_json_at(list, 0), "name"), name);
    assert_true(strlen(enl_json_get_str(enl_json_at(list, 0), "reason")) > 0);
    enl_json_free(j);
}

static void test_health_settings(void **state)
{
    struct enl_config c = good_config();
    struct enl_app app = app_of(&c);

    (void)state;
    play_good_health();
    c.api_key = " , ";
    expect_setting(&app, "API_KEY");
    c.wrong[0] = (struct enl_wrong_setting){"API_KEY", "unresolved Key Vault reference"};
    c.n_wrong = 1;
    expect_setting(&app, "API_KEY");
    c = good_config();
    c.in_azure = true;
    expect_setting(&app, "DATABASE_URL");
    c = good_config();
    c.wrong[0] = (struct enl_wrong_setting){"ODOO_PORT", "not an integer in 1..65535"};
    c.n_wrong = 1;
    expect_setting(&app, "ODOO_PORT");
    c = good_config();
    (void)snprintf(played_health.setting, sizeof(played_health.setting), "ODOO_TURN_SLACK_MS");
    expect_setting(&app, "ODOO_TURN_SLACK_MS");
}

static void test_health_without_odoo(void **state)
{
    struct enl_config c = good_config();
    struct enl_app app = app_of(&c);
    struct enl_json *j = NULL;

    (void)state;
    play_good_health();
    (void)snprintf(played_health.notice, sizeof(played_health.notice), "newer schema");
    c.odoo_host = "";
    c.odoo_configured = false;
    j = ask_health(&app, "", 200);
    assert_string_equal(enl_json_get_str(j, "status"), "degraded");
    assert_string_equal(part_status(j, "odoo"), "not_configured");
    assert_string_equal(enl_json_get_str(enl_json_get(j, "odoo"), "reason"), "missing: ODOO_HOST");
    assert_string_equal(enl_json_get_str(j, "notice"), "newer schema");
    enl_json_free(j);
}

static void test_health_at_start(void **state)
{
    const struct enl_config c = good_config();
    struct enl_app app = app_of(&c);
    struct enl_json *j = NULL;

    (void)state;
    app.reader = NULL;
    j = ask_health(&app, "", 503);
    assert_string_equal(part_status(j, "sql"), "unknown");
    assert_true(enl_json_is(enl_json_get(enl_json_get(j, "events"), "pending"), ENL_JSON_NULL));
    enl_json_free(j);
    j = ask_health(&app, "live", 200);
    assert_string_equal(enl_json_get_str(j, "status"), "ok");
    enl_json_free(j);
    enl_json_free(ask_health(&app, "Live", 200));
    enl_json_free(ask_health(&app, "ready", 404));
}

static void test_events(void **state)
{
    static const struct {
        const char *label, *key, *id;
        enum enl_rc rc;
        int want;
    } cases[] = {
        {"found", "k", "e-1", ENL_OK, 200},        {"wrong key", "x", "e-1", ENL_OK, 401},
        {"unknown", "k", "e-1", ENL_INVALID, 404}, {"no id", "k", "a b", ENL_OK, 404},
        {"empty id", "k", "", ENL_OK, 404},        {"SQL away", "k", "e-1", ENL_RETRY, 503},
    };
    struct enl_config c = good_config();
    struct enl_app app = app_of(&c);

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        const struct enl_header key = {"X-API-Key", cases[i].key};
        const struct enl_http_req req = {
            .method = "GET", .headers = &key, .n_headers = 1, .param = cases[i].id};
        struct enl_reply r;
        struct enl_err err = {0};

        played_event = cases[i].rc;
        enl_reply_init(&r);
        ENL_CHECK(enl_fn_events(&app, &req, &r, &err) == ENL_OK, cases[i].label);
        ENL_CHECK(r.status == cases[i].want, cases[i].label);
        if (cases[i].want == 200) {
            ENL_CHECK_STR(enl_buf_str(&r.body), "{\"event_id\":\"e-1\"}", cases[i].label);
        } else {
            ENL_CHECK_STR(r.content_type, "application/problem+json", cases[i].label);
            ENL_CHECK(!strstr(enl_buf_str(&r.body), "event_id"), cases[i].label);
        }
        enl_reply_done(&r);
        c.api_key = " ,";
        enl_reply_init(&r);
        ENL_CHECK(enl_fn_events(&app, &req, &r, &err) == ENL_OK, cases[i].label);
        ENL_CHECK(r.status == 503, cases[i].label);
        enl_reply_done(&r);
        c.api_key = "k";
    }
}

static void test_queue(void **state)
{
    const struct enl_config c = good_config();
    struct enl_app app = app_of(&c);
    const struct enl_queue_msg msg = {.text = "message", .len = 7, .deliveries = 3};
    struct enl_reply r;
    struct enl_err err = {0};

    (void)state;
    played_result = (struct enl_commit_result){.outcome = ENL_OUTCOME_SAFE, .event_id = "e-1"};
    enl_reply_init(&r);
    assert_int_equal(enl_fn_queue_processor(&app, &msg, &r, &err), ENL_OK);
    assert_int_equal(r.status, 200);
    assert_false(r.has_output);
    assert_true(r.quiet);
    assert_string_equal(committed, "message");
    assert_int_equal(committed_deliveries, 3);
    enl_reply_done(&r);

    played_result = (struct enl_commit_result){
        .outcome = ENL_OUTCOME_REJECTED, .event_id = "e-1", .detail = "why"};
    enl_reply_init(&r);
    assert_int_equal(enl_fn_queue_processor(&app, &msg, &r, &err), ENL_OK);
    assert_int_equal(r.status, 500);
    assert_true(r.body.len > 0);
    assert_false(r.quiet);
    assert_string_equal(r.note, "rejected: why");
    assert_string_equal(r.event_id, "e-1");
    enl_reply_done(&r);

    played_result = (struct enl_commit_result){.outcome = ENL_OUTCOME_HAND_BACK};
    enl_reply_init(&r);
    assert_int_equal(enl_fn_queue_processor(&app, &msg, &r, &err), ENL_OK);
    assert_int_equal(r.status, 200);
    assert_true(r.has_output);
    assert_string_equal(enl_buf_str(&r.output), "message");
    assert_string_equal(r.note, "hand_back");
    enl_reply_done(&r);
}

/* A call that comes before the committer runs goes back too. */
static void test_queue_at_start(void **state)
{
    const struct enl_config c = good_config();
    struct enl_app app = app_of(&c);
    const struct enl_queue_msg msg = {.text = "message", .len = 7};
    struct enl_reply r;
    struct enl_err err = {0};

    (void)state;
    app.committer = NULL;
    enl_reply_init(&r);
    assert_int_equal(enl_fn_queue_processor(&app, &msg, &r, &err), ENL_OK);
    assert_int_equal(r.status, 200);
    assert_true(r.has_output);
    enl_reply_done(&r);
}

void enl_committer_record(struct enl_committer *c, const char *text, size_t len,
                          unsigned deliveries, struct enl_commit_result *ret)
{
    enl_committer_commit(c, text, len, deliveries, ret);
}

/* What a function wrote of its answer; it may be less than the whole when memory ends. */
static enum enl_rc written(const struct enl_reply *r)
{
    return enl_buf_ok(&r->body) && enl_buf_ok(&r->output) ? ENL_OK : ENL_FATAL;
}

static void torture_http(enum enl_rc (*fn)(struct enl_app *, const struct enl_http_req *,
                                           struct enl_reply *, struct enl_err *),
                         struct enl_app *app, const char *key, const char *param, int want)
{
    const struct enl_header header = {"X-API-Key", key};
    const struct enl_http_req req = {
        .method = "GET", .headers = &header, .n_headers = 1, .param = param};
    struct enl_torture t = {0};

    while (enl_torture_next(&t)) {
        struct enl_reply r;
        enum enl_rc rc = ENL_OK;

        enl_reply_init(&r);
        rc = fn(app, &req, &r, NULL);
        enl_torture_end(&t, rc == ENL_OK ? written(&r) : rc);
        assert_true(!t.done || r.status == want);
        enl_reply_done(&r);
    }
    assert_true(t.n > 1);
}

static void torture_queue(enum enl_rc (*fn)(struct enl_app *, const struct enl_queue_msg *,
                                            struct enl_reply *, struct enl_err *),
                          struct enl_app *app, enum enl_outcome outcome, int want)
{
    const struct enl_queue_msg msg = {.text = "message", .len = 7, .deliveries = 1};
    struct enl_torture t = {0};

    played_result = (struct enl_commit_result){.outcome = outcome, .event_id = "e-1"};
    while (enl_torture_next(&t)) {
        struct enl_reply r;
        enum enl_rc rc = ENL_OK;

        enl_reply_init(&r);
        rc = fn(app, &msg, &r, NULL);
        enl_torture_end(&t, rc == ENL_OK ? written(&r) : rc);
        assert_true(!t.done || r.status == want);
        enl_reply_done(&r);
    }
}

/* Memory that ends while an answer is written is seen: nobody gets half of one. */
static void test_torture(void **state)
{
    struct enl_config c = good_config();
    struct enl_app app = app_of(&c);

    (void)state;
    play_good_health();
    played_event = ENL_OK;
    torture_http(enl_fn_health, &app, "", "", 200);
    torture_http(enl_fn_health, &app, "", "live", 200);
    torture_http(enl_fn_health, &app, "", "nothing", 404);
    torture_http(enl_fn_events, &app, "k", "e-1", 200);
    torture_http(enl_fn_events, &app, "x", "e-1", 401);
    torture_http(enl_fn_events, &app, "k", "a b", 404);
    torture_queue(enl_fn_queue_processor, &app, ENL_OUTCOME_SAFE, 200);
    torture_queue(enl_fn_queue_processor, &app, ENL_OUTCOME_REJECTED, 500);
    torture_queue(enl_fn_queue_processor, &app, ENL_OUTCOME_HAND_BACK, 200);
    torture_queue(enl_fn_dead_letter_recorder, &app, ENL_OUTCOME_HAND_BACK, 200);
    c.wrong[0] = (struct enl_wrong_setting){"ODOO_PORT", "not an integer in 1..65535"};
    c.n_wrong = 1;
    c.api_key = "";
    torture_http(enl_fn_health, &app, "", "", 503);
}

static int setup(void **state)
{
    (void)state;
    enl_json_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health_ok),
        cmocka_unit_test(test_health_states),
        cmocka_unit_test(test_health_of_a_schema_that_cannot_be_brought_up),
        cmocka_unit_test(test_health_settings),
        cmocka_unit_test(test_health_without_odoo),
        cmocka_unit_test(test_health_at_start),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_queue_at_start),
        cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("fn", tests, setup, NULL);
}
