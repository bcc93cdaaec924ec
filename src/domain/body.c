/* body - see body.h. */
#include "domain/body.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

static const char *const wrappers[] = {"data", "full_contact", "full-data", "subscriber",
                                       "contact"};
#define N_WRAPPERS (sizeof(wrappers) / sizeof(wrappers[0]))

bool enl_body_present(const struct enl_json *value)
{
    const char *text = enl_json_str(value);

    return !enl_json_is(value, ENL_JSON_NULL) && !(text && *text == '\0');
}

/* The key that holds an id, NULL when none does. */
static const char *id_key(const struct enl_json *object)
{
    if (enl_body_present(enl_json_get(object, "manychat_id"))) {
        return "manychat_id";
    }
    return enl_body_present(enl_json_get(object, "id")) ? "id" : NULL;
}

bool enl_body_locate(const struct enl_json *top, struct enl_body *ret)
{
    const char *first_wrapper = NULL;

    *ret = (struct enl_body){.top = top, .contact = top, .id_key = id_key(top)};
    for (size_t i = 0; !ret->id_key && i < N_WRAPPERS; i++) {
        const struct enl_json *inside = enl_json_get(top, wrappers[i]);

        if (!enl_json_is(inside, ENL_JSON_OBJECT)) {
            continue;
        }
        if (!first_wrapper) {
            first_wrapper = wrappers[i];
        }
        ret->id_key = id_key(inside);
        if (ret->id_key) {
            ret->contact = inside;
            ret->wrapper = wrappers[i];
        }
    }
    if (!ret->id_key) {
        ret->wrapper = first_wrapper;
        return false;
    }
    return true;
}

static bool is_scalar(const struct enl_json *value)
{
    return !enl_json_is(value, ENL_JSON_OBJECT) && !enl_json_is(value, ENL_JSON_ARRAY);
}

bool enl_body_find(const struct enl_body *b, const char *key, struct enl_found *ret)
{
    const struct enl_json *value = enl_json_get(b->contact, key);
    bool beside = false;

    if (!enl_body_present(value) && b->wrapper) {
        value = enl_json_get(b->top, key);
        beside = true;
    }
    if (!enl_body_present(value) || (beside && !is_scalar(value))) {
        return false;
    }
    *ret = (struct enl_found){.value = value, .key = key, .beside = beside};
    return true;
}

void enl_body_path(const struct enl_body *b, const struct enl_found *f, const char *name,
                   char ret_path[ENL_PATH_TEXT])
{
    bool inside = b->wrapper && !f->beside;
    size_t len = 0;

    (void)snprintf(ret_path, ENL_PATH_TEXT, "%s%s%s%s%s%s", inside ? b->wrapper : "",
                   inside ? "." : "", f->key, name ? "[\"" : "", name ? name : "",
                   name ? "\"]" : "");
    len = strlen(ret_path);
    while (!enl_utf8_valid(ret_path, len)) {
        ret_path[--len] = '\0';
    }
}

void enl_body_warn(const struct enl_body *b, const struct enl_found *f, const char *name,
                   const char *detail, struct enl_event *e)
{
    struct enl_warning *w = &e->warnings[e->n_warnings];

    if (e->n_warnings == ENL_WARNINGS_MAX) {
        return;
    }
    enl_body_path(b, f, name, w->field);
    (void)snprintf(w->detail, sizeof(w->detail), "%s", detail);
    e->n_warnings++;
}
