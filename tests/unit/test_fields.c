/* test_fields - the normalised fields, kinds and limits of docs/webhook.md (W5, W7, W8). */
#include "domain_help.h"

static const struct help_taken fields[] = {
    {"W5 null and empty are absent, but clear in custom_fields",
     "{\"id\":\"1\",\"name\":\"\",\"email\":null,\"optin_email\":\"\",\"subscribed\":\"\","
     "\"custom_fields\":{\"a\":null,\"b\":\"\"}}",
     "{\"contact\":{},\"custom\":{\"a\":null,\"b\":\"\"},\"warnings\":[]}"},
    {"W7 numbers as written", "{\"id\":\"1\",\"phone\":1.50,\"name\":-0,\"gender\":1E2}",
     "{\"contact\":{\"phone\":\"1.50\",\"name\":\"-0\",\"gender\":\"1E2\"}}"},
    {"W7 e-mail is not checked", "{\"id\":\"1\",\"email\":\"no mail\"}",
     "{\"contact\":{\"email\":\"no mail\"}}"},
    {"W7 neither text nor number", "{\"id\":\"1\",\"name\":true,\"email\":{},\"phone\":[1]}",
     "{\"contact\":{},\"warnings\":["
     "{\"field\":\"name\",\"detail\":\"neither text nor number; left out\"},"
     "{\"field\":\"phone\",\"detail\":\"neither text nor number; left out\"},"
     "{\"field\":\"email\",\"detail\":\"neither text nor number; left out\"}]}"},
    {"W7 the next in line does not replace it",
     "{\"id\":\"1\",\"nombre_lead\":false,\"first_name\":\"A\"}",
     "{\"contact\":{},\"warnings\":["
     "{\"field\":\"nombre_lead\",\"detail\":\"neither text nor number; left out\"}]}"},
    {"W7 but it does where the first is absent",
     "{\"id\":\"1\",\"nombre_lead\":\"\",\"first_name\":\"A\"}",
     "{\"contact\":{\"first_name\":\"A\"}}"},
    {"W7 dates", "{\"data\":{\"id\":\"1\",\"subscribed\":\"05/04/2026\",\"last_interaction\":7}}",
     "{\"contact\":{},\"warnings\":["
     "{\"field\":\"data.subscribed\",\"detail\":\"not a date; left out\"},"
     "{\"field\":\"data.last_interaction\",\"detail\":\"not a date; left out\"}]}"},
    {"W7 on and off",
     "{\"id\":\"1\",\"optin_phone\":true,\"optin_email\":\"false\","
     "\"optin_whatsapp\":\"true\"}",
     "{\"contact\":{\"optin_sms\":true,\"optin_email\":false,\"optin_whatsapp\":true},"
     "\"warnings\":[]}"},
    {"W7 neither on nor off", "{\"id\":\"1\",\"optin_phone\":1,\"optin_email\":\"yes\"}",
     "{\"contact\":{},\"warnings\":["
     "{\"field\":\"optin_email\",\"detail\":\"neither true nor false; left out\"},"
     "{\"field\":\"optin_phone\",\"detail\":\"neither true nor false; left out\"}]}"},
    {"W7 the path of what stands beside", "{\"canal\":true,\"data\":{\"id\":\"1\"}}",
     "{\"warnings\":[{\"field\":\"canal\",\"detail\":\"neither text nor number; left out\"}]}"},
    {"W7 assignment",
     "{\"manychat_id\":\"1\",\"campaign_id\":12,\"comercial_id\":\"c7\",\"medico_id\":-0,"
     "\"tipo_asignacion\":\"comercial\",\"summary\":\"s\",\"ultimo_estado\":\"cita\"}",
     "{\"kind\":\"assignment\",\"state\":\"cita\",\"assignment\":{\"campaign_ref\":\"12\","
     "\"commercial_ref\":\"c7\",\"medical_ref\":\"0\",\"kind\":\"comercial\",\"summary\":\"s\"}}"},
    {"W7 neither text nor integer",
     "{\"manychat_id\":\"1\",\"campaign_id\":1.5,\"comercial_id\":true,"
     "\"medico_id\":99999999999999999999,\"tipo_asignacion\":4.0}",
     "{\"assignment\":{\"kind\":\"4.0\"},\"warnings\":["
     "{\"field\":\"campaign_id\",\"detail\":\"neither text nor integer; left out\"},"
     "{\"field\":\"comercial_id\",\"detail\":\"neither text nor integer; left out\"},"
     "{\"field\":\"medico_id\",\"detail\":\"neither text nor integer; left out\"}]}"},
    {"W7 custom fields are kept as they are",
     "{\"id\":\"1\",\"custom_fields\":{\"a \":1.50,\"BOT: \xc3\xb1\":[{\"x\":null}],\"\":true}}",
     "{\"custom\":{\"a \":1.50,\"BOT: \xc3\xb1\":[{\"x\":null}],\"\":true},\"warnings\":[]}"},
    {"W7 [] is empty", "{\"id\":\"1\",\"custom_fields\":[]}", "{\"custom\":{},\"warnings\":[]}"},
    {"W7 null is empty", "{\"id\":\"1\",\"custom_fields\":null}",
     "{\"custom\":{},\"warnings\":[]}"},
    {"W7 a list is no custom_fields", "{\"id\":\"1\",\"custom_fields\":[{\"a\":1}]}",
     "{\"custom\":{},\"warnings\":[{\"field\":\"custom_fields\",\"detail\":"
     "\"not an object; left out\"}]}"},
    {"W7 nor is a text", "{\"data\":{\"id\":\"1\",\"custom_fields\":\"a\"}}",
     "{\"custom\":{},\"warnings\":[{\"field\":\"data.custom_fields\",\"detail\":"
     "\"not an object; left out\"}]}"},
    {"W7 state: estado_inicial first",
     "{\"id\":\"1\",\"ultimo_estado\":\"b\",\"estado_inicial\":\"a\",\"custom_fields\":"
     "{\"estado\":\"c\"}}",
     "{\"state\":\"a\",\"custom\":{\"estado\":\"c\"}}"},
    {"W7 state: ultimo_estado next",
     "{\"id\":\"1\",\"ultimo_estado\":\"b\",\"estado_inicial\":\"\",\"custom_fields\":"
     "{\"estado\":\"c\"}}",
     "{\"state\":\"b\"}"},
    {"W7 state: the custom field last", "{\"id\":\"1\",\"custom_fields\":{\"estado\":\"c\"}}",
     "{\"state\":\"c\",\"kind\":\"state\"}"},
    {"W7 state: a number as written", "{\"id\":\"1\",\"custom_fields\":{\"estado\":3.0}}",
     "{\"state\":\"3.0\",\"custom\":{\"estado\":3.0}}"},
    {"W7 state: null there", "{\"id\":\"1\",\"custom_fields\":{\"estado\":null}}",
     "{\"state\":null,\"kind\":\"interaction\",\"warnings\":[],\"custom\":{\"estado\":null}}"},
    {"W7 state: empty there", "{\"id\":\"1\",\"custom_fields\":{\"estado\":\"\"}}",
     "{\"state\":null,\"warnings\":[]}"},
    {"W7 state: neither text nor number", "{\"id\":\"1\",\"custom_fields\":{\"estado\":[\"x\"]}}",
     "{\"state\":null,\"custom\":{\"estado\":[\"x\"]},\"warnings\":[{\"field\":"
     "\"custom_fields[\\\"estado\\\"]\",\"detail\":\"neither text nor number; left out\"}]}"},
    {"W7 state: the path under a wrapper",
     "{\"data\":{\"id\":\"1\",\"custom_fields\":{\"estado\":true}}}",
     "{\"warnings\":[{\"field\":\"data.custom_fields[\\\"estado\\\"]\",\"detail\":"
     "\"neither text nor number; left out\"}]}"},
    {"W7 state: a bad one is not replaced",
     "{\"id\":\"1\",\"estado_inicial\":{},\"ultimo_estado\":\"b\"}",
     "{\"state\":null,\"warnings\":[{\"field\":\"estado_inicial\",\"detail\":"
     "\"neither text nor number; left out\"}]}"},
    {"every field",
     "{\"id\":\"1\",\"page_id\":9,\"name\":\"n\",\"first_name\":\"f\",\"last_name\":\"l\","
     "\"phone\":\"p\",\"whatsapp_phone\":\"w\",\"email\":\"e\",\"channel\":\"c\","
     "\"ig_username\":\"i\",\"locale\":\"lo\",\"timezone\":\"t\",\"gender\":\"g\","
     "\"live_chat_url\":\"u\",\"status\":\"s\",\"unknown\":1,\"key\":\"user:1\"}",
     "{\"page_id\":\"9\",\"channel\":\"c\",\"contact\":{\"page_id\":\"9\",\"name\":\"n\","
     "\"first_name\":\"f\",\"last_name\":\"l\",\"phone\":\"p\",\"whatsapp_phone\":\"w\","
     "\"email\":\"e\",\"channel\":\"c\",\"ig_username\":\"i\",\"locale\":\"lo\",\"timezone\":"
     "\"t\",\"gender\":\"g\",\"live_chat_url\":\"u\",\"mc_status\":\"s\"}}"},
};

