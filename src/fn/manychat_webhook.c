/* manychat_webhook - takes one event of ManyChat and puts it on the queue.
 *
 * No I/O: the host writes the queue.  ManyChat never repeats a post, so only what cannot be kept at
 * all is refused. */
#include "base/thread.h"
#include "domain/event.h"
#include "domain/message.h"
#include "fn/app.h"
#include "fn/auth.h"
#include "fn/functions.h"
#include "fn/request.h"
#include "host/reply.h"
#include "wrap/crypto.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_TEXT_MAX                                                                           \
    ((size_t)8 * ENL_BODY_MAX) /* six bytes for one is the most that escaping takes                \
                                */
#define WARNINGS_TEXT_MAX 65536U
#define MEMBERS_MAX       64

_Static_assert(ENL_BODY_MAX == 1048576, "refuse_cut says so");

/* One body on its way to a message; results are plain texts, so that all JSON lives and dies on
 * the stack that fits it. */
struct job {
    struct enl_event_source source;
    struct enl_event_options options;
    const char *traceparent;
    bool strict;
    enum enl_rc rc;
    struct enl_err err;
    struct enl_refusal why;
    char event_id[ENL_EVENT_ID_MAX + 1];
    size_t n_warnings;
    struct enl_buf warnings; /* a JSON array */
    struct enl_buf message;
};

static void read_body(void *arg)
{
    struct job *j = arg;
    struct enl_event *event = NULL;
    ENL_AUTO_JSON struct enl_json *warnings = NULL;

    j->rc = enl_event_read(&j->source, &j->options, &event, &j->why, &j->err);
    if (j->rc != ENL_OK) {
        return;
    }
    (void)snprintf(j->event_id, sizeof(j->event_id), "%s", event->event_id);
    j->n_warnings = event->n_warnings;
    warnings = enl_event_warnings_json(event);
    if (warnings) {
        enl_json_dump(warnings, false, &j->warnings);
    }
    if (!j->strict || j->n_warnings == 0) {
        enl_message_write(event, j->traceparent, j->source.raw, j->source.raw_len, &j->message);
    }
    enl_event_free(event);
    if (!warnings || !enl_buf_ok(&j->warnings) || !enl_buf_ok(&j->message)) {
        j->rc = enl_fail_oom(&j->err);
    }
}

static void refuse(struct enl_reply *reply, int status, const char *detail)
{
    enl_reply_problem(reply, &(struct enl_problem){.status = status, .detail = detail});
}

static void refuse_size(struct enl_reply *reply, const char *what, size_t size, size_t limit)
{
    char members[MEMBERS_MAX];
    char detail[96];

    (void)snprintf(members, sizeof(members), "\"size\":%zu,\"limit\":%zu", size, limit);
    (void)snprintf(detail, sizeof(detail), "%s has %zu bytes, %zu are allowed", what, size, limit);
    enl_reply_problem(reply,
                      &(struct enl_problem){.status = 413, .detail = detail, .members = members});
}

static void refuse_body(struct enl_reply *reply, const struct enl_refusal *why)
{
    enl_reply_problem(reply, &(struct enl_problem){.status = why->status,
                                                   .detail = why->detail,
                                                   .field = why->field,
                                                   .line = why->line,
                                                   .column = why->column});
}

static void refuse_warnings(struct enl_reply *reply, const struct job *j)
{
    ENL_AUTO_BUF struct enl_buf members = ENL_BUF_INIT(WARNINGS_TEXT_MAX + MEMBERS_MAX);

    enl_buf_addf(&members, "\"event_id\":\"%s\",\"warnings\":%s", j->event_id,
                 enl_buf_str(&j->warnings));
    enl_reply_problem(reply, &(struct enl_problem){
                                 .status = 422,
                                 .detail = "strict handling was preferred, and there are warnings",
                                 .members = enl_buf_str(&members)});
    enl_reply_header(reply, "Preference-Applied", "handling=strict");
    reply->body.failed = reply->body.failed || members.failed;
}

static void accept(struct enl_reply *reply, const struct job *j)
{
    enl_buf_addf(&reply->body,
                 "{\"version\":\"v2\",\"content\":{\"messages\":[],\"actions\":[],"
                 "\"quick_replies\":[]},\"status\":\"queued\",\"event_id\":\"%s\",\"warnings\":%s}",
                 j->event_id, enl_buf_str(&j->warnings));
    if (j->strict) {
        enl_reply_header(reply, "Preference-Applied", "handling=strict");
    }
    enl_reply_output(reply, enl_buf_str(&j->message), j->message.len);
    if (j->n_warnings > 0) {
        (void)snprintf(reply->note, sizeof(reply->note), "%zu warnings", j->n_warnings);
    }
}

/* The body of an envelope that was too large to read. */
static void refuse_cut(struct enl_reply *reply)
{
    enl_reply_problem(reply, &(struct enl_problem){.status = 413,
                                                   .detail = "the body has more than 1048576 bytes",
                                                   .members = "\"limit\":1048576"});
}

