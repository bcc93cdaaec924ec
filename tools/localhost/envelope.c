/* envelope - see envelope.h. */
#include "envelope.h"

#include "base/clock.h"
#include "base/str.h"
#include "metadata.h"
#include "net.h"
#include "wrap/crypto.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX  ((size_t)256 * 1024 * 1024)
#define US_PER_MS 1000
#define NO_END    "9999-12-31T23:59:59+00:00"

static const char identities[] =
    "[{\"AuthenticationType\":null,\"IsAuthenticated\":false,\"Actor\":null,"
    "\"BootstrapContext\":null,\"Claims\":[],\"Label\":null,\"Name\":null,"
    "\"NameClaimType\":\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name\","
    "\"RoleClaimType\":\"http://schemas.microsoft.com/ws/2008/06/identity/claims/role\"}]";

static void add_key(struct enl_buf *out, const char *key)
{
    bool first = out->len == 0 || out->data[out->len - 1] == '{';

    enl_buf_adds(out, first ? "" : ",");
    lh_net_literal(key, strlen(key), out);
    enl_buf_addc(out, ':');
}

static void add_text(struct enl_buf *out, const char *text)
{
    lh_net_literal(text, strlen(text), out);
}

static void add_url(const struct lh_exchange *x, struct enl_buf *out)
{
    ENL_AUTO_BUF struct enl_buf url = ENL_BUF_INIT(TEXT_MAX);
    const char *host = lh_pairs_find(&x->headers, "Host");

    enl_buf_adds(&url, "http://");
    enl_buf_adds(&url, host ? host : "");
    lh_exchange_target(x, &url);
    out->failed = out->failed || !enl_buf_ok(&url);
    add_text(out, enl_buf_str(&url));
}

/* {"name":"all values joined"} or, as_lists, {"name":["each","value"]} */
static void add_pairs(const struct lh_pairs *pairs, bool as_lists, struct enl_buf *out)
{
    enl_buf_addc(out, '{');
    for (size_t i = 0; i < pairs->n; i++) {
        if (!lh_pairs_is_first(pairs, i)) {
            continue;
        }
        add_key(out, pairs->items[i].name);
        if (as_lists) {
            enl_buf_addc(out, '[');
            for (size_t k = i; k < pairs->n; k++) {
                if (enl_ieq(pairs->items[k].name, pairs->items[i].name)) {
                    enl_buf_adds(out, k > i ? "," : "");
                    add_text(out, pairs->items[k].value);
                }
            }
            enl_buf_addc(out, ']');
        } else {
            ENL_AUTO_BUF struct enl_buf all = ENL_BUF_INIT(TEXT_MAX);

            lh_pairs_join(pairs, i, ",", &all);
            add_text(out, enl_buf_str(&all));
        }
    }
    enl_buf_addc(out, '}');
}

static void add_params(const struct lh_pairs *params, struct enl_buf *out)
{
    enl_buf_addc(out, '{');
    for (size_t i = 0; i < params->n; i++) {
        add_key(out, params->items[i].name);
        if (params->items[i].value) {
            add_text(out, params->items[i].value);
        } else {
            enl_buf_adds(out, "null");
        }
    }
    enl_buf_addc(out, '}');
}

static bool is_binary(const struct lh_exchange *x)
{
    const char *type = lh_pairs_find(&x->headers, "Content-Type");

    return type && (strncasecmp(type, "application/octet-stream", 24) == 0 ||
                    strncasecmp(type, "multipart/", 10) == 0);
}

static void add_body(const struct lh_exchange *x, struct enl_buf *out)
{
    if (x->chunked || x->body.len == 0) {
        return;
    }
    add_key(out, "Body");
    if (is_binary(x)) {
        enl_buf_addc(out, '"');
        enl_base64_encode(x->body.data, x->body.len, out);
        enl_buf_addc(out, '"');
    } else {
        lh_net_literal(x->body.data, x->body.len, out);
    }
}

/* {"name":"last value"} */
static void set_last_values(struct lh_metadata *m, const struct lh_pairs *query)
{
    ENL_AUTO_BUF struct enl_buf json = ENL_BUF_INIT(TEXT_MAX);

    enl_buf_addc(&json, '{');
    for (size_t i = 0; i < query->n; i++) {
        if (lh_pairs_is_first(query, i)) {
            add_key(&json, query->items[i].name);
            add_text(&json, lh_pairs_last(query, i));
        }
    }
    enl_buf_addc(&json, '}');
    m->failed = !enl_buf_ok(&json) || m->failed;
    lh_metadata_set(m, "Query", enl_buf_str(&json));
}

static void set_headers(struct lh_metadata *m, const struct lh_pairs *headers)
{
    ENL_AUTO_BUF struct enl_buf json = ENL_BUF_INIT(TEXT_MAX);

    add_pairs(headers, false, &json);
    m->failed = !enl_buf_ok(&json) || m->failed;
    lh_metadata_set(m, "Headers", enl_buf_str(&json));
}

/* The caller's own names first: they keep out the host's of the same name. */
static void add_http_metadata(const struct lh_function *f, const struct lh_exchange *x,
                              const struct lh_pairs *params, const struct lh_pairs *query,
                              struct enl_buf *out)
{
    LH_AUTO_METADATA struct lh_metadata m = {0};

