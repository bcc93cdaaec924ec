/* test_event - bodies to events, one or more cases for each line of docs/webhook.md. */
#include "domain_help.h"

#include "base/thread.h"

#include <stdbool.h>

static const struct help_taken places[] = {
    {"W1 a leading BOM", "\xef\xbb\xbf{\"id\":\"1\"}", "{\"subscriber_id\":\"1\"}"},
    {"W1 duplicate keys: the last wins", "{\"id\":\"1\",\"id\":\"2\"}",
     "{\"subscriber_id\":\"2\"}"},
    {"W1 an integer beyond 64 bits", "{\"id\":\"1\",\"phone\":99999999999999999999,\"x\":-1e308}",
     "{\"contact\":{\"phone\":\"99999999999999999999\"},\"warnings\":[]}"},
    {"W2 manychat_id before id", "{\"id\":\"1\",\"manychat_id\":\"2\"}",
     "{\"subscriber_id\":\"2\"}"},
    {"W2 id at the top before a wrapper", "{\"data\":{\"id\":\"1\",\"name\":\"A\"},\"id\":\"2\"}",
     "{\"subscriber_id\":\"2\",\"contact\":{}}"},
    {"W2 data", "{\"data\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 full_contact", "{\"full_contact\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 full-data", "{\"full-data\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 subscriber", "{\"subscriber\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 contact", "{\"contact\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 the first wrapper in line, not in the text",
     "{\"contact\":{\"id\":\"5\"},\"data\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 a wrapper without an id is passed over",
     "{\"data\":{\"name\":\"x\"},\"full_contact\":7,\"contact\":{\"id\":\"5\"}}",
     "{\"subscriber_id\":\"5\"}"},
    {"W2 an id that is null or empty is absent",
     "{\"id\":null,\"manychat_id\":\"\",\"data\":{\"id\":\"1\"}}", "{\"subscriber_id\":\"1\"}"},
    {"W2 a flat body under a wrapper", "{\"data\":{\"manychat_id\":\"1\",\"nombre_lead\":\"A\"}}",
     "{\"subscriber_id\":\"1\",\"contact\":{\"first_name\":\"A\"}}"},
    {"W2 scalars beside the wrapper", "{\"canal\":\"WA\",\"data\":{\"id\":\"1\"}}",
     "{\"channel\":\"WA\",\"contact\":{\"channel\":\"WA\"}}"},
    {"W2 the contact's own key before the one beside",
     "{\"name\":\"no\",\"data\":{\"id\":\"1\",\"name\":\"A\"}}", "{\"contact\":{\"name\":\"A\"}}"},
    {"W2 beside counts where the own is null",
     "{\"name\":\"B\",\"data\":{\"id\":\"1\",\"name\":null}}", "{\"contact\":{\"name\":\"B\"}}"},
    {"W2 objects beside are not read",
     "{\"custom_fields\":{\"estado\":\"x\"},\"name\":[],\"data\":{\"id\":\"1\"}}",
     "{\"custom\":{},\"state\":null,\"contact\":{},\"warnings\":[]}"},
    {"W2 a wrapper in a wrapper is none", "{\"id\":\"1\",\"data\":{\"name\":\"x\"}}",
     "{\"contact\":{}}"},
    {"W3 leading zeros are kept", "{\"id\":\"007\"}", "{\"subscriber_id\":\"007\"}"},
    {"W3 trimmed", "{\"id\":\" \\t7 \\n\"}", "{\"subscriber_id\":\"7\"}"},
    {"W3 an integer", "{\"id\":9223372036854775807}",
     "{\"subscriber_id\":\"9223372036854775807\"}"},
    {"W3 zero", "{\"id\":0}", "{\"subscriber_id\":\"0\"}"},
    {"W3 -0 is 0", "{\"id\":-0}", "{\"subscriber_id\":\"0\"}"},
    {"W3 printable ASCII", "{\"id\":\"!~{}\"}", "{\"subscriber_id\":\"!~{}\"}"},
    {"W3 nothing else is required", "{\"id\":\"1\"}",
     "{\"kind\":\"interaction\",\"state\":null,\"channel\":null,\"page_id\":null,\"contact\":{},"
     "\"custom\":{},\"assignment\":null,\"warnings\":[]}"},
    {"W4 event_id at the top", "{\"event_id\":\"a:b\",\"data\":{\"id\":\"1\",\"event_id\":\"c\"}}",
     "{\"event_id\":\"a:b\",\"generated\":false}"},
    {"W4 event_id inside", "{\"event_id\":\"\",\"data\":{\"id\":\"1\",\"event_id\":\"c\"}}",
     "{\"event_id\":\"c\",\"generated\":false}"},
    {"W4 one that is not used is not checked",
     "{\"event_id\":\"a\",\"data\":{\"id\":\"1\",\"event_id\":\"c c\"}}", "{\"event_id\":\"a\"}"},
    {"W4 an integer", "{\"id\":\"1\",\"event_id\":-17}", "{\"event_id\":\"-17\"}"},
    {"W4 all characters", "{\"id\":\"1\",\"event_id\":\"AZaz09._:~@+=,-\"}",
     "{\"event_id\":\"AZaz09._:~@+=,-\"}"},
    {"W4 null counts as absent: the service's own", "{\"id\":\"1\",\"event_id\":null}",
     "{\"event_id\":\"" NEW_ID "\",\"generated\":true}"},
};

