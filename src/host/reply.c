/* reply - see reply.h. */
#include "host/reply.h"

#include "wrap/crypto.h"
#include "wrap/json.h"

#include <stdio.h>
#include <string.h>

#define HEAD_ROOM 512 /* bytes that most heads and envelopes fit into, without what they carry */

void enl_reply_init(struct enl_reply *r)
{
    memset(r, 0, sizeof(*r));
    r->status = 200;
    r->content_type = "application/json";
    r->body.max = ENL_REPLY_MAX;
    r->output.max = ENL_REPLY_MAX;
}

void enl_reply_done(struct enl_reply *r)
{
    enl_buf_done(&r->body);
    enl_buf_done(&r->output);
}

void enl_reply_header(struct enl_reply *r, const char *name, const char *value)
{
    if (r->n_headers < ENL_REPLY_HEADERS) {
        r->headers[r->n_headers++] = (struct enl_header){name, value};
    }
}

void enl_reply_output(struct enl_reply *r, const char *message, size_t len)
{
    enl_buf_reset(&r->output);
    enl_buf_add(&r->output, message, len);
    r->has_output = true;
}

const char *enl_status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: break;
    }
    return status < 400 ? "OK" : "Error";
}

static void add_member(struct enl_buf *b, const char *name, const char *text)
{
    enl_buf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    enl_json_quote(text, strlen(text), b);
}

void enl_reply_problem(struct enl_reply *r, const struct enl_problem *p)
{
    struct enl_buf *b = &r->body;

    r->status = p->status;
    r->content_type = "application/problem+json";
    r->has_output = false;
    enl_buf_reset(b);
    enl_buf_addc(b, '{');
    add_member(b, "type", "about:blank");
    add_member(b, "title", enl_status_text(p->status));
    enl_buf_addf(b, ",\"status\":%d", p->status);
    add_member(b, "detail", p->detail);
    if (p->field && *p->field != '\0') {
        add_member(b, "field", p->field);
    }
    if (p->line > 0) {
        enl_buf_addf(b, ",\"line\":%d,\"column\":%d", p->line, p->column);
    }
    if (p->members) {
        enl_buf_addf(b, ",%s", p->members);
    }
    enl_buf_addc(b, '}');
    if (p->field && *p->field != '\0') {
        (void)snprintf(r->note, sizeof(r->note), "%s: %s", p->field, p->detail);
    } else {
        (void)snprintf(r->note, sizeof(r->note), "%s", p->detail);
    }
}

static void add_res(const struct enl_reply *r, struct enl_buf *out)
{
    enl_buf_addf(out, "\"res\":{\"statusCode\":%d,\"headers\":{\"Content-Type\":\"%s\"", r->status,
                 r->content_type);
    for (size_t i = 0; i < r->n_headers; i++) {
        enl_buf_addc(out, ',');
        enl_json_quote(r->headers[i].name, strlen(r->headers[i].name), out);
        enl_buf_addc(out, ':');
        enl_json_quote(r->headers[i].value, strlen(r->headers[i].value), out);
    }
    enl_buf_adds(out, "},\"body\":");
    enl_json_quote(enl_buf_str(&r->body), r->body.len, out);
    enl_buf_addc(out, '}');
}

void enl_reply_wrap(const struct enl_function *f, const struct enl_reply *r, struct enl_buf *out)
{
    size_t before = 0;

    if (!enl_buf_ok(&r->body) || !enl_buf_ok(&r->output)) {
        out->failed = true;
        return;
    }
    /* Quotes and base64 take more than what they stand for, rarely more than this. */
    (void)enl_buf_room(out, HEAD_ROOM + r->body.len / 8 * 9 + r->output.len / 2 * 3);
    enl_buf_adds(out, "{\"Outputs\":{");
    before = out->len;
    if (f->trigger == ENL_HTTP) {
        add_res(r, out);
    }
    if (r->has_output && f->output) {
        enl_buf_addf(out, "%s\"%s\":\"", out->len > before ? "," : "", f->output);
        enl_base64_encode(enl_buf_str(&r->output), r->output.len, out);
        enl_buf_addc(out, '"');
    }
    enl_buf_adds(out, "},\"Logs\":[],\"ReturnValue\":null}");
}

void enl_reply_http(const struct enl_reply *r, bool close_after, bool head_only,
                    struct enl_buf *out)
{
    (void)enl_buf_room(out, HEAD_ROOM + r->body.len);
    enl_buf_addf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", r->status,
                 enl_status_text(r->status), r->content_type, r->body.len);
    for (size_t i = 0; i < r->n_headers; i++) {
        enl_buf_addf(out, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
    }
    enl_buf_addf(out, "Connection: %s\r\n\r\n", close_after ? "close" : "keep-alive");
    if (!head_only) {
        enl_buf_add(out, enl_buf_str(&r->body), r->body.len);
    }
    if (!enl_buf_ok(&r->body)) {
        out->failed = true;
    }
}
