/* t2 - see t2.h. */
#include "commit/t2.h"

#include "base/alloc.h"
#include "commit/contacts.h"

#include <stdio.h>
#include <string.h>

struct t2 {
    struct enl_store *s;
    struct enl_t2_request *q;
    struct enl_json *ids;
    struct enl_sql_result before; /* EVENTS_STATUS */
    struct enl_contacts contacts;
    struct enl_breaker breaker;
    bool ignore_rejections;
};

int64_t enl_back_off_ms(int64_t attempts)
{
    int64_t ms = ENL_BACKOFF_FIRST_MS;

    for (int64_t i = 1; i < attempts && ms < ENL_BACKOFF_MOST_MS; i++) {
        ms *= 2;
    }
    return ms < ENL_BACKOFF_MOST_MS ? ms : ENL_BACKOFF_MOST_MS;
}

static const char *id_of(const struct t2 *t, size_t i)
{
    return t->q->items[i].row->event->event_id;
}

/* The status of an event in rows of EVENTS_STATUS; "" when it is not there. */
static const char *status_in(const struct enl_sql_result *r, const char *event_id)
{
    for (size_t k = 0; k < r->rows; k++) {
        if (strcmp(enl_sql_cell(r, k, 0), event_id) == 0) {
            return enl_sql_cell(r, k, 1);
        }
    }
    return "";
}

/* The status that an event had before this transaction changed it; "" when it is not there. */
static const char *status_before(const struct t2 *t, size_t i)
{
    return status_in(&t->before, id_of(t, i));
}

static bool is_open(const char *status)
{
    return strcmp(status, "received") == 0 || strcmp(status, "pending") == 0;
}

static bool is_ok(const struct enl_t2_item *item)
{
    return item->verdict && (item->verdict->kind == ENL_VERDICT_CREATED ||
                             item->verdict->kind == ENL_VERDICT_DUPLICATE);
}

static bool is_refused(const struct enl_t2_item *item)
{
    return item->verdict && item->verdict->kind == ENL_VERDICT_REJECTED;
}

/* The request that may have reached Odoo is the row's own: a login that failed says nothing about
 * rows that waited for it. */
static bool went_out(const struct t2 *t)
{
    return t->q->ingest && t->q->reply->class == ENL_ODOO_PERHAPS;
}

static bool others_are_answered(const struct t2 *t)
{
    return t->breaker.answer_ms >= 0 && t->breaker.answer_ms <= ENL_BREAKER_UP_MS;
}

/* An attempt that may have reached Odoo and got no answer although others got one, or Odoo says
 * that it failed: the event itself may be what kills the request.  So may one that an answer leaves
 * out. */
static bool counts_unanswered(const struct t2 *t, const struct enl_t2_item *item)
{
    const struct enl_odoo_reply *r = t->q->reply;

    return item->verdict ? item->verdict->kind == ENL_VERDICT_NONE
                         : went_out(t) && !r->transient && (r->answered || others_are_answered(t));
}

/* To give an event up takes more than to suspect it: an Odoo that fails with all events must not
 * cost any of them. */
static bool is_given_up(const struct t2 *t, const struct enl_t2_item *item)
{
    return counts_unanswered(t, item) && (item->verdict || others_are_answered(t)) &&
           item->row->unanswered + 1 >= ENL_UNANSWERED_REJECTED;
}

static void decide_fates(struct t2 *t)
{
    for (size_t i = 0; i < t->q->n; i++) {
        struct enl_t2_item *item = &t->q->items[i];

        item->fate = ENL_FATE_PENDING;
        if (is_ok(item)) {
            item->fate = ENL_FATE_SYNCED;
        } else if ((is_refused(item) && !t->ignore_rejections) || is_given_up(t, item)) {
            item->fate = ENL_FATE_REJECTED;
        }
    }
}

static struct enl_breaker_report report_of(const struct enl_t2_request *q)
{
    const struct enl_odoo_reply *r = q->reply;
    struct enl_breaker_report report = {
        .answered = r->answered && (r->class != ENL_ODOO_PERHAPS || r->transient),
        .config = r->class == ENL_ODOO_CONFIG || r->class == ENL_ODOO_DENIED,
        .throttled = r->throttled,
        .reason = r->reason,
    };
    bool same = true;

