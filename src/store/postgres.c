/* postgres - the dialect of PostgreSQL through psqlODBC. */
#include "store/dialect.h"
#include "store/migrations.h"

/* Milliseconds since 1970 when the statement runs: now() would be the transaction's start. */
#define NOW           "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
#define OPEN          "status IN ('received', 'pending')"
#define FREE          "claim_token = NULL, claim_until = 0"
#define INT(p)        "CAST(" p " AS bigint)"
#define TEXT          "CAST(? AS text)"
#define IDS           "(SELECT value COLLATE \"C\" FROM json_array_elements_text(CAST(? AS json)))"
#define ROWS(columns) "json_to_recordset(CAST(? AS json)) AS x(" columns ")"
#define UTC(column)   "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
/* It would take the macros between the texts for operators, and tear the lines there. */
/* clang-format off */
#define TAKE                                                                                       \
    "maybe_sent = CASE WHEN maybe_sent = 1 OR (claim_token IS NOT NULL AND claim_token <> " TEXT   \
    ") THEN 1 ELSE 0 END, claim_token = " TEXT ", claim_until = " NOW                              \
    " + " INT("?") ", attempts = attempts + 1, checked_at = NULL"
#define STATUS                                                                                     \
    "SELECT event_id, status, claim_token, CASE WHEN expunged_at IS NULL THEN 0 ELSE 1 END "       \
    "FROM events WHERE event_id IN " IDS
#define NEAR                                                                                       \
    "SELECT e.subscriber_id, e.event_id, e.order_key, e.body_hash, e.status, e.duplicate_of "      \
    "FROM events AS e WHERE e.subscriber_id = x.s COLLATE \"C\" "
#define DRAIN(which)                                                                               \
    "UPDATE events SET " TAKE " WHERE event_id IN (SELECT event_id FROM events WHERE " OPEN        \
    " AND " which " AND claim_until <= " NOW " AND next_attempt_at <= " NOW                        \
    " ORDER BY next_attempt_at, event_id LIMIT " INT("?") " FOR UPDATE SKIP LOCKED)"
#define BREAKER                                                                                    \
    "SELECT state, reason, failures, delay_ms, probe_at - " NOW ", max_rows, "                     \
    "COALESCE(" NOW " - last_answer_at, -1), requests, same_count, same_text "                     \
    "FROM odoo_breaker WHERE id = 1"

