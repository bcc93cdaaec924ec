/* answer - see answer.h. */
#include "answer.h"

#include "base/str.h"
#include "log.h"
#include "net.h"

#include <string.h>
#include <strings.h>

#define TEXT_MAX     ((size_t)100 * 1024 * 1024)
#define PLAIN_TEXT   "text/plain; charset=utf-8"
#define STATUS_LEAST 100
#define STATUS_MOST  999

/* Keys of the answer count in any case; of several the last. */
static const struct enl_json *member(const struct enl_json *j, const char *key)
{
    const struct enl_json *found = NULL;

    for (void *it = enl_json_iter(j); it; it = enl_json_next(j, it)) {
        if (enl_ieq(enl_json_key(it), key)) {
            found = enl_json_value(it);
        }
    }
    return enl_json_is(found, ENL_JSON_NULL) ? NULL : found;
}

static bool is_success(const struct lh_reply *reply)
{
    return reply->status >= 200 && reply->status <= 299;
}

static bool is_json(const struct lh_reply *reply)
{
    static const char json[] = "application/json";
    const char *type = lh_pairs_find(&reply->headers, "Content-Type");
    size_t len = sizeof(json) - 1;

    return type && strncasecmp(type, json, len) == 0 && strchr(" ;\t", type[len]);
}

static void trimmed(const struct lh_reply *reply, const char **ret, size_t *ret_len)
{
    *ret = enl_buf_str(&reply->body);
    *ret_len = reply->body.len;
    enl_trim(ret, ret_len);
}

bool lh_answer_hangs(const struct lh_reply *reply)
{
    const char *text = NULL;
    size_t len = 0;

    trimmed(reply, &text, &len);
    return is_success(reply) &&
           (len == 0 || (is_json(reply) && len == 4 && memcmp(text, "null", 4) == 0));
}

static enum enl_rc write_logs(const struct lh_function *f, const struct enl_json *logs,
                              struct enl_err *err)
{
    if (logs && !enl_json_is(logs, ENL_JSON_ARRAY)) {
        return enl_fail(err, ENL_INVALID, "Logs is no array");
    }
    for (size_t i = 0; i < enl_json_len(logs); i++) {
        ENL_AUTO_BUF struct enl_buf line = ENL_BUF_INIT(TEXT_MAX);

        lh_net_text(enl_json_at(logs, i), &line);
        lh_log("Function.%s.User: %s", f->name, enl_buf_str(&line));
    }
    return ENL_OK;
}

enum enl_rc lh_answer_read(const struct lh_function *f, const struct lh_reply *reply,
                           struct lh_answer *ret, struct enl_err *err)
{
    struct lh_answer a = {0};
    const char *text = NULL;
    size_t len = 0;
    enum enl_rc rc = ENL_OK;

    if (!is_success(reply)) {
        return enl_fail(err, ENL_INVALID, "the handler answered %d", reply->status);
    }
    if (!is_json(reply)) {
        return enl_fail(err, ENL_INVALID,
                        "No MediaTypeFormatter: the answer is no "
                        "application/json");
    }
    trimmed(reply, &text, &len);
    rc = enl_json_parse(text, len, &a.root, NULL, err);
    if (rc == ENL_OK && !enl_json_is(a.root, ENL_JSON_OBJECT)) {
        rc = enl_fail(err, ENL_INVALID, "the answer is no JSON object");
    }
    a.outputs = member(a.root, "Outputs");
    a.return_value = member(a.root, "ReturnValue");
    if (rc == ENL_OK && a.outputs && !enl_json_is(a.outputs, ENL_JSON_OBJECT)) {
        rc = enl_fail(err, ENL_INVALID, "Outputs is no object");
    }
    rc = rc ? rc : write_logs(f, member(a.root, "Logs"), err);
    if (rc != ENL_OK) {
        lh_answer_done(&a);
        return rc;
    }
    *ret = a;
    return ENL_OK;
}

void lh_answer_done(struct lh_answer *a)
{
    enl_json_free(a->root);
    *a = (struct lh_answer){0};
}