    for (size_t i = 0; i < q->n; i++) {
        const struct enl_t2_item *item = &q->items[i];

        report.any_ok = report.any_ok || is_ok(item);
        if (is_refused(item)) {
            same =
                same && (!report.same_text || strcmp(report.same_text, item->verdict->error) == 0);
            report.same_text = item->verdict->error;
            report.same_rejects++;
        }
    }
    report.same_rejects = same ? report.same_rejects : 0;
    return report;
}

/* The breaker's row first: so all T2 are one after the other, and T1 does not lock it. */
static enum enl_rc begin_and_look(struct t2 *t, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result breaker = {0};
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_BREAKER_LOCK, .ret = &breaker},
        {.statement = ENL_SQL_EVENTS_STATUS, .batch = t->ids, .ret = &t->before},
    };
    enum enl_rc rc = enl_store_begin_with(t->s, calls, 2, err);

    if (rc == ENL_OK) {
        enl_breaker_parse(&breaker, &t->breaker);
    }
    return rc;
}

static enum enl_rc prepare(struct t2 *t, struct enl_err *err)
{
    struct enl_breaker_report report = report_of(t->q);
    enum enl_rc rc = ENL_OK;

    t->ids = enl_json_new_array();
    for (size_t i = 0; t->ids && i < t->q->n; i++) {
        if (!enl_json_add_text(t->ids, id_of(t, i))) {
            return enl_fail_oom(err);
        }
    }
    if (!t->ids) {
        return enl_fail_oom(err);
    }
    rc = begin_and_look(t, err);
    if (rc == ENL_OK) {
        struct enl_breaker b = t->breaker;

        enl_breaker_after(&b, &report, &t->ignore_rejections);
        decide_fates(t);
        t->q->after = b;
    }
    return rc;
}

/* Subscribers whose contacts this transaction may change: those of rejected events, before or
 * after.  NULL: memory. */
static struct enl_json *subscribers_to_lock(const struct t2 *t)
{
    struct enl_json *subs = enl_json_new_array();

    for (size_t i = 0; subs && i < t->q->n; i++) {
        if ((t->q->items[i].fate == ENL_FATE_REJECTED ||
             strcmp(status_before(t, i), "rejected") == 0) &&
            !enl_json_add_text(subs, t->q->items[i].row->event->subscriber_id)) {
            enl_json_free(subs);
            return NULL;
        }
    }
    return subs;
}

/* Contacts before events, as in T1.  What was read before the locks may have changed since: an
 * event that was rejected meanwhile has a contact that is not locked, so all starts again. */
static enum enl_rc lock_rows(struct t2 *t, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *subs = subscribers_to_lock(t);
    ENL_AUTO_SQL_RESULT struct enl_sql_result contacts = {0};
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_CONTACTS_LOCK, .batch = subs, .ret = &contacts},
        {.statement = ENL_SQL_EVENTS_LOCK, .batch = t->ids, .ret = &t->before},
    };
    bool any = enl_json_len(subs) > 0;
    enum enl_rc rc = ENL_OK;

    if (!subs) {
        return enl_fail_oom(err);
    }
    enl_sql_result_done(&t->before);
    rc = enl_store_run_all(t->s, any ? calls : calls + 1, any ? 2 : 1, err);
    rc = rc == ENL_OK ? enl_contacts_load(&t->contacts, &contacts, err) : rc;
    rc = rc == ENL_OK ? enl_contacts_mend(&t->contacts, t->s, t->q->event, err) : rc;
    for (size_t i = 0; i < t->q->n && rc == ENL_OK; i++) {
        if (strcmp(status_before(t, i), "rejected") == 0 &&
            !enl_contacts_has(&t->contacts, t->q->items[i].row->event->subscriber_id)) {
            return enl_fail(err, ENL_RETRY, "SQL: an event was rejected meanwhile");
        }
    }
    return rc;
}

