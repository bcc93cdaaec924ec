/* t1 - see t1.h. */
#include "commit/t1.h"

#include "base/alloc.h"
#include "commit/contacts.h"
#include "commit/neighbours.h"
#include "store/lease.h"
#include "wrap/crypto.h"

#include <stdio.h>
#include <string.h>

/* Bodies read at a time, each of up to ENL_BODY_MAX: one late event promotes no more. */
#define PROMOTED_READ ((size_t)2 * ENL_NEIGHBOURS_MAX)

enum plan {
    PLAN_FOLLOWER, /* an entry before it has the same id */
    PLAN_NEW,
    PLAN_DUPLICATE,
    PLAN_KNOWN,
    PLAN_CONFLICT, /* a known id with another body */
};

/* One entry's part of a running T1. */
struct step {
    enum plan plan;
    size_t leader;
    const char *first_id; /* of PLAN_DUPLICATE: the event it repeats; in near or in the batch */
};

struct t1 {
    struct enl_store *s;
    struct enl_t1_entry *entries;
    size_t n;
    const struct enl_t1_options *opt;
    struct step *steps;
    struct enl_json *ids;      /* of the batch's events, each once */
    struct enl_json *subs;     /* of their subscribers, each once */
    struct enl_json *places;   /* of the events, for EVENTS_NEAR */
    struct enl_json *promoted; /* ids of the duplicates that count again, already merged */
    struct enl_contacts contacts;
    struct enl_sql_result known, near; /* what SQL has: EVENTS_KNOWN, EVENTS_NEAR */
    bool claim;                        /* the breaker is closed and there is an Odoo */
    size_t planned;                    /* rows that the INSERT should bring */
    int64_t taken_us;
};

static const struct enl_event *event_of(const struct t1 *t, size_t i)
{
    return t->entries[i].event;
}

static size_t find_leader(const struct t1 *t, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (t->steps[k].plan != PLAN_FOLLOWER &&
            strcmp(event_of(t, k)->event_id, event_of(t, i)->event_id) == 0) {
            return k;
        }
    }
    return i;
}

static bool seen_subscriber(const struct t1 *t, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(event_of(t, k)->subscriber_id, event_of(t, i)->subscriber_id) == 0) {
            return true;
        }
    }
    return false;
}

static enum enl_rc collect_ids(struct t1 *t, struct enl_err *err)
{
    t->ids = enl_json_new_array();
    t->subs = enl_json_new_array();
    t->places = enl_json_new_array();
    t->promoted = enl_json_new_array();
    t->steps = enl_calloc(t->n, sizeof(*t->steps));
    if (!t->ids || !t->subs || !t->places || !t->promoted || !t->steps) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct enl_event *e = event_of(t, i);
        struct step *step = &t->steps[i];

        step->leader = find_leader(t, i);
        step->plan = step->leader == i ? PLAN_NEW : PLAN_FOLLOWER;
        if ((step->leader == i &&
             (!enl_json_add_text(t->ids, e->event_id) || !enl_neighbours_ask(t->places, e))) ||
            (!seen_subscriber(t, i) && !enl_json_add_text(t->subs, e->subscriber_id))) {
            return enl_fail_oom(err);
        }
    }
    return ENL_OK;
}

/* Which leaders SQL knows; a follower with another body is a conflict like any later message. */
static void find_known(struct t1 *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const char *hash = event_of(t, t->steps[i].leader)->body_hash;

        for (size_t k = 0; k < t->known.rows; k++) {
            if (strcmp(enl_sql_cell(&t->known, k, 0), event_of(t, i)->event_id) == 0) {
                hash = enl_sql_cell(&t->known, k, 1);
                if (t->steps[i].plan == PLAN_NEW) {
                    t->steps[i].plan = PLAN_KNOWN;
                }
            }
        }
        if (strcmp(hash, event_of(t, i)->body_hash) != 0) {
            t->steps[i].plan = PLAN_CONFLICT;
        }
    }
}

