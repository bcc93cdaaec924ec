/* envelope - fuzz target: what the Functions host posts, for each trigger, whole and cut; and what
 * is a JSON text is read as a JSON parser reads it. */
#include "host/envelope.h"

#include "base/str.h"
#include "fuzz.h"
#include "host/json_span.h"
#include "wrap/json.h"

#include <stdlib.h>
#include <string.h>

static const struct enl_function webhook = {
    .name = "webhook", .binding = "req", .output = "event", .trigger = ENL_HTTP};
static const struct enl_function processor = {
    .name = "processor", .binding = "event", .trigger = ENL_QUEUE};
static const struct enl_function tick = {.name = "tick", .binding = "timer", .trigger = ENL_TIMER};

static void check_text(const char *text, size_t len, bool utf8)
{
    struct enl_buf quoted = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_buf again = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_span span = {0};

    FUZZ_CHECK(text[len] == '\0');
    FUZZ_CHECK(!utf8 || enl_utf8_valid(text, len));
    enl_json_quote(text, len, &quoted);
    FUZZ_CHECK(enl_buf_ok(&quoted) && enl_span_whole(enl_buf_str(&quoted), quoted.len, &span));
    FUZZ_CHECK(enl_span_decode(span, &again) && enl_buf_ok(&again));
    FUZZ_CHECK(again.len == len && memcmp(enl_buf_str(&again), text, len) == 0);
    enl_buf_done(&quoted);
    enl_buf_done(&again);
}

static void check_http(const struct enl_http_req *req, bool cut, bool utf8)
{
    size_t n = 0;

    FUZZ_CHECK(req->cut == cut && req->param[0] == '\0' && strlen(req->method) < 16);
    for (size_t i = 0; i < req->n_headers; i++) {
        FUZZ_CHECK(!utf8 || fuzz_is_utf8(req->headers[i].name));
        FUZZ_CHECK(!utf8 || fuzz_is_utf8(req->headers[i].value));
        FUZZ_CHECK(enl_http_header(req, req->headers[i].name, &n) && n >= 1 && n <= req->n_headers);
    }
    FUZZ_CHECK(!cut || (!req->has_body && req->body_len == 0));
    if (req->has_body) {
        check_text(req->body, req->body_len, utf8);
    }
}

static void check_read(const struct enl_function *f, const char *text, size_t len, bool cut)
{
    bool utf8 = enl_utf8_valid(text, len);
    struct enl_envelope e;
    struct enl_err err = {0};
    enum enl_rc rc = enl_envelope_read(f, text, len, cut, &e, &err);

    if (rc != ENL_OK) {
        FUZZ_CHECK(rc == ENL_INVALID && err.rc == rc && fuzz_is_utf8(err.text));
    } else if (f->trigger == ENL_HTTP) {
        check_http(&e.http, cut, utf8);
    } else if (f->trigger == ENL_QUEUE) {
        check_text(e.queue.text, e.queue.len, utf8);
    }
    enl_envelope_done(&e);
}

static size_t count_headers(const struct enl_json *headers)
{
    size_t n = 0;

    for (void *it = enl_json_iter(headers); it; it = enl_json_next(headers, it)) {
        n += enl_json_len(enl_json_value(it));
    }
    return n;
}

/* A parser's own text names every key plainly and once: there the two must agree. */
static void check_parsed_http(const char *text, const struct enl_json *req)
{
    const char *body = enl_json_get_str(req, "Body");
    struct enl_envelope e;

    if (enl_envelope_read(&webhook, text, strlen(text), false, &e, NULL) == ENL_OK) {
        FUZZ_CHECK(enl_json_get(req, "Headers") && enl_json_get_str(req, "Method"));
        FUZZ_CHECK(e.http.n_headers == count_headers(enl_json_get(req, "Headers")));
        FUZZ_CHECK(e.http.has_body == (enl_json_get(req, "Body") != NULL));
        FUZZ_CHECK(!e.http.has_body || (body && strcmp(e.http.body, body) == 0));
    }
    enl_envelope_done(&e);
}

static void check_parsed_queue(const char *text, const char *message)
{
    struct enl_json *inner = NULL;
    bool whole = message && enl_json_parse(message, strlen(message), &inner, NULL, NULL) == ENL_OK;
    const char *want = enl_json_str(inner);
    struct enl_envelope e;

    if (enl_envelope_read(&processor, text, strlen(text), false, &e, NULL) == ENL_OK) {
        /* A literal that is no JSON may be taken all the same: a lone surrogate is. */
        FUZZ_CHECK(message && (!whole || (want && strcmp(e.queue.text, want) == 0)));
    } else {
        FUZZ_CHECK(!want);
    }
    enl_json_free(inner);
    enl_envelope_done(&e);
}

static void check_parsed(const struct enl_json *root)
{
    const struct enl_json *data = enl_json_get(root, "Data");
    char *text = fuzz_dump(root);

    check_parsed_http(text, enl_json_get(data, "req"));
    check_parsed_queue(text, enl_json_get_str(data, "event"));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct enl_json *root = NULL;

    check_read(&webhook, text, size, false);
    check_read(&webhook, text, size, true);
    check_read(&processor, text, size, false);
    check_read(&processor, text, size, true);
    check_read(&tick, text, size, false);
    if (enl_json_parse(text, size, &root, NULL, NULL) == ENL_OK) {
        check_parsed(root);
    }
    enl_json_free(root);
    return 0;
}