static void test_fields(void **state)
{
    (void)state;
    help_check_taken(fields, ENL_COUNT(fields));
}

static const struct help_taken kinds[] = {
    {"W8 campaign_id", "{\"id\":\"1\",\"campaign_id\":3,\"ultimo_estado\":\"x\"}",
     "{\"kind\":\"assignment\",\"assignment\":{\"campaign_ref\":\"3\"}}"},
    {"W8 tipo_asignacion", "{\"id\":\"1\",\"tipo_asignacion\":\"medico\"}",
     "{\"kind\":\"assignment\",\"assignment\":{\"kind\":\"medico\"}}"},
    {"W8 beside", "{\"campaign_id\":\"x\",\"data\":{\"id\":\"1\",\"summary\":\"s\"}}",
     "{\"kind\":\"assignment\",\"assignment\":{\"campaign_ref\":\"x\",\"summary\":\"s\"}}"},
    {"W8 null is none",
     "{\"id\":\"1\",\"campaign_id\":null,\"tipo_asignacion\":\"\","
     "\"comercial_id\":4}",
     "{\"kind\":\"interaction\",\"assignment\":null}"},
    {"W8 a state before a contact",
     "{\"manychat_id\":\"1\",\"datetime_suscripcion\":\"2026-05-01\",\"estado_inicial\":\"n\"}",
     "{\"kind\":\"state\"}"},
    {"W8 contact", "{\"manychat_id\":\"1\",\"datetime_suscripcion\":\"2026-05-01\"}",
     "{\"kind\":\"contact\"}"},
    {"W8 contact under a wrapper",
     "{\"data\":{\"manychat_id\":\"1\",\"datetime_suscripcion\":\"2026-05-01\"}}",
     "{\"kind\":\"contact\"}"},
    {"W8 no flat body", "{\"id\":\"1\",\"datetime_suscripcion\":\"2026-05-01\"}",
     "{\"kind\":\"interaction\"}"},
    {"W8 no datetime_suscripcion", "{\"manychat_id\":\"1\"}", "{\"kind\":\"interaction\"}"},
};

