/* fields - see fields.h. */
#include "domain/fields.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x
#define TOO_LONG(n) "longer than " TEXT_OF(n) " characters; left out"
#define NOT_A_DATE  "not a date; left out"
#define NOT_A_TEXT  "neither text nor number; left out"

#define SOURCES_MAX 3

enum type {
    TYPE_TEXT,    /* strings, and numbers as written */
    TYPE_SUMMARY, /* the same, longer */
    TYPE_DATE,    /* becomes UTC text with milliseconds */
    TYPE_FLAG,    /* booleans, "true", "false" */
    TYPE_REF,     /* strings and integers; becomes a string */
};

enum group { GROUP_CONTACT, GROUP_ASSIGNMENT };

struct field {
    const char *target; /* as in Odoo's manychat.contact, or of the assignment */
    enum type type;
    enum group group;
    const char *sources[SOURCES_MAX]; /* the first that is present counts */
};

static const struct field fields[] = {
    {"page_id", TYPE_TEXT, GROUP_CONTACT, {"page_id"}},
    {"name", TYPE_TEXT, GROUP_CONTACT, {"name"}},
    {"first_name", TYPE_TEXT, GROUP_CONTACT, {"nombre_lead", "first_name"}},
    {"last_name", TYPE_TEXT, GROUP_CONTACT, {"apellido_lead", "last_name"}},
    {"phone", TYPE_TEXT, GROUP_CONTACT, {"phone"}},
    {"whatsapp_phone", TYPE_TEXT, GROUP_CONTACT, {"whatsapp", "whatsapp_phone"}},
    {"email", TYPE_TEXT, GROUP_CONTACT, {"email_lead", "email"}},
    {"channel", TYPE_TEXT, GROUP_CONTACT, {"canal_entrada", "canal", "channel"}},
    {"ig_username", TYPE_TEXT, GROUP_CONTACT, {"ig_username"}},
    {"locale", TYPE_TEXT, GROUP_CONTACT, {"locale"}},
    {"timezone", TYPE_TEXT, GROUP_CONTACT, {"timezone"}},
    {"gender", TYPE_TEXT, GROUP_CONTACT, {"gender"}},
    {"live_chat_url", TYPE_TEXT, GROUP_CONTACT, {"live_chat_url"}},
    {"mc_status", TYPE_TEXT, GROUP_CONTACT, {"status"}},
    {"optin_whatsapp", TYPE_FLAG, GROUP_CONTACT, {"optin_whatsapp"}},
    {"optin_email", TYPE_FLAG, GROUP_CONTACT, {"optin_email"}},
    {"optin_sms", TYPE_FLAG, GROUP_CONTACT, {"optin_phone"}},
    {"subscribed_at", TYPE_DATE, GROUP_CONTACT, {"datetime_suscripcion", "subscribed"}},
    {"last_interaction_at", TYPE_DATE, GROUP_CONTACT, {"last_interaction"}},
    {"campaign_ref", TYPE_REF, GROUP_ASSIGNMENT, {"campaign_id"}},
    {"commercial_ref", TYPE_REF, GROUP_ASSIGNMENT, {"comercial_id"}},
    {"medical_ref", TYPE_REF, GROUP_ASSIGNMENT, {"medico_id"}},
    {"kind", TYPE_TEXT, GROUP_ASSIGNMENT, {"tipo_asignacion"}},
    {"summary", TYPE_SUMMARY, GROUP_ASSIGNMENT, {"summary"}},
};

/* A string, or a number as written; NULL for all else. */
static const char *text_of(const struct enl_json *v)
{
    const char *text = enl_json_str(v);

    return text ? text : enl_json_number(v);
}

static bool longer_than(const char *text, size_t most)
{
    size_t n = 0;

    for (; *text != '\0' && n <= most; text++) {
        n += ((unsigned char)*text & 0xC0U) != 0x80 ? 1 : 0;
    }
    return n > most;
}

/* A field's value, before there is JSON of it. */
struct value {
    const char *text; /* NULL: it is the flag */
    bool flag;
    char own[ENL_TIME_TEXT]; /* what text points to when the body has it otherwise */
};
_Static_assert(ENL_TIME_TEXT >= 21, "a sign, 19 digits and the NUL");

/* The following read a value; what they return says why it does not fit, NULL: it does. */
static const char *read_text(const struct enl_json *v, enum type type, struct value *ret)
{
    const char *text = text_of(v);

    if (!text) {
        return NOT_A_TEXT;
    }
    if (longer_than(text, type == TYPE_SUMMARY ? ENL_SUMMARY_MAX : ENL_TEXT_MAX)) {
        return type == TYPE_SUMMARY ? TOO_LONG(ENL_SUMMARY_MAX) : TOO_LONG(ENL_TEXT_MAX);
    }
    ret->text = text;
    return NULL;
}

