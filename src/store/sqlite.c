/* sqlite - the dialect of the embedded default: a file, through SQLite's ODBC driver. */
#include "store/dialect.h"
#include "store/migrations.h"

/* Milliseconds since 1970; constant within a statement. */
#define NOW    "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"
#define UTC    "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
#define OPEN   "status IN ('received', 'pending')"
#define FREE   "claim_token = NULL, claim_until = 0"
#define INT(p) "CAST(" p " AS INTEGER)"
#define GET(k) "json_extract(value, '$." k "')"
/* It would take the macros between the texts for operators, and tear the lines there. */
/* clang-format off */
#define TAKE                                                                                       \
    "maybe_sent = maybe_sent OR (claim_token IS NOT NULL AND claim_token <> ?), "                  \
    "claim_token = ?, claim_until = " NOW " + " INT("?") ", attempts = attempts + 1, "             \
    "checked_at = NULL"

#define DRAIN(which)                                                                               \
    "UPDATE events SET " TAKE " WHERE event_id IN (SELECT event_id FROM events WHERE " OPEN        \
    " AND " which " AND claim_until <= " NOW " AND next_attempt_at <= " NOW                        \
    " ORDER BY next_attempt_at, event_id LIMIT " INT("?") ")"
#define STATUS                                                                                     \
    "SELECT event_id, status, claim_token, expunged_at IS NOT NULL FROM events "                   \
    "WHERE event_id IN (SELECT value FROM json_each(?))"
#define BREAKER                                                                                    \
    "SELECT state, reason, failures, delay_ms, probe_at - " NOW ", max_rows, "                     \
    "COALESCE(" NOW " - last_answer_at, -1), requests, same_count, same_text "                     \
    "FROM odoo_breaker WHERE id = 1"