static void test_places(void **state)
{
    (void)state;
    help_check_taken(places, ENL_COUNT(places));
}

static const struct help_taken times[] = {
    {"W5 no time of its own: the reception", "{\"id\":\"1\"}",
     "{\"occurred_at\":\"2026-05-06T12:00:00.123Z\",\"order_time\":\"2026-05-06T12:00:00.123Z\"}"},
    {"W5 facts about the contact are no time of the event",
     "{\"id\":\"1\",\"subscribed\":\"2026-05-01T00:00:00Z\",\"last_interaction\":\"2026-05-02\"}",
     "{\"occurred_at\":\"2026-05-06T12:00:00.123Z\",\"contact\":{\"subscribed_at\":"
     "\"2026-05-01T00:00:00.000Z\",\"last_interaction_at\":\"2026-05-02T00:00:00.000Z\"}}"},
    {"W5 datetime_suscripcion is none either",
     "{\"manychat_id\":\"1\",\"datetime_suscripcion\":\"2026-05-01\"}",
     "{\"occurred_at\":\"2026-05-06T12:00:00.123Z\",\"contact\":{\"subscribed_at\":"
     "\"2026-05-01T00:00:00.000Z\"}}"},
    {"W5 datetime_actual, to the second",
     "{\"id\":\"1\",\"datetime_actual\":\"2026-05-05T10:00:00Z\"}",
     "{\"occurred_at\":\"2026-05-05T10:00:00.000Z\",\"order_time\":\"2026-05-05T10:00:00.999Z\"}"},
    {"W6 to the minute", "{\"id\":\"1\",\"datetime_actual\":\"20 Oct 2025, 05:41pm\"}",
     "{\"occurred_at\":\"2025-10-20T17:41:00.000Z\",\"order_time\":\"2025-10-20T17:41:59.999Z\"}"},
    {"W6 a bare date counts as that day's end", "{\"id\":\"1\",\"datetime_actual\":\"2026-05-05\"}",
     "{\"occurred_at\":\"2026-05-05T00:00:00.000Z\",\"order_time\":\"2026-05-05T23:59:59.999Z\"}"},
    {"W6 a bare date of today: the reception is less",
     "{\"id\":\"1\",\"datetime_actual\":\"2026-05-06\"}",
     "{\"occurred_at\":\"2026-05-06T00:00:00.000Z\",\"order_time\":\"2026-05-06T12:00:00.123Z\"}"},
    {"W6 a date in the future does not win for ever",
     "{\"id\":\"1\",\"datetime_actual\":\"2099-01-01T00:00:00Z\"}",
     "{\"occurred_at\":\"2099-01-01T00:00:00.000Z\",\"order_time\":\"2026-05-06T12:00:00.123Z\"}"},
    {"W6 no date: the reception, and a warning", "{\"id\":\"1\",\"datetime_actual\":\"hoy\"}",
     "{\"occurred_at\":\"2026-05-06T12:00:00.123Z\",\"warnings\":[{\"field\":\"datetime_actual\","
     "\"detail\":\"not a date; left out\"}]}"},
    {"W6 a number is no date", "{\"id\":\"1\",\"datetime_actual\":1778068800}",
     "{\"warnings\":[{\"field\":\"datetime_actual\",\"detail\":\"not a date; left out\"}]}"},
    {"W5 the time beside a wrapper counts",
     "{\"datetime_actual\":\"2026-05-05\",\"data\":{\"id\":\"1\"}}",
     "{\"occurred_at\":\"2026-05-05T00:00:00.000Z\"}"},
};

