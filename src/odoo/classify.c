/* classify - what Odoo's answers mean; pure, tested over recorded exchanges. */
#include "base/alloc.h"
#include "base/str.h"
#include "odoo/odoo.h"

#include <stdio.h>
#include <string.h>

#define NAME_TEXT   80  /* bytes of an exception's name that a reason repeats */
#define REASON_TEXT 160 /* bytes of Odoo's message that it repeats */
#define SEE_LOG     "see Odoo's log, or last_error in events"

/* A reason is one line, whatever Odoo wrote. */
static void copy_line(char *ret, size_t size, const char *text)
{
    size_t len = strcspn(text, "\r\n");

    enl_copy_cut(ret, len + 1 < size ? len + 1 : size, text);
}

static void put_words(char *ret, size_t size, const char *what, const char *detail)
{
    char line[REASON_TEXT + 1];
    char text[NAME_TEXT + 16 + REASON_TEXT + 1];

    copy_line(line, sizeof(line), detail);
    (void)snprintf(text, sizeof(text), "%s%s", what, line);
    enl_copy_cut(ret, size, text);
}

static void reason(struct enl_odoo_reply *r, enum enl_odoo_class class, const char *what,
                   const char *detail)
{
    r->class = class;
    put_words(r->reason, sizeof(r->reason), what, detail);
    memcpy(r->words, r->reason, sizeof(r->words));
}

/* Rows are tried in order; NULL matches anything. */
static const struct error_row {
    const char *name;    /* error.data.name */
    const char *message; /* a part of error.data.message */
    enum enl_odoo_class class;
    const char *advice; /* for whoever runs the service */
} error_table[] = {
    {"odoo.exceptions.AccessDenied", NULL, ENL_ODOO_DENIED, "ODOO_USER or ODOO_PASSWORD is wrong"},
    /* A uid that is no longer there: logging in again finds out. */
    {"odoo.exceptions.MissingError", NULL, ENL_ODOO_DENIED, "ODOO_USER is not there any more"},
    {"odoo.exceptions.AccessError", NULL, ENL_ODOO_CONFIG, "ODOO_USER lacks the group Integration"},
    {"odoo.exceptions.UserError", "doesn't exist", ENL_ODOO_CONFIG, "the addon is not installed"},
    {"builtins.ValueError", "Invalid field", ENL_ODOO_CONFIG, "the addon is not up to date"},
    /* Bugs and missing methods: nothing is dead-lettered for them. */
    {"builtins.AttributeError", "does not exist", ENL_ODOO_CONFIG, "the addon is not up to date"},
    {"builtins.AttributeError", NULL, ENL_ODOO_CONFIG, SEE_LOG},
    {"builtins.KeyError", NULL, ENL_ODOO_CONFIG, SEE_LOG},
    {"builtins.TypeError", NULL, ENL_ODOO_CONFIG, SEE_LOG},
    {"psycopg2.OperationalError", "does not exist", ENL_ODOO_CONFIG, "ODOO_DB is not there"},
};

static const struct error_row *error_row(const char *name, const char *message)
{
    for (size_t i = 0; name && i < sizeof(error_table) / sizeof(error_table[0]); i++) {
        if (strcmp(name, error_table[i].name) == 0 &&
            (!error_table[i].message || strstr(message, error_table[i].message))) {
            return &error_table[i];
        }
    }
    return NULL;
}

/* Odoo tried five times itself and lost the race each time, or could not reach its database. */
static bool is_transient(const char *name, const char *message)
{
    return (name && enl_starts(name, "psycopg2.")) || strstr(message, "could not serialize") ||
           strstr(message, "already exists");
}

static void classify_error(const struct enl_json *error, struct enl_odoo_reply *ret)
{
    const struct enl_json *data = enl_json_get(error, "data");
    const char *name = enl_json_get_str(data, "name");
    const char *message = enl_json_get_str(data, "message");
    const struct error_row *row = NULL;
    char cut[NAME_TEXT + 1];
    char what[NAME_TEXT + 3];

    if (!message) {
        message = enl_json_get_str(error, "message");
    }
    message = message ? message : "no message";
    row = error_row(name, message);
    copy_line(cut, sizeof(cut), name ? name : "error without a name");
    (void)snprintf(what, sizeof(what), "%s: ", cut);
    reason(ret, row ? row->class : ENL_ODOO_PERHAPS, what, row ? row->advice : SEE_LOG);
    put_words(ret->words, sizeof(ret->words), what, message);
    ret->transient = is_transient(name, message);
}

