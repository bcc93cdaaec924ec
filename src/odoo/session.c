/* session - one Odoo database as one user: log in, agree on the addon's version, ingest, look up.
 */
#include "base/alloc.h"
#include "odoo/odoo.h"
#include "wrap/crypto.h"

#include <stdio.h>
#include <string.h>

#define URL_MAX 512 /* bytes: a host name has at most 253 characters */

struct enl_odoo {
    const struct enl_config *cfg;
    struct enl_http *http;
    char url[URL_MAX];
    int64_t uid;    /* 0: not logged in */
    bool agreed;    /* api_info was asked in this session */
    bool remembers; /* it named the feature `erased` */
    bool relogged;  /* the login since the last good answer was a second one */
};

struct enl_odoo *enl_odoo_new(const struct enl_config *cfg)
{
    struct enl_odoo *o = enl_calloc(1, sizeof(*o));
    bool ipv6 = strchr(cfg->odoo_host, ':') != NULL && cfg->odoo_host[0] != '[';

    if (!o) {
        return NULL;
    }
    o->cfg = cfg;
    o->http = enl_http_new();
    if (!o->http) {
        free(o);
        return NULL;
    }
    (void)snprintf(o->url, sizeof(o->url), "%s://%s%s%s:%u/jsonrpc",
                   cfg->odoo_tls ? "https" : "http", ipv6 ? "[" : "", cfg->odoo_host,
                   ipv6 ? "]" : "", (unsigned)cfg->odoo_port);
    return o;
}

void enl_odoo_free(struct enl_odoo *o)
{
    if (o) {
        enl_http_free(o->http);
        free(o);
    }
}

enum enl_odoo_step enl_odoo_next(const struct enl_odoo *o)
{
    if (o->uid == 0) {
        return ENL_ODOO_LOGIN;
    }
    return o->agreed ? ENL_ODOO_INGEST : ENL_ODOO_VERSION;
}

static void add_quoted(struct enl_buf *out, const char *s)
{
    ENL_AUTO_JSON struct enl_json *j = enl_json_new_str(s);

    if (j) {
        enl_json_dump(j, false, out);
    } else {
        out->failed = true;
    }
}

static void add_credentials(const struct enl_odoo *o, bool by_uid, struct enl_buf *out)
{
    add_quoted(out, o->cfg->odoo_db);
    if (by_uid) {
        enl_buf_addf(out, ",%lld,", (long long)o->uid);
    } else {
        enl_buf_addc(out, ',');
        add_quoted(out, o->cfg->odoo_user);
        enl_buf_addc(out, ',');
    }
    add_quoted(out, o->cfg->odoo_password);
}

/* What a call is about. */
struct call {
    enum enl_odoo_step step;
    const char *items;
    size_t items_len;
    const char *const *ids;
    size_t n;
};

/* Archived rows count, a many2one is its bare id. */
static void write_look_up(const struct call *c, struct enl_buf *out)
{
    enl_buf_adds(out, "\"search_read\",[],{\"domain\":[[\"event_id\",\"in\",[");
    for (size_t i = 0; i < c->n; i++) {
        if (i > 0) {
            enl_buf_addc(out, ',');
        }
        add_quoted(out, c->ids[i]);
    }
    enl_buf_adds(out, "]]],\"fields\":[\"event_id\",\"contact_id\"],\"load\":null,");
    enl_buf_adds(out, "\"context\":{\"tz\":\"UTC\",\"lang\":\"en_US\",\"active_test\":false}}]}}");
}

/* The context keeps Odoo's words in one language, whatever the user's is. */
static void write_request(const struct enl_odoo *o, const struct call *c, struct enl_buf *out)
{
    enum enl_odoo_step step = c->step;

    enl_buf_adds(out, "{\"jsonrpc\":\"2.0\",\"method\":\"call\",\"id\":1,\"params\":{\"service\":");
    if (step == ENL_ODOO_LOGIN) {
        enl_buf_adds(out, "\"common\",\"method\":\"authenticate\",\"args\":[");
        add_credentials(o, false, out);
        enl_buf_adds(out, ",{}]}}");
        return;
    }
    enl_buf_adds(out, "\"object\",\"method\":\"execute_kw\",\"args\":[");
    add_credentials(o, true, out);
    enl_buf_adds(out, ",\"manychat.state\",");
    if (step == ENL_ODOO_LOOK_UP) {
        write_look_up(c, out);
        return;
    }
    if (step == ENL_ODOO_VERSION) {
        enl_buf_adds(out, "\"api_info\",[]");
    } else {
        enl_buf_adds(out, "\"ingest\",[[");
        enl_buf_add(out, c->items, c->items_len);
        enl_buf_adds(out, "]]");
    }
    enl_buf_adds(out, ",{\"context\":{\"tz\":\"UTC\",\"lang\":\"en_US\"}}]}}");
}

static void config_error(struct enl_odoo_reply *r, const char *text)
{
    r->class = ENL_ODOO_CONFIG;
    (void)snprintf(r->reason, sizeof(r->reason), "%.190s", text);
}

static void after_login(struct enl_odoo *o, const struct enl_json *result,
                        struct enl_odoo_reply *ret)
{
    int64_t uid = 0;

    if (enl_json_i64(result, &uid) && uid > 0) {
        o->uid = uid;
        o->agreed = false;
    } else {
        config_error(ret, "login refused: ODOO_USER or ODOO_PASSWORD is wrong");
    }
}

