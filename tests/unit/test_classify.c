/* test_classify - Odoo's recorded answers to classes, ingest's results to verdicts, items. */
#include "domain_help.h"

#include "base/str.h"
#include "odoo/odoo.h"

#include <fnmatch.h>

struct want {
    const char *name; /* pattern of recorded exchanges */
    enum enl_odoo_class class;
    bool answered, transient;
};

static const struct want wants[] = {
    {"apikey_authenticate", ENL_ODOO_ANSWERED, true, false},
    {"authenticate*", ENL_ODOO_ANSWERED, true, false},
    {"login", ENL_ODOO_ANSWERED, true, false},
    {"version", ENL_ODOO_ANSWERED, true, false},
    {"lock_auth", ENL_ODOO_ANSWERED, true, false},
    {"lock_good_*", ENL_ODOO_ANSWERED, true, false},
    {"lockl_*", ENL_ODOO_ANSWERED, true, false},
    {"err_read_missing", ENL_ODOO_ANSWERED, true, false},
    {"load_tz_read", ENL_ODOO_ANSWERED, true, false},
    {"ret_none", ENL_ODOO_ANSWERED, true, false},
    {"err_bad_password", ENL_ODOO_DENIED, true, false},
    {"lock_[0-9]", ENL_ODOO_DENIED, true, false},
    {"err_bad_uid", ENL_ODOO_DENIED, true, false},
    {"create_access", ENL_ODOO_CONFIG, true, false},
    {"err_access_*", ENL_ODOO_CONFIG, true, false},
    {"err_private_method", ENL_ODOO_CONFIG, true, false},
    {"err_missing_*", ENL_ODOO_CONFIG, true, false},
    {"err_bad_service", ENL_ODOO_CONFIG, true, false},
    {"err_kwargs", ENL_ODOO_CONFIG, true, false},
    {"load_bad_field", ENL_ODOO_CONFIG, true, false},
    {"load_bool", ENL_ODOO_CONFIG, true, false},
    {"load_types", ENL_ODOO_CONFIG, true, false},
    {"login_bad_db", ENL_ODOO_CONFIG, true, true},
    {"err_serialization", ENL_ODOO_PERHAPS, true, true},
    {"err_bad_json", ENL_ODOO_PERHAPS, false, false},
    {"err_batch_array", ENL_ODOO_PERHAPS, false, false},
    {"err_check", ENL_ODOO_PERHAPS, true, false},
    {"err_fk", ENL_ODOO_PERHAPS, true, false},
    {"err_required", ENL_ODOO_PERHAPS, true, false},
    {"err_selection", ENL_ODOO_PERHAPS, true, false},
    {"err_unique", ENL_ODOO_PERHAPS, true, false},
    {"err_user", ENL_ODOO_PERHAPS, true, false},
    {"err_validation", ENL_ODOO_PERHAPS, true, false},
    {"err_zero", ENL_ODOO_PERHAPS, true, false},
    {"iso_date*", ENL_ODOO_PERHAPS, true, false},
    {"man_bad", ENL_ODOO_PERHAPS, true, false},
    {"name_create", ENL_ODOO_PERHAPS, true, false},
    {"wh_*", ENL_ODOO_PERHAPS, true, false},
};

/* Classifies an answer; the result, which may be NULL, is the caller's. */
static struct enl_json *classify(const char *body, long status, int64_t retry_after_ms,
                                 struct enl_odoo_reply *ret)
{
    struct enl_http_response res = {.outcome = ENL_HTTP_ANSWERED,
                                    .status = status,
                                    .retry_after_ms = retry_after_ms,
                                    .body = ENL_BUF_INIT(ENL_ODOO_RESPONSE_MAX)};
    struct enl_json *result = NULL;
    struct enl_err err = {0};

    enl_buf_adds(&res.body, body);
    assert_int_equal(enl_odoo_classify(&res, ret, &result, &err), ENL_OK);
    enl_http_response_done(&res);
    return result;
}

/* What every reply keeps. */
static void check_reason(const struct enl_odoo_reply *r, const char *label)
{
    ENL_CHECK((r->reason[0] == '\0') == (r->class == ENL_ODOO_ANSWERED), label);
    ENL_CHECK(enl_utf8_valid(r->reason, strlen(r->reason)), label);
    ENL_CHECK(strpbrk(r->reason, "\r\n") == NULL, label);
    ENL_CHECK(strstr(r->reason, "Traceback") == NULL, label);
}

