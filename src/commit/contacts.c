/* contacts - see contacts.h. */
#include "commit/contacts.h"

#include "base/alloc.h"
#include "commit/row.h"

#include <string.h>

#define CONTACT_MAX 16777216U /* bytes of a contact's fields or keys as JSON */

enum enl_rc enl_contacts_load(struct enl_contacts *c, const struct enl_sql_result *r,
                              struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    c->items = enl_calloc(r->rows ? r->rows : 1, sizeof(*c->items));
    if (!c->items) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < r->rows && rc == ENL_OK; i++) {
        struct enl_contacts_item *item = &c->items[i];

        item->subscriber_id = enl_strdup(enl_sql_cell(r, i, 0));
        if (!item->subscriber_id) {
            return enl_fail_oom(err);
        }
        c->n = i + 1;
        rc = enl_contact_load(&item->contact, enl_sql_cell(r, i, 1), enl_sql_cell(r, i, 2), NULL);
        if (rc == ENL_INVALID) {
            item->stale = true;
            rc = enl_contact_init(&item->contact, NULL);
        }
        if (rc != ENL_OK) {
            return enl_fail_oom(err);
        }
    }
    return rc;
}

static struct enl_contacts_item *find(struct enl_contacts *c, const char *subscriber_id)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->items[i].subscriber_id, subscriber_id) == 0) {
            return &c->items[i];
        }
    }
    return NULL;
}

bool enl_contacts_has(struct enl_contacts *c, const char *subscriber_id)
{
    return find(c, subscriber_id) != NULL;
}

enum enl_rc enl_contacts_merge(struct enl_contacts *c, const struct enl_event *e,
                               struct enl_err *err)
{
    struct enl_contacts_item *item = find(c, e->subscriber_id);
    bool changed = false;
    enum enl_rc rc = item ? enl_contact_merge(&item->contact, e, &changed, err) : ENL_OK;

    if (item && changed) {
        item->changed = true;
    }
    return rc;
}

/* A stored event; *ret stays NULL for a body that this binary does not read: it carries no field
 * for it. */
static enum enl_rc read_stored(const struct enl_sql_result *r, size_t i,
                               const struct enl_event_options *opt, struct enl_event **ret,
                               struct enl_err *err)
{
    enum enl_rc rc = enl_row_event(opt, enl_sql_cell(r, i, 0), enl_sql_cell(r, i, 1),
                                   enl_sql_cell_i64(r, i, 2) != 0, enl_sql_cell(r, i, 3),
                                   enl_sql_cell(r, i, 4), ret, NULL);

    return rc == ENL_FATAL ? enl_fail_oom(err) : ENL_OK;
}

static enum enl_rc merge_stored(struct enl_contact *contact, const struct enl_sql_result *r,
                                size_t i, const struct enl_event_options *opt, struct enl_err *err)
{
    struct enl_event *e = NULL;
    enum enl_rc rc = read_stored(r, i, opt, &e, err);

    rc = rc == ENL_OK && e ? enl_contact_merge(contact, e, NULL, err) : rc;
    enl_event_free(e);
    return rc;
}

enum enl_rc enl_contacts_merge_rows(struct enl_contacts *c, const struct enl_sql_result *r,
                                    const struct enl_event_options *opt, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < r->rows && rc == ENL_OK; i++) {
        struct enl_event *e = NULL;

        rc = read_stored(r, i, opt, &e, err);
        rc = rc == ENL_OK && e ? enl_contacts_merge(c, e, err) : rc;
        enl_event_free(e);
    }
    return rc;
}

void enl_contacts_mark_stale(struct enl_contacts *c, const char *subscriber_id)
{
    struct enl_contacts_item *item = find(c, subscriber_id);

    if (item) {
        item->stale = true;
    }
}

static enum enl_rc rebuild(struct enl_contacts_item *item, struct enl_store *s,
                           const struct enl_event_options *opt, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    const char *params[1] = {item->subscriber_id};
    struct enl_contact fresh = {0};
    enum enl_rc rc = enl_store_run(s, ENL_SQL_CONTACT_EVENTS, params, 1, &r, err);

    rc = rc == ENL_OK ? enl_contact_init(&fresh, err) : rc;
    for (size_t i = 0; i < r.rows && rc == ENL_OK; i++) {
        rc = merge_stored(&fresh, &r, i, opt, err);
    }
    if (rc != ENL_OK) {
        enl_contact_done(&fresh);
        return rc;
    }
    enl_contact_done(&item->contact);
    item->contact = fresh;
    item->changed = true;
    item->stale = false;
    return ENL_OK;
}

enum enl_rc enl_contacts_mend(struct enl_contacts *c, struct enl_store *s,
                              const struct enl_event_options *opt, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < c->n && rc == ENL_OK; i++) {
        if (c->items[i].stale) {
            rc = rebuild(&c->items[i], s, opt, err);
        }
    }
    return rc;
}

static struct enl_json *dumped(const struct enl_json *j)
{
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(CONTACT_MAX);

    enl_json_dump(j, false, &text);
    return enl_buf_ok(&text) ? enl_json_new_strn(enl_buf_str(&text), text.len) : NULL;
}

static struct enl_json *item_json(const struct enl_contacts_item *item)
{
    struct enl_json *o = enl_json_new_object();

    if (o && enl_json_set_text(o, "s", item->subscriber_id) &&
        enl_json_set(o, "fields", dumped(item->contact.fields)) &&
        enl_json_set(o, "keys", dumped(item->contact.keys))) {
        return o;
    }
    enl_json_free(o);
    return NULL;
}

struct enl_json *enl_contacts_batch(const struct enl_contacts *c)
{
    struct enl_json *batch = enl_json_new_array();

    for (size_t i = 0; batch && i < c->n; i++) {
        if (c->items[i].changed && !enl_json_append(batch, item_json(&c->items[i]))) {
            enl_json_free(batch);
            return NULL;
        }
    }
    return batch;
}

void enl_contacts_done(struct enl_contacts *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].subscriber_id);
        enl_contact_done(&c->items[i].contact);
    }
    free(c->items);
    *c = (struct enl_contacts){0};
}