static const char *const statements[ENL_SQL_COUNT] = {
    [ENL_SQL_BEGIN] = "BEGIN",
    [ENL_SQL_COMMIT] = "COMMIT",
    [ENL_SQL_ROLLBACK] = "ROLLBACK",
    [ENL_SQL_MIGRATIONS_TABLE] =
        "CREATE TABLE IF NOT EXISTS schema_migrations (version integer NOT NULL PRIMARY KEY, "
        "applied_at timestamptz NOT NULL)",
    [ENL_SQL_MIGRATIONS_VERSION] = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations",
    [ENL_SQL_MIGRATIONS_ADD] =
        "INSERT INTO schema_migrations (version, applied_at) VALUES (CAST(? AS integer), now())",
    [ENL_SQL_CONTACTS_INSERT] =
        "INSERT INTO contacts (subscriber_id) SELECT value FROM "
        "json_array_elements_text(CAST(? AS json)) "
        "ORDER BY value COLLATE \"C\" ON CONFLICT (subscriber_id) DO NOTHING",
    [ENL_SQL_CONTACTS_LOCK] = "SELECT subscriber_id, fields, keys FROM contacts "
                              "WHERE subscriber_id IN " IDS " ORDER BY subscriber_id FOR UPDATE",
    [ENL_SQL_CONTACTS_UPDATE] = "UPDATE contacts SET fields = x.fields, keys = x.keys, "
                                "version = version + 1 FROM " ROWS(
                                    "s text, fields text, "
                                    "keys text") " WHERE "
                                                 "contacts.subscriber_id = x.s COLLATE \"C\"",
    [ENL_SQL_CONTACT_EVENTS] = "SELECT event_id, order_key, generated, " UTC(
        "received_at") ", body FROM events "
                       "WHERE subscriber_id = " TEXT
                       " COLLATE \"C\" AND status NOT IN ('rejected', 'duplicate') "
                       "AND body IS NOT NULL ORDER BY order_key",
    [ENL_SQL_EVENTS_KNOWN] =
        "SELECT event_id, body_hash, status FROM events WHERE event_id IN " IDS,
    [ENL_SQL_EVENTS_NEAR] =
        "SELECT n.subscriber_id, n.event_id, n.order_key, n.body_hash, n.status, "
        "f.event_id, f.order_key, f.status FROM (SELECT DISTINCT w.* FROM "
        ROWS("s text, k text, lo text, hi text") " CROSS JOIN LATERAL (("
        NEAR "AND e.order_key >= x.lo COLLATE \"C\" AND e.order_key < x.k COLLATE \"C\" "
        "ORDER BY e.order_key DESC LIMIT " ENL_NEIGHBOURS_TEXT ") UNION ALL ("
        NEAR "AND e.order_key > x.k COLLATE \"C\" AND e.order_key <= x.hi COLLATE \"C\" "
        "ORDER BY e.order_key LIMIT " ENL_NEIGHBOURS_TEXT ")) AS w) AS n "
        "LEFT JOIN events AS f ON f.event_id = n.duplicate_of",
    [ENL_SQL_EVENTS_REPEATS] =
        "SELECT event_id, order_key, generated, " UTC("received_at") ", body FROM events "
        "WHERE event_id IN " IDS " AND status = 'duplicate' AND expunged_at IS NULL "
        "AND body IS NOT NULL",
    [ENL_SQL_EVENTS_PROMOTED] =
        "UPDATE events SET status = 'pending', duplicate_of = NULL, next_attempt_at = " NOW
        " WHERE event_id IN " IDS " AND status = 'duplicate' AND expunged_at IS NULL",
    [ENL_SQL_EVENTS_INSERT] =
        "INSERT INTO events (event_id, subscriber_id, order_key, generated, body_hash, body, kind, "
        "state, occurred_at, received_at, warnings, traceparent, status, duplicate_of, "
        "claim_token, claim_until, attempts, error_code, last_error, stored_at) "
        "SELECT x.i, x.s, x.k, x.g, x.h, x.b, x.kind, x.state, x.occ, x.rec, x.w, x.tp, x.st, "
        "x.dup, x.tok, CASE WHEN x.tok IS NULL THEN 0 ELSE " NOW " + x.claim END, "
        "CASE WHEN x.tok IS NULL THEN 0 ELSE 1 END, x.code, x.e, " NOW " FROM " ROWS(
            "i text, s text, k text, g smallint, h text, b text, kind text, state text, "
            "occ timestamptz, rec timestamptz, w text, tp text, st text, dup text, tok text, "
            "claim bigint, code text, e text") " ORDER BY x.i COLLATE \"C\" ON CONFLICT "
                                               "(event_id) DO NOTHING",
    [ENL_SQL_EVENTS_TAKE] =
        "UPDATE events SET " TAKE " WHERE event_id IN (SELECT event_id FROM events "
        "WHERE event_id IN " IDS " AND " OPEN " AND ((claim_until <= " NOW
        " AND next_attempt_at <= " NOW ") OR claim_token = " TEXT ") ORDER BY event_id FOR UPDATE)",
    [ENL_SQL_EVENTS_DRAIN] = DRAIN("unanswered < 2"),
    [ENL_SQL_EVENTS_DRAIN_SUSPECTS] = DRAIN("unanswered >= 2"),
    [ENL_SQL_EVENTS_CLAIMED] = "SELECT event_id, order_key, generated, " UTC(
        "received_at") ", body, attempts, "
                       "unanswered, subscriber_id FROM events WHERE claim_token = " TEXT
                       " AND " OPEN " ORDER BY next_attempt_at, order_key",
    [ENL_SQL_EVENTS_STATUS] = STATUS,
    [ENL_SQL_EVENTS_LOCK] = STATUS " ORDER BY event_id FOR UPDATE",
    [ENL_SQL_EVENTS_SYNCED] =
        "UPDATE events SET status = 'synced', odoo_id = x.o, odoo_contact_id = x.c, "
        "synced_at = clock_timestamp(), error_code = NULL, last_error = NULL, " FREE " FROM " ROWS(
            "i text, o bigint, c bigint") " WHERE events.event_id = x.i COLLATE \"C\" AND status "
                                          "IN ('received', 'pending', 'rejected')",
    [ENL_SQL_EVENTS_REJECTED] =
        "UPDATE events SET status = 'rejected', error_code = x.code, last_error = x.e, "
        "next_attempt_at = " NOW " + x.d, " FREE " FROM "
        ROWS("i text, tok text, code text, e text, d bigint")
        " WHERE events.event_id = x.i COLLATE \"C\" AND " OPEN " AND claim_token = x.tok",
    [ENL_SQL_EVENTS_RELEASED] = "UPDATE events SET status = 'pending', maybe_sent = "
                                "GREATEST(maybe_sent, x.m), "
                                "unanswered = unanswered + x.u, next_attempt_at = " NOW
                                " + x.d, error_code = x.code, "
                                "last_error = x.e, " FREE " FROM " ROWS(
                                    "i text, tok text, m smallint, u integer, d bigint, code text, "
                                    "e text") " WHERE "
                                              "events.event_id = x.i COLLATE \"C\" AND " OPEN
                                              " AND claim_token = x.tok",
    [ENL_SQL_EVENTS_READ] =
        "SELECT event_id, order_key, generated, " UTC("received_at") ", body, attempts, "
        "unanswered, subscriber_id FROM events WHERE event_id IN " IDS
        " AND body IS NOT NULL ORDER BY order_key",
    [ENL_SQL_EVENTS_UNCHECKED] =
        "SELECT event_id FROM events WHERE status = 'rejected' AND maybe_sent = 1 "
        "AND checked_at IS NULL AND body IS NOT NULL AND next_attempt_at <= " NOW
        " ORDER BY next_attempt_at, event_id LIMIT " INT("?"),
    [ENL_SQL_EVENTS_CHECKED] = "UPDATE events SET checked_at = " NOW
                               " WHERE event_id IN " IDS " AND status = 'rejected'",
    /* As sub-selects the bounds are worked out once, and the index serves them: the clock alone is
     * asked anew for each row. */
    [ENL_SQL_EVENTS_STORED] =
        "SELECT event_id, stored_at FROM events WHERE status = 'synced' AND gone_at IS NULL "
        "AND body IS NOT NULL AND stored_at >= " INT("?") " AND (stored_at > " INT("?")
        " OR event_id > " TEXT " COLLATE \"C\") AND stored_at >= (SELECT " NOW " - " INT("?")
        ") AND stored_at <= (SELECT " NOW " - " INT("?")
        ") ORDER BY stored_at, event_id LIMIT " INT("?"),
    [ENL_SQL_EVENTS_REPAIRED] =
        "UPDATE events SET odoo_id = x.o, odoo_contact_id = x.c FROM "
        ROWS("i text, o bigint, c bigint")
        " WHERE events.event_id = x.i COLLATE \"C\" AND status = 'synced'",
    [ENL_SQL_EVENTS_GONE] = "UPDATE events SET gone_at = " NOW
                            " WHERE event_id IN " IDS " AND status = 'synced'",
    [ENL_SQL_EVENTS_REPLAYED] =
        "UPDATE events SET status = 'pending', unanswered = 0, next_attempt_at = " NOW ", " FREE
        " WHERE event_id IN " IDS " AND status = 'rejected' AND expunged_at IS NULL",
    [ENL_SQL_DEAD_TRANSIENT] =
        "SELECT event_id FROM dead_letters WHERE status = 'open' AND class = 'transient' "
        "AND event_id IS NOT NULL AND replays < " INT("?") " AND last_at + (" INT("?")
        " << (2 * replays)) <= " NOW " ORDER BY last_at, event_id LIMIT " INT("?"),
    [ENL_SQL_DEAD_REPLAYED] =
        "UPDATE dead_letters SET status = 'replayed', replays = replays + 1, last_at = " NOW
        " WHERE key IN " IDS " AND status = 'open'",
    [ENL_SQL_SYNC_READ] = "SELECT cursor_at, cursor_id, COALESCE(" NOW " - ended_at, -1) "
                          "FROM sync_state WHERE id = 1",
    [ENL_SQL_SYNC_WRITE] =
        "UPDATE sync_state SET cursor_at = " INT("?") ", cursor_id = " TEXT " WHERE id = 1",
    [ENL_SQL_SYNC_ENDED] = "UPDATE sync_state SET cursor_at = 0, cursor_id = '', ended_at = " NOW
                           " WHERE id = 1",
    [ENL_SQL_DEAD_RESOLVED] = "UPDATE dead_letters SET status = 'resolved', last_at = " NOW
                              " WHERE key IN " IDS " AND status IN ('open', 'replayed')",
    [ENL_SQL_DEAD_DELIVERED] = "UPDATE dead_letters SET deliveries = deliveries + 1, last_at = " NOW
                               " WHERE key IN " IDS,
    [ENL_SQL_DEAD_OPEN] =
        "INSERT INTO dead_letters (key, event_id, class, status, error, first_at, last_at, body) "
        "SELECT x.k, x.i, x.class, 'open', x.e, " NOW ", " NOW ", x.body FROM " ROWS(
            "k text, i text, class text, e text, body text") " ORDER BY x.k COLLATE \"C\" "
                                                             "ON CONFLICT (key) DO UPDATE SET "
                                                             "status = 'open', class = "
                                                             "excluded.class, error = "
                                                             "excluded.error, "
                                                             "last_at = excluded.last_at WHERE "
                                                             "dead_letters.status <> 'expunged'",
    [ENL_SQL_LEASE_SLACK] = "UPDATE rate_lease SET slack_ms = CAST(? AS integer) WHERE id = 1 "
                            "AND slack_ms IS NULL",
    [ENL_SQL_LEASE_SLACK_FORCE] =
        "UPDATE rate_lease SET slack_ms = CAST(? AS integer) WHERE id = 1",
    [ENL_SQL_LEASE_TURN] = "UPDATE rate_lease SET holder = " TEXT ", next_at = " NOW
                           " + " INT("?") ", turn_ms = CAST(? AS integer), turns_thrown = "
                           "turns_thrown + " INT("?") " WHERE id = 1 AND next_at <= " NOW,
    [ENL_SQL_LEASE_READ] = "SELECT next_at - " NOW ", slack_ms, turn_ms, turns_thrown "
                           "FROM rate_lease WHERE id = 1",
    [ENL_SQL_LEASE_MOVE] =
        "UPDATE rate_lease SET next_at = GREATEST(next_at, " NOW " + " INT("?") ") WHERE id = 1",
    [ENL_SQL_BREAKER_READ] = BREAKER,
    [ENL_SQL_BREAKER_LOCK] = BREAKER " FOR UPDATE",
    [ENL_SQL_BREAKER_PROBE] = "UPDATE odoo_breaker SET probe_at = " NOW " + " INT(
        "?") " WHERE id = 1 AND state = 'open' AND probe_at <= " NOW,
    [ENL_SQL_BREAKER_WRITE] =
        "UPDATE odoo_breaker SET state = x.st, reason = x.reason, failures = x.failures, "
        "delay_ms = x.delay, probe_at = " NOW " + x.delay, max_rows = x.max_rows, "
        "last_answer_at = CASE WHEN x.answered = 1 THEN " NOW " ELSE last_answer_at END, "
        "requests = requests + 1, same_count = x.same_count, same_text = x.same_text FROM "
        "(SELECT " TEXT " AS st, " TEXT " AS reason, CAST(? AS integer) AS failures, " INT(
            "?") " AS delay, CAST(? AS integer) AS max_rows, CAST(? AS integer) AS answered, "
                 "CAST(? AS integer) AS same_count, " TEXT " AS same_text) AS x WHERE id = 1",
    [ENL_SQL_HEALTH] = "SELECT (SELECT COUNT(*) FROM events WHERE " OPEN "), "
                       "(SELECT COALESCE(" NOW " - MIN(stored_at), -1) FROM events WHERE " OPEN
                       "), (SELECT COUNT(*) FROM dead_letters WHERE status = 'open')",
    [ENL_SQL_EVENT_VIEW] =
        "SELECT event_id, status, kind, subscriber_id, state, " UTC("occurred_at") ", " UTC(
            "received_at") ", " UTC("synced_at") ", attempts, duplicate_of, odoo_contact_id, "
                                                 "odoo_id, warnings, error_code, last_error FROM "
                                                 "events WHERE event_id = " TEXT " COLLATE \"C\"",
};
/* clang-format on */