/* Appends a JSON object to a batch; o NULL: memory. */
static bool add(struct enl_json *batch, struct enl_json *o, bool complete)
{
    if (!o || !complete) {
        enl_json_free(o);
        return false;
    }
    return enl_json_append(batch, o);
}

static bool set_id(struct enl_json *o, const char *key, int64_t id)
{
    return enl_json_set(o, key, id > 0 ? enl_json_new_i64(id) : enl_json_new_null());
}

bool enl_t2_add_ids(struct enl_json *batch, const char *event_id, const struct enl_verdict *verdict)
{
    struct enl_json *o = enl_json_new_object();

    return add(batch, o,
               o && enl_json_set_text(o, "i", event_id) && set_id(o, "o", verdict->id) &&
                   set_id(o, "c", verdict->contact_id));
}

/* The batches of EVENTS_SYNCED and DEAD_RESOLVED.  What was rejected before counts again. */
static enum enl_rc synced_batches(struct t2 *t, struct enl_json *batch, struct enl_json *ids,
                                  struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < t->q->n && rc == ENL_OK; i++) {
        const struct enl_t2_item *item = &t->q->items[i];

        if (item->fate != ENL_FATE_SYNCED) {
            continue;
        }
        if (!enl_t2_add_ids(batch, id_of(t, i), item->verdict) ||
            !enl_json_add_text(ids, id_of(t, i))) {
            return enl_fail_oom(err);
        }
        if (strcmp(status_before(t, i), "rejected") == 0) {
            rc = enl_contacts_merge(&t->contacts, item->row->event, err);
        }
    }
    return rc;
}

static const char *words_of(const struct enl_odoo_reply *r)
{
    return r->words[0] != '\0' ? r->words : r->reason;
}

const char *enl_t2_rejection_code(const struct enl_t2_item *item)
{
    return is_refused(item) ? item->verdict->code : "transient";
}

static const char *rejection_text(const struct t2 *t, const struct enl_t2_item *item)
{
    if (is_refused(item)) {
        return item->verdict->error;
    }
    return item->verdict ? "Odoo's answers do not name the event" : words_of(t->q->reply);
}

/* The batch of EVENTS_REJECTED.  False: memory. */
static bool rejected_batch(const struct t2 *t, struct enl_json *batch)
{
    bool ok = true;

    for (size_t i = 0; ok && i < t->q->n; i++) {
        const struct enl_t2_item *item = &t->q->items[i];
        struct enl_json *o = NULL;

        if (item->fate != ENL_FATE_REJECTED) {
            continue;
        }
        o = enl_json_new_object();
        ok = add(batch, o,
                 o && enl_json_set_text(o, "i", id_of(t, i)) &&
                     enl_json_set_text(o, "tok", item->row->token) &&
                     enl_json_set_text(o, "code", enl_t2_rejection_code(item)) &&
                     enl_json_set_text(o, "e", rejection_text(t, item)) &&
                     enl_json_set_int(o, "d", ENL_LOOK_UP_MS));
    }
    return ok;
}

/* When a row that nothing is known of may be tried again. */
static int64_t delay_of(const struct t2 *t, const struct enl_t2_item *item)
{
    const struct enl_odoo_reply *r = t->q->reply;

    if (item->verdict && item->verdict->kind == ENL_VERDICT_RETRY) {
        return 0;
    }
    if (t->q->after.state == ENL_BREAKER_OPEN) {
        return t->q->after.delay_ms;
    }
    if (r->retry_after_ms > 0) {
        return r->retry_after_ms;
    }
    if (r->class == ENL_ODOO_NOT_SENT && !r->throttled) {
        return 0; /* as soon as breaker and lease allow */
    }
    return (int64_t)enl_jitter((uint32_t)enl_back_off_ms(item->row->attempts) + 1);
}

/* Odoo may have it: there was no answer, or one that does not name it. */
static bool perhaps_sent(const struct t2 *t, const struct enl_t2_item *item)
{
    return item->verdict ? item->verdict->kind == ENL_VERDICT_NONE
                         : went_out(t) || (t->q->ingest && t->q->reply->maybe_done);
}

