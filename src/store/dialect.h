/*
 * dialect - what differs between the databases: statements, error codes, how to connect.
 *
 * ENL_STATEMENTS is the one list of statements; each dialect is one file with one text for each,
 * taking the same parameters in the same order and giving the same columns.  A batch travels as
 * one JSON parameter ("batch"), which the database unpacks.  All times that the protocol compares
 * are integers, milliseconds since 1970 by the database's clock; durations in parameters are
 * milliseconds too.  A change never begins with WITH: SQLite's driver counts no rows there.
 *
 * Threads: constant tables.
 */
#ifndef ENL_STORE_DIALECT_H
#define ENL_STORE_DIALECT_H

#include "base/buf.h"
#include "domain/duplicate.h"
#include "wrap/sql.h"

#include <stdbool.h>
#include <stddef.h>

#define ENL_DIALECT_TEXT(x)  ENL_DIALECT_TEXT_(x)
#define ENL_DIALECT_TEXT_(x) #x
/* For the texts: how many neighbours of an event EVENTS_NEAR reads on either side. */
#define ENL_NEIGHBOURS_TEXT ENL_DIALECT_TEXT(ENL_NEIGHBOURS_MAX)

/* name, parameters, columns of the result */
#define ENL_STATEMENTS(X)                                                                          \
    X(BEGIN, "", "")                                                                               \
    X(COMMIT, "", "")                                                                              \
    X(ROLLBACK, "", "")                                                                            \
    X(MIGRATIONS_TABLE, "", "")                                                                    \
    X(MIGRATIONS_VERSION, "", "version, 0 when none")                                              \
    X(MIGRATIONS_ADD, "version", "")                                                               \
    X(CONTACTS_INSERT, "batch of subscriber ids", "")                                              \
    X(CONTACTS_LOCK, "batch of subscriber ids", "subscriber_id, fields, keys")                     \
    X(CONTACTS_UPDATE, "batch of {s,fields,keys}", "")                                             \
    X(CONTACT_EVENTS, "subscriber_id",                                                             \
      "event_id, order_key, generated, received_at, body of its events that count")                \
    X(EVENTS_KNOWN, "batch of ids", "event_id, body_hash, status")                                 \
    X(EVENTS_NEAR, "batch of {s,k,lo,hi}",                                                         \
      "each once, of the subscriber's events from lo to hi, the ENL_NEIGHBOURS_MAX next below k "  \
      "and above it: subscriber_id, event_id, order_key, body_hash, status; of the event that it " \
      "repeats: event_id, order_key, status")                                                      \
    X(EVENTS_REPEATS, "batch of ids",                                                              \
      "event_id, order_key, generated, received_at, body of those that are duplicates and not "    \
      "expunged")                                                                                  \
    X(EVENTS_PROMOTED, "batch of ids", "")                                                         \
    X(EVENTS_INSERT, "batch of events", "")                                                        \
    X(EVENTS_TAKE, "token, token, claim ms, batch of ids, token", "")                              \
    X(EVENTS_DRAIN, "token, token, claim ms, rows", "")                                            \
    X(EVENTS_DRAIN_SUSPECTS, "token, token, claim ms, rows", "")                                   \
    X(EVENTS_CLAIMED, "token",                                                                     \
      "event_id, order_key, generated, received_at, body, attempts, unanswered, subscriber_id")    \
    X(EVENTS_STATUS, "batch of ids", "event_id, status, claim_token, 1 when expunged")             \
    X(EVENTS_LOCK, "batch of ids",                                                                 \
      "as EVENTS_STATUS; the rows stay locked, in the order of their ids")                         \
    X(EVENTS_SYNCED, "batch of {i,o,c}", "")                                                       \
    X(EVENTS_REJECTED, "batch of {i,tok,code,e,d}", "")                                            \
    X(EVENTS_RELEASED, "batch of {i,tok,m,u,d,code,e}", "")                                        \
    X(EVENTS_READ, "batch of ids", "as EVENTS_CLAIMED; those that have a body")                    \
    X(EVENTS_UNCHECKED, "rows",                                                                    \
      "event_id of rejected events that may be in Odoo and are due to be looked up there")         \
    X(EVENTS_CHECKED, "batch of ids", "")                                                          \
    X(EVENTS_STORED, "cursor ms, cursor ms, cursor id, ms back, ms settled, rows",                 \
      "event_id, stored_at of synced events behind the cursor, in its order")                      \
    X(EVENTS_REPAIRED, "batch of {i,o,c}", "")                                                     \
    X(EVENTS_GONE, "batch of ids", "")                                                             \
    X(EVENTS_REPLAYED, "batch of ids", "")                                                         \
    X(DEAD_TRANSIENT, "most replays, ms to the first, rows",                                       \
      "event_id of given up events that are due for another try")                                  \
    X(DEAD_REPLAYED, "batch of ids", "")                                                           \
    X(SYNC_READ, "", "cursor ms, cursor id, ms since it came to the end (-1 never)")               \
    X(SYNC_WRITE, "cursor ms, cursor id", "")                                                      \
    X(SYNC_ENDED, "", "")                                                                          \
    X(DEAD_RESOLVED, "batch of ids", "")                                                           \
    X(DEAD_DELIVERED, "batch of ids", "")                                                          \
    X(DEAD_OPEN, "batch of {k,i,class,e,body}", "")                                                \
    X(LEASE_SLACK, "slack ms", "")                                                                 \
    X(LEASE_SLACK_FORCE, "slack ms", "")                                                           \
    X(LEASE_TURN, "token, interval ms, median ms, turns thrown away", "")                          \
    X(LEASE_READ, "", "ms until the next turn, slack ms, median ms, turns thrown away")            \
    X(LEASE_MOVE, "ms", "")                                                                        \
    X(BREAKER_READ, "",                                                                            \
      "state, reason, failures, delay ms, ms until the next probe, rows, ms since the last "       \
      "answer (-1 none), requests seen, same_count, same_text")                                    \
    X(BREAKER_LOCK, "", "as BREAKER_READ; the row stays locked")                                   \
    X(BREAKER_PROBE, "ms", "")                                                                     \
    X(BREAKER_WRITE, "state, reason, failures, delay ms, rows, answered, same_count, same_text",   \
      "")                                                                                          \
    X(HEALTH, "", "open events, age in ms of the oldest (-1 none), open dead letters")             \
    X(EVENT_VIEW, "event_id",                                                                      \
      "event_id, status, kind, subscriber_id, state, occurred_at, received_at, synced_at, "        \
      "attempts, duplicate_of, odoo_contact_id, odoo_id, warnings, error_code, last_error")