static bool has_feature(const struct enl_json *info, const char *name)
{
    const struct enl_json *features = enl_json_get(info, "features");

    for (size_t i = 0; i < enl_json_len(features); i++) {
        const char *feature = enl_json_str(enl_json_at(features, i));

        if (feature && strcmp(feature, name) == 0) {
            return true;
        }
    }
    return false;
}

static void after_version(struct enl_odoo *o, const struct enl_json *result,
                          struct enl_odoo_reply *ret)
{
    int64_t api = 0;
    int64_t api_min = 0;

    if (!enl_json_get_i64(result, "api", &api) || !enl_json_get_i64(result, "api_min", &api_min)) {
        config_error(ret, "api_info of manychat.state names no version");
    } else if (api < ENL_ODOO_API || api_min > ENL_ODOO_API) {
        (void)snprintf(ret->reason, sizeof(ret->reason),
                       "no common version: the addon speaks %lld to %lld, this service %d",
                       (long long)api_min, (long long)api, ENL_ODOO_API);
        ret->class = ENL_ODOO_CONFIG;
    } else {
        o->agreed = true;
        o->remembers = has_feature(result, "erased");
    }
}

/* A refused call after a login: the password may have changed, or the uid: once more from the
 * start; refused again it is a matter of settings. */
static void after_denied(struct enl_odoo *o, enum enl_odoo_step step, struct enl_odoo_reply *ret)
{
    o->uid = 0;
    o->agreed = false;
    if (step == ENL_ODOO_LOGIN || o->relogged) {
        ret->class = ENL_ODOO_CONFIG;
        o->relogged = false;
    } else {
        o->relogged = true;
    }
}

static enum enl_rc after_answer(struct enl_odoo *o, const struct call *c,
                                const struct enl_json *result, struct enl_odoo_reply *ret,
                                struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;
    struct enl_err why = {0};

    switch (c->step) {
    case ENL_ODOO_LOGIN: after_login(o, result, ret); break;
    case ENL_ODOO_VERSION: after_version(o, result, ret); break;
    case ENL_ODOO_INGEST:
        o->relogged = false;
        rc = enl_odoo_verdicts(result, c->ids, c->n, ret, &why);
        if (rc == ENL_INVALID) {
            config_error(ret, why.text);
            ret->maybe_done = true;
        } else if (rc != ENL_OK) {
            return enl_fail(err, rc, "%s", why.text);
        }
        break;
    case ENL_ODOO_LOOK_UP:
        o->relogged = false;
        ret->remembers = o->remembers;
        rc = enl_odoo_found(result, c->ids, c->n, ret, &why);
        if (rc == ENL_INVALID) {
            config_error(ret, why.text);
        } else if (rc != ENL_OK) {
            return enl_fail(err, rc, "%s", why.text);
        }
        break;
    }
    return ENL_OK;
}

/* The request was sent, and what it brought about cannot be read. */
static void after_oom(struct enl_odoo_reply *ret)
{
    enl_odoo_reply_done(ret);
    ret->class = ENL_ODOO_PERHAPS;
    (void)snprintf(ret->reason, sizeof(ret->reason), "out of memory while an answer was read");
}

static enum enl_rc make_call(struct enl_odoo *o, const struct call *c, struct enl_odoo_reply *ret,
                             struct enl_err *err)
{
    const char *ca_file =
        o->cfg->odoo_ca_file && *o->cfg->odoo_ca_file ? o->cfg->odoo_ca_file : NULL;
    struct enl_buf body = ENL_BUF_INIT(ENL_ODOO_REQUEST_MAX + 65536);
    ENL_AUTO_JSON struct enl_json *result = NULL;
    struct enl_http_response res;
    struct enl_http_request req = {.url = o->url,
                                   .content_type = "application/json",
                                   .ca_file = ca_file,
                                   .timeout_ms = o->cfg->odoo_timeout_s * 1000,
                                   .connect_timeout_ms = ENL_ODOO_CONNECT_MS,
                                   .response_max = ENL_ODOO_RESPONSE_MAX};
    enum enl_rc rc = ENL_FATAL;

    write_request(o, c, &body);
    req.body = enl_buf_str(&body);
    req.body_len = body.len;
    if (enl_buf_ok(&body)) {
        rc = enl_http_post(o->http, &req, &res, err);
    } else {
        rc = enl_fail_oom(err);
    }
    if (body.data) {
        enl_secret_wipe(body.data, body.len);
    }
    enl_buf_done(&body);
    if (rc != ENL_OK) {
        return rc;
    }
    rc = enl_odoo_classify(&res, ret, &result, NULL);
    enl_http_response_done(&res);
    if (rc == ENL_OK && ret->class == ENL_ODOO_DENIED) {
        after_denied(o, c->step, ret);
    } else if (rc == ENL_OK && ret->class == ENL_ODOO_ANSWERED) {
        rc = after_answer(o, c, result, ret, NULL);
    }
    if (rc != ENL_OK) {
        after_oom(ret);
    }
    return ENL_OK;
}

enum enl_rc enl_odoo_call(struct enl_odoo *o, const char *items, size_t items_len,
                          const char *const *ids, size_t n, struct enl_odoo_reply *ret,
                          struct enl_err *err)
{
    const struct call c = {enl_odoo_next(o), items, items_len, ids, n};

    return make_call(o, &c, ret, err);
}

enum enl_rc enl_odoo_look_up(struct enl_odoo *o, const char *const *ids, size_t n,
                             struct enl_odoo_reply *ret, struct enl_err *err)
{
    struct call c = {.step = enl_odoo_next(o), .ids = ids, .n = n};

    c.step = c.step == ENL_ODOO_INGEST ? ENL_ODOO_LOOK_UP : c.step;
    return make_call(o, &c, ret, err);
}