/* The batch of EVENTS_RELEASED.  False: memory. */
static bool pending_batch(const struct t2 *t, struct enl_json *batch)
{
    const struct enl_odoo_reply *r = t->q->reply;
    bool ok = true;

    for (size_t i = 0; ok && i < t->q->n; i++) {
        struct enl_t2_item *item = &t->q->items[i];
        struct enl_json *o = NULL;

        if (item->fate != ENL_FATE_PENDING) {
            continue;
        }
        item->back_off_ms = delay_of(t, item);
        o = enl_json_new_object();
        ok = add(
            batch, o,
            o && enl_json_set_text(o, "i", id_of(t, i)) &&
                enl_json_set_text(o, "tok", item->row->token) &&
                enl_json_set_int(o, "m", perhaps_sent(t, item) ? 1 : 0) &&
                enl_json_set_int(o, "u", counts_unanswered(t, item) ? 1 : 0) &&
                enl_json_set_int(o, "d", item->back_off_ms) &&
                enl_json_set_text(o, "code", "odoo") &&
                enl_json_set_text(o, "e", is_refused(item) ? item->verdict->error : words_of(r)));
    }
    return ok;
}

static enum enl_rc write_events(struct t2 *t, struct enl_sql_result *ret_status,
                                struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *synced = enl_json_new_array();
    ENL_AUTO_JSON struct enl_json *resolved = enl_json_new_array();
    ENL_AUTO_JSON struct enl_json *rejected = enl_json_new_array();
    ENL_AUTO_JSON struct enl_json *pending = enl_json_new_array();
    struct enl_store_call calls[ENL_STORE_CALLS_MAX];
    size_t n = 0;
    enum enl_rc rc = ENL_OK;

    if (!synced || !resolved || !rejected || !pending || !rejected_batch(t, rejected) ||
        !pending_batch(t, pending)) {
        return enl_fail_oom(err);
    }
    rc = synced_batches(t, synced, resolved, err);
    if (rc != ENL_OK) {
        return rc;
    }
    enl_store_add_call(
        calls, &n, (struct enl_store_call){.statement = ENL_SQL_EVENTS_SYNCED, .batch = synced});
    enl_store_add_call(
        calls, &n, (struct enl_store_call){.statement = ENL_SQL_DEAD_RESOLVED, .batch = resolved});
    enl_store_add_call(
        calls, &n,
        (struct enl_store_call){.statement = ENL_SQL_EVENTS_REJECTED, .batch = rejected});
    enl_store_add_call(
        calls, &n, (struct enl_store_call){.statement = ENL_SQL_EVENTS_RELEASED, .batch = pending});
    calls[n++] = (struct enl_store_call){
        .statement = ENL_SQL_EVENTS_STATUS, .batch = t->ids, .ret = ret_status};
    return enl_store_run_all(t->s, calls, n, err);
}

/* The dead letter of a rejection that this transaction wrote.  False: memory. */
static bool bury(const struct t2 *t, const struct enl_t2_item *item, struct enl_json *dead)
{
    struct enl_json *o = enl_json_new_object();
    const char *id = item->row->event->event_id;

    return add(dead, o,
               o && enl_json_set_text(o, "k", id) && enl_json_set_text(o, "i", id) &&
                   enl_json_set_text(o, "class", is_refused(item) ? "rejected" : "transient") &&
                   enl_json_set_text(o, "e", rejection_text(t, item)) &&
                   enl_json_set_text(o, "body", NULL));
}

/* What was rejected now gets its dead letter, and its contact is rebuilt without it. */
static enum enl_rc read_back(struct t2 *t, const struct enl_sql_result *now, struct enl_json *dead,
                             struct enl_err *err)
{
    for (size_t i = 0; i < t->q->n; i++) {
        struct enl_t2_item *item = &t->q->items[i];

        item->rejected = strcmp(status_in(now, id_of(t, i)), "rejected") == 0;
        if (item->rejected && item->fate == ENL_FATE_REJECTED && is_open(status_before(t, i))) {
            enl_contacts_mark_stale(&t->contacts, item->row->event->subscriber_id);
            if (!bury(t, item, dead)) {
                return enl_fail_oom(err);
            }
        }
    }
    return enl_contacts_mend(&t->contacts, t->s, t->q->event, err);
}