static void test_times(void **state)
{
    (void)state;
    help_check_taken(times, ENL_COUNT(times));
}

static void check_file(const char *name, const char *want)
{
    char *body = help_file(name);
    struct enl_event *e = help_event(body);

    help_expect(e, want, name);
    enl_event_free(e);
    free(body);
}

static void test_fixtures(void **state)
{
    (void)state;
    check_file("manychat-flat-contact-event.json",
               "{\"subscriber_id\":\"1234567890\",\"kind\":\"state\",\"state\":\"nuevo\","
               "\"channel\":\"whatsapp\",\"page_id\":null,\"generated\":true,"
               "\"occurred_at\":\"2026-05-05T00:00:00.000Z\","
               "\"order_time\":\"2026-05-05T23:59:59.999Z\",\"contact\":{\"first_name\":\"Ana\","
               "\"last_name\":\"Rojas\",\"whatsapp_phone\":\"+50600000000\","
               "\"email\":\"ana@example.com\",\"channel\":\"whatsapp\","
               "\"subscribed_at\":\"2026-05-04T16:54:33.000Z\"},\"custom\":{},"
               "\"assignment\":null,\"warnings\":[]}");
    check_file("manychat-full-contact.json",
               "{\"subscriber_id\":\"1234567890\",\"kind\":\"interaction\",\"state\":null,"
               "\"channel\":null,\"page_id\":\"100000000000001\","
               "\"occurred_at\":\"2026-05-06T12:00:00.123Z\","
               "\"contact\":{\"page_id\":\"100000000000001\",\"mc_status\":\"active\","
               "\"first_name\":\"Ana\",\"name\":\"Ana\",\"timezone\":\"UTC\xc2\xb1"
               "00\","
               "\"live_chat_url\":\"https://app.manychat.com/fb1000000/chat/1234567890\","
               "\"optin_sms\":false,\"optin_email\":false,\"optin_whatsapp\":true,"
               "\"whatsapp_phone\":\"+50600000000\","
               "\"subscribed_at\":\"2026-05-04T16:54:33.000Z\"},"
               "\"custom\":{\"Respuesta Chatbot\":null,\"BOT: Presupuesto\":\"1000\","
               "\"Fecha de la cita \":\"2026-05-05\",\"edad\":41,\"vip\":true},"
               "\"assignment\":null,\"warnings\":[]}");
}

/* An e with an acute accent has two bytes and counts once. */
static void test_header_id(void **state)
{
    static const struct {
        const char *label, *header, *id; /* id NULL: refused */
        bool twice, generated;
    } cases[] = {
        {"W4 the header before the body", "h-1", "h-1", false, false},
        {"W4 quotes are stripped", "\"h-1\"", "h-1", false, false},
        {"W4 spaces around are not its own", "  h-1 ", "h-1", false, false},
        {"W4 empty counts as absent", "", "b-1", false, false},
        {"W4 empty in quotes too", "\"\"", "b-1", false, false},
        {"W4 none", NULL, "b-1", false, false},
        {"W4 two of them", "h-1", NULL, true, false},
        {"W4 a space", "h 1", NULL, false, false},
        {"W4 one quote", "\"h", NULL, false, false},
        {"W4 not ASCII", "\xc3\xa9", NULL, false, false},
        {"W4 a slash", "a/b", NULL, false, false},
    };
    const struct enl_event_options opt = help_options();

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_event_source src = help_source("{\"id\":\"1\",\"event_id\":\"b-1\"}");
        struct enl_event *e = NULL;
        struct enl_refusal why = {0};
        struct enl_err err = {0};
        enum enl_rc rc = ENL_OK;

        src.given_id = cases[i].header;
        src.given_twice = cases[i].twice;
        rc = enl_event_read(&src, &opt, &e, &why, &err);
        ENL_CHECK(rc == (cases[i].id ? ENL_OK : ENL_INVALID), cases[i].label);
        if (e) {
            ENL_CHECK_STR(e->event_id, cases[i].id, cases[i].label);
            ENL_CHECK(e->generated == cases[i].generated, cases[i].label);
        } else {
            ENL_CHECK(why.status == 422, cases[i].label);
            ENL_CHECK_STR(why.field, "Idempotency-Key", cases[i].label);
        }
        enl_event_free(e);
    }
}

