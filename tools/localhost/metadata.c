/* metadata - see metadata.h. */
#include "metadata.h"

#include "base/clock.h"
#include "base/id.h"
#include "net.h"

#include <string.h>

#define TEXT_MAX  ((size_t)256 * 1024 * 1024)
#define DEPTH_MAX 64U /* Newtonsoft reads no deeper */

void lh_metadata_done(struct lh_metadata *m)
{
    lh_pairs_done(&m->items);
}

void lh_metadata_set(struct lh_metadata *m, const char *name, const char *json)
{
    m->failed = !lh_pairs_set(&m->items, name, json) || m->failed;
}

void lh_metadata_set_text(struct lh_metadata *m, const char *name, const char *text)
{
    ENL_AUTO_BUF struct enl_buf json = ENL_BUF_INIT(TEXT_MAX);

    lh_net_twice(text, strlen(text), &json);
    m->failed = !enl_buf_ok(&json) || m->failed;
    lh_metadata_set(m, name, enl_buf_str(&json));
}

bool lh_metadata_has(const struct lh_metadata *m, const char *name)
{
    return lh_pairs_find(&m->items, name) != NULL;
}

static void set_member(struct lh_metadata *m, const char *name, const struct enl_json *value)
{
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(TEXT_MAX);

    switch (enl_json_type(value)) {
    case ENL_JSON_NULL:
    case ENL_JSON_ARRAY: return; /* the host has no binding data of these */
    case ENL_JSON_OBJECT:
        lh_net_write(value, LH_NET_COMPACT, &text);
        lh_metadata_set(m, name, enl_buf_str(&text));
        break;
    case ENL_JSON_BOOL:
    case ENL_JSON_NUMBER:
    case ENL_JSON_STRING:
        lh_net_text(value, &text);
        lh_metadata_set_text(m, name, enl_buf_str(&text));
        break;
    }
    m->failed = !enl_buf_ok(&text) || m->failed;
}

void lh_metadata_add_object(struct lh_metadata *m, const char *text, size_t len, const char *except)
{
    ENL_AUTO_JSON struct enl_json *json = NULL;

    if (enl_json_depth(text, len) > DEPTH_MAX ||
        enl_json_parse(text, len, &json, NULL, NULL) != ENL_OK) {
        return;
    }
    for (void *it = enl_json_iter(json); it; it = enl_json_next(json, it)) {
        if (!except || strcmp(enl_json_key(it), except) != 0) {
            set_member(m, enl_json_key(it), enl_json_value(it));
        }
    }
}

void lh_add_time(int64_t us, bool fraction, const char *zone, struct enl_buf *out)
{
    char text[ENL_TIME_TEXT];

    enl_time_format(us / 1000, text);
    enl_buf_addf(out, "%.19s", text);
    if (fraction) {
        enl_buf_addf(out, ".%06d0", (int)(us % 1000000));
    }
    enl_buf_adds(out, zone);
}

void lh_metadata_set_sys(struct lh_metadata *m, const char *name, const char *method)
{
    ENL_AUTO_BUF struct enl_buf json = ENL_BUF_INIT(TEXT_MAX);
    char guid[ENL_UUID_TEXT] = "";
    int64_t now = enl_clock_system.wall_us(NULL);

    if (enl_uuid7(now / 1000, guid, NULL) != ENL_OK) {
        m->failed = true;
    }
    enl_buf_adds(&json, "{\"MethodName\":");
    lh_net_literal(method, strlen(method), &json);
    enl_buf_adds(&json, ",\"UtcNow\":\"");
    lh_add_time(now, true, "Z", &json);
    enl_buf_addf(&json, "\",\"RandGuid\":\"%s\"}", guid);
    m->failed = !enl_buf_ok(&json) || m->failed;
    lh_metadata_set(m, name, enl_buf_str(&json));
}

void lh_metadata_write(const struct lh_metadata *m, struct enl_buf *out)
{
    enl_buf_addc(out, '{');
    for (size_t i = 0; i < m->items.n; i++) {
        enl_buf_adds(out, i > 0 ? "," : "");
        lh_net_literal(m->items.items[i].name, strlen(m->items.items[i].name), out);
        enl_buf_addc(out, ':');
        enl_buf_adds(out, m->items.items[i].value);
    }
    enl_buf_addc(out, '}');
    out->failed = out->failed || m->failed;
}
