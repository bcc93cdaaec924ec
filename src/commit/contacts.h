/*
 * contacts - the contacts of a running transaction: locked, merged or rebuilt in C, written back.
 *
 * Ownership: the set owns its contacts.  Threads: as the store.
 */
#ifndef ENL_COMMIT_CONTACTS_H
#define ENL_COMMIT_CONTACTS_H

#include "base/err.h"
#include "domain/contact.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct enl_contacts {
    struct enl_contacts_item {
        char *subscriber_id;
        struct enl_contact contact;
        bool changed;
        bool stale; /* unreadable, or holds a rejected event: enl_contacts_mend rebuilds it */
    } * items;
    size_t n;
};

/* From the rows of CONTACTS_LOCK. */
enum enl_rc enl_contacts_load(struct enl_contacts *c, const struct enl_sql_result *rows,
                              struct enl_err *err) ENL_MUSTCHECK;
bool enl_contacts_has(struct enl_contacts *c, const char *subscriber_id);
/* The event's fields into its subscriber's contact, which must be locked (else: ignored). */
enum enl_rc enl_contacts_merge(struct enl_contacts *c, const struct enl_event *e,
                               struct enl_err *err) ENL_MUSTCHECK;
/* The same of each row of EVENTS_REPEATS.  A body that this binary does not read carries nothing.
 */
enum enl_rc enl_contacts_merge_rows(struct enl_contacts *c, const struct enl_sql_result *rows,
                                    const struct enl_event_options *opt,
                                    struct enl_err *err) ENL_MUSTCHECK;
/* What the contact holds is not what its events say, as after a rejection.  Not locked: ignored. */
void enl_contacts_mark_stale(struct enl_contacts *c, const char *subscriber_id);
/* Rebuilds each stale contact, once, from all its events that count. */
enum enl_rc enl_contacts_mend(struct enl_contacts *c, struct enl_store *s,
                              const struct enl_event_options *opt,
                              struct enl_err *err) ENL_MUSTCHECK;
/* The batch that CONTACTS_UPDATE takes: those that changed; empty when none did.  NULL: memory. */
struct enl_json *enl_contacts_batch(const struct enl_contacts *c) ENL_MUSTCHECK;
void enl_contacts_done(struct enl_contacts *c);

#endif
