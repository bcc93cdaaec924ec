/* domain_help - reads events for the tests of src/domain and shows them as JSON. */
#ifndef ENL_TEST_DOMAIN_HELP_H
#define ENL_TEST_DOMAIN_HELP_H

#include "enl_test.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "domain/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECEIVED_US 1778068800123456LL /* 2026-05-06T12:00:00.123456Z */
#define NEW_ID      "01890000-0000-7000-8000-000000000000"

static inline struct enl_event_options help_options(void)
{
    return (struct enl_event_options){.utc_offset_min = 0, .state_field = "estado"};
}

static inline struct enl_event_source help_source(const char *body)
{
    return (struct enl_event_source){
        .raw = body, .raw_len = strlen(body), .received_us = RECEIVED_US, .new_id = NEW_ID};
}

static inline enum enl_rc help_try(const char *body, struct enl_event **ret,
                                   struct enl_refusal *why)
{
    const struct enl_event_source src = help_source(body);
    const struct enl_event_options opt = help_options();
    struct enl_err err = {0};

    return enl_event_read(&src, &opt, ret, why, &err);
}

static inline struct enl_event *help_event(const char *body)
{
    struct enl_event *e = NULL;
    struct enl_refusal why = {0};

    if (help_try(body, &e, &why) != ENL_OK) {
        fail_msg("refused with %d, %s %s: %s", why.status, why.field, why.detail, body);
    }
    return e;
}

/* An event with a known id, received at that microsecond. */
static inline struct enl_event *help_event_at(const char *body, const char *id, int64_t us)
{
    struct enl_event_source src = help_source(body);
    const struct enl_event_options opt = help_options();
    struct enl_refusal why = {0};
    struct enl_err err = {0};
    struct enl_event *e = NULL;

    src.known_id = id;
    src.known_generated = true;
    src.received_us = us;
    assert_int_equal(enl_event_read(&src, &opt, &e, &why, &err), ENL_OK);
    return e;
}

static inline char *help_dump(const struct enl_json *j)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    char *text = NULL;

    enl_json_dump(j, true, &b);
    text = enl_buf_take(&b, NULL);
    assert_non_null(text);
    return text;
}

static inline struct enl_json *help_parse(const char *text)
{
    struct enl_json *j = NULL;
    struct enl_err err = {0};

    if (enl_json_parse(text, strlen(text), &j, NULL, &err) != ENL_OK) {
        fail_msg("%s: %s", err.text, text);
    }
    return j;
}

static inline struct enl_json *help_text(const char *text)
{
    return text ? enl_json_new_str(text) : enl_json_new_null();
}

static inline struct enl_json *help_ms(int64_t ms)
{
    char text[ENL_TIME_TEXT];

    enl_time_format(ms, text);
    return enl_json_new_str(text);
}

/* All that an event is, with times as UTC text. */
static inline struct enl_json *help_show(const struct enl_event *e)
{
    struct enl_json *o = enl_json_new_object();
    int64_t order_us = 0;

    assert_non_null(o);
    assert_true(enl_order_key_read(e->order_key, e->event_id, &order_us));
    assert_true(enl_json_set(o, "event_id", help_text(e->event_id)) &&
                enl_json_set(o, "subscriber_id", help_text(e->subscriber_id)) &&
                enl_json_set(o, "generated", enl_json_new_bool(e->generated)) &&
                enl_json_set(o, "kind", help_text(enl_kind_name(e->kind))) &&
                enl_json_set(o, "state", help_text(e->state)) &&
                enl_json_set(o, "channel", help_text(e->channel)) &&
                enl_json_set(o, "page_id", help_text(e->page_id)) &&
                enl_json_set(o, "occurred_at", help_ms(e->occurred_ms)) &&
                enl_json_set(o, "order_time", help_ms(order_us / 1000)) &&
                enl_json_set(o, "contact", enl_json_ref(e->contact)) &&
                enl_json_set(o, "custom", enl_json_ref(e->custom)) &&
                enl_json_set(o, "assignment",
                             e->assignment ? enl_json_ref(e->assignment) : enl_json_new_null()) &&
                enl_json_set(o, "warnings", enl_event_warnings_json(e)));
    return o;
}

/* Each member of want (a JSON object) is that of the event. */
static inline void help_expect(const struct enl_event *e, const char *want, const char *label)
{
    struct enl_json *shown = help_show(e);
    struct enl_json *wanted = help_parse(want);

    for (void *it = enl_json_iter(wanted); it; it = enl_json_next(wanted, it)) {
        const struct enl_json *got = enl_json_get(shown, enl_json_key(it));

        if (!enl_json_equal(got, enl_json_value(it))) {
            char *got_text = help_dump(got);
            char *want_text = help_dump(enl_json_value(it));

            print_error("%s: %s is %s, not %s\n", label, enl_json_key(it), got_text, want_text);
            fail();
        }
    }
    enl_json_free(shown);
    enl_json_free(wanted);
}

struct help_taken {
    const char *label, *body, *want;
};

/* Each body is taken, and its event is as want says. */
static inline void help_check_taken(const struct help_taken *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct enl_event *e = NULL;
        struct enl_refusal why = {0};

        if (help_try(cases[i].body, &e, &why) != ENL_OK) {
            fail_msg("%s: refused with %d, %s: %s", cases[i].label, why.status, why.field,
                     why.detail);
        }
        help_expect(e, cases[i].want, cases[i].label);
        enl_event_free(e);
    }
}

/* The file tests/data/<name>, NUL-terminated. */
static inline char *help_file(const char *name)
{
    char path[512];
    char *text = enl_calloc(1, 65536);
    FILE *f = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", ENL_TEST_DATA, name);
    f = fopen(path, "rb");
    if (!f) {
        fail_msg("cannot open %s", path);
    }
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, f) > 0);
    (void)fclose(f);
    return text;
}

/* prefix, then n times unit, then suffix. */
static inline char *help_repeat(const char *prefix, const char *unit, size_t n, const char *suffix)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);

    enl_buf_adds(&b, prefix);
    for (size_t i = 0; i < n; i++) {
        enl_buf_adds(&b, unit);
    }
    enl_buf_adds(&b, suffix);
    assert_true(enl_buf_ok(&b));
    return enl_buf_take(&b, NULL);
}

static inline int help_setup(void **state)
{
    (void)state;
    enl_json_init();
    return 0;
}

#endif
