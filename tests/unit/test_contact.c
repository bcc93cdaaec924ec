/* test_contact - the merge of a contact: field by field, the newest wins, in any order. */
#include "domain_help.h"

#include "domain/contact.h"

#include <stdbool.h>

#define N_EVENTS 5

static const char *const bodies[N_EVENTS] = {
    "{\"id\":\"1\",\"name\":\"A\",\"email\":\"a@x\",\"optin_email\":true,\"custom_fields\":"
    "{\"x\":1,\"y \":\"old\"}}",
    "{\"id\":\"1\",\"name\":\"B\",\"ultimo_estado\":\"first\",\"custom_fields\":{\"x\":null}}",
    "{\"id\":\"1\",\"email\":\"\",\"phone\":null,\"optin_email\":false,\"custom_fields\":"
    "{\"y \":[1.50,{\"z\":true}]}}",
    "{\"id\":\"1\",\"campaign_id\":7,\"tipo_asignacion\":\"c\",\"summary\":\"s\",\"estado_"
    "inicial\":"
    "\"last\",\"name\":\"C\"}",
    /* received last, but its own time is before all others */
    "{\"id\":\"1\",\"name\":\"no\",\"phone\":\"5\",\"datetime_actual\":\"2020-01-01\"}",
};

static const char want_fields[] =
    "{\"campaign_ref\":\"7\",\"custom_fields.x\":null,\"custom_fields.y \":[1.50,{\"z\":true}],"
    "\"email\":\"a@x\",\"last_state\":\"last\",\"name\":\"C\",\"optin_email\":false,\"phone\":"
    "\"5\",\"summary\":\"s\"}";

static void make_events(struct enl_event *events[N_EVENTS])
{
    for (int i = 0; i < N_EVENTS; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "e%d", i);
        events[i] = help_event_at(bodies[i], id, RECEIVED_US + i);
    }
}

static void free_events(struct enl_event *events[N_EVENTS])
{
    for (int i = 0; i < N_EVENTS; i++) {
        enl_event_free(events[i]);
    }
}

/* The k-th permutation of 0..N_EVENTS-1. */
static void permute(int k, int ret[N_EVENTS])
{
    int left[N_EVENTS];

    for (int i = 0; i < N_EVENTS; i++) {
        left[i] = i;
    }
    for (int n = N_EVENTS; n > 0; n--) {
        int pick = k % n;

        ret[N_EVENTS - n] = left[pick];
        left[pick] = left[n - 1];
        k /= n;
    }
}

static void check_fields(const struct enl_contact *c, const char *want, const char *label)
{
    char *got = help_dump(c->fields);

    ENL_CHECK_STR(got, want, label);
    free(got);
}

static void test_any_order(void **state)
{
    struct enl_event *events[N_EVENTS];
    char *keys = NULL;

    (void)state;
    make_events(events);
    for (int k = 0; k < 120; k++) {
        int order[N_EVENTS];
        struct enl_contact c = {0};
        char *now = NULL;
        bool changed = false;

        permute(k, order);
        assert_int_equal(enl_contact_init(&c, NULL), ENL_OK);
        for (int i = 0; i < N_EVENTS; i++) {
            assert_int_equal(enl_contact_merge(&c, events[order[i]], NULL, NULL), ENL_OK);
            /* again, and an earlier one again: nothing changes */
            assert_int_equal(enl_contact_merge(&c, events[order[i]], &changed, NULL), ENL_OK);
            assert_false(changed);
            assert_int_equal(enl_contact_merge(&c, events[order[0]], &changed, NULL), ENL_OK);
            assert_false(changed);
        }
        check_fields(&c, want_fields, "any order");
        now = help_dump(c.keys);
        if (keys) {
            assert_string_equal(now, keys);
            free(now);
        } else {
            keys = now;
        }
        enl_contact_done(&c);
    }
    free(keys);
    free_events(events);
}