/* Stored duplicates that the batch promotes, into their contacts. */
static enum enl_rc promote(struct t1 *t, const struct enl_json *ids, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result repeats = {0};
    enum enl_rc rc = enl_store_run_batch(t->s, ENL_SQL_EVENTS_REPEATS, ids, &repeats, err);

    for (size_t i = 0; i < repeats.rows && rc == ENL_OK; i++) {
        rc = enl_json_add_text(t->promoted, enl_sql_cell(&repeats, i, 0)) ? ENL_OK
                                                                          : enl_fail_oom(err);
    }
    return rc == ENL_OK ? enl_contacts_merge_rows(&t->contacts, &repeats, t->opt->event, err) : rc;
}

static enum enl_rc promote_all(struct t1 *t, const struct enl_neighbour *events, size_t n,
                               struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < n && rc == ENL_OK;) {
        ENL_AUTO_JSON struct enl_json *ids = enl_json_new_array();

        for (; ids && i < n && enl_json_len(ids) < PROMOTED_READ; i++) {
            if (events[i].promoted && !enl_json_add_text(ids, events[i].event_id)) {
                return enl_fail_oom(err);
            }
        }
        if (!ids) {
            return enl_fail_oom(err);
        }
        rc = enl_json_len(ids) > 0 ? promote(t, ids, err) : ENL_OK;
    }
    return rc;
}

static enum enl_rc plan_new(struct t1 *t, struct enl_err *err)
{
    size_t n = t->near.rows;
    ENL_AUTO_FREE struct enl_neighbour *events = enl_calloc(n + t->n, sizeof(*events));
    enum enl_rc rc = ENL_OK;

    if (!events) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < n; i++) {
        events[i] = enl_neighbour_stored(&t->near, i);
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->steps[i].plan == PLAN_NEW) {
            events[n++] = enl_neighbour_new(event_of(t, i), i);
            t->planned++;
        }
    }
    enl_duplicates_find(events, n, t->opt->window_s);
    for (size_t i = 0; i < n && rc == ENL_OK; i++) {
        struct step *step = &t->steps[events[i].entry];

        if (events[i].status) {
            continue;
        }
        if (events[i].first_id) {
            step->plan = PLAN_DUPLICATE;
            step->first_id = events[i].first_id;
        } else {
            rc = enl_contacts_merge(&t->contacts, event_of(t, events[i].entry), err);
        }
    }
    return rc == ENL_OK ? promote_all(t, events, n, err) : rc;
}

static struct enl_json *warnings_text(const struct enl_event *e)
{
    ENL_AUTO_JSON struct enl_json *list = enl_event_warnings_json(e);
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(65536);

    if (list) {
        enl_json_dump(list, false, &text);
    }
    return list && enl_buf_ok(&text) ? enl_json_new_str(enl_buf_str(&text)) : NULL;
}

/* The members that EVENTS_INSERT reads; body NULL where SQL refused it. */
static struct enl_json *event_json(const struct enl_event *e, const struct enl_message *m,
                                   const char *status, bool with_body)
{
    struct enl_json *o = enl_json_new_object();
    char occurred[ENL_TIME_TEXT];
    char received[ENL_TIME_TEXT];

    enl_time_format(e->occurred_ms, occurred);
    enl_time_format(e->received_us / 1000, received);
    if (o && enl_json_set_text(o, "i", e->event_id) &&
        enl_json_set_text(o, "s", e->subscriber_id) && enl_json_set_text(o, "k", e->order_key) &&
        enl_json_set_int(o, "g", e->generated ? 1 : 0) && enl_json_set_text(o, "h", e->body_hash) &&
        enl_json_set(o, "b",
                     with_body ? enl_json_new_strn(m->raw, m->raw_len) : enl_json_new_null()) &&
        enl_json_set_text(o, "kind", enl_kind_name(e->kind)) &&
        enl_json_set_text(o, "state", with_body ? e->state : NULL) &&
        enl_json_set_text(o, "occ", occurred) && enl_json_set_text(o, "rec", received) &&
        enl_json_set(o, "w", with_body ? warnings_text(e) : enl_json_new_str("[]")) &&
        enl_json_set_text(o, "tp", m->traceparent) && enl_json_set_text(o, "st", status)) {
        return o;
    }
    enl_json_free(o);
    return NULL;
}

