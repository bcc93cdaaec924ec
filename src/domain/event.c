/* event - see event.h. */
#include "domain/event.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "domain/body.h"
#include "domain/date.h"
#include "domain/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BOM        "\xef\xbb\xbf"
#define BOM_LEN    (sizeof(BOM) - 1)
#define KEY_DIGITS 16                              /* of the order time in an order key */
#define DUMP_MAX   ((size_t)2 * ENL_BODY_MAX + 64) /* a body's compact text is hardly longer */
#define HEADER_ID  "Idempotency-Key"

static void free_event(struct enl_event **e)
{
    enl_event_free(*e);
}
#define AUTO_EVENT __attribute__((cleanup(free_event)))

const char *enl_kind_name(enum enl_kind kind)
{
    switch (kind) {
    case ENL_KIND_INTERACTION: return "interaction";
    case ENL_KIND_CONTACT: return "contact";
    case ENL_KIND_STATE: return "state";
    case ENL_KIND_ASSIGNMENT: return "assignment";
    }
    return "interaction";
}

static bool is_id_text(const char *id, size_t len)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._:~@+=,-";

    return len >= 1 && len <= ENL_EVENT_ID_MAX && strspn(id, allowed) >= len;
}

bool enl_event_id_valid(const char *id)
{
    return is_id_text(id, strlen(id));
}

bool enl_order_key_read(const char *key, const char *event_id, int64_t *ret_us)
{
    uint64_t us = 0;

    for (size_t i = 0; i < KEY_DIGITS; i++) {
        if (key[i] >= '0' && key[i] <= '9') {
            us = us << 4 | (uint64_t)(key[i] - '0');
        } else if (key[i] >= 'a' && key[i] <= 'f') {
            us = us << 4 | (uint64_t)(key[i] - 'a' + 10);
        } else {
            return false;
        }
    }
    if (us > INT64_MAX || key[KEY_DIGITS] != ':' || strcmp(key + KEY_DIGITS + 1, event_id) != 0) {
        return false;
    }
    *ret_us = (int64_t)us;
    return true;
}

static enum enl_rc refuse(struct enl_refusal *why, const char *field, const char *detail,
                          struct enl_err *err)
{
    why->status = 422;
    (void)snprintf(why->field, sizeof(why->field), "%s", field);
    (void)snprintf(why->detail, sizeof(why->detail), "%s", detail);
    return enl_fail(err, ENL_INVALID, "%s: %s", field, detail);
}

static enum enl_rc parse(const struct enl_event_source *src, struct enl_json **ret,
                         struct enl_refusal *why, struct enl_err *err)
{
    const char *text = src->raw;
    size_t len = src->raw_len;
    struct enl_json_pos pos = {0};
    struct enl_err cause = {0};
    enum enl_rc rc = ENL_OK;

    if (len > ENL_BODY_MAX) {
        why->status = 413;
        (void)snprintf(why->detail, sizeof(why->detail), "the body has %zu bytes, the limit is %d",
                       len, ENL_BODY_MAX);
        return enl_fail(err, ENL_INVALID, "%s", why->detail);
    }
    if (len >= BOM_LEN && memcmp(text, BOM, BOM_LEN) == 0) {
        text += BOM_LEN;
        len -= BOM_LEN;
    }
    rc = enl_json_parse(text, len, ret, &pos, &cause);
    if (rc != ENL_INVALID) {
        return rc == ENL_OK ? rc : enl_fail(err, rc, "%s", cause.text);
    }
    why->status = 400;
    why->line = pos.line;
    why->column = pos.column;
    (void)snprintf(why->detail, sizeof(why->detail), "%.150s", cause.text);
    return enl_fail(err, ENL_INVALID, "body: %.200s", cause.text);
}