/* What depends on the verdicts: dead letters, contacts, the lease and the breaker. */
static enum enl_rc write_rest(struct t2 *t, const struct enl_json *dead, struct enl_err *err)
{
    const struct enl_odoo_reply *r = t->q->reply;
    ENL_AUTO_JSON struct enl_json *contacts = enl_contacts_batch(&t->contacts);
    struct enl_breaker_texts texts;
    struct enl_store_call calls[ENL_STORE_CALLS_MAX];
    char wait[ENL_LEASE_NUMBER];
    size_t n = 0;

    if (!contacts) {
        return enl_fail_oom(err);
    }
    enl_store_add_call(calls, &n,
                       (struct enl_store_call){.statement = ENL_SQL_DEAD_OPEN, .batch = dead});
    enl_store_add_call(
        calls, &n,
        (struct enl_store_call){.statement = ENL_SQL_CONTACTS_UPDATE, .batch = contacts});
    if (r->throttled) {
        /* Odoo is asked less often even where it does not say how long to wait. */
        calls[n++] = enl_lease_move(
            r->retry_after_ms > 0
                ? r->retry_after_ms
                : (int64_t)enl_jitter((uint32_t)enl_back_off_ms(t->q->throttles) + 1),
            wait);
    }
    /* A login that went well says nothing yet about what the breaker guards. */
    if (t->q->ingest || r->class != ENL_ODOO_ANSWERED) {
        calls[n++] = enl_breaker_write(&t->q->after, r->class == ENL_ODOO_ANSWERED, &texts);
    }
    return enl_store_run_all(t->s, calls, n, err);
}

static enum enl_rc run(struct t2 *t, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result now = {0};
    ENL_AUTO_JSON struct enl_json *dead = enl_json_new_array();
    enum enl_rc rc = dead ? prepare(t, err) : enl_fail_oom(err);

    rc = rc == ENL_OK ? lock_rows(t, err) : rc;
    rc = rc == ENL_OK ? write_events(t, &now, err) : rc;
    rc = rc == ENL_OK ? read_back(t, &now, dead, err) : rc;
    rc = rc == ENL_OK ? write_rest(t, dead, err) : rc;
    rc = rc == ENL_OK ? enl_store_commit(t->s, err) : rc;
    if (rc != ENL_OK) {
        enl_store_rollback(t->s);
    }
    return rc;
}

enum enl_rc enl_t2_run(struct enl_store *s, struct enl_t2_request *q, struct enl_err *err)
{
    struct t2 t = {.s = s, .q = q};
    enum enl_rc rc = run(&t, err);

    enl_contacts_done(&t.contacts);
    enl_sql_result_done(&t.before);
    enl_json_free(t.ids);
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}

enum enl_rc enl_t2_release(struct enl_store *s, const struct enl_row *const *rows, size_t n,
                           int64_t delay_ms, struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *batch = enl_json_new_array();
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; batch && i < n; i++) {
        struct enl_json *o = enl_json_new_object();

        if (!add(batch, o,
                 o && enl_json_set_text(o, "i", rows[i]->event->event_id) &&
                     enl_json_set_text(o, "tok", rows[i]->token) && enl_json_set_int(o, "m", 0) &&
                     enl_json_set_int(o, "u", 0) && enl_json_set_int(o, "d", delay_ms) &&
                     enl_json_set_text(o, "code", NULL) && enl_json_set_text(o, "e", NULL))) {
            return enl_fail_oom(err);
        }
    }
    if (!batch) {
        return enl_fail_oom(err);
    }
    rc = enl_store_run_batch(s, ENL_SQL_EVENTS_RELEASED, batch, NULL, err);
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}
