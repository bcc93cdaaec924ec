/* fuzz - what the fuzz targets share, see fuzz.h. */
#include "fuzz.h"

#include "base/alloc.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void init(void)
{
    enl_json_init();
}

_Noreturn void fuzz_abort(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = enl_memdup(size > 0 ? (const char *)data : "", size);

    FUZZ_CHECK(text);
    return text;
}

bool fuzz_is_utf8(const char *text)
{
    return !text || enl_utf8_valid(text, strlen(text));
}

char *fuzz_dump(const struct enl_json *j)
{
    struct enl_buf b = ENL_BUF_INIT(SIZE_MAX / 8);
    char *text = NULL;

    enl_json_dump(j, true, &b);
    FUZZ_CHECK(enl_buf_ok(&b));
    text = enl_buf_take(&b, NULL);
    FUZZ_CHECK(text);
    return text;
}

struct enl_event_options fuzz_options(void)
{
    return (struct enl_event_options){.utc_offset_min = -180, .state_field = "estado"};
}

/* What is written is read as it was. */
static void check_json(const struct enl_json *j)
{
    char *text = fuzz_dump(j);
    struct enl_json *again = NULL;

    FUZZ_CHECK(fuzz_is_utf8(text));
    FUZZ_CHECK(enl_json_parse(text, strlen(text), &again, NULL, NULL) == ENL_OK);
    FUZZ_CHECK(enl_json_equal(j, again));
    enl_json_free(again);
    free(text);
}

void fuzz_check_event(const struct enl_event *e)
{
    struct enl_json *warnings = enl_event_warnings_json(e);
    int64_t order_us = 0;

    FUZZ_CHECK(enl_event_id_valid(e->event_id));
    FUZZ_CHECK(strlen(e->subscriber_id) >= 1);
    for (const char *c = e->subscriber_id; *c != '\0'; c++) {
        FUZZ_CHECK(*c > ' ' && *c <= '~');
    }
    FUZZ_CHECK(enl_order_key_read(e->order_key, e->event_id, &order_us));
    FUZZ_CHECK(order_us >= 0);
    FUZZ_CHECK(strspn(e->body_hash, "0123456789abcdef") == ENL_SHA256_TEXT - 1);
    FUZZ_CHECK(e->occurred_ms >= 0 && e->kind <= ENL_KIND_ASSIGNMENT);
    FUZZ_CHECK((e->kind == ENL_KIND_ASSIGNMENT) == (e->assignment != NULL));
    FUZZ_CHECK(e->kind != ENL_KIND_STATE || e->state);
    FUZZ_CHECK(fuzz_is_utf8(e->state) && fuzz_is_utf8(e->channel) && fuzz_is_utf8(e->page_id));
    check_json(e->contact);
    check_json(e->custom);
    if (e->assignment) {
        check_json(e->assignment);
    }
    FUZZ_CHECK(warnings && e->n_warnings <= ENL_WARNINGS_MAX);
    FUZZ_CHECK(enl_json_len(warnings) == e->n_warnings);
    check_json(warnings);
    enl_json_free(warnings);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_same_warnings(const struct enl_event *a, const struct enl_event *b)
{
    struct enl_json *a_warnings = enl_event_warnings_json(a);
    struct enl_json *b_warnings = enl_event_warnings_json(b);

    FUZZ_CHECK(enl_json_equal(a_warnings, b_warnings));
    enl_json_free(a_warnings);
    enl_json_free(b_warnings);
}

void fuzz_check_checked(const struct enl_event *checked, const struct enl_event *e)
{
    FUZZ_CHECK(strcmp(checked->event_id, e->event_id) == 0);
    FUZZ_CHECK(strcmp(checked->subscriber_id, e->subscriber_id) == 0);
    FUZZ_CHECK(strcmp(checked->order_key, e->order_key) == 0);
    FUZZ_CHECK(checked->generated == e->generated && checked->kind == e->kind);
    FUZZ_CHECK(checked->received_us == e->received_us && checked->occurred_ms == e->occurred_ms);
    FUZZ_CHECK(same_text(checked->state, e->state) && enl_json_equal(checked->custom, e->custom));
    FUZZ_CHECK(checked->body_hash[0] == '\0' && !checked->channel && !checked->page_id);
    FUZZ_CHECK(!checked->contact && !checked->assignment);
    check_same_warnings(checked, e);
}

void fuzz_check_same(const struct enl_event *a, const struct enl_event *b)
{
    FUZZ_CHECK(strcmp(a->event_id, b->event_id) == 0);
    FUZZ_CHECK(strcmp(a->subscriber_id, b->subscriber_id) == 0);
    FUZZ_CHECK(strcmp(a->order_key, b->order_key) == 0);
    FUZZ_CHECK(strcmp(a->body_hash, b->body_hash) == 0);
    FUZZ_CHECK(a->generated == b->generated && a->kind == b->kind);
    FUZZ_CHECK(a->received_us / 1000 == b->received_us / 1000);
    FUZZ_CHECK(a->occurred_ms == b->occurred_ms);
    FUZZ_CHECK(same_text(a->state, b->state) && same_text(a->channel, b->channel));
    FUZZ_CHECK(same_text(a->page_id, b->page_id));
    FUZZ_CHECK(enl_json_equal(a->contact, b->contact) && enl_json_equal(a->custom, b->custom));
    FUZZ_CHECK((a->assignment == NULL) == (b->assignment == NULL));
    FUZZ_CHECK(!a->assignment || enl_json_equal(a->assignment, b->assignment));
    check_same_warnings(a, b);
}
