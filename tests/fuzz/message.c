/* message - fuzz target: a text from the queue to an event, written and read again. */
#include "domain/message.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_again(const struct enl_event *e, const struct enl_message *m)
{
    const struct enl_event_options opt = fuzz_options();
    struct enl_buf text = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_message n = {0};
    struct enl_event *again = NULL;

    enl_message_write(e, m->traceparent, m->raw, m->raw_len, &text);
    FUZZ_CHECK(enl_buf_ok(&text));
    FUZZ_CHECK(enl_message_read(enl_buf_str(&text), text.len, &n, NULL) == ENL_OK);
    FUZZ_CHECK(!n.newer && n.received_us == m->received_us);
    FUZZ_CHECK((m->traceparent == NULL) == (n.traceparent == NULL));
    FUZZ_CHECK(!m->traceparent || strcmp(m->traceparent, n.traceparent) == 0);
    FUZZ_CHECK(n.raw_len == m->raw_len && memcmp(n.raw, m->raw, m->raw_len) == 0);
    FUZZ_CHECK(enl_message_event(&n, &opt, &again, NULL) == ENL_OK);
    fuzz_check_same(e, again);
    enl_event_free(again);
    enl_message_done(&n);
    enl_buf_done(&text);
}

static void check_event(const struct enl_message *m)
{
    const struct enl_event_options opt = fuzz_options();
    struct enl_event *e = NULL;
    struct enl_err err = {0};
    enum enl_rc rc = enl_message_event(m, &opt, &e, &err);

    if (rc == ENL_OK) {
        FUZZ_CHECK(strcmp(e->event_id, m->event_id) == 0);
        FUZZ_CHECK(strcmp(e->order_key, m->order_key) == 0);
        FUZZ_CHECK(e->generated == m->generated && e->received_us == m->received_us);
        fuzz_check_event(e);
        check_again(e, m);
    } else {
        FUZZ_CHECK(rc == ENL_INVALID && err.rc == rc && !e && fuzz_is_utf8(err.text));
    }
    enl_event_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enl_message m = {0};
    struct enl_err err = {0};
    int64_t order_us = 0;
    enum enl_rc rc = enl_message_read((const char *)data, size, &m, &err);

    if (rc != ENL_OK) {
        FUZZ_CHECK(rc == ENL_INVALID && err.rc == rc && !m.root && fuzz_is_utf8(err.text));
    } else if (m.newer) {
        FUZZ_CHECK(!m.root && !m.raw);
    } else {
        FUZZ_CHECK(enl_event_id_valid(m.event_id));
        FUZZ_CHECK(enl_order_key_read(m.order_key, m.event_id, &order_us) && order_us >= 0);
        FUZZ_CHECK(m.received_us >= 0 && m.raw_len == strlen(m.raw));
        FUZZ_CHECK(fuzz_is_utf8(m.raw) && fuzz_is_utf8(m.traceparent));
        check_event(&m);
    }
    enl_message_done(&m);
    return 0;
}
