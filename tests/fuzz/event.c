/* event - fuzz target: a posted body to an event, over the queue's message to the same event, and
 * into a contact twice.
 *
 * A first line that begins with '#' is the Idempotency-Key header. */
#include "domain/event.h"

#include "base/alloc.h"
#include "domain/contact.h"
#include "domain/message.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_message(const struct enl_event *e, const struct enl_event_source *src)
{
    static const char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const struct enl_event_options opt = fuzz_options();
    struct enl_buf text = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_message m = {0};
    struct enl_event *again = NULL;

    enl_message_write(e, traceparent, src->raw, src->raw_len, &text);
    FUZZ_CHECK(enl_buf_ok(&text));
    FUZZ_CHECK(enl_message_read(enl_buf_str(&text), text.len, &m, NULL) == ENL_OK);
    FUZZ_CHECK(!m.newer && strcmp(m.traceparent, traceparent) == 0);
    FUZZ_CHECK(m.raw_len == src->raw_len && memcmp(m.raw, src->raw, src->raw_len) == 0);
    FUZZ_CHECK(enl_message_event(&m, &opt, &again, NULL) == ENL_OK);
    fuzz_check_event(again);
    fuzz_check_same(e, again);
    enl_event_free(again);
    enl_message_done(&m);
    enl_buf_done(&text);
}

static void check_contact(const struct enl_event *e)
{
    struct enl_contact c = {0};
    struct enl_json *fields = NULL;
    char *text = NULL;
    char *keys = NULL;
    bool changed = false;

    FUZZ_CHECK(enl_contact_init(&c, NULL) == ENL_OK);
    FUZZ_CHECK(enl_contact_merge(&c, e, &changed, NULL) == ENL_OK);
    FUZZ_CHECK(changed == (enl_json_len(c.fields) > 0));
    FUZZ_CHECK(enl_json_len(c.fields) == enl_json_len(c.keys));
    text = fuzz_dump(c.fields);
    keys = fuzz_dump(c.keys);
    fields = ENL_TAKE(c.fields);
    enl_contact_done(&c);
    FUZZ_CHECK(enl_contact_load(&c, text, keys, NULL) == ENL_OK);
    FUZZ_CHECK(enl_contact_merge(&c, e, &changed, NULL) == ENL_OK);
    FUZZ_CHECK(!changed && enl_json_equal(c.fields, fields));
    enl_json_free(fields);
    enl_contact_done(&c);
    free(text);
    free(keys);
}

/* Who only checks the body hears the same. */
static void check_checked(const struct enl_event_source *src, const struct enl_event *e,
                          enum enl_rc rc, const struct enl_refusal *why)
{
    struct enl_event_options opt = fuzz_options();
    struct enl_event *checked = NULL;
    struct enl_refusal again = {0};

    opt.check_only = true;
    FUZZ_CHECK(enl_event_read(src, &opt, &checked, &again, NULL) == rc);
    FUZZ_CHECK(again.status == why->status && strcmp(again.field, why->field) == 0);
    if (rc == ENL_OK) {
        fuzz_check_checked(checked, e);
    }
    enl_event_free(checked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct enl_event_options opt = fuzz_options();
    const uint8_t *newline = size > 0 && data[0] == '#' ? memchr(data, '\n', size) : NULL;
    size_t skip = newline ? (size_t)(newline - data) + 1 : 0;
    char *header = newline ? fuzz_text(data + 1, skip - 2) : NULL;
    const struct enl_event_source src = {.raw = (const char *)data + skip,
                                         .raw_len = size - skip,
                                         .received_us = FUZZ_RECEIVED_US,
                                         .given_id = header,
                                         .new_id = FUZZ_NEW_ID};
    struct enl_event *e = NULL;
    struct enl_refusal why = {0};
    struct enl_err err = {0};
    enum enl_rc rc = enl_event_read(&src, &opt, &e, &why, &err);

    if (rc == ENL_OK) {
        FUZZ_CHECK(why.status == 0);
        fuzz_check_event(e);
        check_message(e, &src);
        check_contact(e);
    } else {
        FUZZ_CHECK(rc == ENL_INVALID && err.rc == rc && !e);
        FUZZ_CHECK(why.status == 400 || why.status == 413 || why.status == 422);
        FUZZ_CHECK((why.status == 400) == (why.line > 0) &&
                   (why.status == 400) == (why.column > 0));
        FUZZ_CHECK(why.detail[0] != '\0' && fuzz_is_utf8(why.field) && fuzz_is_utf8(why.detail));
        FUZZ_CHECK(fuzz_is_utf8(err.text));
    }
    check_checked(&src, e, rc, &why);
    enl_event_free(e);
    free(header);
    return 0;
}