static void test_keys(void **state)
{
    struct enl_event *events[N_EVENTS];
    struct enl_contact c = {0};
    bool changed = false;

    (void)state;
    make_events(events);
    assert_int_equal(enl_contact_init(&c, NULL), ENL_OK);
    assert_int_equal(enl_contact_merge(&c, events[0], &changed, NULL), ENL_OK);
    assert_true(changed);
    assert_int_equal(enl_contact_merge(&c, events[3], &changed, NULL), ENL_OK);
    assert_true(changed);
    assert_string_equal(enl_json_get_str(c.keys, "email"), events[0]->order_key);
    assert_string_equal(enl_json_get_str(c.keys, "name"), events[3]->order_key);
    assert_string_equal(enl_json_get_str(c.keys, "last_state"), events[3]->order_key);
    assert_null(enl_json_get(c.fields, "kind"));
    assert_int_equal(enl_json_len(c.keys), enl_json_len(c.fields));
    enl_contact_done(&c);
    free_events(events);
}

static void test_same_time(void **state)
{
    struct enl_event *a = help_event_at("{\"id\":\"1\",\"name\":\"a\"}", "a", RECEIVED_US);
    struct enl_event *b = help_event_at("{\"id\":\"1\",\"name\":\"b\"}", "b", RECEIVED_US);
    struct enl_contact c = {0};

    (void)state;
    assert_int_equal(enl_contact_init(&c, NULL), ENL_OK);
    assert_int_equal(enl_contact_merge(&c, b, NULL, NULL), ENL_OK);
    assert_int_equal(enl_contact_merge(&c, a, NULL, NULL), ENL_OK);
    check_fields(&c, "{\"name\":\"b\"}", "the event id decides");
    enl_contact_done(&c);
    enl_event_free(a);
    enl_event_free(b);
}

static void test_stored(void **state)
{
    struct enl_event *events[N_EVENTS];
    struct enl_contact c = {0};

    (void)state;
    make_events(events);
    assert_int_equal(enl_contact_init(&c, NULL), ENL_OK);
    for (int i = N_EVENTS - 1; i >= 0; i--) {
        char *fields = NULL;
        char *keys = NULL;

        assert_int_equal(enl_contact_merge(&c, events[i], NULL, NULL), ENL_OK);
        fields = help_dump(c.fields);
        keys = help_dump(c.keys);
        enl_contact_done(&c);
        assert_int_equal(enl_contact_load(&c, fields, keys, NULL), ENL_OK);
        free(fields);
        free(keys);
    }
    check_fields(&c, want_fields, "stored and loaded between");
    enl_contact_done(&c);
    free_events(events);
}

static void test_bad_load(void **state)
{
    static const struct {
        const char *fields, *keys;
    } cases[] = {{"", "{}"}, {"{}", "x"}, {"[]", "{}"}, {"{}", "null"}, {"{", "{}"}};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_contact c = {0};
        struct enl_err err = {0};

        ENL_CHECK(enl_contact_load(&c, cases[i].fields, cases[i].keys, &err) == ENL_INVALID,
                  cases[i].fields);
        ENL_CHECK(!c.fields && !c.keys && err.rc == ENL_INVALID, cases[i].fields);
        enl_contact_done(&c);
    }
}

static void test_torture(void **state)
{
    struct enl_event *events[N_EVENTS];
    struct enl_torture t = {0};

    (void)state;
    make_events(events);
    while (enl_torture_next(&t)) {
        struct enl_contact c = {0};
        enum enl_rc rc =
            enl_contact_load(&c, "{\"name\":\"Z\"}", "{\"name\":\"0000000000000001:z\"}", NULL);
        for (int i = 0; rc == ENL_OK && i < N_EVENTS; i++) {
            rc = enl_contact_merge(&c, events[i], NULL, NULL);
        }
        enl_torture_end(&t, rc);
        /* What a failed merge left behind, a repeated one completes. */
        for (int i = 0; c.fields && i < N_EVENTS; i++) {
            assert_int_equal(enl_contact_merge(&c, events[i], NULL, NULL), ENL_OK);
        }
        if (c.fields) {
            check_fields(&c, want_fields, "repeated");
        }
        enl_contact_done(&c);
    }
    assert_true(t.n > 20);
    enl_alloc_fail_at(1);
    {
        struct enl_contact c = {0};

        assert_int_equal(enl_contact_init(&c, NULL), ENL_FATAL);
        assert_null(c.fields);
    }
    free_events(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_same_time), cmocka_unit_test(test_stored),
        cmocka_unit_test(test_bad_load),  cmocka_unit_test(test_torture),
    };

    return cmocka_run_group_tests_name("contact", tests, help_setup, NULL);
}