static void check_recorded(const struct enl_json *c, size_t used[])
{
    const char *name = enl_json_get_str(c, "name");
    const struct enl_json *sent = enl_json_get(c, "response_body");
    char *body = sent ? help_dump(sent) : enl_strdup(enl_json_get_str(c, "response_text"));
    struct enl_odoo_reply r = {0};
    struct enl_json *result = NULL;
    int64_t status = 0;
    size_t i = 0;

    assert_non_null(body);
    assert_true(enl_json_get_i64(c, "status", &status));
    while (i < ENL_COUNT(wants) && fnmatch(wants[i].name, name, 0) != 0) {
        i++;
    }
    ENL_CHECK(i < ENL_COUNT(wants), name);
    used[i]++;
    result = classify(body, (long)status, -1, &r);
    ENL_CHECK(r.class == wants[i].class, name);
    ENL_CHECK(r.answered == wants[i].answered, name);
    ENL_CHECK(r.transient == wants[i].transient, name);
    ENL_CHECK(!r.throttled && r.retry_after_ms == -1 && !r.verdicts, name);
    if (r.class == ENL_ODOO_ANSWERED && enl_json_get(sent, "result")) {
        ENL_CHECK(enl_json_equal(result, enl_json_get(sent, "result")), name);
    } else {
        ENL_CHECK(!result, name);
    }
    check_reason(&r, name);
    enl_json_free(result);
    free(body);
}

static void test_recorded(void **state)
{
    char *text = enl_calloc(1, 262144);
    struct enl_json *root = NULL;
    const struct enl_json *cases = NULL;
    size_t used[ENL_COUNT(wants)] = {0};
    FILE *f = fopen(ENL_TEST_DATA "/odoo-cases.json", "rb");

    (void)state;
    assert_non_null(text);
    assert_non_null(f);
    assert_in_range(fread(text, 1, 262144, f), 1, 262143);
    (void)fclose(f);
    root = help_parse(text);
    cases = enl_json_get(root, "cases");
    assert_true(enl_json_len(cases) > 50);
    for (size_t i = 0; i < enl_json_len(cases); i++) {
        check_recorded(enl_json_at(cases, i), used);
    }
    for (size_t i = 0; i < ENL_COUNT(wants); i++) {
        ENL_CHECK(used[i] > 0, wants[i].name);
    }
    enl_json_free(root);
    free(text);
}

#define ERROR(name, message)                                                                       \
    "{\"error\":{\"code\":200,\"message\":\"Odoo Server Error\",\"data\":{\"name\":\"" name        \
    "\",\"debug\":\"Traceback secret\",\"message\":\"" message "\"}}}"