static const char *read_ref(const struct enl_json *v, struct value *ret)
{
    int64_t n = 0;

    if (enl_json_is(v, ENL_JSON_STRING)) {
        return read_text(v, TYPE_TEXT, ret);
    }
    if (!enl_json_i64(v, &n)) {
        return "neither text nor integer; left out";
    }
    (void)snprintf(ret->own, sizeof(ret->own), "%" PRId64, n);
    ret->text = ret->own;
    return NULL;
}

static const char *read_date(const struct enl_json *v, int utc_offset_min, struct value *ret)
{
    const char *text = enl_json_str(v);
    struct enl_moment m = {0};

    if (!text || !enl_date_read(text, utc_offset_min, &m)) {
        return NOT_A_DATE;
    }
    enl_time_format(m.ms, ret->own);
    ret->text = ret->own;
    return NULL;
}

static const char *read_flag(const struct enl_json *v, struct value *ret)
{
    const char *text = enl_json_str(v);

    ret->flag = text ? strcmp(text, "true") == 0 : enl_json_true(v);
    if (enl_json_is(v, ENL_JSON_BOOL) || ret->flag || (text && strcmp(text, "false") == 0)) {
        return NULL;
    }
    return "neither true nor false; left out";
}

static const char *read_value(const struct enl_json *v, enum type type, int utc_offset_min,
                              struct value *ret)
{
    switch (type) {
    case TYPE_DATE: return read_date(v, utc_offset_min, ret);
    case TYPE_FLAG: return read_flag(v, ret);
    case TYPE_REF: return read_ref(v, ret);
    case TYPE_TEXT:
    case TYPE_SUMMARY: break;
    }
    return read_text(v, type, ret);
}

static struct enl_json *to_json(const struct value *v)
{
    return v->text ? enl_json_new_str(v->text) : enl_json_new_bool(v->flag);
}

static bool find_first(const struct enl_body *b, const char *const *keys, size_t n,
                       struct enl_found *ret)
{
    for (size_t i = 0; i < n && keys[i]; i++) {
        if (enl_body_find(b, keys[i], ret)) {
            return true;
        }
    }
    return false;
}

static bool is_present(const struct enl_body *b, const char *key)
{
    struct enl_found f = {0};

    return enl_body_find(b, key, &f);
}

/* into NULL: only the warnings are wanted. */
static enum enl_rc read_group(const struct enl_body *b, enum group group, int utc_offset_min,
                              struct enl_event *e, struct enl_json *into, struct enl_err *err)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct field *row = &fields[i];
        const char *detail = NULL;
        struct value value = {0};
        struct enl_found f = {0};

        if (row->group != group || !find_first(b, row->sources, SOURCES_MAX, &f)) {
            continue;
        }
        detail = read_value(f.value, row->type, utc_offset_min, &value);
        if (detail) {
            enl_body_warn(b, &f, NULL, detail, e);
        } else if (into && !enl_json_set(into, row->target, to_json(&value))) {
            return enl_fail_oom(err);
        }
    }
    return ENL_OK;
}

/* Recurses no deeper than levels, whatever the value. */
static bool deeper_than(const struct enl_json *v, int levels)
{
    if (enl_json_is(v, ENL_JSON_OBJECT)) {
        if (levels == 0) {
            return true;
        }
        for (void *it = enl_json_iter(v); it; it = enl_json_next(v, it)) {
            if (deeper_than(enl_json_value(it), levels - 1)) {
                return true;
            }
        }
    } else if (enl_json_is(v, ENL_JSON_ARRAY)) {
        if (levels == 0) {
            return true;
        }
        for (size_t i = 0; i < enl_json_len(v); i++) {
            if (deeper_than(enl_json_at(v, i), levels - 1)) {
                return true;
            }
        }
    }
    return false;
}

static enum enl_rc read_custom(const struct enl_body *b, struct enl_event *e, struct enl_err *err)
{
    struct enl_found f = {0};
    size_t n = 0;