/* What EVENTS_INSERT reads of a new event: its claim, or what it is a duplicate of.
 * NULL: memory. */
static struct enl_json *new_json(const struct t1 *t, size_t i)
{
    const struct step *step = &t->steps[i];
    bool duplicate = step->plan == PLAN_DUPLICATE;
    bool claim = t->claim && !t->entries[i].record;
    const char *status = claim ? "received" : "pending";
    struct enl_json *o =
        event_json(event_of(t, i), t->entries[i].message, duplicate ? "duplicate" : status, true);

    if (o && enl_json_set_text(o, "dup", duplicate ? step->first_id : NULL) &&
        enl_json_set_text(o, "tok", claim && !duplicate ? t->opt->token : NULL) &&
        enl_json_set_int(o, "claim", ENL_CLAIM_MS)) {
        return o;
    }
    enl_json_free(o);
    return NULL;
}

/* The batch that EVENTS_INSERT takes.  NULL: memory. */
static struct enl_json *new_batch(const struct t1 *t)
{
    struct enl_json *batch = enl_json_new_array();

    for (size_t i = 0; batch && i < t->n; i++) {
        enum plan plan = t->steps[i].plan;

        if ((plan == PLAN_NEW || plan == PLAN_DUPLICATE) &&
            !enl_json_append(batch, new_json(t, i))) {
            enl_json_free(batch);
            return NULL;
        }
    }
    return batch;
}

/* Ids that EVENTS_TAKE may claim.  Only what an entry is for: what was just inserted is claimed
 * already, and the event of a conflict has nobody here who would send it.  NULL: memory. */
static struct enl_json *known_batch(const struct t1 *t)
{
    struct enl_json *known = enl_json_new_array();

    for (size_t i = 0; known && t->claim && i < t->n; i++) {
        if (t->steps[i].plan == PLAN_KNOWN && !t->entries[i].record &&
            !enl_json_add_text(known, event_of(t, i)->event_id)) {
            enl_json_free(known);
            return NULL;
        }
    }
    return known;
}

/* Adds a dead letter with the message's bytes as base64.  False: memory. */
static bool add_dead_letter(struct enl_json *batch, const char *key, const char *event_id,
                            const char *bytes, size_t len, const char *class, const char *error)
{
    ENL_AUTO_BUF struct enl_buf body = ENL_BUF_INIT((size_t)ENL_MESSAGE_MAX * 4);
    struct enl_json *o = enl_json_new_object();

    enl_base64_encode(bytes, len, &body);
    if (o && enl_buf_ok(&body) && enl_json_set_text(o, "k", key) &&
        enl_json_set_text(o, "i", event_id) && enl_json_set_text(o, "class", class) &&
        enl_json_set_text(o, "e", error) && enl_json_set_text(o, "body", enl_buf_str(&body))) {
        return enl_json_append(batch, o);
    }
    enl_json_free(o);
    return false;
}

/* Whether a conflict before it is the same message, so that one dead letter is both's: PostgreSQL
 * refuses to write a row twice in one statement. */
static bool is_conflict_again(const struct t1 *t, size_t i)
{
    const struct enl_t1_entry *entry = &t->entries[i];

    for (size_t k = 0; k < i; k++) {
        if (t->steps[k].plan == PLAN_CONFLICT && t->entries[k].text_len == entry->text_len &&
            memcmp(t->entries[k].text, entry->text, entry->text_len) == 0) {
            return true;
        }
    }
    return false;
}

/* The batch of conflicts that DEAD_OPEN takes.  NULL: memory. */
static struct enl_json *conflict_batch(struct t1 *t)
{
    struct enl_json *batch = enl_json_new_array();

    for (size_t i = 0; batch && i < t->n; i++) {
        struct enl_t1_entry *entry = &t->entries[i];
        char key[7 + ENL_SHA256_TEXT] = "sha256:";

        if (t->steps[i].plan != PLAN_CONFLICT) {
            continue;
        }
        (void)snprintf(entry->detail, sizeof(entry->detail),
                       "conflict: the event id is known with another body");
        if (is_conflict_again(t, i)) {
            continue;
        }
        if (enl_sha256(entry->text, entry->text_len, key + 7, NULL) != ENL_OK ||
            !add_dead_letter(batch, key, entry->event->event_id, entry->text, entry->text_len,
                             "conflict", entry->detail)) {
            enl_json_free(batch);
            return NULL;
        }
    }
    return batch;
}