static void test_known_id(void **state)
{
    struct enl_event *e =
        help_event_at("{\"id\":\"1\",\"event_id\":\"not used\"}", "known", RECEIVED_US);

    (void)state;
    assert_string_equal(e->event_id, "known");
    assert_true(e->generated);
    assert_string_equal(e->order_key + 16, ":known");
    assert_int_equal(strlen(e->order_key), 22);
    enl_event_free(e);
}

static const struct {
    const char *label, *body;
    int status;
    const char *field;
    int line, column; /* -1: any from 1 */
} refusals[] = {
    {"W11 empty", "", 400, "", 1, 1},
    {"W11 a BOM alone", "\xef\xbb\xbf", 400, "", 1, 1},
    {"W11 white space", " \n ", 400, "", 2, -1},
    {"W11 no JSON", "id=1&name=x", 400, "", 1, -1},
    {"W11 cut off", "{\"id\":\"1\"", 400, "", 1, -1},
    {"W11 trailing text", "{\"id\":\"1\"}\n x", 400, "", 2, 2},
    {"W11 1e999", "{\"id\":\"1\",\"x\":1e999}", 400, "", 1, -1},
    {"W11 U+0000", "{\"id\":\"\\u0000\"}", 400, "", 1, -1},
    {"W11 U+0000 in a key", "{\"\\u0000\":1}", 400, "", 1, -1},
    {"W11 a lone surrogate", "{\"id\":\"\\ud800\"}", 400, "", 1, -1},
    {"W11 a lone low surrogate", "{\"id\":\"\\udc00\"}", 400, "", 1, -1},
    {"W11 not UTF-8", "{\"id\":\"\xff\"}", 400, "", 1, -1},
    {"W11 a comma too many", "{\"id\":\"1\",}", 400, "", 1, -1},
    {"W11 no object: a list", "[{\"id\":\"1\"}]", 422, "$", 0, 0},
    {"W11 no object: a text", "\"x\"", 422, "$", 0, 0},
    {"W11 no object: a number", "1", 422, "$", 0, 0},
    {"W11 no object: null", "null", 422, "$", 0, 0},
    {"W11 no id anywhere", "{}", 422, "id", 0, 0},
    {"W3 key does not replace it", "{\"key\":\"user:1\"}", 422, "id", 0, 0},
    {"W11 no id in the wrapper", "{\"subscriber\":{},\"data\":[]}", 422, "subscriber.id", 0, 0},
    {"W11 no id in the first of two", "{\"contact\":{},\"data\":{\"id\":null}}", 422, "data.id", 0,
     0},
    {"W11 id is null", "{\"id\":null}", 422, "id", 0, 0},
    {"W3 a space inside", "{\"id\":\"1 2\"}", 422, "id", 0, 0},
    {"W3 only spaces", "{\"id\":\"  \"}", 422, "id", 0, 0},
    {"W3 not ASCII", "{\"id\":\"\xc3\xa9\"}", 422, "id", 0, 0},
    {"W3 not printable", "{\"id\":\"a\\u007f\"}", 422, "id", 0, 0},
    {"W3 negative", "{\"id\":-1}", 422, "id", 0, 0},
    {"W3 too large", "{\"id\":9223372036854775808}", 422, "id", 0, 0},
    {"W3 a fraction", "{\"id\":1.0}", 422, "id", 0, 0},
    {"W3 a boolean", "{\"id\":true}", 422, "id", 0, 0},
    {"W3 an object", "{\"data\":{\"id\":{}}}", 422, "data.id", 0, 0},
    {"W3 manychat_id is taken and bad", "{\"full_contact\":{\"manychat_id\":[],\"id\":\"1\"}}", 422,
     "full_contact.manychat_id", 0, 0},
    {"W4 event_id with a space", "{\"id\":\"1\",\"event_id\":\"a b\"}", 422, "event_id", 0, 0},
    {"W4 event_id true", "{\"id\":\"1\",\"event_id\":true}", 422, "event_id", 0, 0},
    {"W4 event_id 1.5", "{\"id\":\"1\",\"event_id\":1.5}", 422, "event_id", 0, 0},
    {"W4 event_id beyond 64 bits", "{\"id\":\"1\",\"event_id\":9223372036854775808}", 422,
     "event_id", 0, 0},
    {"W4 event_id an object beside", "{\"event_id\":{},\"data\":{\"id\":\"1\"}}", 422, "event_id",
     0, 0},
    {"W4 event_id inside", "{\"data\":{\"id\":\"1\",\"event_id\":\"\xc3\xa9\"}}", 422,
     "data.event_id", 0, 0},
    {"W11 the subscriber before the event", "{\"id\":\"a b\",\"event_id\":\"a b\"}", 422, "id", 0,
     0},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(refusals); i++) {
        struct enl_event *e = NULL;
        struct enl_refusal why = {0};

        ENL_CHECK(help_try(refusals[i].body, &e, &why) == ENL_INVALID, refusals[i].label);
        ENL_CHECK(!e, refusals[i].label);
        ENL_CHECK(why.status == refusals[i].status, refusals[i].label);
        ENL_CHECK_STR(why.field, refusals[i].field, refusals[i].label);
        ENL_CHECK(why.detail[0] != '\0', refusals[i].label);
        ENL_CHECK(why.line == refusals[i].line, refusals[i].label);
        ENL_CHECK(refusals[i].column < 0 ? why.column > 0 : why.column == refusals[i].column,
                  refusals[i].label);
    }
}