enum enl_statement {
#define X(name, params, columns) ENL_SQL_##name,
    ENL_STATEMENTS(X)
#undef X
        ENL_SQL_COUNT
};

/* What an error means for the caller. */
enum enl_sql_class {
    ENL_SQL_CLASS_DEAD,      /* the connection or the server is gone: connect again */
    ENL_SQL_CLASS_BUSY,      /* a lock, a deadlock, a full disk: the same again later */
    ENL_SQL_CLASS_DUPLICATE, /* a key is there already: another was faster, look again */
    ENL_SQL_CLASS_DATA,      /* a value is refused: the event's fault */
    ENL_SQL_CLASS_OTHER,     /* a bug or a wrong schema: as BUSY, said aloud */
};

struct enl_sql_code {
    const char *state; /* prefix of the SQLSTATE, "" matches any */
    int native;        /* -1 matches any */
    enum enl_sql_class class;
};

struct enl_migration {
    int version;
    const char *text; /* statements, each ended by ";" at a line's end */
};

struct enl_dialect {
    const char *name;
    const char *const *statements;    /* ENL_SQL_COUNT texts */
    const struct enl_sql_code *codes; /* the first match counts */
    size_t n_codes;
    const struct enl_migration *migrations; /* in order of version */
    size_t n_migrations;
    bool many;       /* the driver takes several statements as one text: one round trip for all */
    bool one_writer; /* whoever writes keeps all others from writing until its transaction ends */
    const char *session; /* run on each new connection; NULL: its string does what is needed */
    const char *lock_migrations; /* begins the transaction that migrates: nobody else may */
};

extern const struct enl_dialect enl_dialect_sqlite;
extern const struct enl_dialect enl_dialect_postgres;
extern const struct enl_dialect enl_dialect_tsql;

enum enl_sql_class enl_dialect_classify(const struct enl_dialect *d,
                                        const struct enl_sql_error *error);
const char *enl_statement_name(enum enl_statement s);

#endif
