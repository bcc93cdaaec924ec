/* envelope - see envelope.h. */
#include "host/envelope.h"

#include "base/alloc.h"
#include "base/str.h"
#include "host/json_span.h"

#include <string.h>

#define TEXT_MAX ((size_t)64 * 1024 * 1024) /* above anything that the server reads */

/* What is looked for in an invocation; the last only where there is a queue, for to Metadata a
 * caller's body adds members at will. */
enum { PICK_DATA, PICK_HEADERS, PICK_METHOD, PICK_BODY, PICK_PAST_DUE, PICK_DELIVERIES, N_PICKS };
_Static_assert(N_PICKS <= ENL_PICKS_MAX, "one pass picks them all");

static enum enl_rc no_envelope(struct enl_err *err, const char *what)
{
    return enl_fail(err, ENL_INVALID, "no invocation envelope: %s", what);
}

/* One more string with its NUL; NULL when it is none.  The buffer never moves: see read_headers. */
static const char *add_string(struct enl_span span, struct enl_buf *names)
{
    size_t at = names->len;

    if (!enl_span_decode(span, names)) {
        return NULL;
    }
    enl_buf_addc(names, '\0');
    return enl_buf_ok(names) ? names->data + at : NULL;
}

/* {"Name":["value",..],..}: one header for each value.  room is for as many. */
static bool list_headers(struct enl_span object, struct enl_envelope *e, size_t room)
{
    struct enl_span name = {0};
    struct enl_span values = {0};
    struct enl_span value = {0};
    struct enl_span none = {0};
    enum enl_step step = ENL_STEP_WRONG;
    enum enl_step inner = ENL_STEP_WRONG;
    size_t pos = 0;

    while ((step = enl_span_step(object, &pos, &name, &values)) == ENL_STEP_ITEM) {
        const char *key = add_string(name, &e->names);
        size_t at = 0;

        while (key && (inner = enl_span_step(values, &at, &none, &value)) == ENL_STEP_ITEM) {
            const char *text = add_string(value, &e->names);

            if (!text || e->http.n_headers >= room) {
                return false;
            }
            e->headers[e->http.n_headers++] = (struct enl_header){key, text};
        }
        if (!key || inner == ENL_STEP_WRONG) {
            return false;
        }
    }
    return step == ENL_STEP_END;
}

static enum enl_rc read_headers(struct enl_span span, struct enl_envelope *ret, struct enl_err *err)
{
    size_t room = 1;

    if (span.text[0] != '{') {
        return no_envelope(err, "headers");
    }
    /* Each value but the last of all is followed by a comma; and a literal is longer than the
     * string and its NUL, so neither of the two ever has to grow. */
    for (size_t i = 0; i < span.len; i++) {
        room += span.text[i] == ',' ? 1 : 0;
    }
    ret->headers = enl_calloc(room, sizeof(*ret->headers));
    ret->names.data = enl_malloc(span.len + 1);
    if (!ret->headers || !ret->names.data) {
        return enl_fail_oom(err);
    }
    ret->names.cap = span.len + 1;
    ret->names.max = span.len;
    ret->http.headers = ret->headers;
    return list_headers(span, ret, room) ? ENL_OK : no_envelope(err, "headers");
}

static enum enl_rc decode(struct enl_span span, struct enl_buf *out, const char *what,
                          struct enl_err *err)
{
    if (!enl_span_decode(span, out)) {
        return no_envelope(err, what);
    }
    return enl_buf_ok(out) ? ENL_OK : enl_fail_oom(err);
}

static enum enl_rc read_method(struct enl_span span, struct enl_envelope *ret, struct enl_err *err)
{
    /* A method is a token, so its literal has no escapes. */
    if (!enl_span_is_string(span) || span.len - 2 >= sizeof(ret->method)) {
        return no_envelope(err, "method");
    }
    memcpy(ret->method, span.text + 1, span.len - 2);
    ret->http.method = ret->method;
    return ENL_OK;
}