static const char *const statements[ENL_SQL_COUNT] = {
    [ENL_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [ENL_SQL_COMMIT] = "COMMIT",
    [ENL_SQL_ROLLBACK] = "ROLLBACK",
    [ENL_SQL_MIGRATIONS_TABLE] =
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY, "
        "applied_at TEXT NOT NULL)",
    [ENL_SQL_MIGRATIONS_VERSION] = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations",
    [ENL_SQL_MIGRATIONS_ADD] =
        "INSERT INTO schema_migrations (version, applied_at) VALUES (" INT("?") ", " UTC ")",
    [ENL_SQL_CONTACTS_INSERT] =
        "INSERT INTO contacts (subscriber_id) SELECT value FROM json_each(?) WHERE true "
        "ORDER BY value ON CONFLICT (subscriber_id) DO NOTHING",
    [ENL_SQL_CONTACTS_LOCK] =
        "SELECT subscriber_id, fields, keys FROM contacts "
        "WHERE subscriber_id IN (SELECT value FROM json_each(?)) ORDER BY subscriber_id",
    [ENL_SQL_CONTACTS_UPDATE] =
        "UPDATE contacts SET fields = x.f, keys = x.k, version = version + 1 FROM (SELECT "
        GET("s") " AS s, " GET("fields") " AS f, " GET("keys") " AS k FROM json_each(?)) AS x "
        "WHERE contacts.subscriber_id = x.s",
    [ENL_SQL_CONTACT_EVENTS] =
        "SELECT event_id, order_key, generated, received_at, body FROM events "
        "WHERE subscriber_id = ? AND status NOT IN ('rejected', 'duplicate') "
        "AND body IS NOT NULL ORDER BY order_key",
    [ENL_SQL_EVENTS_KNOWN] = "SELECT event_id, body_hash, status FROM events "
                             "WHERE event_id IN (SELECT value FROM json_each(?))",
    /* One range of the index for each event, as there is no LATERAL: from the last neighbour below
     * to the last one above. */
    [ENL_SQL_EVENTS_NEAR] =
        "SELECT DISTINCT n.subscriber_id, n.event_id, n.order_key, n.body_hash, n.status, "
        "f.event_id, f.order_key, f.status FROM (SELECT " GET("s") " AS s, " GET("k") " AS k, "
        GET("lo") " AS lo, " GET("hi") " AS hi FROM json_each(?)) AS x "
        "CROSS JOIN events AS n ON n.subscriber_id = x.s "
        "AND n.order_key >= MAX(x.lo, COALESCE((SELECT e.order_key FROM events AS e WHERE "
        "e.subscriber_id = x.s AND e.order_key < x.k ORDER BY e.order_key DESC LIMIT 1 OFFSET "
        ENL_NEIGHBOURS_TEXT " - 1), x.lo)) "
        "AND n.order_key <= MIN(x.hi, COALESCE((SELECT e.order_key FROM events AS e WHERE "
        "e.subscriber_id = x.s AND e.order_key > x.k ORDER BY e.order_key LIMIT 1 OFFSET "
        ENL_NEIGHBOURS_TEXT " - 1), x.hi)) "
        "LEFT JOIN events AS f ON f.event_id = n.duplicate_of",
    [ENL_SQL_EVENTS_REPEATS] =
        "SELECT event_id, order_key, generated, received_at, body FROM events "
        "WHERE event_id IN (SELECT value FROM json_each(?)) AND status = 'duplicate' "
        "AND expunged_at IS NULL AND body IS NOT NULL",
    [ENL_SQL_EVENTS_PROMOTED] =
        "UPDATE events SET status = 'pending', duplicate_of = NULL, next_attempt_at = " NOW
        " WHERE event_id IN (SELECT value FROM json_each(?)) AND status = 'duplicate' "
        "AND expunged_at IS NULL",
    [ENL_SQL_EVENTS_INSERT] =
        "INSERT INTO events (event_id, subscriber_id, order_key, generated, body_hash, body, kind, "
        "state, occurred_at, received_at, warnings, traceparent, status, duplicate_of, "
        "claim_token, claim_until, attempts, error_code, last_error, stored_at) "
        "SELECT " GET("i") ", " GET("s") ", " GET("k") ", " GET("g") ", " GET("h") ", "
        GET("b") ", " GET("kind") ", " GET("state") ", " GET("occ") ", " GET("rec") ", "
        GET("w") ", " GET("tp") ", " GET("st") ", " GET("dup") ", " GET("tok") ", "
        "CASE WHEN " GET("tok") " IS NULL THEN 0 ELSE " NOW " + " GET("claim") " END, "
        "CASE WHEN " GET("tok") " IS NULL THEN 0 ELSE 1 END, " GET("code") ", " GET("e") ", " NOW
        " FROM json_each(?) WHERE true ORDER BY 1 ON CONFLICT (event_id) DO NOTHING",
    [ENL_SQL_EVENTS_TAKE] =
        "UPDATE events SET " TAKE " WHERE event_id IN (SELECT value FROM json_each(?)) AND " OPEN
        " AND ((claim_until <= " NOW " AND next_attempt_at <= " NOW ") OR claim_token = ?)",
    [ENL_SQL_EVENTS_DRAIN] = DRAIN("unanswered < 2"),
    [ENL_SQL_EVENTS_DRAIN_SUSPECTS] = DRAIN("unanswered >= 2"),
    [ENL_SQL_EVENTS_CLAIMED] =
        "SELECT event_id, order_key, generated, received_at, body, attempts, unanswered, "
        "subscriber_id FROM events WHERE claim_token = ? AND " OPEN
        " ORDER BY next_attempt_at, order_key",
    [ENL_SQL_EVENTS_STATUS] = STATUS,
    /* BEGIN IMMEDIATE has locked everything. */
    [ENL_SQL_EVENTS_LOCK] = STATUS,
    [ENL_SQL_EVENTS_SYNCED] =
        "UPDATE events SET status = 'synced', odoo_id = x.o, odoo_contact_id = x.c, "
        "synced_at = " UTC ", error_code = NULL, last_error = NULL, " FREE " FROM (SELECT "
        GET("i") " AS i, " GET("o") " AS o, " GET("c") " AS c FROM json_each(?)) AS x "
        "WHERE events.event_id = x.i AND status IN ('received', 'pending', 'rejected')",
    [ENL_SQL_EVENTS_REJECTED] =
        "UPDATE events SET status = 'rejected', error_code = x.code, last_error = x.e, "
        "next_attempt_at = " NOW " + x.d, " FREE
        " FROM (SELECT " GET("i") " AS i, " GET("tok") " AS tok, " GET("code") " AS code, "
        GET("e") " AS e, " GET("d") " AS d FROM json_each(?)) AS x "
        "WHERE events.event_id = x.i AND " OPEN " AND claim_token = x.tok",
    [ENL_SQL_EVENTS_RELEASED] =
        "UPDATE events SET status = 'pending', maybe_sent = maybe_sent OR x.m, "
        "unanswered = unanswered + x.u, next_attempt_at = " NOW " + x.d, error_code = x.code, "
        "last_error = x.e, " FREE " FROM (SELECT " GET("i") " AS i, " GET("tok") " AS tok, "
        GET("m") " AS m, " GET("u") " AS u, " GET("d") " AS d, " GET("code") " AS code, "
        GET("e") " AS e "
        "FROM json_each(?)) AS x WHERE events.event_id = x.i AND " OPEN " AND claim_token = x.tok",
    [ENL_SQL_EVENTS_READ] =
        "SELECT event_id, order_key, generated, received_at, body, attempts, unanswered, "
        "subscriber_id FROM events WHERE event_id IN (SELECT value FROM json_each(?)) "
        "AND body IS NOT NULL ORDER BY order_key",
    [ENL_SQL_EVENTS_UNCHECKED] =
        "SELECT event_id FROM events WHERE status = 'rejected' AND maybe_sent = 1 "
        "AND checked_at IS NULL AND body IS NOT NULL AND next_attempt_at <= " NOW
        " ORDER BY next_attempt_at, event_id LIMIT " INT("?"),
    [ENL_SQL_EVENTS_CHECKED] =
        "UPDATE events SET checked_at = " NOW " WHERE status = 'rejected' "
        "AND event_id IN (SELECT value FROM json_each(?))",
    [ENL_SQL_EVENTS_STORED] =
        "SELECT event_id, stored_at FROM events WHERE status = 'synced' AND gone_at IS NULL "
        "AND body IS NOT NULL AND stored_at >= " INT("?") " AND (stored_at > " INT("?")
        " OR event_id > ?) AND stored_at >= " NOW " - " INT("?") " AND stored_at <= " NOW " - "
        INT("?") " ORDER BY stored_at, event_id LIMIT " INT("?"),
    [ENL_SQL_EVENTS_REPAIRED] =
        "UPDATE events SET odoo_id = x.o, odoo_contact_id = x.c FROM (SELECT " GET("i")
        " AS i, " GET("o") " AS o, " GET("c") " AS c FROM json_each(?)) AS x "
        "WHERE events.event_id = x.i AND status = 'synced'",
    [ENL_SQL_EVENTS_GONE] =
        "UPDATE events SET gone_at = " NOW " WHERE event_id IN (SELECT value FROM json_each(?)) "
        "AND status = 'synced'",
    [ENL_SQL_EVENTS_REPLAYED] =
        "UPDATE events SET status = 'pending', unanswered = 0, next_attempt_at = " NOW ", " FREE
        " WHERE event_id IN (SELECT value FROM json_each(?)) AND status = 'rejected' "
        "AND expunged_at IS NULL",
    [ENL_SQL_DEAD_TRANSIENT] =
        "SELECT event_id FROM dead_letters WHERE status = 'open' AND class = 'transient' "
        "AND event_id IS NOT NULL AND replays < " INT("?") " AND last_at + (" INT("?")
        " << (2 * replays)) <= " NOW " ORDER BY last_at, event_id LIMIT " INT("?"),
    [ENL_SQL_DEAD_REPLAYED] =
        "UPDATE dead_letters SET status = 'replayed', replays = replays + 1, last_at = " NOW
        " WHERE key IN (SELECT value FROM json_each(?)) AND status = 'open'",
    [ENL_SQL_SYNC_READ] = "SELECT cursor_at, cursor_id, COALESCE(" NOW " - ended_at, -1) "
                          "FROM sync_state WHERE id = 1",
    [ENL_SQL_SYNC_WRITE] =
        "UPDATE sync_state SET cursor_at = " INT("?") ", cursor_id = ? WHERE id = 1",
    [ENL_SQL_SYNC_ENDED] = "UPDATE sync_state SET cursor_at = 0, cursor_id = '', ended_at = " NOW
                           " WHERE id = 1",
    [ENL_SQL_DEAD_RESOLVED] = "UPDATE dead_letters SET status = 'resolved', last_at = " NOW
                              " WHERE key IN (SELECT value FROM json_each(?)) "
                              "AND status IN ('open', 'replayed')",
    [ENL_SQL_DEAD_DELIVERED] = "UPDATE dead_letters SET deliveries = deliveries + 1, last_at = " NOW
                               " WHERE key IN (SELECT value FROM json_each(?))",
    [ENL_SQL_DEAD_OPEN] =
        "INSERT INTO dead_letters (key, event_id, class, status, error, first_at, last_at, body) "
        "SELECT " GET("k") ", " GET("i") ", " GET("class") ", 'open', " GET("e") ", " NOW ", " NOW
        ", " GET("body") " FROM json_each(?) WHERE true ON CONFLICT (key) DO UPDATE SET "
        "status = 'open', class = excluded.class, error = excluded.error, "
        "last_at = excluded.last_at WHERE dead_letters.status <> 'expunged'",
    [ENL_SQL_LEASE_SLACK] = "UPDATE rate_lease SET slack_ms = " INT("?") " WHERE id = 1 "
                            "AND slack_ms IS NULL",
    [ENL_SQL_LEASE_SLACK_FORCE] = "UPDATE rate_lease SET slack_ms = " INT("?") " WHERE id = 1",
    [ENL_SQL_LEASE_TURN] = "UPDATE rate_lease SET holder = ?, next_at = " NOW " + " INT("?")
                           ", turn_ms = " INT("?") ", turns_thrown = turns_thrown + " INT("?")
                           " WHERE id = 1 AND next_at <= " NOW,
    [ENL_SQL_LEASE_READ] = "SELECT next_at - " NOW ", slack_ms, turn_ms, turns_thrown "
                           "FROM rate_lease WHERE id = 1",
    [ENL_SQL_LEASE_MOVE] = "UPDATE rate_lease SET next_at = MAX(next_at, " NOW " + " INT("?")
                           ") WHERE id = 1",
    [ENL_SQL_BREAKER_READ] = BREAKER,
    [ENL_SQL_BREAKER_LOCK] = BREAKER,
    [ENL_SQL_BREAKER_PROBE] = "UPDATE odoo_breaker SET probe_at = " NOW " + " INT("?")
                              " WHERE id = 1 AND state = 'open' AND probe_at <= " NOW,
    [ENL_SQL_BREAKER_WRITE] =
        "UPDATE odoo_breaker SET state = x.st, reason = x.reason, failures = x.failures, "
        "delay_ms = x.delay, probe_at = " NOW " + x.delay, max_rows = x.max_rows, "
        "last_answer_at = CASE WHEN x.answered THEN " NOW " ELSE last_answer_at END, "
        "requests = requests + 1, same_count = x.same_count, same_text = x.same_text FROM (SELECT "
        "? AS st, ? AS reason, " INT("?") " AS failures, " INT("?") " AS delay, " INT("?")
        " AS max_rows, " INT("?") " AS answered, " INT("?") " AS same_count, ? AS same_text) AS x "
        "WHERE id = 1",
    [ENL_SQL_HEALTH] = "SELECT (SELECT COUNT(*) FROM events WHERE " OPEN "), "
                       "(SELECT COALESCE(" NOW " - MIN(stored_at), -1) FROM events WHERE " OPEN
                       "), (SELECT COUNT(*) FROM dead_letters WHERE status = 'open')",
    [ENL_SQL_EVENT_VIEW] =
        "SELECT event_id, status, kind, subscriber_id, state, occurred_at, received_at, synced_at, "
        "attempts, duplicate_of, odoo_contact_id, odoo_id, warnings, error_code, last_error "
        "FROM events WHERE event_id = ?",
};
/* clang-format on */

/* The driver reports SQLite's result codes as native errors, all under HY000. */
static const struct enl_sql_code codes[] = {
    {"", 19, ENL_SQL_CLASS_DATA}, /* SQLITE_CONSTRAINT: keys never collide (ON CONFLICT) */
    {"", 20, ENL_SQL_CLASS_DATA}, /* SQLITE_MISMATCH */
    {"", 18, ENL_SQL_CLASS_DATA}, /* SQLITE_TOOBIG */
    {"", 5, ENL_SQL_CLASS_BUSY},  /* SQLITE_BUSY */
    {"", 6, ENL_SQL_CLASS_BUSY},  /* SQLITE_LOCKED */
    {"", 13, ENL_SQL_CLASS_BUSY}, /* SQLITE_FULL: the disk */
    {"", 10, ENL_SQL_CLASS_DEAD}, /* SQLITE_IOERR */
    {"", 14, ENL_SQL_CLASS_DEAD}, /* SQLITE_CANTOPEN */
    {"", 11, ENL_SQL_CLASS_DEAD}, /* SQLITE_CORRUPT */
    {"", 26, ENL_SQL_CLASS_DEAD}, /* SQLITE_NOTADB */
    {"", 8, ENL_SQL_CLASS_DEAD},  /* SQLITE_READONLY: also a file that was replaced */
};

static const struct enl_migration migrations[] = {
    {1, enl_migration_sqlite_0001_spine},
    {2, enl_migration_sqlite_0002_turns},
    {3, enl_migration_sqlite_0003_sync},
};

const struct enl_dialect enl_dialect_sqlite = {
    .name = "sqlite",
    .statements = statements,
    .codes = codes,
    .n_codes = sizeof(codes) / sizeof(codes[0]),
    .migrations = migrations,
    .n_migrations = sizeof(migrations) / sizeof(migrations[0]),
    .one_writer = true,
    .lock_migrations = "BEGIN IMMEDIATE",
};