static void test_id_lengths(void **state)
{
    static const struct {
        const char *prefix;
        size_t most;
        const char *field;
    } limits[] = {
        {"{\"id\":\"", ENL_SUBSCRIBER_MAX, "id"},
        {"{\"id\":\"1\",\"event_id\":\"", ENL_EVENT_ID_MAX, "event_id"},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(limits); i++) {
        char *fits = help_repeat(limits[i].prefix, "7", limits[i].most, "\"}");
        char *longer = help_repeat(limits[i].prefix, "7", limits[i].most + 1, "\"}");
        struct enl_event *e = help_event(fits);
        struct enl_refusal why = {0};

        enl_event_free(e);
        e = NULL;
        assert_int_equal(help_try(longer, &e, &why), ENL_INVALID);
        assert_int_equal(why.status, 422);
        assert_string_equal(why.field, limits[i].field);
        free(fits);
        free(longer);
    }
}

static void test_body_size(void **state)
{
    const char *prefix = "{\"id\":\"1\",\"x\":\"";
    char *fits = help_repeat(prefix, "x", ENL_BODY_MAX - strlen(prefix) - 2, "\"}");
    char *longer = help_repeat(fits, " ", 1, "");
    struct enl_refusal why = {0};
    struct enl_event *e = help_event(fits);

    (void)state;
    enl_event_free(e);
    e = NULL;
    assert_int_equal(help_try(longer, &e, &why), ENL_INVALID);
    assert_int_equal(why.status, 413);
    assert_string_equal(why.detail, "the body has 1048577 bytes, the limit is 1048576");
    free(fits);
    free(longer);
}

struct deep_call {
    char *body;
    enum enl_rc rc;
    struct enl_refusal why;
    size_t n_warnings, n_custom;
};

static void read_deep(void *arg)
{
    struct deep_call *c = arg;
    struct enl_event *e = NULL;

    c->rc = help_try(c->body, &e, &c->why);
    if (e) {
        c->n_warnings = e->n_warnings;
        c->n_custom = enl_json_len(e->custom);
        enl_event_free(e);
    }
}