    if (!x->chunked && x->body.len > 0 && !is_binary(x)) {
        ENL_AUTO_BUF struct enl_buf clean = ENL_BUF_INIT(TEXT_MAX);

        lh_net_clean(x->body.data, x->body.len, &clean);
        lh_metadata_add_object(&m, enl_buf_str(&clean), clean.len, f->binding);
    }
    for (size_t i = 0; i < query->n; i++) {
        lh_metadata_set_text(&m, query->items[i].name, query->items[i].value);
    }
    for (size_t i = 0; i < params->n; i++) {
        if (params->items[i].value) {
            lh_metadata_set_text(&m, params->items[i].name, params->items[i].value);
        }
    }
    if (!lh_metadata_has(&m, "Query")) {
        set_last_values(&m, query);
    }
    if (!lh_metadata_has(&m, "Headers")) {
        set_headers(&m, &x->headers);
    }
    lh_metadata_set_sys(&m, lh_metadata_has(&m, "sys") ? "$sys" : "sys", f->name);
    lh_metadata_write(&m, out);
}

void lh_envelope_http(const struct lh_function *f, const struct lh_exchange *x,
                      const struct lh_pairs *params, struct enl_buf *out)
{
    LH_AUTO_PAIRS struct lh_pairs query = {0};

    if (!lh_pairs_add_query(&query, x->query)) {
        out->failed = true;
    }
    enl_buf_adds(out, "{\"Data\":{");
    add_key(out, f->binding);
    enl_buf_addc(out, '{');
    add_key(out, "Url");
    add_url(x, out);
    add_key(out, "Method");
    add_text(out, x->method);
    add_key(out, "Query");
    add_pairs(&query, false, out);
    add_key(out, "Headers");
    add_pairs(&x->headers, true, out);
    add_key(out, "Params");
    add_params(params, out);
    add_key(out, "Identities");
    enl_buf_adds(out, identities);
    add_body(x, out);
    enl_buf_adds(out, "}},\"Metadata\":");
    add_http_metadata(f, x, params, &query, out);
    enl_buf_addc(out, '}');
}

static void set_time(struct lh_metadata *m, const char *name, int64_t us)
{
    ENL_AUTO_BUF struct enl_buf json = ENL_BUF_INIT(64);

    enl_buf_addc(&json, '"');
    lh_add_time(us, false, "+00:00", &json);
    enl_buf_addc(&json, '"');
    lh_metadata_set(m, name, enl_buf_str(&json));
}

static void set_message(struct lh_metadata *m, const struct lh_message *message)
{
    char count[32] = "\"0\"";

    if (!message) {
        lh_metadata_set(m, "DequeueCount", count);
        lh_metadata_set(m, "ExpirationTime", "\"" NO_END "\"");
        set_time(m, "InsertionTime", enl_clock_system.wall_us(NULL));
        lh_metadata_set(m, "NextVisibleTime", "\"" NO_END "\"");
        return;
    }
    (void)snprintf(count, sizeof(count), "\"%lld\"", (long long)message->dequeue_count);
    lh_metadata_set(m, "DequeueCount", count);
    set_time(m, "ExpirationTime", message->expires_ms * US_PER_MS);
    lh_metadata_set_text(m, "Id", message->id);
    set_time(m, "InsertionTime", message->inserted_ms * US_PER_MS);
    set_time(m, "NextVisibleTime", message->visible_ms * US_PER_MS);
    lh_metadata_set_text(m, "PopReceipt", message->pop_receipt);
}

void lh_envelope_queue(const struct lh_function *f, const struct lh_message *m, const char *data,
                       size_t len, struct enl_buf *out)
{
    LH_AUTO_METADATA struct lh_metadata metadata = {0};

    enl_buf_adds(out, "{\"Data\":{");
    add_key(out, f->binding);
    if (f->binary) {
        enl_buf_addc(out, '"');
        enl_base64_encode(data, len, out);
        enl_buf_addc(out, '"');
    } else {
        lh_net_twice(data, len, out);
    }
    enl_buf_adds(out, "},\"Metadata\":");
    set_message(&metadata, m);
    lh_metadata_set_sys(&metadata, "sys", f->name);
    if (!f->binary) {
        lh_metadata_add_object(&metadata, data, len, NULL);
    }
    lh_metadata_write(&metadata, out);
    enl_buf_addc(out, '}');
}

static void add_status(const struct lh_tick *tick, struct enl_buf *out)
{
    if (!tick->monitored) {
        enl_buf_adds(out, "null");
        return;
    }
    enl_buf_adds(out, "{\"Last\":\"");
    if (tick->last_us > 0) {
        lh_add_time(tick->last_us, true, "+00:00", out);
    } else {
        enl_buf_adds(out, "0001-01-01T00:00:00");
    }
    enl_buf_adds(out, "\",\"Next\":\"");
    lh_add_time(tick->next_us, false, "+00:00", out);
    enl_buf_adds(out, "\",\"LastUpdated\":\"");
    if (tick->last_us > 0) {
        lh_add_time(tick->last_us, true, "+00:00", out);
    } else {
        enl_buf_adds(out, "0001-01-01T00:00:00");
    }
    enl_buf_adds(out, "\"}");
}

void lh_envelope_timer(const struct lh_function *f, const struct lh_tick *tick, struct enl_buf *out)
{
    LH_AUTO_METADATA struct lh_metadata m = {0};

    enl_buf_adds(out, "{\"Data\":{");
    add_key(out, f->binding);
    enl_buf_adds(out, "{\"Schedule\":{\"AdjustForDST\":true},\"ScheduleStatus\":");
    add_status(tick, out);
    enl_buf_addf(out, ",\"IsPastDue\":%s}},\"Metadata\":", tick->past_due ? "true" : "false");
    lh_metadata_set_sys(&m, "sys", f->name);
    lh_metadata_write(&m, out);
    enl_buf_addc(out, '}');
}
