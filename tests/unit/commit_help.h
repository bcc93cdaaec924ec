/* commit_help - events as queue messages bring them, and batches of them through T1. */
#ifndef ENL_TEST_COMMIT_HELP_H
#define ENL_TEST_COMMIT_HELP_H

#include "domain_help.h"
#include "store_help.h"

#include "commit/contacts.h"
#include "commit/t1.h"
#include "domain/message.h"

#define HELP_BATCH_MAX 32

struct help_message {
    char *text;
    struct enl_message message;
    struct enl_event *event;
};

static inline void help_message_make(struct help_message *m, const char *body, const char *id,
                                     bool generated, int64_t received_us)
{
    const struct enl_event_options opt = help_options();
    struct enl_event *e = help_event_at(body, id, received_us);
    struct enl_buf text = ENL_BUF_INIT(SIZE_MAX / 8);
    size_t len = 0;

    e->generated = generated;
    enl_message_write(e, NULL, body, strlen(body), &text);
    enl_event_free(e);
    m->text = enl_buf_take(&text, &len);
    assert_non_null(m->text);
    assert_int_equal(enl_message_read(m->text, len, &m->message, NULL), ENL_OK);
    assert_int_equal(enl_message_event(&m->message, &opt, &m->event, NULL), ENL_OK);
}

static inline void help_message_done(struct help_message *m)
{
    enl_event_free(m->event);
    enl_message_done(&m->message);
    free(m->text);
}

struct help_batch {
    struct help_message messages[HELP_BATCH_MAX];
    struct enl_t1_entry entries[HELP_BATCH_MAX];
    size_t n;
};

static inline void help_add_from(struct help_batch *b, const char *body, const char *id,
                                 bool generated, int64_t received_us)
{
    struct help_message *m = &b->messages[b->n];
    struct enl_t1_entry *entry = &b->entries[b->n];

    assert_in_range(b->n, 0, HELP_BATCH_MAX - 1);
    help_message_make(m, body, id, generated, received_us);
    *entry = (struct enl_t1_entry){
        .text = m->text, .text_len = strlen(m->text), .message = &m->message, .event = m->event};
    b->n++;
}

/* An event whose id the service made, received that many ms after the first of times. */
static inline void help_add(struct help_batch *b, const char *body, const char *id, int64_t ms)
{
    help_add_from(b, body, id, true, RECEIVED_US + ms * 1000);
}

static inline void help_batch_done(struct help_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        enl_row_free(b->entries[i].row);
        help_message_done(&b->messages[i]);
    }
    *b = (struct help_batch){0};
}

/* Frees the rows only, as if their owner had died. */
static inline void help_batch_forget(struct help_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        enl_row_free(b->entries[i].row);
        b->entries[i].row = NULL;
    }
}

static inline struct enl_t1_options help_t1_options(const struct enl_event_options *event,
                                                    const char *token)
{
    struct enl_t1_options opt = {
        .event = event, .clock = &enl_clock_system, .window_s = 10, .odoo = true};

    (void)snprintf(opt.token, sizeof(opt.token), "%s", token);
    return opt;
}

static inline enum enl_rc help_try_t1(struct help_db *db, struct help_batch *b, const char *token,
                                      struct enl_err *err)
{
    const struct enl_event_options event = help_options();
    const struct enl_t1_options opt = help_t1_options(&event, token);

    return enl_t1_run(db->store, b->entries, b->n, &opt, err);
}

static inline void help_t1(struct help_db *db, struct help_batch *b, const char *token)
{
    struct enl_err err = {0};

    if (help_try_t1(db, b, token, &err) != ENL_OK) {
        fail_msg("T1: %s", err.text);
    }
}

/* "M0" mine, with the index of its leader; "S" safe; "R" rejected: one for each entry. */
static inline void help_expect_outcomes(const struct help_batch *b, const char *want,
                                        const char *label)
{
    struct enl_buf text = ENL_BUF_INIT(SIZE_MAX / 8);

    for (size_t i = 0; i < b->n; i++) {
        const struct enl_t1_entry *e = &b->entries[i];

        enl_buf_adds(&text, i > 0 ? " " : "");
        switch (e->outcome) {
        case ENL_T1_SAFE: enl_buf_addc(&text, 'S'); break;
        case ENL_T1_REJECTED: enl_buf_addc(&text, 'R'); break;
        case ENL_T1_MINE:
            enl_buf_addf(&text, "M%zu", e->leader);
            ENL_CHECK(b->entries[e->leader].row != NULL, label);
            break;
        }
        ENL_CHECK(!e->row || (e->outcome == ENL_T1_MINE && e->leader == i), label);
    }
    ENL_CHECK_STR(enl_buf_str(&text), want, label);
    enl_buf_done(&text);
}

/* Makes all claims end now. */
static inline void help_end_claims(struct help_db *db)
{
    help_sql(db, "UPDATE events SET claim_until = 0");
}

/* The subscriber's contact is what all its events that count make of it, in any order. */
static inline void help_check_contact(struct help_db *db, const char *subscriber, const char *label)
{
    const struct enl_event_options event = help_options();
    struct enl_contacts c = {0};
    struct enl_json *subs = enl_json_new_array();
    char *before = help_snapshot(db);
    char *after = NULL;
    struct enl_sql_result rows = {0};

    assert_true(enl_json_add_text(subs, subscriber));
    assert_int_equal(enl_store_begin(db->store, NULL), ENL_OK);
    assert_int_equal(enl_store_run_batch(db->store, ENL_SQL_CONTACTS_LOCK, subs, &rows, NULL),
                     ENL_OK);
    assert_int_equal(enl_contacts_load(&c, &rows, NULL), ENL_OK);
    enl_sql_result_done(&rows);
    ENL_CHECK(c.n == 1, label);
    {
        struct enl_json *fields = enl_json_ref(c.items[0].contact.fields);
        struct enl_json *keys = enl_json_ref(c.items[0].contact.keys);

        enl_contacts_mark_stale(&c, subscriber);
        assert_int_equal(enl_contacts_mend(&c, db->store, &event, NULL), ENL_OK);
        ENL_CHECK(c.items[0].changed, label);
        ENL_CHECK(enl_json_equal(fields, c.items[0].contact.fields), label);
        ENL_CHECK(enl_json_equal(keys, c.items[0].contact.keys), label);
        enl_json_free(fields);
        enl_json_free(keys);
    }
    enl_store_rollback(db->store);
    enl_contacts_done(&c);
    enl_json_free(subs);
    after = help_snapshot(db);
    ENL_CHECK_STR(after, before, label);
    free(before);
    free(after);
}

#endif