static void set_outcome(struct t1 *t, size_t i, const struct enl_sql_result *r, size_t row)
{
    struct enl_t1_entry *entry = &t->entries[i];
    const char *status = enl_sql_cell(r, row, 1);
    const char *token = enl_sql_cell(r, row, 2);
    bool open = strcmp(status, "received") == 0 || strcmp(status, "pending") == 0;

    entry->outcome = ENL_T1_SAFE;
    if (open && token && strcmp(token, t->opt->token) == 0) {
        entry->outcome = ENL_T1_MINE;
    } else if (strcmp(status, "rejected") == 0 && enl_sql_cell_i64(r, row, 3) == 0) {
        entry->outcome = ENL_T1_REJECTED;
        (void)snprintf(entry->detail, sizeof(entry->detail), "was rejected before");
    }
}

static enum enl_rc read_back(struct t1 *t, const struct enl_sql_result *r, struct enl_err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t row = 0;

        t->entries[i].leader = t->steps[i].leader;
        if (t->steps[i].plan == PLAN_CONFLICT) {
            t->entries[i].outcome = ENL_T1_SAFE;
            continue;
        }
        while (row < r->rows && strcmp(enl_sql_cell(r, row, 0), event_of(t, i)->event_id) != 0) {
            row++;
        }
        if (row == r->rows) {
            return enl_fail(err, ENL_RETRY, "SQL: a stored event is not there");
        }
        set_outcome(t, i, r, row);
    }
    return ENL_OK;
}

/* A rejected event that came by the poison queue: its dead letter counts that, and all is well. */
static enum enl_rc count_deliveries(struct t1 *t, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *ids = enl_json_new_array();

    for (size_t i = 0; ids && i < t->n; i++) {
        struct enl_t1_entry *entry = &t->entries[i];

        if (!entry->record || entry->outcome != ENL_T1_REJECTED) {
            continue;
        }
        entry->outcome = ENL_T1_SAFE;
        if (!enl_json_add_text(ids, event_of(t, i)->event_id)) {
            return enl_fail_oom(err);
        }
    }
    if (!ids) {
        return enl_fail_oom(err);
    }
    return enl_json_len(ids) == 0
               ? ENL_OK
               : enl_store_run_batch(t->s, ENL_SQL_DEAD_DELIVERED, ids, NULL, err);
}

/* Rows as SQL has them, for the leaders that are ours. */
static enum enl_rc hand_out(struct t1 *t, const struct enl_sql_result *claimed, struct enl_err *err)
{
    struct enl_row_list rows = {0};
    struct enl_row *row = NULL;
    enum enl_rc rc =
        enl_row_claimed(claimed, t->opt->token, t->taken_us, t->opt->event, &rows, err);

    while (rc == ENL_OK && (row = enl_row_pop(&rows)) != NULL) {
        size_t i = 0;

        while (i < t->n && (t->entries[i].leader != i ||
                            strcmp(event_of(t, i)->event_id, row->event->event_id) != 0)) {
            i++;
        }
        if (i < t->n && t->entries[i].outcome == ENL_T1_MINE && !t->entries[i].row) {
            row->live = true;
            t->entries[i].row = row;
        } else {
            /* Inserted by an unconfirmed try whose invocation is gone: its claim ends. */
            enl_row_free(row);
        }
    }
    enl_row_list_free(&rows);
    return rc;
}

/* An entry that waits for a row that could not be handed out waits for nothing. */
static void settle(struct t1 *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct enl_t1_entry *entry = &t->entries[i];

        if (entry->outcome == ENL_T1_MINE && !t->entries[entry->leader].row) {
            entry->outcome = ENL_T1_SAFE;
        }
    }
}

