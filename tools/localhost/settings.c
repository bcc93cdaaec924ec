/* settings - see settings.h. */
#include "settings.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX  ((size_t)4 * 1024 * 1024)
#define VALUE_MAX ((size_t)128 * 1024) /* what execve takes of one string */

enum enl_rc lh_read_json(const char *path, struct enl_json **ret, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(FILE_MAX);
    struct enl_err why = {0};
    struct enl_json_pos pos = {0};
    const char *json = NULL;
    char chunk[4096];
    size_t n = 0;
    FILE *f = fopen(path, "re");

    if (!f) {
        return enl_fail(err, ENL_DENIED, "%s cannot be read", path);
    }
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        enl_buf_add(&text, chunk, n);
    }
    (void)fclose(f);
    if (!enl_buf_ok(&text)) {
        return enl_fail(err, ENL_INVALID, "%s is too large", path);
    }
    json = enl_buf_str(&text);
    n = strncmp(json, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* editors on Windows add it */
    if (enl_json_parse(json + n, text.len - n, ret, &pos, &why) != ENL_OK) {
        return enl_fail(err, ENL_INVALID, "%s line %d: %s", path, pos.line, why.text);
    }
    return ENL_OK;
}

static char **find(const struct lh_settings *s, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < s->n; i++) {
        if (strncmp(s->items[i], name, len) == 0 && s->items[i][len] == '=') {
            return &s->items[i];
        }
    }
    return NULL;
}

const char *lh_settings_find(const struct lh_settings *s, const char *name)
{
    char **item = find(s, name);

    return item ? *item + strlen(name) + 1 : NULL;
}

/* Takes text. */
static enum enl_rc append(struct lh_settings *s, char *text, struct enl_err *err)
{
    char **items = text ? enl_realloc(s->items, s->n + 2, sizeof(*items)) : NULL;

    if (!items) {
        free(text);
        return enl_fail_oom(err);
    }
    s->items = items;
    s->items[s->n++] = text;
    s->items[s->n] = NULL;
    return ENL_OK;
}

enum enl_rc lh_settings_set(struct lh_settings *s, const char *name, const char *value,
                            struct enl_err *err)
{
    struct enl_buf text = ENL_BUF_INIT(VALUE_MAX);
    char **old = find(s, name);
    char *copy = NULL;

    enl_buf_adds(&text, name);
    enl_buf_addc(&text, '=');
    enl_buf_adds(&text, value);
    copy = enl_buf_take(&text, NULL);
    enl_buf_done(&text);
    if (old && copy) {
        free(*old);
        *old = copy;
        return ENL_OK;
    }
    return append(s, copy, err);
}

static enum enl_rc add_values(struct lh_settings *s, const struct enl_json *values,
                              struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (void *it = enl_json_iter(values); it && rc == ENL_OK; it = enl_json_next(values, it)) {
        const struct enl_json *v = enl_json_value(it);
        const char *text = enl_json_str(v) ? enl_json_str(v) : enl_json_number(v);

        if (enl_json_is(v, ENL_JSON_BOOL)) {
            text = enl_json_true(v) ? "true" : "false";
        }
        if (text && !find(s, enl_json_key(it))) {
            rc = lh_settings_set(s, enl_json_key(it), text, err);
        }
    }
    return rc;
}

enum enl_rc lh_settings_load(const char *path, struct lh_settings *ret, struct enl_err *err)
{
    struct lh_settings s = {0};
    ENL_AUTO_JSON struct enl_json *file = NULL;
    enum enl_rc rc = lh_read_json(path, &file, err);

    if (rc == ENL_DENIED) {
        rc = ENL_OK;
    }
    for (size_t i = 0; environ[i] && rc == ENL_OK; i++) {
        rc = append(&s, enl_strdup(environ[i]), err);
    }
    if (rc == ENL_OK) {
        rc = add_values(&s, enl_json_get(file, "Values"), err);
    }
    if (rc != ENL_OK) {
        lh_settings_done(&s);
        return rc;
    }
    *ret = s;
    return ENL_OK;
}

void lh_settings_done(struct lh_settings *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->items[i]);
    }
    free(s->items);
    *s = (struct lh_settings){0};
}

enum enl_rc lh_settings_resolve(const struct lh_settings *s, const char *text, char **ret,
                                struct enl_err *err)
{
    struct enl_buf out = ENL_BUF_INIT(VALUE_MAX);
    char *result = NULL;

    while (*text) {
        const char *end = *text == '%' ? strchr(text + 1, '%') : NULL;
        ENL_AUTO_FREE char *name = end ? enl_memdup(text + 1, (size_t)(end - text - 1)) : NULL;
        const char *value = name ? lh_settings_find(s, name) : NULL;

        if (end && !value) {
            enl_buf_done(&out);
            return enl_fail(err, ENL_INVALID, "'%%%s%%' is not set", name ? name : "");
        }
        if (value) {
            enl_buf_adds(&out, value);
            text = end + 1;
        } else {
            enl_buf_addc(&out, *text++);
        }
    }
    result = enl_buf_take(&out, NULL);
    enl_buf_done(&out);
    if (!result) {
        return enl_fail_oom(err);
    }
    *ret = result;
    return ENL_OK;
}