static enum enl_rc classify_body(const struct enl_http_response *res, struct enl_odoo_reply *ret,
                                 struct enl_json **ret_result, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *root = NULL;
    const char *text = enl_buf_str(&res->body);
    enum enl_rc rc = ENL_OK;

    if (enl_json_depth(text, res->body.len) > ENL_JSON_SHALLOW) {
        reason(ret, ENL_ODOO_PERHAPS, "answer nested too deep", "");
        return ENL_OK;
    }
    rc = enl_json_parse(text, res->body.len, &root, NULL, NULL);
    if (rc == ENL_FATAL) {
        return enl_fail_oom(err);
    }
    if (rc != ENL_OK || !enl_json_is(root, ENL_JSON_OBJECT)) {
        reason(ret, ENL_ODOO_PERHAPS, "HTTP 200 without JSON", "");
        return ENL_OK;
    }
    ret->answered = true;
    if (enl_json_is(enl_json_get(root, "error"), ENL_JSON_OBJECT)) {
        classify_error(enl_json_get(root, "error"), ret);
        return ENL_OK;
    }
    ret->class = ENL_ODOO_ANSWERED;
    *ret_result = enl_json_ref(enl_json_get(root, "result"));
    return ENL_OK;
}

enum enl_rc enl_odoo_classify(const struct enl_http_response *res, struct enl_odoo_reply *ret,
                              struct enl_json **ret_result, struct enl_err *err)
{
    char status[32];

    *ret = (struct enl_odoo_reply){.retry_after_ms = res->retry_after_ms};
    *ret_result = NULL;
    switch (res->outcome) {
    case ENL_HTTP_NOT_SENT: reason(ret, ENL_ODOO_NOT_SENT, "", res->reason); return ENL_OK;
    case ENL_HTTP_UNTRUSTED:
        reason(ret, ENL_ODOO_CONFIG,
               "the certificate of ODOO_HOST is not trusted (ODOO_CA_FILE): ", res->reason);
        return ENL_OK;
    case ENL_HTTP_UNKNOWN: reason(ret, ENL_ODOO_PERHAPS, "", res->reason); return ENL_OK;
    case ENL_HTTP_ANSWERED: break;
    }
    if (res->status == 200) {
        return classify_body(res, ret, ret_result, err);
    }
    (void)snprintf(status, sizeof(status), "HTTP status %ld", res->status);
    /* A proxy says 503 also for a server that is down: only its Retry-After makes it a throttle. */
    ret->throttled = res->status == 429 || (res->status == 503 && res->retry_after_ms >= 0);
    /* What is behind the proxy may have had the request. */
    ret->maybe_done = ret->throttled && res->status == 503;
    reason(ret, ret->throttled ? ENL_ODOO_NOT_SENT : ENL_ODOO_PERHAPS, status, "");
    return ENL_OK;
}

static enum enl_verdict_kind kind_of(const char *status)
{
    static const struct {
        const char *status;
        enum enl_verdict_kind kind;
    } table[] = {
        {"created", ENL_VERDICT_CREATED},
        {"duplicate", ENL_VERDICT_DUPLICATE},
        {"rejected", ENL_VERDICT_REJECTED},
        {"retry", ENL_VERDICT_RETRY},
    };

    for (size_t i = 0; status && i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(status, table[i].status) == 0) {
            return table[i].kind;
        }
    }
    return ENL_VERDICT_NONE;
}

/* At most 500 characters; the caller frees. */
static char *cut_error(const char *text)
{
    size_t chars = 0;
    size_t len = 0;

    while (text[len] != '\0') {
        if (((unsigned char)text[len] & 0xC0U) != 0x80 && ++chars == ENL_ODOO_ERROR_MAX) {
            break;
        }
        len++;
    }
    return enl_memdup(text, len);
}