/* Locks the contacts, then looks: the events' snapshot must be newer than the lock. */
static enum enl_rc begin_and_look(struct t1 *t, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result contacts = {0};
    ENL_AUTO_SQL_RESULT struct enl_sql_result breaker_row = {0};
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_CONTACTS_INSERT, .batch = t->subs},
        {.statement = ENL_SQL_CONTACTS_LOCK, .batch = t->subs, .ret = &contacts},
        {.statement = ENL_SQL_BREAKER_READ, .ret = &breaker_row},
        {.statement = ENL_SQL_EVENTS_KNOWN, .batch = t->ids, .ret = &t->known},
        {.statement = ENL_SQL_EVENTS_NEAR, .batch = t->places, .ret = &t->near},
    };
    struct enl_breaker breaker;
    enum enl_rc rc = enl_store_begin_with(t->s, calls, sizeof(calls) / sizeof(calls[0]), err);

    if (rc != ENL_OK) {
        return rc;
    }
    enl_breaker_parse(&breaker_row, &breaker);
    t->claim = t->opt->odoo && breaker.state == ENL_BREAKER_CLOSED;
    rc = enl_contacts_load(&t->contacts, &contacts, err);
    return rc == ENL_OK ? enl_contacts_mend(&t->contacts, t->s, t->opt->event, err) : rc;
}

static enum enl_rc write_and_read_back(struct t1 *t, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *fresh = new_batch(t);
    ENL_AUTO_JSON struct enl_json *known = known_batch(t);
    ENL_AUTO_JSON struct enl_json *contacts = enl_contacts_batch(&t->contacts);
    ENL_AUTO_JSON struct enl_json *conflicts = conflict_batch(t);
    ENL_AUTO_SQL_RESULT struct enl_sql_result inserted = {.affected = -1};
    ENL_AUTO_SQL_RESULT struct enl_sql_result promoted = {.affected = -1};
    ENL_AUTO_SQL_RESULT struct enl_sql_result status = {0};
    ENL_AUTO_SQL_RESULT struct enl_sql_result claimed = {0};
    const char *token = t->opt->token;
    char claim[16];
    struct enl_store_call calls[ENL_STORE_CALLS_MAX];
    size_t n = 0;
    enum enl_rc rc = ENL_OK;

    if (!fresh || !known || !contacts || !conflicts) {
        return enl_fail_oom(err);
    }
    (void)snprintf(claim, sizeof(claim), "%d", ENL_CLAIM_MS);
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){
                           .statement = ENL_SQL_EVENTS_INSERT, .batch = fresh, .ret = &inserted});
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){.statement = ENL_SQL_EVENTS_PROMOTED,
                                               .batch = t->promoted,
                                               .ret = &promoted});
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){.statement = ENL_SQL_EVENTS_TAKE,
                                               .batch = known,
                                               .batch_at = 3,
                                               .params = {token, token, claim, token},
                                               .n_params = 4});
    enl_store_add_call(
        calls, &n,
        (struct enl_store_call){.statement = ENL_SQL_CONTACTS_UPDATE, .batch = contacts});
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){.statement = ENL_SQL_DEAD_OPEN, .batch = conflicts});
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){
                           .statement = ENL_SQL_EVENTS_STATUS, .batch = t->ids, .ret = &status});
    /* Also where nothing is claimed now: an unconfirmed try may have claimed before the breaker
     * opened. */
    calls[n++] = (struct enl_store_call){
        .statement = ENL_SQL_EVENTS_CLAIMED, .params = {token}, .n_params = 1, .ret = &claimed};
    rc = enl_store_run_all(t->s, calls, n, err);
    if (rc == ENL_OK && inserted.affected >= 0 && (size_t)inserted.affected < t->planned) {
        return enl_fail(err, ENL_RETRY, "SQL: another committer stored one of the events");
    }
    if (rc == ENL_OK && promoted.affected >= 0 &&
        (size_t)promoted.affected < enl_json_len(t->promoted)) {
        return enl_fail(err, ENL_RETRY, "SQL: a duplicate was changed meanwhile");
    }
    rc = rc == ENL_OK ? read_back(t, &status, err) : rc;
    rc = rc == ENL_OK ? count_deliveries(t, err) : rc;
    return rc == ENL_OK ? hand_out(t, &claimed, err) : rc;
}