static void test_kinds(void **state)
{
    (void)state;
    help_check_taken(kinds, ENL_COUNT(kinds));
}

/* An e with an acute accent has two bytes and counts once. */
static void test_lengths(void **state)
{
    static const struct {
        const char *prefix, *suffix, *member, *detail;
        size_t most;
    } limits[] = {
        {"{\"id\":\"1\",\"name\":\"", "\"}", "contact", "longer than 1024 characters; left out",
         ENL_TEXT_MAX},
        {"{\"id\":\"1\",\"tipo_asignacion\":\"", "\"}", "assignment",
         "longer than 1024 characters; left out", ENL_TEXT_MAX},
        {"{\"id\":\"1\",\"campaign_id\":\"", "\"}", "assignment",
         "longer than 1024 characters; left out", ENL_TEXT_MAX},
        {"{\"id\":\"1\",\"campaign_id\":\"\",\"tipo_asignacion\":\"x\",\"summary\":\"", "\"}",
         "assignment", "longer than 8000 characters; left out", ENL_SUMMARY_MAX},
        {"{\"id\":\"1\",\"ultimo_estado\":\"", "\"}", "state",
         "longer than 128 characters; left out", ENL_STATE_MAX},
        {"{\"id\":\"1\",\"custom_fields\":{\"estado\":\"", "\"}}", "state",
         "longer than 128 characters; left out", ENL_STATE_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(limits); i++) {
        char *fits = help_repeat(limits[i].prefix, "\xc3\xa9", limits[i].most, limits[i].suffix);
        char *longer =
            help_repeat(limits[i].prefix, "\xc3\xa9", limits[i].most + 1, limits[i].suffix);
        struct enl_event *e = help_event(fits);

        ENL_CHECK(e->n_warnings == 0, limits[i].prefix);
        enl_event_free(e);
        e = help_event(longer);
        ENL_CHECK(e->n_warnings == 1, limits[i].prefix);
        ENL_CHECK_STR(e->warnings[0].detail, limits[i].detail, limits[i].prefix);
        ENL_CHECK(!e->state, limits[i].prefix);
        enl_event_free(e);
        free(fits);
        free(longer);
    }
}

static void test_custom_limits(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_event *e = NULL;
    char *deep = NULL;

    (void)state;
    for (int n = ENL_CUSTOM_NAMES_MAX; n <= ENL_CUSTOM_NAMES_MAX + 1; n++) {
        enl_buf_reset(&b);
        enl_buf_adds(&b, "{\"id\":\"1\",\"custom_fields\":{\"n0\":0");
        for (int i = 1; i < n; i++) {
            enl_buf_addf(&b, ",\"n%d\":%d", i, i);
        }
        enl_buf_adds(&b, "}}");
        e = help_event(enl_buf_str(&b));
        assert_int_equal(enl_json_len(e->custom), ENL_CUSTOM_NAMES_MAX);
        assert_non_null(enl_json_get(e->custom, "n999"));
        assert_int_equal(e->n_warnings, n - ENL_CUSTOM_NAMES_MAX);
        enl_event_free(e);
    }
    enl_buf_done(&b);

    deep = help_repeat("{\"id\":\"1\",\"custom_fields\":{\"a\":1,\"estado\":", "[{\"k\":",
                       ENL_CUSTOM_DEPTH_MAX / 2, "");
    assert_true(enl_buf_ok(&b));
    for (int extra = 0; extra <= 1; extra++) {
        char *tail = help_repeat(extra ? "{}" : "0", "}]", ENL_CUSTOM_DEPTH_MAX / 2, "}}");

        enl_buf_reset(&b);
        enl_buf_adds(&b, deep);
        enl_buf_adds(&b, tail);
        e = help_event(enl_buf_str(&b));
        assert_int_equal(enl_json_len(e->custom), 2 - extra);
        assert_int_equal(e->n_warnings, 1);
        assert_string_equal(e->warnings[0].field, "custom_fields[\"estado\"]");
        assert_string_equal(e->warnings[0].detail, extra ? "nested deeper than 64 levels; left out"
                                                         : "neither text nor number; left out");
        enl_event_free(e);
        free(tail);
    }
    free(deep);
    enl_buf_done(&b);
}

static void test_warning_limits(void **state)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_event *e = NULL;
    struct enl_json *list = NULL;
    char *deep = help_repeat("", "[", 65, "");
    char *end = help_repeat("", "]", 65, "");

    (void)state;
    enl_buf_adds(&b, "{\"data\":{\"id\":\"1\",\"custom_fields\":{\"x\":1");
    for (int i = 0; i < ENL_WARNINGS_MAX + 5; i++) {
        /* the path is cut within a letter of two bytes */
        enl_buf_addf(&b, ",\"%d--", i + 10);
        for (int k = 0; k < 60; k++) {
            enl_buf_adds(&b, "\xc3\xa9");
        }
        enl_buf_addf(&b, "\":%s%s", deep, end);
    }
    enl_buf_adds(&b, "}}}");
    e = help_event(enl_buf_str(&b));
    assert_int_equal(e->n_warnings, ENL_WARNINGS_MAX);
    assert_int_equal(enl_json_len(e->custom), 1);
    assert_int_equal(strlen(e->warnings[0].field), 94);
    list = enl_event_warnings_json(e);
    assert_int_equal(enl_json_len(list), ENL_WARNINGS_MAX);
    assert_non_null(enl_json_get_str(enl_json_at(list, 19), "field"));
    enl_json_free(list);
    enl_event_free(e);
    enl_buf_done(&b);
    free(deep);
    free(end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),         cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_custom_limits),
        cmocka_unit_test(test_warning_limits),
    };

    return cmocka_run_group_tests_name("fields", tests, help_setup, NULL);
}