static enum enl_rc put(struct lh_host *h, const char *queue, const struct enl_buf *message,
                       struct enl_err *err)
{
    if (!enl_buf_ok(message)) {
        return enl_fail_oom(err);
    }
    return lh_host_put(h, queue, enl_buf_str(message), message->len, err);
}

/* One message an element: texts exact, all else re-serialised. */
static enum enl_rc put_each(struct lh_host *h, const char *queue, const struct enl_json *array,
                            struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < enl_json_len(array) && rc == ENL_OK; i++) {
        const struct enl_json *item = enl_json_at(array, i);
        const char *text = enl_json_str(item);
        ENL_AUTO_BUF struct enl_buf message = ENL_BUF_INIT(TEXT_MAX);

        if (text) {
            enl_buf_adds(&message, text);
        } else {
            lh_net_text(item, &message);
        }
        if (!enl_json_is(item, ENL_JSON_NULL)) {
            rc = put(h, queue, &message, err);
        }
    }
    return rc;
}

/* A single text: base64 is decoded, JSON objects and arrays are taken for such. */
static enum enl_rc put_text(struct lh_host *h, const char *queue, const struct enl_json *value,
                            struct enl_err *err)
{
    const char *text = enl_json_str(value);
    char first = text[strspn(text, " \t\r\n")];
    ENL_AUTO_BUF struct enl_buf message = ENL_BUF_INIT(TEXT_MAX);
    ENL_AUTO_JSON struct enl_json *inner = NULL;

    if (lh_net_base64(text, strlen(text), &message)) {
        return put(h, queue, &message, err);
    }
    enl_buf_reset(&message);
    if ((first == '{' || first == '[') &&
        enl_json_parse(text, strlen(text), &inner, NULL, NULL) == ENL_OK) {
        if (first == '[') {
            return put_each(h, queue, inner, err);
        }
        value = inner;
    }
    lh_net_text(value, &message);
    return put(h, queue, &message, err);
}

static enum enl_rc put_value(struct lh_host *h, const char *queue, const struct enl_json *value,
                             struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf message = ENL_BUF_INIT(TEXT_MAX);

    switch (enl_json_type(value)) {
    case ENL_JSON_NULL: return ENL_OK;
    case ENL_JSON_ARRAY: return put_each(h, queue, value, err);
    case ENL_JSON_STRING: return put_text(h, queue, value, err);
    case ENL_JSON_BOOL:
    case ENL_JSON_NUMBER:
    case ENL_JSON_OBJECT: break;
    }
    lh_net_text(value, &message);
    return put(h, queue, &message, err);
}

enum enl_rc lh_answer_put(struct lh_host *h, const struct lh_function *f, const struct lh_answer *a,
                          struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < f->n_outputs && rc == ENL_OK; i++) {
        bool returned = strcmp(f->outputs[i].name, "$return") == 0;
        const struct enl_json *value =
            returned ? a->return_value : enl_json_get(a->outputs, f->outputs[i].name);

        rc = put_value(h, f->outputs[i].queue, value, err);
    }
    return rc;
}

static enum enl_rc read_status(const struct enl_json *res, struct lh_exchange *x,
                               struct enl_err *err)
{
    const struct enl_json *j = member(res, "statusCode");
    const char *text = enl_json_str(j) ? enl_json_str(j) : enl_json_number(j);
    uint32_t status = 0;

    x->status = 200;
    if (!j) {
        return ENL_OK;
    }
    if (!text || !enl_parse_u32(text, STATUS_LEAST, STATUS_MOST, &status)) {
        return enl_fail(err, ENL_INVALID, "res: statusCode is none");
    }
    x->status = (int)status;
    return ENL_OK;
}

static bool is_header_text(const char *s)
{
    for (; *s; s++) {
        if ((*s < ' ' && *s != '\t') || *s > '~') {
            return false;
        }
    }
    return true;
}