static enum enl_rc read_http(const struct enl_pick *picks, bool cut, struct enl_envelope *ret,
                             struct enl_err *err)
{
    struct enl_span headers = picks[PICK_HEADERS].value;
    struct enl_span body = picks[PICK_BODY].value;
    enum enl_rc rc = ENL_OK;

    ret->http.param = "";
    ret->http.method = "";
    ret->http.cut = cut;
    if (headers.len > 0) {
        rc = read_headers(headers, ret, err);
    } else if (!cut) {
        rc = no_envelope(err, "no headers");
    }
    if (rc == ENL_OK && !cut) {
        rc = read_method(picks[PICK_METHOD].value, ret, err);
    }
    if (rc == ENL_OK && !cut && body.len > 0) {
        rc = decode(body, &ret->body, "body", err);
        ret->http.has_body = true;
        ret->http.body = enl_buf_str(&ret->body);
        ret->http.body_len = ret->body.len;
    }
    return rc;
}

/* The message is a JSON string literal inside a JSON string. */
static enum enl_rc read_queue(struct enl_span data, struct enl_envelope *ret, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf literal = ENL_BUF_INIT(TEXT_MAX);
    struct enl_span span = {0};
    enum enl_rc rc = decode(data, &literal, "message", err);

    if (rc != ENL_OK) {
        return rc;
    }
    if (!enl_span_whole(enl_buf_str(&literal), literal.len, &span)) {
        return no_envelope(err, "message");
    }
    rc = decode(span, &ret->body, "message", err);
    ret->queue.text = enl_buf_str(&ret->body);
    ret->queue.len = ret->body.len;
    return rc;
}

/* Only "7" counts: what a message's own field of that name puts here is encoded twice. */
static unsigned read_deliveries(struct enl_span span)
{
    char text[12] = ""; /* ten digits */
    uint32_t n = 0;

    if (!enl_span_is_string(span) || span.len - 2 >= sizeof(text)) {
        return 0;
    }
    memcpy(text, span.text + 1, span.len - 2);
    return enl_parse_u32(text, 0, UINT32_MAX, &n) ? n : 0;
}

enum enl_rc enl_envelope_read(const struct enl_function *f, const char *text, size_t len, bool cut,
                              struct enl_envelope *ret, struct enl_err *err)
{
    struct enl_pick picks[N_PICKS] = {
        [PICK_DATA] = {.path = {"Data", f->binding}},
        [PICK_HEADERS] = {.path = {"Data", f->binding, "Headers"}},
        [PICK_METHOD] = {.path = {"Data", f->binding, "Method"}},
        [PICK_BODY] = {.path = {"Data", f->binding, "Body"}},
        [PICK_PAST_DUE] = {.path = {"Data", f->binding, "IsPastDue"}},
        [PICK_DELIVERIES] = {.path = {"Metadata", "DequeueCount"}},
    };
    size_t n = f->trigger == ENL_QUEUE ? N_PICKS : PICK_DELIVERIES;
    bool whole = enl_span_pick(text, len, picks, n);
    struct enl_span past_due = picks[PICK_PAST_DUE].value;

    memset(ret, 0, sizeof(*ret));
    ret->body.max = TEXT_MAX;
    if (!picks[PICK_DATA].value.text || (!whole && !cut)) {
        return no_envelope(err, "no data");
    }
    switch (f->trigger) {
    case ENL_HTTP: return read_http(picks, cut, ret, err);
    case ENL_QUEUE:
        ret->queue.deliveries = read_deliveries(picks[PICK_DELIVERIES].value);
        return cut ? no_envelope(err, "too large") : read_queue(picks[PICK_DATA].value, ret, err);
    case ENL_TIMER:
        ret->timer.past_due = past_due.len == 4 && past_due.text[0] == 't';
        return ENL_OK;
    }
    return no_envelope(err, "trigger");
}

void enl_envelope_done(struct enl_envelope *e)
{
    enl_buf_done(&e->body);
    enl_buf_done(&e->names);
    free(e->headers);
    memset(e, 0, sizeof(*e));
}