static enum enl_rc run(struct t1 *t, struct enl_err *err)
{
    enum enl_rc rc = begin_and_look(t, err);

    if (rc == ENL_OK) {
        find_known(t);
        rc = plan_new(t, err);
    }
    rc = rc == ENL_OK ? write_and_read_back(t, err) : rc;
    rc = rc == ENL_OK ? enl_store_commit(t->s, err) : rc;
    if (rc != ENL_OK) {
        enl_store_rollback(t->s);
    }
    return rc;
}

enum enl_rc enl_t1_run(struct enl_store *s, struct enl_t1_entry *entries, size_t n,
                       const struct enl_t1_options *opt, struct enl_err *err)
{
    struct t1 t = {.s = s,
                   .entries = entries,
                   .n = n,
                   .opt = opt,
                   .taken_us = opt->clock->mono_us(opt->clock->ctx)};
    enum enl_rc rc = collect_ids(&t, err);

    for (size_t i = 0; i < n; i++) {
        entries[i].row = NULL;
        entries[i].detail[0] = '\0';
    }
    rc = rc == ENL_OK ? run(&t, err) : rc;
    for (size_t i = 0; i < n && rc != ENL_OK; i++) {
        enl_row_free(entries[i].row);
        entries[i].row = NULL;
    }
    if (rc == ENL_OK) {
        settle(&t);
    }
    enl_contacts_done(&t.contacts);
    enl_sql_result_done(&t.known);
    enl_sql_result_done(&t.near);
    enl_json_free(t.ids);
    enl_json_free(t.subs);
    enl_json_free(t.places);
    enl_json_free(t.promoted);
    free(t.steps);
    return rc;
}

enum enl_rc enl_t1_refuse(struct enl_store *s, struct enl_t1_entry *entry, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *event = enl_json_new_array();
    ENL_AUTO_JSON struct enl_json *dead = enl_json_new_array();
    ENL_AUTO_SQL_RESULT struct enl_sql_result inserted = {.affected = -1};
    const struct enl_store_call insert = {
        .statement = ENL_SQL_EVENTS_INSERT, .batch = event, .ret = &inserted};
    struct enl_json *o = event_json(entry->event, entry->message, "rejected", false);
    enum enl_rc rc = ENL_OK;

    (void)snprintf(entry->detail, sizeof(entry->detail), "the database refuses this event's data");
    if (!event || !dead || !o || !enl_json_set_text(o, "code", "data") ||
        !enl_json_set_text(o, "e", entry->detail)) {
        enl_json_free(o);
        return enl_fail_oom(err);
    }
    if (!enl_json_append(event, o) ||
        !add_dead_letter(dead, entry->event->event_id, entry->event->event_id, entry->text,
                         entry->text_len, "data", entry->detail)) {
        return enl_fail_oom(err);
    }
    rc = enl_store_begin_with(s, &insert, 1, err);
    if (rc == ENL_OK && inserted.affected == 0) {
        /* SQL has the event since an earlier delivery: this one says nothing new of it. */
        enl_store_rollback(s);
        entry->outcome = ENL_T1_SAFE;
        return ENL_OK;
    }
    rc = rc == ENL_OK ? enl_store_run_batch(s, ENL_SQL_DEAD_OPEN, dead, NULL, err) : rc;
    rc = rc == ENL_OK ? enl_store_commit(s, err) : rc;
    if (rc != ENL_OK) {
        enl_store_rollback(s);
        return rc;
    }
    entry->outcome = ENL_T1_REJECTED;
    return ENL_OK;
}

enum enl_rc enl_t1_store_raw(struct enl_store *s, const char *text, size_t len, const char *class,
                             struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *dead = enl_json_new_array();
    char key[7 + ENL_SHA256_TEXT] = "sha256:";
    enum enl_rc rc = enl_sha256(text, len, key + 7, err);

    if (rc != ENL_OK) {
        return rc;
    }
    if (!dead || !add_dead_letter(dead, key, NULL, text, len, class,
                                  "came by the poison queue and is not read")) {
        return enl_fail_oom(err);
    }
    return enl_store_run_batch(s, ENL_SQL_DEAD_OPEN, dead, NULL, err);
}