static enum enl_rc read_subscriber(const struct enl_body *b, struct enl_event *e,
                                   struct enl_refusal *why, struct enl_err *err)
{
    const struct enl_found f = {.value = enl_json_get(b->contact, b->id_key), .key = b->id_key};
    const char *text = enl_json_str(f.value);
    size_t len = text ? strlen(text) : 0;
    int64_t n = 0;
    bool ok = false;

    if (text) {
        enl_trim(&text, &len);
        ok = len >= 1 && len <= ENL_SUBSCRIBER_MAX;
        for (size_t i = 0; ok && i < len; i++) {
            ok = text[i] > ' ' && text[i] <= '~';
        }
        if (ok) {
            (void)snprintf(e->subscriber_id, sizeof(e->subscriber_id), "%.*s", (int)len, text);
        }
    } else if (enl_json_i64(f.value, &n) && n >= 0) {
        ok = true;
        (void)snprintf(e->subscriber_id, sizeof(e->subscriber_id), "%" PRId64, n);
    }
    if (!ok) {
        char path[ENL_PATH_TEXT];

        enl_body_path(b, &f, NULL, path);
        return refuse(why, path,
                      "not a subscriber id: 1 to 64 printable ASCII characters without spaces, or "
                      "an integer from 0",
                      err);
    }
    return ENL_OK;
}

static void set_id(struct enl_event *e, const char *id, size_t len)
{
    (void)snprintf(e->event_id, sizeof(e->event_id), "%.*s", (int)len, id);
}

/* The header's id; *ret_found is false when there is none. */
static enum enl_rc read_header_id(const struct enl_event_source *src, struct enl_event *e,
                                  bool *ret_found, struct enl_refusal *why, struct enl_err *err)
{
    const char *id = src->given_id ? src->given_id : "";
    size_t len = strlen(id);

    if (src->given_twice) {
        return refuse(why, HEADER_ID, "sent twice", err);
    }
    enl_trim(&id, &len);
    if (len >= 2 && id[0] == '"' && id[len - 1] == '"') {
        id++;
        len -= 2;
    }
    *ret_found = len > 0;
    if (len > 0 && !is_id_text(id, len)) {
        return refuse(why, HEADER_ID, "not an event id: 1 to 128 of A-Z a-z 0-9 . _ : ~ @ + = , -",
                      err);
    }
    set_id(e, id, len);
    return ENL_OK;
}

static enum enl_rc read_body_id(const struct enl_body *b, const struct enl_found *f,
                                struct enl_event *e, struct enl_refusal *why, struct enl_err *err)
{
    const char *text = enl_json_str(f->value);
    char path[ENL_PATH_TEXT];
    int64_t n = 0;

    if (text && enl_event_id_valid(text)) {
        set_id(e, text, strlen(text));
        return ENL_OK;
    }
    if (enl_json_i64(f->value, &n)) {
        (void)snprintf(e->event_id, sizeof(e->event_id), "%" PRId64, n);
        return ENL_OK;
    }
    enl_body_path(b, f, NULL, path);
    return refuse(why, path, "not an event id: 1 to 128 of A-Z a-z 0-9 . _ : ~ @ + = , -", err);
}

static enum enl_rc read_id(const struct enl_event_source *src, const struct enl_body *b,
                           struct enl_event *e, struct enl_refusal *why, struct enl_err *err)
{
    struct enl_found f = {
        .value = enl_json_get(b->top, "event_id"), .key = "event_id", .beside = true};
    bool found = false;
    enum enl_rc rc = ENL_OK;

    if (src->known_id) {
        set_id(e, src->known_id, strlen(src->known_id));
        e->generated = src->known_generated;
        return ENL_OK;
    }
    rc = read_header_id(src, e, &found, why, err);
    if (rc != ENL_OK || found) {
        return rc;
    }
    if (!enl_body_present(f.value)) {
        f.value = enl_json_get(b->contact, "event_id");
        f.beside = false;
    }
    if (enl_body_present(f.value)) {
        return read_body_id(b, &f, e, why, err);
    }
    e->generated = true;
    set_id(e, src->new_id, strlen(src->new_id));
    return ENL_OK;
}