    if (!enl_body_find(b, "custom_fields", &f) ||
        (enl_json_is(f.value, ENL_JSON_ARRAY) && enl_json_len(f.value) == 0)) {
        return ENL_OK;
    }
    if (!enl_json_is(f.value, ENL_JSON_OBJECT)) {
        enl_body_warn(b, &f, NULL, "not an object; left out", e);
        return ENL_OK;
    }
    for (void *it = enl_json_iter(f.value); it && n < ENL_CUSTOM_NAMES_MAX;
         it = enl_json_next(f.value, it), n++) {
        if (deeper_than(enl_json_value(it), ENL_CUSTOM_DEPTH_MAX)) {
            enl_body_warn(b, &f, enl_json_key(it),
                          "nested deeper than " TEXT_OF(ENL_CUSTOM_DEPTH_MAX) " levels; left out",
                          e);
        } else if (!enl_json_set(e->custom, enl_json_key(it), enl_json_ref(enl_json_value(it)))) {
            return enl_fail_oom(err);
        }
    }
    if (enl_json_len(f.value) > ENL_CUSTOM_NAMES_MAX) {
        enl_body_warn(b, &f, NULL,
                      "more than " TEXT_OF(ENL_CUSTOM_NAMES_MAX) " names; the rest left out", e);
    }
    return ENL_OK;
}

/* What custom_fields did not keep (too deep, beyond the last name) is no state either. */
static enum enl_rc read_state(const struct enl_body *b, const char *state_field,
                              struct enl_event *e, struct enl_err *err)
{
    static const char *const keys[] = {"estado_inicial", "ultimo_estado"};
    struct enl_found f = {.key = "custom_fields"};
    const char *name = NULL;
    const char *text = NULL;

    if (!find_first(b, keys, sizeof(keys) / sizeof(keys[0]), &f)) {
        f.value = state_field ? enl_json_get(e->custom, state_field) : NULL;
        name = state_field;
    }
    if (!enl_body_present(f.value)) {
        return ENL_OK;
    }
    text = text_of(f.value);
    if (!text || longer_than(text, ENL_STATE_MAX)) {
        enl_body_warn(b, &f, name, text ? TOO_LONG(ENL_STATE_MAX) : NOT_A_TEXT, e);
        return ENL_OK;
    }
    e->state = enl_strdup(text);
    return e->state ? ENL_OK : enl_fail_oom(err);
}

static enum enl_kind kind_of(const struct enl_body *b, const struct enl_event *e, bool assigned)
{
    if (assigned) {
        return ENL_KIND_ASSIGNMENT;
    }
    if (e->state) {
        return ENL_KIND_STATE;
    }
    return strcmp(b->id_key, "manychat_id") == 0 && is_present(b, "datetime_suscripcion")
               ? ENL_KIND_CONTACT
               : ENL_KIND_INTERACTION;
}

static enum enl_rc copy_field(const struct enl_event *e, const char *field, char **ret,
                              struct enl_err *err)
{
    const char *text = enl_json_get_str(e->contact, field);

    if (text) {
        *ret = enl_strdup(text);
        return *ret ? ENL_OK : enl_fail_oom(err);
    }
    return ENL_OK;
}

enum enl_rc enl_fields_read(const struct enl_body *b, const struct enl_event_options *opt,
                            struct enl_event *e, struct enl_err *err)
{
    bool assigned = is_present(b, "campaign_id") || is_present(b, "tipo_asignacion");
    enum enl_rc rc = ENL_OK;

    e->custom = enl_json_new_object();
    if (!opt->check_only) {
        e->contact = enl_json_new_object();
        e->assignment = assigned ? enl_json_new_object() : NULL;
    }
    if (!e->custom || (!opt->check_only && (!e->contact || (assigned && !e->assignment)))) {
        return enl_fail_oom(err);
    }
    rc = read_group(b, GROUP_CONTACT, opt->utc_offset_min, e, e->contact, err);
    if (rc == ENL_OK) {
        rc = read_custom(b, e, err);
    }
    if (rc == ENL_OK) {
        rc = read_state(b, opt->state_field, e, err);
    }
    if (rc == ENL_OK && assigned) {
        rc = read_group(b, GROUP_ASSIGNMENT, opt->utc_offset_min, e, e->assignment, err);
    }
    if (rc == ENL_OK) {
        rc = copy_field(e, "channel", &e->channel, err);
    }
    if (rc == ENL_OK) {
        rc = copy_field(e, "page_id", &e->page_id, err);
    }
    e->kind = kind_of(b, e, assigned);
    return rc;
}

bool enl_fields_time(const struct enl_body *b, const struct enl_event_options *opt,
                     struct enl_event *e, struct enl_moment *ret)
{
    struct enl_found f = {0};
    const char *text = NULL;

    if (!enl_body_find(b, "datetime_actual", &f)) {
        return false;
    }
    text = enl_json_str(f.value);
    if (!text || !enl_date_read(text, opt->utc_offset_min, ret)) {
        enl_body_warn(b, &f, NULL, NOT_A_DATE, e);
        return false;
    }
    return true;
}
