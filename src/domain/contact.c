/* contact - see contact.h. */
#include "domain/contact.h"

#include "base/buf.h"

#include <string.h>

#define CUSTOM_PREFIX "custom_fields."
#define NAME_MAX_LEN  (ENL_BODY_MAX + sizeof(CUSTOM_PREFIX)) /* bytes: a name is part of a body */

enum enl_rc enl_contact_init(struct enl_contact *c, struct enl_err *err)
{
    *c = (struct enl_contact){.fields = enl_json_new_object(), .keys = enl_json_new_object()};
    if (!c->fields || !c->keys) {
        enl_contact_done(c);
        return enl_fail_oom(err);
    }
    return ENL_OK;
}

static enum enl_rc load_object(const char *text, const char *what, struct enl_json **ret,
                               struct enl_err *err)
{
    struct enl_json *j = NULL;
    struct enl_err cause = {0};
    enum enl_rc rc = enl_json_parse(text, strlen(text), &j, NULL, &cause);

    if (rc != ENL_OK) {
        return enl_fail(err, rc, "contact's %s: %.200s", what, cause.text);
    }
    if (!enl_json_is(j, ENL_JSON_OBJECT)) {
        enl_json_free(j);
        return enl_fail(err, ENL_INVALID, "contact's %s: not an object", what);
    }
    *ret = j;
    return ENL_OK;
}

enum enl_rc enl_contact_load(struct enl_contact *c, const char *fields, const char *keys,
                             struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    *c = (struct enl_contact){0};
    rc = load_object(fields, "fields", &c->fields, err);
    if (rc == ENL_OK) {
        rc = load_object(keys, "keys", &c->keys, err);
    }
    if (rc != ENL_OK) {
        enl_contact_done(c);
    }
    return rc;
}

void enl_contact_done(struct enl_contact *c)
{
    enl_json_free(c->fields);
    enl_json_free(c->keys);
    *c = (struct enl_contact){0};
}

/* The value goes in before its key: if memory ends between the two, the old key still lets a
 * repeated merge set both.  False: memory. */
static bool set_field(struct enl_contact *c, const char *name, struct enl_json *value,
                      const char *order_key, bool *changed)
{
    const char *key = enl_json_get_str(c->keys, name);

    if (key && strcmp(order_key, key) <= 0) {
        return true;
    }
    *changed = true;
    return enl_json_set(c->fields, name, enl_json_ref(value)) &&
           enl_json_set(c->keys, name, enl_json_new_str(order_key));
}

static bool set_object(struct enl_contact *c, const struct enl_json *object, const char *order_key,
                       bool *changed)
{
    for (void *it = enl_json_iter(object); it; it = enl_json_next(object, it)) {
        if (!set_field(c, enl_json_key(it), enl_json_value(it), order_key, changed)) {
            return false;
        }
    }
    return true;
}

static bool set_custom(struct enl_contact *c, const struct enl_event *e, bool *changed)
{
    ENL_AUTO_BUF struct enl_buf name = ENL_BUF_INIT(NAME_MAX_LEN);

    for (void *it = enl_json_iter(e->custom); it; it = enl_json_next(e->custom, it)) {
        enl_buf_reset(&name);
        enl_buf_adds(&name, CUSTOM_PREFIX);
        enl_buf_adds(&name, enl_json_key(it));
        if (!enl_buf_ok(&name) ||
            !set_field(c, enl_buf_str(&name), enl_json_value(it), e->order_key, changed)) {
            return false;
        }
    }
    return true;
}

/* The assignment's kind tells of the event, not of the contact. */
static bool set_assignment(struct enl_contact *c, const struct enl_event *e, bool *changed)
{
    static const char *const names[] = {"campaign_ref", "commercial_ref", "medical_ref", "summary"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct enl_json *value = enl_json_get(e->assignment, names[i]);

        if (value && !set_field(c, names[i], value, e->order_key, changed)) {
            return false;
        }
    }
    return true;
}

static bool set_state(struct enl_contact *c, const struct enl_event *e, bool *changed)
{
    ENL_AUTO_JSON struct enl_json *state = e->state ? enl_json_new_str(e->state) : NULL;

    return !e->state || (state && set_field(c, "last_state", state, e->order_key, changed));
}

enum enl_rc enl_contact_merge(struct enl_contact *c, const struct enl_event *e, bool *ret_changed,
                              struct enl_err *err)
{
    bool changed = false;
    bool ok = set_object(c, e->contact, e->order_key, &changed) && set_custom(c, e, &changed) &&
              set_assignment(c, e, &changed) && set_state(c, e, &changed);

    if (!ok) {
        return enl_fail_oom(err);
    }
    if (ret_changed) {
        *ret_changed = changed;
    }
    return ENL_OK;
}