/* What can be said before the body is looked at; true: refused. */
static bool is_refused(const struct enl_app *app, const struct enl_http_req *req,
                       struct enl_reply *reply)
{
    /* An envelope so large that its headers were not reached: nothing else is known of it. */
    if (req->cut && req->n_headers == 0) {
        refuse_cut(reply);
        return true;
    }
    if (!enl_auth(app->cfg, req, reply)) {
        return true;
    }
    if (enl_request_is_chunked(req)) {
        refuse(reply, 411, "a body sent in chunks does not arrive: send it with Content-Length");
        return true;
    }
    if (enl_request_is_type(req, "multipart/")) {
        refuse(reply, 415, "multipart is not read: send JSON");
        return true;
    }
    if (req->cut) {
        refuse_cut(reply);
        return true;
    }
    return false;
}

/* The body as the caller sent it: octet-stream arrives as base64.  INVALID: refused, the reply is
 * filled. */
static enum enl_rc decode_body(const struct enl_http_req *req, struct enl_buf *decoded,
                               struct enl_event_source *ret_source, struct enl_reply *reply,
                               struct enl_err *err)
{
    const char *raw = req->has_body ? req->body : "";
    size_t len = req->body_len;

    if (enl_request_is_type(req, "application/octet-stream")) {
        enum enl_rc rc = enl_base64_decode(raw, len, decoded, NULL);

        if (rc == ENL_INVALID) {
            refuse(reply, 400, "the body is not the base64 that the host sends");
            return ENL_INVALID;
        }
        if (rc != ENL_OK) {
            return enl_fail_oom(err);
        }
        raw = enl_buf_str(decoded);
        len = decoded->len;
    }
    if (len > ENL_BODY_MAX) {
        refuse_size(reply, "the body", len, ENL_BODY_MAX);
        return ENL_INVALID;
    }
    if (len == 0) {
        enl_reply_problem(
            reply, &(struct enl_problem){
                       .status = 400, .detail = "the body is empty", .line = 1, .column = 1});
        return ENL_INVALID;
    }
    ret_source->raw = raw;
    ret_source->raw_len = len;
    return ENL_OK;
}

static enum enl_rc run(struct job *j, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (enl_json_depth(j->source.raw, j->source.raw_len) <= ENL_JSON_SHALLOW) {
        read_body(j);
    } else {
        rc = enl_thread_call(read_body, j, err);
    }
    return rc;
}

static enum enl_rc finish(struct job *j, struct enl_reply *reply, struct enl_err *err)
{
    if (j->rc == ENL_INVALID && j->why.status != 0) {
        refuse_body(reply, &j->why);
        return ENL_OK;
    }
    if (j->rc != ENL_OK) {
        return enl_fail(err, j->rc, "%s", j->err.text);
    }
    (void)snprintf(reply->event_id, sizeof(reply->event_id), "%s", j->event_id);
    if (j->strict && j->n_warnings > 0) {
        refuse_warnings(reply, j);
    } else if (j->message.len > ENL_MESSAGE_MAX) {
        refuse_size(reply, "the message for the queue", j->message.len, ENL_MESSAGE_MAX);
    } else {
        accept(reply, j);
    }
    return ENL_OK;
}

enum enl_rc enl_fn_manychat_webhook(struct enl_app *app, const struct enl_http_req *req,
                                    struct enl_reply *reply, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf decoded = ENL_BUF_INIT((size_t)16 * ENL_BODY_MAX);
    char new_id[ENL_UUID_TEXT];
    struct job j = {.options = {.utc_offset_min = app->cfg->utc_offset_min,
                                .state_field = app->cfg->state_custom_field,
                                .check_only = true},
                    .traceparent = enl_request_traceparent(req),
                    .strict = enl_request_is_strict(req),
                    .warnings = ENL_BUF_INIT(WARNINGS_TEXT_MAX),
                    .message = ENL_BUF_INIT(MESSAGE_TEXT_MAX)};
    size_t n_ids = 0;
    enum enl_rc rc = ENL_OK;

    if (is_refused(app, req, reply)) {
        return ENL_OK;
    }
    rc = decode_body(req, &decoded, &j.source, reply, err);
    if (rc != ENL_OK) {
        return rc == ENL_INVALID ? ENL_OK : rc;
    }
    j.source.received_us = enl_app_received_us(app);
    rc = enl_uuid7(j.source.received_us / 1000, new_id, err);
    if (rc != ENL_OK) {
        return rc;
    }
    j.source.new_id = new_id;
    j.source.given_id = enl_http_header(req, "Idempotency-Key", &n_ids);
    j.source.given_twice = n_ids > 1;
    rc = run(&j, err);
    if (rc == ENL_OK) {
        rc = finish(&j, reply, err);
    }
    enl_buf_done(&j.warnings);
    enl_buf_done(&j.message);
    return rc;
}
