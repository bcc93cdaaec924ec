/* message - see message.h. */
#include "domain/message.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* The host would take it for the count of deliveries (functions host: fields of a message replace
 * those of its metadata, whatever their case). */
#define FORBIDDEN_KEY "DequeueCount"

static void add_string(const char *name, const char *text, size_t len, struct enl_buf *out)
{
    enl_buf_addc(out, ',');
    enl_json_quote(name, strlen(name), out);
    enl_buf_addc(out, ':');
    enl_json_quote(text, len, out);
}

void enl_message_write(const struct enl_event *e, const char *traceparent, const char *raw,
                       size_t raw_len, struct enl_buf *out)
{
    char received_at[ENL_TIME_TEXT];

    enl_time_format(e->received_us / 1000, received_at);
    enl_buf_addf(out, "{\"v\":%d", ENL_MESSAGE_VERSION);
    add_string("event_id", e->event_id, strlen(e->event_id), out);
    enl_buf_adds(out, e->generated ? ",\"generated\":true" : ",\"generated\":false");
    add_string("received_at", received_at, strlen(received_at), out);
    add_string("order_key", e->order_key, strlen(e->order_key), out);
    if (traceparent) {
        add_string("traceparent", traceparent, strlen(traceparent), out);
    }
    add_string("raw", raw, raw_len, out);
    enl_buf_addc(out, '}');
}

static bool has_forbidden_key(const struct enl_json *root)
{
    for (void *it = enl_json_iter(root); it; it = enl_json_next(root, it)) {
        if (enl_ieq(enl_json_key(it), FORBIDDEN_KEY)) {
            return true;
        }
    }
    return false;
}

/* NULL, or the name of the member that is missing or malformed. */
static const char *read_members(struct enl_message *m)
{
    const struct enl_json *generated = enl_json_get(m->root, "generated");
    const char *received_at = enl_json_get_str(m->root, "received_at");
    int64_t received_ms = 0;
    int64_t order_us = 0;

    m->event_id = enl_json_get_str(m->root, "event_id");
    m->order_key = enl_json_get_str(m->root, "order_key");
    m->traceparent = enl_json_get_str(m->root, "traceparent");
    m->raw = enl_json_get_str(m->root, "raw");
    if (!m->event_id || !enl_event_id_valid(m->event_id)) {
        return "event_id";
    }
    if (!enl_json_is(generated, ENL_JSON_BOOL)) {
        return "generated";
    }
    if (!received_at || !enl_time_parse(received_at, &received_ms) || received_ms < 0) {
        return "received_at";
    }
    if (!m->order_key || !enl_order_key_read(m->order_key, m->event_id, &order_us)) {
        return "order_key";
    }
    if (!m->raw) {
        return "raw";
    }
    m->generated = enl_json_true(generated);
    m->raw_len = strlen(m->raw);
    m->received_us = order_us / 1000 == received_ms ? order_us : received_ms * 1000;
    return NULL;
}

enum enl_rc enl_message_read(const char *text, size_t len, struct enl_message *ret,
                             struct enl_err *err)
{
    struct enl_message m = {0};
    const char *wrong = NULL;
    int64_t version = 0;
    enum enl_rc rc = ENL_OK;

    if (enl_json_depth(text, len) > ENL_JSON_SHALLOW) {
        return enl_fail(err, ENL_INVALID, "message: nested too deeply");
    }
    rc = enl_json_parse(text, len, &m.root, NULL, err);
    if (rc != ENL_OK) {
        return rc;
    }
    if (!enl_json_is(m.root, ENL_JSON_OBJECT)) {
        wrong = "$";
    } else if (has_forbidden_key(m.root)) {
        wrong = FORBIDDEN_KEY;
    } else if (!enl_json_get_i64(m.root, "v", &version) || version < 1) {
        wrong = "v";
    } else if (version > ENL_MESSAGE_VERSION) {
        enl_json_free(m.root);
        m = (struct enl_message){.newer = true};
    } else {
        wrong = read_members(&m);
    }
    if (wrong) {
        enl_json_free(m.root);
        return enl_fail(err, ENL_INVALID, "message: %s is missing or malformed", wrong);
    }
    *ret = m;
    return ENL_OK;
}

void enl_message_done(struct enl_message *m)
{
    enl_json_free(m->root);
    *m = (struct enl_message){0};
}

enum enl_rc enl_message_event(const struct enl_message *m, const struct enl_event_options *opt,
                              struct enl_event **ret, struct enl_err *err)
{
    const struct enl_event_source src = {.raw = m->raw,
                                         .raw_len = m->raw_len,
                                         .received_us = m->received_us,
                                         .known_id = m->event_id,
                                         .known_generated = m->generated};
    struct enl_refusal why = {0};
    enum enl_rc rc = enl_event_read(&src, opt, ret, &why, err);

    if (rc == ENL_OK) {
        (void)snprintf((*ret)->order_key, sizeof((*ret)->order_key), "%s", m->order_key);
    }
    return rc;
}