static const struct enl_sql_code codes[] = {
    {"23505", -1, ENL_SQL_CLASS_DUPLICATE},
    {"22", -1, ENL_SQL_CLASS_DATA}, /* also U+0000 in JSON (22P05) */
    {"23", -1, ENL_SQL_CLASS_DATA},
    {"40", -1, ENL_SQL_CLASS_BUSY},    /* deadlock, serialization */
    {"55P03", -1, ENL_SQL_CLASS_BUSY}, /* lock_timeout */
    {"57014", -1, ENL_SQL_CLASS_BUSY}, /* the statement's time was over */
    {"53", -1, ENL_SQL_CLASS_BUSY},    /* disk full, too many connections */
    {"57P", -1, ENL_SQL_CLASS_DEAD},   /* the backend was terminated, the server stops */
    {"25006", -1, ENL_SQL_CLASS_DEAD}, /* read-only: a failover left us at the old server */
    {"25P03", -1, ENL_SQL_CLASS_DEAD}, /* idle_in_transaction_session_timeout */
    {"08", -1, ENL_SQL_CLASS_DEAD},
    {"HY", -1, ENL_SQL_CLASS_DEAD}, /* the driver is at its wit's end */
};

static const struct enl_migration migrations[] = {
    {1, enl_migration_postgres_0001_spine},
    {2, enl_migration_postgres_0002_turns},
    {3, enl_migration_postgres_0003_sync},
};

const struct enl_dialect enl_dialect_postgres = {
    .name = "postgresql",
    .statements = statements,
    .codes = codes,
    .n_codes = sizeof(codes) / sizeof(codes[0]),
    .migrations = migrations,
    .n_migrations = sizeof(migrations) / sizeof(migrations[0]),
    .many = true,
    /* One lock for all that migrate this database, whatever table is there yet; the number is
     * "enlace" in ASCII. */
    .lock_migrations = "BEGIN;SELECT pg_advisory_xact_lock(111526410904421)",
};