static enum enl_rc read_verdict(const struct enl_json *item, struct enl_verdict *v,
                                struct enl_err *err)
{
    const char *code = enl_json_get_str(item, "code");
    const char *error = enl_json_get_str(item, "error");

    v->kind = kind_of(enl_json_get_str(item, "status"));
    (void)enl_json_get_i64(item, "id", &v->id);
    (void)enl_json_get_i64(item, "contact_id", &v->contact_id);
    if (v->kind == ENL_VERDICT_REJECTED) {
        enl_copy_cut(v->code, sizeof(v->code), code ? code : "invalid");
        v->error = cut_error(error ? error : "rejected without a reason");
        return v->error ? ENL_OK : enl_fail_oom(err);
    }
    return ENL_OK;
}

/* The answer of ids[i]: at its place, as the contract says, or wherever it is. */
static const struct enl_json *find_result(const struct enl_json *results, const char *id, size_t i)
{
    const struct enl_json *item = enl_json_at(results, i);
    const char *named = enl_json_get_str(item, "event_id");

    if (named && strcmp(named, id) == 0) {
        return item;
    }
    for (size_t k = 0; k < enl_json_len(results); k++) {
        item = enl_json_at(results, k);
        named = enl_json_get_str(item, "event_id");
        if (named && strcmp(named, id) == 0) {
            return item;
        }
    }
    return NULL;
}

static enum enl_rc make_verdicts(size_t n, struct enl_odoo_reply *ret, struct enl_err *err)
{
    ret->verdicts = enl_calloc(n ? n : 1, sizeof(*ret->verdicts));
    if (!ret->verdicts) {
        return enl_fail_oom(err);
    }
    ret->n_verdicts = n;
    return ENL_OK;
}

enum enl_rc enl_odoo_verdicts(const struct enl_json *result, const char *const *ids, size_t n,
                              struct enl_odoo_reply *ret, struct enl_err *err)
{
    const struct enl_json *results = enl_json_get(result, "results");
    enum enl_rc rc = ENL_OK;

    if (!enl_json_is(results, ENL_JSON_ARRAY)) {
        return enl_fail(err, ENL_INVALID, "odoo: ingest answered without results");
    }
    rc = make_verdicts(n, ret, err);
    for (size_t i = 0; i < n && rc == ENL_OK; i++) {
        const struct enl_json *item = find_result(results, ids[i], i);

        rc = item ? read_verdict(item, &ret->verdicts[i], err) : ENL_OK;
    }
    return rc;
}

/* A many2one: its id, or a pair of id and name. */
static int64_t reference(const struct enl_json *value)
{
    int64_t id = 0;

    if (enl_json_is(value, ENL_JSON_ARRAY)) {
        value = enl_json_at(value, 0);
    }
    return enl_json_i64(value, &id) ? id : 0;
}

enum enl_rc enl_odoo_found(const struct enl_json *result, const char *const *ids, size_t n,
                           struct enl_odoo_reply *ret, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (!enl_json_is(result, ENL_JSON_ARRAY)) {
        return enl_fail(err, ENL_INVALID, "odoo: search_read answered without rows");
    }
    rc = make_verdicts(n, ret, err);
    for (size_t i = 0; i < n && rc == ENL_OK; i++) {
        const struct enl_json *row = find_result(result, ids[i], i);
        struct enl_verdict *v = &ret->verdicts[i];

        v->kind = row ? ENL_VERDICT_DUPLICATE : ENL_VERDICT_ABSENT;
        v->id = reference(enl_json_get(row, "id"));
        v->contact_id = reference(enl_json_get(row, "contact_id"));
    }
    return rc;
}

void enl_odoo_reply_done(struct enl_odoo_reply *r)
{
    for (size_t i = 0; i < r->n_verdicts; i++) {
        free(r->verdicts[i].error);
    }
    free(r->verdicts);
    *r = (struct enl_odoo_reply){.retry_after_ms = -1};
}