static enum enl_rc read_headers(const struct enl_json *res, struct lh_exchange *x,
                                struct enl_err *err)
{
    const struct enl_json *headers = member(res, "headers");
    ENL_AUTO_BUF struct enl_buf value = ENL_BUF_INIT(TEXT_MAX);

    if (headers && !enl_json_is(headers, ENL_JSON_OBJECT)) {
        return enl_fail(err, ENL_INVALID, "res: headers is no object");
    }
    for (void *it = enl_json_iter(headers); it; it = enl_json_next(headers, it)) {
        const char *name = enl_json_key(it);
        const struct enl_json *v = enl_json_value(it);

        enl_buf_reset(&value);
        if (enl_json_str(v)) {
            enl_buf_adds(&value, enl_json_str(v));
        } else if (enl_json_is(v, ENL_JSON_ARRAY) || enl_json_is(v, ENL_JSON_OBJECT)) {
            return enl_fail(err, ENL_INVALID, "res: the header %s is no text", name);
        } else {
            lh_net_text(v, &value);
        }
        if (!*name || !is_header_text(name) || strpbrk(name, " :\t") ||
            !is_header_text(enl_buf_str(&value))) {
            return enl_fail(err, ENL_INVALID, "res: a header cannot be sent");
        }
        /* The host frames the answer itself. */
        if (!enl_ieq(name, "Content-Length") && !enl_ieq(name, "Transfer-Encoding") &&
            !lh_pairs_set(&x->answer_headers, name, enl_buf_str(&value))) {
            return enl_fail_oom(err);
        }
    }
    return ENL_OK;
}

static enum enl_rc set_content_type(struct lh_exchange *x, struct enl_err *err)
{
    const char *given = lh_pairs_find(&x->answer_headers, "Content-Type");
    ENL_AUTO_BUF struct enl_buf type = ENL_BUF_INIT(TEXT_MAX);

    enl_buf_adds(&type, given && *given ? given : PLAIN_TEXT);
    if (!strcasestr(enl_buf_str(&type), "charset=")) {
        enl_buf_adds(&type, "; charset=utf-8");
    }
    return lh_pairs_set(&x->answer_headers, "Content-Type", enl_buf_str(&type)) ? ENL_OK
                                                                                : enl_fail_oom(err);
}

static void add_content(const struct enl_json *body, struct enl_buf *out)
{
    if (enl_json_str(body)) {
        enl_buf_adds(out, enl_json_str(body));
    } else if (!enl_json_is(body, ENL_JSON_NULL)) {
        lh_net_write(body, LH_NET_INDENTED, out);
    }
}

static enum enl_rc use_object(const struct enl_json *res, struct lh_exchange *x,
                              struct enl_err *err)
{
    enum enl_rc rc = read_status(res, x, err);

    rc = rc ? rc : read_headers(res, x, err);
    if (rc != ENL_OK) {
        return rc;
    }
    if (x->status == 204 || x->status == 304) {
        return ENL_OK;
    }
    add_content(member(res, "body"), &x->answer);
    return set_content_type(x, err);
}

enum enl_rc lh_answer_http(const struct lh_function *f, const struct lh_answer *a,
                           struct lh_exchange *x, struct enl_err *err)
{
    bool returned = f->http_out && strcmp(f->http_out, "$return") == 0;
    const struct enl_json *res = NULL;

    x->answer.max = TEXT_MAX;
    if (returned) {
        res = a->return_value;
    } else if (f->http_out) {
        res = enl_json_get(a->outputs, f->http_out);
    }
    if (enl_json_is(res, ENL_JSON_OBJECT)) {
        return use_object(res, x, err);
    }
    if (!enl_json_is(res, ENL_JSON_NULL)) {
        if (!returned) {
            return enl_fail(err, ENL_INVALID, "%s is no object", f->http_out);
        }
        x->status = 200;
        add_content(res, &x->answer);
        return set_content_type(x, err);
    }
    if (!a->outputs || returned || !f->http_out) {
        x->status = 204;
        return ENL_OK;
    }
    x->status = 200;
    enl_buf_adds(&x->answer, "{}");
    return set_content_type(x, err);
}