/* 2,048 levels in all, read on the stack that such a body gets. */
static void test_deep_body(void **state)
{
    (void)state;
    for (size_t levels = ENL_JSON_DEPTH_MAX; levels <= ENL_JSON_DEPTH_MAX + 1; levels++) {
        char *open =
            help_repeat("{\"id\":\"1\",\"custom_fields\":{\"a\":1,\"b\":", "[", levels - 2, "");
        struct deep_call c = {.body = help_repeat(open, "]", levels - 2, "}}")};

        assert_int_equal(enl_thread_call(read_deep, &c, NULL), ENL_OK);
        if (levels == ENL_JSON_DEPTH_MAX) {
            assert_int_equal(c.rc, ENL_OK);
            assert_int_equal(c.n_warnings, 1);
            assert_int_equal(c.n_custom, 1);
        } else {
            assert_int_equal(c.rc, ENL_INVALID);
            assert_int_equal(c.why.status, 400);
        }
        free(open);
        free(c.body);
    }
}

static void check_checked(const char *body)
{
    const struct enl_event_source src = help_source(body);
    struct enl_event_options opt = help_options();
    struct enl_event *e = help_event(body);
    struct enl_event *checked = NULL;
    struct enl_refusal why = {0};
    struct enl_err err = {0};

    opt.check_only = true;
    assert_int_equal(enl_event_read(&src, &opt, &checked, &why, &err), ENL_OK);
    ENL_CHECK_STR(checked->event_id, e->event_id, body);
    ENL_CHECK_STR(checked->order_key, e->order_key, body);
    ENL_CHECK(checked->generated == e->generated && checked->kind == e->kind, body);
    ENL_CHECK(checked->n_warnings == e->n_warnings, body);
    for (size_t i = 0; i < e->n_warnings; i++) {
        ENL_CHECK_STR(checked->warnings[i].field, e->warnings[i].field, body);
        ENL_CHECK_STR(checked->warnings[i].detail, e->warnings[i].detail, body);
    }
    ENL_CHECK_STR(checked->body_hash, "", body);
    ENL_CHECK(!checked->contact && !checked->assignment, body);
    enl_event_free(checked);
    enl_event_free(e);
}

/* The webhook warns of what the processor will leave out. */
static void test_check_only(void **state)
{
    static const char *const bodies[] = {
        "{\"id\":\"1\",\"event_id\":\"e-1\",\"datetime_actual\":\"2026-01-01T00:00:00Z\"}",
        "{\"id\":1,\"name\":[],\"subscribed\":\"x\",\"optin_email\":1,\"custom_fields\":7}",
        "{\"data\":{\"id\":1},\"campaign_id\":1.5,\"medico_id\":-7,\"tipo_asignacion\":{},"
        "\"datetime_actual\":\"yesterday\"}",
        "{\"id\":1,\"custom_fields\":{\"estado\":[1],\"x\":null}}",
        "{\"manychat_id\":1,\"datetime_suscripcion\":\"2026-01-01\",\"page_id\":1,"
        "\"canal\":\"WA\"}",
    };
    char *full = help_file("manychat-full-contact.json");

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(bodies); i++) {
        check_checked(bodies[i]);
    }
    check_checked(full);
    free(full);
}

static void test_body_hash(void **state)
{
    struct enl_event *a = help_event("{\"id\":\"1\",\"x\":[1.0,{\"b\":2,\"a\":\"\\u00e9\"}]}");
    struct enl_event *b =
        help_event("\xef\xbb\xbf { \"x\":[1.0,{\"a\":\"\xc3\xa9\",\"b\":2}],\r\n \"id\" : \"1\"}");
    struct enl_event *c = help_event("{\"id\":\"1\",\"x\":[1.00,{\"b\":2,\"a\":\"\\u00e9\"}]}");
    struct enl_event *d = help_event_at("{\"id\":\"1\"}", "x", 7);
    char want[ENL_SHA256_TEXT];

    (void)state;
    assert_string_equal(a->body_hash, b->body_hash);
    assert_string_not_equal(a->body_hash, c->body_hash);
    assert_int_equal(enl_sha256("{\"id\":\"1\"}", 10, want, NULL), ENL_OK);
    assert_string_equal(d->body_hash, want);
    assert_string_equal(d->order_key, "0000000000000007:x");
    enl_event_free(a);
    enl_event_free(b);
    enl_event_free(c);
    enl_event_free(d);
}