static enum enl_rc identify(const struct enl_event_source *src, const struct enl_json *top,
                            struct enl_body *ret_body, struct enl_event *e, struct enl_refusal *why,
                            struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (!enl_json_is(top, ENL_JSON_OBJECT)) {
        return refuse(why, "$", "not an object", err);
    }
    if (!enl_body_locate(top, ret_body)) {
        const struct enl_found none = {.key = "id"};
        char path[ENL_PATH_TEXT];

        enl_body_path(ret_body, &none, NULL, path);
        return refuse(why, path, "no subscriber id", err);
    }
    rc = read_subscriber(ret_body, e, why, err);
    return rc == ENL_OK ? read_id(src, ret_body, e, why, err) : rc;
}

static enum enl_rc hash(const struct enl_json *top, struct enl_event *e, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(DUMP_MAX);

    enl_json_dump(top, true, &text);
    if (!enl_buf_ok(&text)) {
        return enl_fail_oom(err);
    }
    return enl_sha256(enl_buf_str(&text), text.len, e->body_hash, err);
}

/* The lesser of the two, so that a date in the future cannot win for ever. */
static void set_times(const struct enl_event_source *src, const struct enl_moment *own,
                      struct enl_event *e)
{
    int64_t order_us = src->received_us;

    e->received_us = src->received_us;
    e->occurred_ms = src->received_us / 1000;
    if (own) {
        int64_t last_us = enl_date_last_ms(own) * 1000;

        e->occurred_ms = own->ms;
        order_us = last_us < order_us ? last_us : order_us;
    }
    (void)snprintf(e->order_key, sizeof(e->order_key), "%016" PRIx64 ":%s", (uint64_t)order_us,
                   e->event_id);
}

enum enl_rc enl_event_read(const struct enl_event_source *src, const struct enl_event_options *opt,
                           struct enl_event **ret, struct enl_refusal *why, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *top = NULL;
    AUTO_EVENT struct enl_event *e = NULL;
    struct enl_body body = {0};
    struct enl_moment own = {0};
    bool has_time = false;
    enum enl_rc rc = ENL_OK;

    *why = (struct enl_refusal){0};
    rc = parse(src, &top, why, err);
    if (rc != ENL_OK) {
        return rc;
    }
    e = enl_calloc(1, sizeof(*e));
    if (!e) {
        return enl_fail_oom(err);
    }
    rc = identify(src, top, &body, e, why, err);
    if (rc == ENL_OK && !opt->check_only) {
        rc = hash(top, e, err);
    }
    if (rc == ENL_OK) {
        has_time = enl_fields_time(&body, opt, e, &own);
        set_times(src, has_time ? &own : NULL, e);
        rc = enl_fields_read(&body, opt, e, err);
    }
    if (rc == ENL_OK) {
        *ret = ENL_TAKE(e);
    }
    return rc;
}

void enl_event_free(struct enl_event *e)
{
    if (!e) {
        return;
    }
    enl_json_free(e->contact);
    enl_json_free(e->custom);
    enl_json_free(e->assignment);
    free(e->state);
    free(e->channel);
    free(e->page_id);
    free(e);
}

struct enl_json *enl_event_warnings_json(const struct enl_event *e)
{
    ENL_AUTO_JSON struct enl_json *list = enl_json_new_array();

    for (size_t i = 0; list && i < e->n_warnings; i++) {
        const struct enl_warning *w = &e->warnings[i];
        struct enl_json *o = enl_json_new_object();

        if (!o || !enl_json_set(o, "field", enl_json_new_str(w->field)) ||
            !enl_json_set(o, "detail", enl_json_new_str(w->detail))) {
            enl_json_free(o);
            return NULL;
        }
        if (!enl_json_append(list, o)) {
            return NULL;
        }
    }
    return ENL_TAKE(list);
}
