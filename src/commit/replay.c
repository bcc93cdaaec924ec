/* replay - see replay.h. */
#include "commit/replay.h"

#include "base/alloc.h"
#include "commit/contacts.h"
#include "commit/row.h"

#include <string.h>

#define SUBSCRIBER 7 /* column of EVENTS_READ */

/* The ids of EVENTS_LOCK's rows that may be opened again.  NULL: memory. */
static struct enl_json *rejected_of(const struct enl_sql_result *r)
{
    struct enl_json *ids = enl_json_new_array();

    for (size_t i = 0; ids && i < r->rows; i++) {
        if (strcmp(enl_sql_cell(r, i, 1), "rejected") == 0 && enl_sql_cell_i64(r, i, 3) == 0 &&
            !enl_json_add_text(ids, enl_sql_cell(r, i, 0))) {
            enl_json_free(ids);
            return NULL;
        }
    }
    return ids;
}

/* Opens the events and writes their contacts, in the transaction that has locked both. */
static enum enl_rc open_again(struct enl_store *s, const struct enl_json *ids,
                              const struct enl_event_options *opt, struct enl_contacts *contacts,
                              struct enl_err *err)
{
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_DEAD_REPLAYED, .batch = ids},
        {.statement = ENL_SQL_EVENTS_REPLAYED, .batch = ids},
    };
    ENL_AUTO_JSON struct enl_json *batch = NULL;
    enum enl_rc rc = enl_store_run_all(s, calls, 2, err);

    for (size_t i = 0; i < contacts->n; i++) {
        contacts->items[i].stale = true;
    }
    rc = rc == ENL_OK ? enl_contacts_mend(contacts, s, opt, err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    batch = enl_contacts_batch(contacts);
    if (!batch) {
        return enl_fail_oom(err);
    }
    return enl_json_len(batch) == 0
               ? ENL_OK
               : enl_store_run_batch(s, ENL_SQL_CONTACTS_UPDATE, batch, NULL, err);
}

/* Contacts before events, as in T1 and T2. */
static enum enl_rc replay_locked(struct enl_store *s, const struct enl_json *ids,
                                 const struct enl_json *subs, const struct enl_event_options *opt,
                                 size_t *ret_n, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result locked = {0};
    ENL_AUTO_SQL_RESULT struct enl_sql_result events = {0};
    ENL_AUTO_JSON struct enl_json *rejected = NULL;
    struct enl_contacts contacts = {0};
    const struct enl_store_call calls[] = {
        {.statement = ENL_SQL_CONTACTS_LOCK, .batch = subs, .ret = &locked},
        {.statement = ENL_SQL_EVENTS_LOCK, .batch = ids, .ret = &events},
    };
    enum enl_rc rc = enl_store_begin_with(s, calls, 2, err);

    rc = rc == ENL_OK ? enl_contacts_load(&contacts, &locked, err) : rc;
    if (rc == ENL_OK) {
        rejected = rejected_of(&events);
        rc = rejected ? ENL_OK : enl_fail_oom(err);
    }
    if (rc == ENL_OK && enl_json_len(rejected) > 0) {
        rc = open_again(s, rejected, opt, &contacts, err);
    }
    enl_contacts_done(&contacts);
    rc = rc == ENL_OK ? enl_store_commit(s, err) : rc;
    if (rc == ENL_OK) {
        *ret_n = enl_json_len(rejected);
    }
    return rc;
}

enum enl_rc enl_replay_transient(struct enl_store *s, const struct enl_event_options *opt,
                                 size_t *ret_n, struct enl_err *err)
{
    static const char *const due[] = {ENL_REPLAYS_MAX, ENL_REPLAY_FIRST_MS, ENL_REPLAY_ROWS};
    ENL_AUTO_SQL_RESULT struct enl_sql_result letters = {0};
    ENL_AUTO_SQL_RESULT struct enl_sql_result rows = {0};
    ENL_AUTO_JSON struct enl_json *ids = NULL;
    ENL_AUTO_JSON struct enl_json *subs = NULL;
    enum enl_rc rc = enl_store_run(s, ENL_SQL_DEAD_TRANSIENT, due, 3, &letters, err);

    *ret_n = 0;
    if (rc != ENL_OK || letters.rows == 0) {
        return rc;
    }
    ids = enl_json_column(&letters, 0);
    if (!ids) {
        return enl_fail_oom(err);
    }
    rc = enl_store_run_batch(s, ENL_SQL_EVENTS_READ, ids, &rows, err);
    if (rc != ENL_OK || rows.rows == 0) {
        return rc;
    }
    subs = enl_json_column(&rows, SUBSCRIBER);
    if (!subs) {
        return enl_fail_oom(err);
    }
    rc = replay_locked(s, ids, subs, opt, ret_n, err);
    if (rc != ENL_OK) {
        enl_store_rollback(s);
    }
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}