static void test_options(void **state)
{
    const struct enl_event_options opt = {.utc_offset_min = -360, .state_field = "Etapa "};
    struct enl_event_source src =
        help_source("{\"id\":\"1\",\"datetime_actual\":\"2026-05-04\",\"subscribed\":"
                    "\"2026-05-04 10:00\",\"custom_fields\":{\"Etapa \":\"x\",\"estado\":\"y\"}}");
    struct enl_event *e = NULL;
    struct enl_refusal why = {0};
    struct enl_err err = {0};

    (void)state;
    assert_int_equal(enl_event_read(&src, &opt, &e, &why, &err), ENL_OK);
    help_expect(e,
                "{\"state\":\"x\",\"occurred_at\":\"2026-05-04T06:00:00.000Z\",\"order_time\":"
                "\"2026-05-05T05:59:59.999Z\",\"contact\":{\"subscribed_at\":"
                "\"2026-05-04T16:00:00.000Z\"}}",
                "W6 LOCAL_UTC_OFFSET, W7 STATE_CUSTOM_FIELD");
    enl_event_free(e);
}

static void test_order_keys(void **state)
{
    static const struct {
        const char *key, *id;
        bool ok;
        int64_t us;
    } cases[] = {
        {"0000000000000010:a", "a", true, 16},  {"7fffffffffffffff:a:b", "a:b", true, INT64_MAX},
        {"8000000000000000:a", "a", false, 0},  {"000000000000001:a", "a", false, 0},
        {"00000000000000100:a", "a", false, 0}, {"000000000000001A:a", "a", false, 0},
        {"0000000000000010:a", "b", false, 0},  {"0000000000000010-a", "a", false, 0},
        {"0000000000000010", "", false, 0},     {"", "", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        int64_t us = 0;

        ENL_CHECK(enl_order_key_read(cases[i].key, cases[i].id, &us) == cases[i].ok, cases[i].key);
        ENL_CHECK(us == cases[i].us, cases[i].key);
    }
}

static void test_torture(void **state)
{
    static const char body[] =
        "{\"canal\":\"WA\",\"data\":{\"manychat_id\":\"1\",\"nombre_lead\":\"A\",\"page_id\":7,"
        "\"subscribed\":\"x\",\"optin_phone\":\"true\",\"datetime_actual\":\"2026-05-04\","
        "\"campaign_id\":1,\"summary\":\"s\",\"last_interaction\":\"2026-05-04\",\"n\":1e5,"
        "\"event_id\":\"e\",\"custom_fields\":{\"estado\":\"x\",\"b\":[1,2],\"\":null}}}";
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_event *e = NULL;
        struct enl_json *list = NULL;
        struct enl_refusal why = {0};
        enum enl_rc rc = help_try(body, &e, &why);

        if (rc == ENL_OK) {
            list = enl_event_warnings_json(e);
            rc = list ? ENL_OK : ENL_FATAL;
        }
        enl_torture_end(&t, rc);
        if (rc == ENL_OK) {
            help_expect(e, "{\"state\":\"x\",\"kind\":\"assignment\",\"channel\":\"WA\"}", "end");
        }
        assert_int_equal(why.status, 0);
        enl_json_free(list);
        enl_event_free(e);
    }
    assert_true(t.n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),     cmocka_unit_test(test_times),
        cmocka_unit_test(test_fixtures),   cmocka_unit_test(test_header_id),
        cmocka_unit_test(test_known_id),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_id_lengths), cmocka_unit_test(test_body_size),
        cmocka_unit_test(test_deep_body),  cmocka_unit_test(test_body_hash),
        cmocka_unit_test(test_check_only), cmocka_unit_test(test_options),
        cmocka_unit_test(test_order_keys), cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("event", tests, help_setup, NULL);
}