static void test_bodies(void **state)
{
    static const struct {
        const char *label, *body;
        enum enl_odoo_class class;
        bool answered, transient;
        const char *words; /* how they begin */
    } cases[] = {
        {"a deadlock", ERROR("psycopg2.errors.DeadlockDetected", "deadlock detected"),
         ENL_ODOO_PERHAPS, true, true, "psycopg2.errors.DeadlockDetected: deadlock"},
        {"no connection to the database", ERROR("psycopg2.OperationalError", "connection refused"),
         ENL_ODOO_PERHAPS, true, true, "psycopg2.OperationalError: "},
        {"the loser of two loads",
         ERROR("odoo.exceptions.ValidationError",
               "The value for the field 'x' already exists (this is "
               "probably 'y' in the current model)."),
         ENL_ODOO_PERHAPS, true, true, "odoo.exceptions.ValidationError: The value"},
        {"could not serialize, whatever its name", ERROR("x", "could not serialize access"),
         ENL_ODOO_PERHAPS, true, true, "x: could not serialize"},
        {"a UserError is no missing model", ERROR("odoo.exceptions.UserError", "no"),
         ENL_ODOO_PERHAPS, true, false, "odoo.exceptions.UserError: no"},
        {"one line of several",
         ERROR("odoo.exceptions.AccessError", "You may not.\\r\\nTraceback: secret"),
         ENL_ODOO_CONFIG, true, false, "odoo.exceptions.AccessError: You may not."},
        {"one line of a name", ERROR("x.Error\\r\\nTraceback secret", "no"), ENL_ODOO_PERHAPS, true,
         false, "x.Error: no"},
        {"an expired session",
         "{\"id\":null,\"error\":{\"code\":100,\"message\":\"Odoo Session Expired\",\"data\":"
         "{\"name\":\"odoo.http.SessionExpiredException\",\"message\":\"Session expired\"}}}",
         ENL_ODOO_PERHAPS, true, false, "odoo.http.SessionExpiredException: Session expired"},
        {"without data", "{\"error\":{\"code\":404,\"message\":\"404: Not Found\"}}",
         ENL_ODOO_PERHAPS, true, false, "error without a name: 404: Not Found"},
        {"an empty error", "{\"error\":{}}", ENL_ODOO_PERHAPS, true, false,
         "error without a name: no message"},
        {"a message that is no text",
         "{\"error\":{\"message\":\"m\",\"data\":{\"name\":\"n\",\"message\":[]}}}",
         ENL_ODOO_PERHAPS, true, false, "n: m"},
        {"null counts as an answer", "{\"result\":null}", ENL_ODOO_ANSWERED, true, false, ""},
        {"a null error is none", "{\"error\":null,\"result\":1}", ENL_ODOO_ANSWERED, true, false,
         ""},
        {"HTML", "<html>login</html>", ENL_ODOO_PERHAPS, false, false, "HTTP 200 without JSON"},
        {"nothing", "", ENL_ODOO_PERHAPS, false, false, "HTTP 200 without JSON"},
        {"a list", "[]", ENL_ODOO_PERHAPS, false, false, "HTTP 200 without JSON"},
        {"cut off", "{\"result\":[1,", ENL_ODOO_PERHAPS, false, false, "HTTP 200 without JSON"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_odoo_reply r = {0};

        enl_json_free(classify(cases[i].body, 200, -1, &r));
        ENL_CHECK(r.class == cases[i].class, cases[i].label);
        ENL_CHECK(r.answered == cases[i].answered, cases[i].label);
        ENL_CHECK(r.transient == cases[i].transient, cases[i].label);
        ENL_CHECK(strncmp(r.words, cases[i].words, strlen(cases[i].words)) == 0, cases[i].label);
        ENL_CHECK(strstr(r.words, "secret") == NULL, cases[i].label);
        check_reason(&r, cases[i].label);
    }
}

/* /health is shown to anybody, and logs are kept: what Odoo says may quote a lead. */
static void test_reason_quotes_nobody(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {ERROR("builtins.KeyError", "+5511987654321"), "builtins.KeyError: see Odoo's log"},
        {ERROR("builtins.NameError", "+5511987654321"), "builtins.NameError: see Odoo's log"},
        {ERROR("odoo.exceptions.AccessError", "+5511987654321"),
         "odoo.exceptions.AccessError: ODOO_USER lacks the group Integration"},
        {ERROR("odoo.exceptions.UserError", "+5511987654321 doesn't exist"),
         "odoo.exceptions.UserError: the addon is not installed"},
        {ERROR("psycopg2.OperationalError", "database \\\"+5511987654321\\\" does not exist"),
         "psycopg2.OperationalError: ODOO_DB is not there"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_odoo_reply r = {0};

        enl_json_free(classify(cases[i].body, 200, -1, &r));
        ENL_CHECK(strncmp(r.reason, cases[i].reason, strlen(cases[i].reason)) == 0,
                  cases[i].reason);
        ENL_CHECK(strstr(r.reason, "5511987654321") == NULL, cases[i].reason);
        ENL_CHECK(strstr(r.words, "+5511987654321") != NULL, cases[i].reason);
    }
}

static void test_nested(void **state)
{
    char *body = help_repeat("{\"result\":", "[", 3000, "");
    struct enl_odoo_reply r = {0};

    (void)state;
    enl_json_free(classify(body, 200, -1, &r));
    assert_int_equal(r.class, ENL_ODOO_PERHAPS);
    assert_false(r.answered);
    free(body);
}

/* A reason ends at a character, wherever the limit falls: SQL takes no half ones. */
static void test_long_reasons(void **state)
{
    static const char *const units[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static const char *const prefixes[] = {"", "a", "aa", "aaa"};
    static const size_t names[] = {1, 30, 79, 80, 81, 200};

    (void)state;
    for (size_t n = 0; n < ENL_COUNT(names); n++) {
        for (size_t i = 0; i < ENL_COUNT(units) * ENL_COUNT(prefixes); i++) {
            const char *unit = units[i / ENL_COUNT(prefixes)];
            char *name = help_repeat("{\"error\":{\"data\":{\"name\":\"", unit, names[n],
                                     "\",\"message\":\"");
            char *body = help_repeat(name, prefixes[i % ENL_COUNT(prefixes)], 1, unit);
            char *all = help_repeat(body, unit, 300, "\"}}}");
            struct enl_odoo_reply r = {0};

            enl_json_free(classify(all, 200, -1, &r));
            check_reason(&r, all);
            ENL_CHECK(enl_utf8_valid(r.words, strlen(r.words)), all);
            ENL_CHECK(strlen(r.words) > 100, all);
            free(name);
            free(body);
            free(all);
        }
    }
}

static void test_transport(void **state)
{
    static const struct {
        const char *label;
        enum enl_http_outcome outcome;
        long status;
        int64_t retry_after_ms;
        enum enl_odoo_class class;
        bool throttled;
        const char *reason;
    } cases[] = {
        {"refused", ENL_HTTP_NOT_SENT, 0, -1, ENL_ODOO_NOT_SENT, false, "curl's words"},
        {"TLS", ENL_HTTP_UNTRUSTED, 0, -1, ENL_ODOO_CONFIG, false,
         "the certificate of ODOO_HOST is not trusted (ODOO_CA_FILE): curl's words"},
        {"time-out", ENL_HTTP_UNKNOWN, 0, -1, ENL_ODOO_PERHAPS, false, "curl's words"},
        {"cut off after the head", ENL_HTTP_UNKNOWN, 200, -1, ENL_ODOO_PERHAPS, false,
         "curl's words"},
        {"429", ENL_HTTP_ANSWERED, 429, -1, ENL_ODOO_NOT_SENT, true, "HTTP status 429"},
        {"429 with a time", ENL_HTTP_ANSWERED, 429, 7000, ENL_ODOO_NOT_SENT, true,
         "HTTP status 429"},
        {"503 with a time", ENL_HTTP_ANSWERED, 503, 7000, ENL_ODOO_NOT_SENT, true,
         "HTTP status 503"},
        {"503", ENL_HTTP_ANSWERED, 503, -1, ENL_ODOO_PERHAPS, false, "HTTP status 503"},
        {"500", ENL_HTTP_ANSWERED, 500, -1, ENL_ODOO_PERHAPS, false, "HTTP status 500"},
        {"500 with a time is no throttle", ENL_HTTP_ANSWERED, 500, 7000, ENL_ODOO_PERHAPS, false,
         "HTTP status 500"},
        {"502", ENL_HTTP_ANSWERED, 502, -1, ENL_ODOO_PERHAPS, false, "HTTP status 502"},
        {"303 to a login", ENL_HTTP_ANSWERED, 303, -1, ENL_ODOO_PERHAPS, false, "HTTP status 303"},
        {"404", ENL_HTTP_ANSWERED, 404, -1, ENL_ODOO_PERHAPS, false, "HTTP status 404"},
        {"204", ENL_HTTP_ANSWERED, 204, -1, ENL_ODOO_PERHAPS, false, "HTTP status 204"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_http_response res = {.outcome = cases[i].outcome,
                                        .status = cases[i].status,
                                        .retry_after_ms = cases[i].retry_after_ms,
                                        .body = ENL_BUF_INIT(100),
                                        .reason = "curl's words"};
        struct enl_odoo_reply r = {0};
        struct enl_json *result = NULL;

        enl_buf_adds(&res.body, "{\"result\":1}");
        ENL_CHECK(enl_odoo_classify(&res, &r, &result, NULL) == ENL_OK, cases[i].label);
        ENL_CHECK(!result && !r.answered && !r.transient, cases[i].label);
        ENL_CHECK(r.class == cases[i].class, cases[i].label);
        ENL_CHECK(r.throttled == cases[i].throttled, cases[i].label);
        ENL_CHECK(r.maybe_done == (r.throttled && cases[i].status == 503), cases[i].label);
        ENL_CHECK(r.retry_after_ms == cases[i].retry_after_ms, cases[i].label);
        ENL_CHECK_STR(r.reason, cases[i].reason, cases[i].label);
        enl_http_response_done(&res);
    }
}

/* Verdicts of a, b and c as text: "created 1 2, rejected invalid no, none". */
static char *show_verdicts(const struct enl_odoo_reply *r)
{
    static const char *const kinds[] = {"none", "created", "duplicate", "rejected", "retry"};
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);

    for (size_t i = 0; i < r->n_verdicts; i++) {
        const struct enl_verdict *v = &r->verdicts[i];

        enl_buf_addf(&b, "%s%s", i ? ", " : "", kinds[v->kind]);
        if (v->id > 0 || v->contact_id > 0) {
            enl_buf_addf(&b, " %" PRId64 " %" PRId64, v->id, v->contact_id);
        }
        if (v->error) {
            enl_buf_addf(&b, " %s '%s'", v->code, v->error);
        }
    }
    return enl_buf_take(&b, NULL);
}

static const char *const abc[] = {"a", "b", "c"};

static void test_verdicts(void **state)
{
    static const struct {
        const char *label, *results, *want;
    } cases[] = {
        {"in order",
         "[{\"event_id\":\"a\",\"status\":\"created\",\"id\":9,\"contact_id\":4,\"applied\":true},"
         "{\"event_id\":\"b\",\"status\":\"duplicate\",\"id\":8,\"contact_id\":4},"
         "{\"event_id\":\"c\",\"status\":\"rejected\",\"code\":\"constraint\",\"error\":\"no\"}]",
         "created 9 4, duplicate 8 4, rejected constraint 'no'"},
        {"out of order",
         "[{\"event_id\":\"c\",\"status\":\"retry\"},{\"event_id\":\"a\",\"status\":\"created\","
         "\"id\":1,\"contact_id\":2},{\"event_id\":\"b\",\"status\":\"rejected\",\"code\":\"x\","
         "\"error\":\"e\"}]",
         "created 1 2, rejected x 'e', retry"},
        {"some missing", "[{\"event_id\":\"b\",\"status\":\"created\"}]", "none, created, none"},
        {"all missing", "[]", "none, none, none"},
        {"strangers",
         "[{\"event_id\":\"z\",\"status\":\"created\"},{\"status\":\"created\"},17,null]",
         "none, none, none"},
        {"a status of later times", "[{\"event_id\":\"a\",\"status\":\"parked\",\"id\":5}]",
         "none 5 0, none, none"},
        {"no status", "[{\"event_id\":\"a\"},{\"event_id\":\"b\",\"status\":7}]",
         "none, none, none"},
        {"named twice: the one at its place",
         "[{\"event_id\":\"b\",\"status\":\"retry\"},{\"event_id\":\"b\",\"status\":\"created\"}]",
         "none, created, none"},
        {"named twice elsewhere: the first",
         "[{\"event_id\":\"c\",\"status\":\"created\"},{\"event_id\":\"c\",\"status\":\"retry\"},"
         "{\"event_id\":\"a\",\"status\":\"created\"}]",
         "created, none, created"},
        {"rejected without words", "[{\"event_id\":\"a\",\"status\":\"rejected\"}]",
         "rejected invalid 'rejected without a reason', none, none"},
        {"words that are none",
         "[{\"event_id\":\"a\",\"status\":\"rejected\",\"code\":1,\"error\":{}}]",
         "rejected invalid 'rejected without a reason', none, none"},
        {"ids that are none",
         "[{\"event_id\":\"a\",\"status\":\"created\",\"id\":false,\"contact_id\":\"4\"}]",
         "created, none, none"},
        {"an error beside a success",
         "[{\"event_id\":\"a\",\"status\":\"created\",\"error\":\"x\"}]", "created, none, none"},
        {"a code over its room",
         "[{\"event_id\":\"a\",\"status\":\"rejected\",\"code\":\"0123456789012345678\"}]",
         "rejected 012345678901234 'rejected without a reason', none, none"},
        {"a code cut at a character",
         "[{\"event_id\":\"a\",\"status\":\"rejected\",\"code\":\"01234567890123\xc3\xa9\"}]",
         "rejected 01234567890123 'rejected without a reason', none, none"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        char *text = help_repeat("{\"api\":1,\"results\":", cases[i].results, 1, "}");
        struct enl_json *result = help_parse(text);
        struct enl_odoo_reply r = {0};
        char *got = NULL;

        ENL_CHECK(enl_odoo_verdicts(result, abc, 3, &r, NULL) == ENL_OK, cases[i].label);
        ENL_CHECK(r.n_verdicts == 3, cases[i].label);
        got = show_verdicts(&r);
        ENL_CHECK_STR(got, cases[i].want, cases[i].label);
        free(got);
        enl_odoo_reply_done(&r);
        enl_json_free(result);
        free(text);
    }
}

static void test_no_results(void **state)
{
    static const char *const texts[] = {
        "null", "false", "7", "[]", "{}", "\"x\"", "{\"results\":{}}", "{\"results\":null}"};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(texts); i++) {
        struct enl_json *result = help_parse(texts[i]);
        struct enl_odoo_reply r = {0};

        ENL_CHECK(enl_odoo_verdicts(result, abc, 3, &r, NULL) == ENL_INVALID, texts[i]);
        ENL_CHECK(!r.verdicts && r.n_verdicts == 0, texts[i]);
        enl_json_free(result);
    }
    {
        struct enl_odoo_reply r = {0};

        assert_int_equal(enl_odoo_verdicts(NULL, abc, 3, &r, NULL), ENL_INVALID);
    }
}

static void test_long_errors(void **state)
{
    static const struct {
        const char *label, *unit;
        size_t n, chars;
    } cases[] = {
        {"short", "a", 499, 499},
        {"just", "a", 500, 500},
        {"one more", "a", 501, 500},
        {"two bytes each", "\xc3\xa9", 700, 500},
        {"just, of two bytes", "\xc3\xa9", 500, 500},
        {"four bytes each", "\xf0\x9f\x98\x80", 501, 500},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        char *text = help_repeat("{\"results\":[{\"event_id\":\"a\",\"status\":\"rejected\","
                                 "\"error\":\"",
                                 cases[i].unit, cases[i].n, "\"}]}");
        char *want = help_repeat("", cases[i].unit, cases[i].chars, "");
        struct enl_json *result = help_parse(text);
        struct enl_odoo_reply r = {0};

        assert_int_equal(enl_odoo_verdicts(result, abc, 1, &r, NULL), ENL_OK);
        ENL_CHECK_STR(r.verdicts[0].error, want, cases[i].label);
        enl_odoo_reply_done(&r);
        enl_json_free(result);
        free(text);
        free(want);
    }
}

static void check_item(const char *body, const char *want, const char *label)
{
    struct enl_event *e = help_event_at(body, "e-1", RECEIVED_US);
    struct enl_buf b = ENL_BUF_INIT(65536);

    enl_odoo_item(e, &b);
    ENL_CHECK(enl_buf_ok(&b), label);
    ENL_CHECK_STR(enl_buf_str(&b), want, label);
    enl_buf_done(&b);
    enl_event_free(e);
}

/* The request as the addon reads it, to the byte. */
static void test_items(void **state)
{
    char *flat = help_file("manychat-flat-contact-event.json");
    char *full = help_file("manychat-full-contact.json");

    (void)state;
    check_item(flat,
               "{\"event_id\":\"e-1\",\"subscriber_id\":\"1234567890\",\"order_key\":\"000"
               "6511ad84a1c18:e-1\",\"occurred_at\":\"2026-05-05T00:00:00.000Z\",\"receive"
               "d_at\":\"2026-05-06T12:00:00.123Z\",\"kind\":\"state\",\"channel\":\"whats"
               "app\",\"state\":\"nuevo\",\"contact\":{\"first_name\":\"Ana\",\"last_name\""
               ":\"Rojas\",\"whatsapp_phone\":\"+50600000000\",\"email\":\"ana@example.com"
               "\",\"channel\":\"whatsapp\",\"subscribed_at\":\"2026-05-04T16:54:33.000Z\""
               "}}",
               "flat");
    check_item(full,
               "{\"event_id\":\"e-1\",\"subscriber_id\":\"1234567890\",\"order_key\":\"000"
               "65124e737b240:e-1\",\"occurred_at\":\"2026-05-06T12:00:00.123Z\",\"receive"
               "d_at\":\"2026-05-06T12:00:00.123Z\",\"kind\":\"interaction\",\"page_id\":\""
               "100000000000001\",\"contact\":{\"page_id\":\"100000000000001\",\"name\":\""
               "Ana\",\"first_name\":\"Ana\",\"whatsapp_phone\":\"+50600000000\",\"timezon"
               "e\":\"UTC\xc2\xb1"
               "00\",\"live_chat_url\":\"https://app.manychat.com/fb1000000/chat/123456789"
               "0\",\"mc_status\":\"active\",\"optin_whatsapp\":true,\"optin_email\":false"
               ",\"optin_sms\":false,\"subscribed_at\":\"2026-05-04T16:54:33.000Z\"},\"cus"
               "tom_fields\":{\"Respuesta Chatbot\":null,\"BOT: Presupuesto\":\"1000\",\"F"
               "echa de la cita \":\"2026-05-05\",\"edad\":41,\"vip\":true}}",
               "full");
    check_item(
        "{\"id\":\"1\"}",
        "{\"event_id\":\"e-1\",\"subscriber_id\":\"1\","
        "\"order_key\":\"00065124e737b240:e-1\",\"occurred_at\":\"2026-05-06T12:00:00.123Z\","
        "\"received_at\":\"2026-05-06T12:00:00.123Z\",\"kind\":\"interaction\"}",
        "nothing but an id: absent is unknown");
    check_item("{\"id\":\"1\",\"campaign_id\":7,\"summary\":\"s\","
               "\"custom_fields\":{\"a\":null,\"b\":\"\",\"c\":1.50}}",
               "{\"event_id\":\"e-1\",\"subscriber_id\":\"1\",\"order_key\":\"00065124e737"
               "b240:e-1\",\"occurred_at\":\"2026-05-06T12:00:00.123Z\",\"received_at\":\""
               "2026-05-06T12:00:00.123Z\",\"kind\":\"assignment\",\"custom_fields\":{\"a\""
               ":null,\"b\":\"\",\"c\":1.50},\"assignment\":{\"campaign_ref\":\"7\",\"summ"
               "ary\":\"s\"}}",
               "an assignment, and custom fields that clear");
    free(flat);
    free(full);
}

static void test_item_fails(void **state)
{
    struct enl_event *e = help_event_at("{\"id\":\"1\",\"name\":\"A\",\"custom_fields\":{\"a\":1}}",
                                        "e-1", RECEIVED_US);
    struct enl_buf small = ENL_BUF_INIT(20);
    struct enl_torture t = {0};

    (void)state;
    enl_odoo_item(e, &small);
    assert_false(enl_buf_ok(&small));
    enl_buf_done(&small);
    while (enl_torture_next(&t)) {
        struct enl_buf b = ENL_BUF_INIT(65536);

        enl_odoo_item(e, &b);
        enl_torture_end(&t, enl_buf_ok(&b) ? ENL_OK : ENL_FATAL);
        enl_buf_done(&b);
    }
    enl_event_free(e);
}

/* Memory that ends anywhere is FATAL and leaks nothing. */
static void test_torture(void **state)
{
    static const char body[] = "{\"result\":{\"results\":[{\"event_id\":\"b\",\"status\":"
                               "\"rejected\",\"error\":\"x\"},{\"event_id\":\"a\",\"status\":"
                               "\"rejected\",\"error\":\"y\"}]}}";
    struct enl_torture t = {0};

    (void)state;
    while (!t.done) {
        enum enl_rc rc = ENL_OK;
        struct enl_http_response res = {.outcome = ENL_HTTP_ANSWERED,
                                        .status = 200,
                                        .retry_after_ms = -1,
                                        .body = ENL_BUF_INIT(1000)};
        struct enl_odoo_reply r = {0};
        struct enl_json *result = NULL;

        enl_buf_adds(&res.body, body);
        (void)enl_torture_next(&t);
        rc = enl_odoo_classify(&res, &r, &result, NULL);
        rc = rc == ENL_OK ? enl_odoo_verdicts(result, abc, 2, &r, NULL) : rc;
        enl_torture_end(&t, rc);
        if (rc == ENL_OK) {
            assert_int_equal(r.class, ENL_ODOO_ANSWERED);
            assert_string_equal(r.verdicts[1].error, "x");
        }
        enl_json_free(result);
        enl_odoo_reply_done(&r);
        enl_http_response_done(&res);
    }
    assert_true(t.n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_reason_quotes_nobody),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_long_reasons),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_no_results),
        cmocka_unit_test(test_long_errors),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_item_fails),
        cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("classify", tests, help_setup, NULL);
}
