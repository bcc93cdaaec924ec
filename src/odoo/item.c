/* item - one event as manychat.state's ingest takes it: values only, absent is unknown. */
#include "odoo/odoo.h"

static bool set_text(struct enl_json *o, const char *key, const char *text)
{
    return !text || enl_json_set(o, key, enl_json_new_str(text));
}

static bool set_time(struct enl_json *o, const char *key, int64_t ms)
{
    char text[ENL_TIME_TEXT];

    enl_time_format(ms, text);
    return enl_json_set(o, key, enl_json_new_str(text));
}

static bool set_object(struct enl_json *o, const char *key, struct enl_json *value)
{
    return enl_json_len(value) == 0 || enl_json_set(o, key, enl_json_ref(value));
}

void enl_odoo_item(const struct enl_event *e, struct enl_buf *out)
{
    ENL_AUTO_JSON struct enl_json *o = enl_json_new_object();

    if (o && set_text(o, "event_id", e->event_id) &&
        set_text(o, "subscriber_id", e->subscriber_id) && set_text(o, "order_key", e->order_key) &&
        set_time(o, "occurred_at", e->occurred_ms) &&
        set_time(o, "received_at", e->received_us / 1000) &&
        set_text(o, "kind", enl_kind_name(e->kind)) && set_text(o, "page_id", e->page_id) &&
        set_text(o, "channel", e->channel) && set_text(o, "state", e->state) &&
        set_object(o, "contact", e->contact) && set_object(o, "custom_fields", e->custom) &&
        set_object(o, "assignment", e->assignment)) {
        enl_json_dump(o, false, out);
    } else {
        out->failed = true;
    }
}
