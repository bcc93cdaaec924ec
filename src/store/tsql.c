/*
 * tsql - the dialect of SQL Server and Azure SQL, through FreeTDS or Microsoft's driver.
 *
 * Tested as text only: it was never run against a server.
 * It needs SQL Server 2016 or later and a database of compatibility level 130 (OPENJSON,
 * DATEDIFF_BIG).
 *
 * - A parameter is always cast: the drivers send long texts, which nothing else compares with.
 * - Keys compare bytewise.  A text out of JSON has the database's own collation, so the comparison
 *   names the one of the columns.
 * - Whatever locks rows goes through its keys in their order and seeks each one: TOP and ORDER BY
 *   sort the batch, FORCE ORDER and LOOP JOIN keep it in front.  A scan would lock what it passes,
 *   and two batches in different orders would deadlock.
 *
 * Threads: constant tables.
 */
#include "store/dialect.h"
#include "store/migrations.h"

/* Milliseconds since 1970; one value for each statement. */
#define NOW   "DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME())"
#define OPEN  "status IN ('received', 'pending')"
#define FREE  "claim_token = NULL, claim_until = 0"
#define BYTES "COLLATE Latin1_General_100_BIN2"
#define ANY   "CAST(? AS nvarchar(max))"
/* Longer than any column: a key cut to a column's length could be another's. */
#define KEY      "CAST(? AS nvarchar(4000))"
#define INT      "CAST(CAST(? AS nvarchar(20)) AS bigint)"
#define SEEK     " OPTION (LOOP JOIN, FORCE ORDER)"
#define EVERYONE "TOP (2147483647)"
/* Style 121 has its three decimals always, 126 leaves out zeros. */
#define UTC(column)  "REPLACE(CONVERT(varchar(23), " column ", 121), ' ', 'T') + 'Z'"
#define TIME(column) "CONVERT(datetime2(3), LEFT(" column ", 23), 126)"
/* It would take the macros between the texts for operators, and tear the lines there. */
/* clang-format off */
/* A batch of ids as b(id), each once, in order. */
#define IDS                                                                                        \
    "(SELECT DISTINCT " EVERYONE " j.id " BYTES " AS id FROM OPENJSON(" ANY ") "                   \
    "WITH (id nvarchar(128) '$') AS j ORDER BY id) AS b"
/* A batch of objects as x, in the order of one of its columns. */
#define ROWS_OF(json, columns, order)                                                              \
    "(SELECT " EVERYONE " j.* FROM OPENJSON(" json ") WITH (" columns ") AS j "                    \
    "ORDER BY j." order " " BYTES ") AS x"
#define ROWS(columns, order) ROWS_OF(ANY, columns, order)
#define TAKE                                                                                       \
    "maybe_sent = CASE WHEN e.maybe_sent = 1 OR (e.claim_token IS NOT NULL AND "                   \
    "e.claim_token <> " KEY ") THEN 1 ELSE 0 END, claim_token = " KEY                          \
    ", claim_until = " NOW " + " INT ", attempts = e.attempts + 1, checked_at = NULL"
#define NEAR                                                                                       \
    "SELECT TOP (" ENL_NEIGHBOURS_TEXT ") e.subscriber_id, e.event_id, e.order_key, e.body_hash, " \
    "e.status, e.duplicate_of FROM events AS e WHERE e.subscriber_id = x.s " BYTES " "
/* The rows through the derived table itself: no second look for them by their keys. */
#define DRAIN(which)                                                                               \
    "UPDATE e SET " TAKE " FROM (SELECT TOP (" INT ") maybe_sent, claim_token, claim_until, "      \
    "attempts, checked_at FROM events WITH (UPDLOCK, READPAST, ROWLOCK) WHERE " OPEN               \
    " AND " which " AND claim_until <= " NOW " AND next_attempt_at <= " NOW                        \
    " ORDER BY next_attempt_at, event_id) AS e"
#define STATUS(hint)                                                                               \
    "SELECT e.event_id, e.status, e.claim_token, "                                                 \
    "CASE WHEN e.expunged_at IS NULL THEN 0 ELSE 1 END "                                           \
    "FROM " IDS " JOIN events AS e" hint " ON e.event_id = b.id ORDER BY e.event_id" SEEK
#define BREAKER(hint)                                                                              \
    "SELECT state, reason, failures, delay_ms, probe_at - " NOW ", max_rows, "                     \
    "COALESCE(" NOW " - last_answer_at, -1), requests, same_count, same_text "                     \
    "FROM odoo_breaker" hint " WHERE id = 1"

static const char *const statements[ENL_SQL_COUNT] = {
    [ENL_SQL_BEGIN] = "BEGIN TRANSACTION",
    [ENL_SQL_COMMIT] = "COMMIT TRANSACTION",
    /* XACT_ABORT has ended it already where a statement failed. */
    [ENL_SQL_ROLLBACK] = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION",
    [ENL_SQL_MIGRATIONS_TABLE] =
        "IF OBJECT_ID(N'schema_migrations', N'U') IS NULL CREATE TABLE schema_migrations "
        "(version int NOT NULL CONSTRAINT schema_migrations_pk PRIMARY KEY, "
        "applied_at datetime2(3) NOT NULL)",
    [ENL_SQL_MIGRATIONS_VERSION] = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations",
    [ENL_SQL_MIGRATIONS_ADD] =
        "INSERT INTO schema_migrations (version, applied_at) VALUES (" INT ", SYSUTCDATETIME())",
    [ENL_SQL_CONTACTS_INSERT] =
        "INSERT INTO contacts (subscriber_id) SELECT b.id FROM " IDS " WHERE NOT EXISTS "
        "(SELECT 1 FROM contacts AS c WITH (UPDLOCK, HOLDLOCK) WHERE c.subscriber_id = b.id) "
        "ORDER BY b.id" SEEK,
    [ENL_SQL_CONTACTS_LOCK] =
        "SELECT c.subscriber_id, c.fields, c.keys FROM " IDS
        " JOIN contacts AS c WITH (UPDLOCK, HOLDLOCK, ROWLOCK) ON c.subscriber_id = b.id "
        "ORDER BY c.subscriber_id" SEEK,
    [ENL_SQL_CONTACTS_UPDATE] =
        "UPDATE c SET fields = x.fields, keys = x.keys, version = c.version + 1 FROM "
        ROWS("s nvarchar(64), fields nvarchar(max), keys nvarchar(max)", "s")
        " JOIN contacts AS c ON c.subscriber_id = x.s " BYTES SEEK,
    [ENL_SQL_CONTACT_EVENTS] =
        "SELECT event_id, order_key, generated, " UTC("received_at") ", body FROM events "
        "WHERE subscriber_id = " KEY " AND status NOT IN ('rejected', 'duplicate') "
        "AND body IS NOT NULL ORDER BY order_key",
    [ENL_SQL_EVENTS_KNOWN] = "SELECT e.event_id, e.body_hash, e.status FROM " IDS
                             " JOIN events AS e ON e.event_id = b.id" SEEK,
    [ENL_SQL_EVENTS_NEAR] =
        "SELECT n.subscriber_id, n.event_id, n.order_key, n.body_hash, n.status, "
        "f.event_id, f.order_key, f.status FROM (SELECT DISTINCT w.* FROM "
        ROWS("s nvarchar(64), k nvarchar(145), lo nvarchar(16), hi nvarchar(16)", "s")
        " CROSS APPLY (SELECT o.* FROM ("
        NEAR "AND e.order_key >= x.lo " BYTES " AND e.order_key < x.k " BYTES
        " ORDER BY e.order_key DESC) AS o UNION ALL SELECT y.* FROM ("
        NEAR "AND e.order_key > x.k " BYTES " AND e.order_key <= x.hi " BYTES
        " ORDER BY e.order_key) AS y) AS w) AS n "
        "LEFT JOIN events AS f ON f.event_id = n.duplicate_of" SEEK,
    [ENL_SQL_EVENTS_REPEATS] =
        "SELECT e.event_id, e.order_key, e.generated, " UTC("e.received_at") ", e.body FROM " IDS
        " JOIN events AS e ON e.event_id = b.id WHERE e.status = 'duplicate' "
        "AND e.expunged_at IS NULL AND e.body IS NOT NULL" SEEK,
    [ENL_SQL_EVENTS_PROMOTED] =
        "UPDATE e SET status = 'pending', duplicate_of = NULL, next_attempt_at = " NOW " FROM " IDS
        " JOIN events AS e ON e.event_id = b.id WHERE e.status = 'duplicate' "
        "AND e.expunged_at IS NULL" SEEK,
    [ENL_SQL_EVENTS_INSERT] =
        "INSERT INTO events (event_id, subscriber_id, order_key, generated, body_hash, body, kind, "
        "state, occurred_at, received_at, warnings, traceparent, status, duplicate_of, "
        "claim_token, claim_until, attempts, error_code, last_error, stored_at) "
        "SELECT x.i, x.s, x.k, x.g, x.h, x.b, x.kind, x.state, " TIME("x.occ") ", " TIME("x.rec")
        ", x.w, x.tp, x.st, x.dup, x.tok, CASE WHEN x.tok IS NULL THEN 0 ELSE " NOW
        " + x.claim END, CASE WHEN x.tok IS NULL THEN 0 ELSE 1 END, x.code, x.e, " NOW " FROM "
        ROWS("i nvarchar(128), s nvarchar(64), k nvarchar(145), g smallint, h nvarchar(64), "
             "b nvarchar(max), kind nvarchar(16), state nvarchar(256), occ nvarchar(24), "
             "rec nvarchar(24), w nvarchar(max), tp nvarchar(max), st nvarchar(16), "
             "dup nvarchar(128), tok nvarchar(32), claim bigint, code nvarchar(max), "
             "e nvarchar(max)", "i")
        " WHERE NOT EXISTS (SELECT 1 FROM events AS e WITH (UPDLOCK, HOLDLOCK) "
        "WHERE e.event_id = x.i " BYTES ") ORDER BY x.i " BYTES SEEK,
    [ENL_SQL_EVENTS_TAKE] =
        "UPDATE e SET " TAKE " FROM " IDS " JOIN events AS e ON e.event_id = b.id "
        "WHERE e." OPEN " AND ((e.claim_until <= " NOW " AND e.next_attempt_at <= " NOW
        ") OR e.claim_token = " KEY ")" SEEK,
    [ENL_SQL_EVENTS_DRAIN] = DRAIN("unanswered < 2"),
    [ENL_SQL_EVENTS_DRAIN_SUSPECTS] = DRAIN("unanswered >= 2"),
    [ENL_SQL_EVENTS_CLAIMED] =
        "SELECT event_id, order_key, generated, " UTC("received_at") ", body, attempts, "
        "unanswered, subscriber_id FROM events WHERE claim_token = " KEY " AND " OPEN
        " ORDER BY next_attempt_at, order_key",
    [ENL_SQL_EVENTS_STATUS] = STATUS(""),
    [ENL_SQL_EVENTS_LOCK] = STATUS(" WITH (UPDLOCK, ROWLOCK)"),
    [ENL_SQL_EVENTS_SYNCED] =
        "UPDATE e SET status = 'synced', odoo_id = x.o, odoo_contact_id = x.c, "
        "synced_at = SYSUTCDATETIME(), error_code = NULL, last_error = NULL, " FREE " FROM "
        ROWS("i nvarchar(128), o bigint, c bigint", "i")
        " JOIN events AS e ON e.event_id = x.i " BYTES
        " WHERE e.status IN ('received', 'pending', 'rejected')" SEEK,
    [ENL_SQL_EVENTS_REJECTED] =
        "UPDATE e SET status = 'rejected', error_code = x.code, last_error = x.e, "
        "next_attempt_at = " NOW " + x.d, " FREE " FROM "
        ROWS("i nvarchar(128), tok nvarchar(32), code nvarchar(max), e nvarchar(max), d bigint",
             "i")
        " JOIN events AS e ON e.event_id = x.i " BYTES
        " WHERE e." OPEN " AND e.claim_token = x.tok " BYTES SEEK,
    [ENL_SQL_EVENTS_RELEASED] =
        "UPDATE e SET status = 'pending', maybe_sent = CASE WHEN e.maybe_sent = 1 OR x.m = 1 "
        "THEN 1 ELSE 0 END, unanswered = e.unanswered + x.u, next_attempt_at = " NOW
        " + x.d, error_code = x.code, last_error = x.e, " FREE " FROM "
        ROWS("i nvarchar(128), tok nvarchar(32), m smallint, u int, d bigint, code nvarchar(max), "
             "e nvarchar(max)", "i")
        " JOIN events AS e ON e.event_id = x.i " BYTES
        " WHERE e." OPEN " AND e.claim_token = x.tok " BYTES SEEK,
    [ENL_SQL_EVENTS_READ] =
        "SELECT e.event_id, e.order_key, e.generated, " UTC("e.received_at") ", e.body, "
        "e.attempts, e.unanswered, e.subscriber_id FROM " IDS
        " JOIN events AS e ON e.event_id = b.id WHERE e.body IS NOT NULL ORDER BY e.order_key" SEEK,
    [ENL_SQL_EVENTS_UNCHECKED] =
        "SELECT TOP (" INT ") event_id FROM events WHERE status = 'rejected' AND maybe_sent = 1 "
        "AND checked_at IS NULL AND body IS NOT NULL AND next_attempt_at <= " NOW
        " ORDER BY next_attempt_at, event_id",
    [ENL_SQL_EVENTS_CHECKED] =
        "UPDATE e SET checked_at = " NOW " FROM " IDS " JOIN events AS e ON e.event_id = b.id "
        "WHERE e.status = 'rejected'" SEEK,
    /* The number of rows is the last parameter, so no TOP. */
    [ENL_SQL_EVENTS_STORED] =
        "SELECT event_id, stored_at FROM events WHERE status = 'synced' AND gone_at IS NULL "
        "AND body IS NOT NULL AND stored_at >= " INT " AND (stored_at > " INT
        " OR event_id > " KEY ") AND stored_at >= " NOW " - " INT " AND stored_at <= " NOW " - "
        INT " ORDER BY stored_at, event_id OFFSET 0 ROWS FETCH NEXT " INT " ROWS ONLY",
    [ENL_SQL_EVENTS_REPAIRED] =
        "UPDATE e SET odoo_id = x.o, odoo_contact_id = x.c FROM "
        ROWS("i nvarchar(128), o bigint, c bigint", "i")
        " JOIN events AS e ON e.event_id = x.i " BYTES " WHERE e.status = 'synced'" SEEK,
    [ENL_SQL_EVENTS_GONE] =
        "UPDATE e SET gone_at = " NOW " FROM " IDS " JOIN events AS e ON e.event_id = b.id "
        "WHERE e.status = 'synced'" SEEK,
    [ENL_SQL_EVENTS_REPLAYED] =
        "UPDATE e SET status = 'pending', unanswered = 0, next_attempt_at = " NOW ", " FREE
        " FROM " IDS " JOIN events AS e ON e.event_id = b.id "
        "WHERE e.status = 'rejected' AND e.expunged_at IS NULL" SEEK,
    [ENL_SQL_DEAD_TRANSIENT] =
        "SELECT event_id FROM dead_letters WHERE status = 'open' AND class = 'transient' "
        "AND event_id IS NOT NULL AND replays < " INT " AND last_at + " INT
        " * POWER(CAST(4 AS bigint), replays) <= " NOW
        " ORDER BY last_at, event_id OFFSET 0 ROWS FETCH NEXT " INT " ROWS ONLY",
    [ENL_SQL_DEAD_REPLAYED] =
        "UPDATE d SET status = 'replayed', replays = d.replays + 1, last_at = " NOW " FROM " IDS
        " JOIN dead_letters AS d ON d.[key] = b.id WHERE d.status = 'open'" SEEK,
    [ENL_SQL_SYNC_READ] = "SELECT cursor_at, cursor_id, COALESCE(" NOW " - ended_at, -1) "
                          "FROM sync_state WHERE id = 1",
    [ENL_SQL_SYNC_WRITE] =
        "UPDATE sync_state SET cursor_at = " INT ", cursor_id = " KEY " WHERE id = 1",
    [ENL_SQL_SYNC_ENDED] = "UPDATE sync_state SET cursor_at = 0, cursor_id = N'', ended_at = " NOW
                           " WHERE id = 1",
    [ENL_SQL_DEAD_RESOLVED] =
        "UPDATE d SET status = 'resolved', last_at = " NOW " FROM " IDS
        " JOIN dead_letters AS d ON d.[key] = b.id WHERE d.status IN ('open', 'replayed')" SEEK,
    [ENL_SQL_DEAD_DELIVERED] =
        "UPDATE d SET deliveries = d.deliveries + 1, last_at = " NOW " FROM " IDS
        " JOIN dead_letters AS d ON d.[key] = b.id" SEEK,
    /* Two changes in one text: no counts between them, or a driver would stop at the first.  The
     * UPDATE locks the missing keys' gaps too, so that nobody opens one before the INSERT. */
    [ENL_SQL_DEAD_OPEN] =
        "SET NOCOUNT ON;DECLARE @batch nvarchar(max) = " ANY ";"
        "UPDATE d SET status = 'open', class = x.class, error = x.e, last_at = " NOW " FROM "
        ROWS_OF("@batch", "k nvarchar(128), class nvarchar(16), e nvarchar(max)", "k")
        " JOIN dead_letters AS d WITH (UPDLOCK, HOLDLOCK) ON d.[key] = x.k " BYTES
        " WHERE d.status <> 'expunged'" SEEK ";"
        "INSERT INTO dead_letters ([key], event_id, class, status, error, first_at, last_at, body) "
        "SELECT x.k, x.i, x.class, 'open', x.e, " NOW ", " NOW ", x.body FROM "
        ROWS_OF("@batch", "k nvarchar(128), i nvarchar(128), class nvarchar(16), e nvarchar(max), "
                          "body nvarchar(max)", "k")
        " WHERE NOT EXISTS (SELECT 1 FROM dead_letters AS d WITH (UPDLOCK, HOLDLOCK) "
        "WHERE d.[key] = x.k " BYTES ") ORDER BY x.k " BYTES SEEK,
    [ENL_SQL_LEASE_SLACK] =
        "UPDATE rate_lease SET slack_ms = " INT " WHERE id = 1 AND slack_ms IS NULL",
    [ENL_SQL_LEASE_SLACK_FORCE] = "UPDATE rate_lease SET slack_ms = " INT " WHERE id = 1",
    [ENL_SQL_LEASE_TURN] = "UPDATE rate_lease SET holder = " KEY ", next_at = " NOW " + " INT
                           ", turn_ms = " INT ", turns_thrown = turns_thrown + " INT
                           " WHERE id = 1 AND next_at <= " NOW,
    [ENL_SQL_LEASE_READ] = "SELECT next_at - " NOW ", slack_ms, turn_ms, turns_thrown "
                           "FROM rate_lease WHERE id = 1",
    [ENL_SQL_LEASE_MOVE] =
        "UPDATE r SET next_at = CASE WHEN r.next_at > x.at THEN r.next_at ELSE x.at END "
        "FROM (SELECT " NOW " + " INT " AS at) AS x CROSS JOIN rate_lease AS r WHERE r.id = 1",
    [ENL_SQL_BREAKER_READ] = BREAKER(""),
    [ENL_SQL_BREAKER_LOCK] = BREAKER(" WITH (UPDLOCK, ROWLOCK)"),
    [ENL_SQL_BREAKER_PROBE] = "UPDATE odoo_breaker SET probe_at = " NOW " + " INT
                              " WHERE id = 1 AND state = 'open' AND probe_at <= " NOW,
    [ENL_SQL_BREAKER_WRITE] =
        "UPDATE r SET state = x.st, reason = x.reason, failures = x.failures, "
        "delay_ms = x.delay, probe_at = " NOW " + x.delay, max_rows = x.max_rows, "
        "last_answer_at = CASE WHEN x.answered = 1 THEN " NOW " ELSE r.last_answer_at END, "
        "requests = r.requests + 1, same_count = x.same_count, same_text = x.same_text FROM "
        "(SELECT CAST(? AS nvarchar(16)) AS st, " ANY " AS reason, " INT " AS failures, "
        INT " AS delay, " INT " AS max_rows, " INT " AS answered, " INT " AS same_count, "
        ANY " AS same_text) AS x CROSS JOIN odoo_breaker AS r WHERE r.id = 1",
    [ENL_SQL_HEALTH] = "SELECT (SELECT COUNT(*) FROM events WHERE " OPEN "), "
                       "(SELECT COALESCE(" NOW " - MIN(stored_at), -1) FROM events WHERE " OPEN
                       "), (SELECT COUNT(*) FROM dead_letters WHERE status = 'open')",
    [ENL_SQL_EVENT_VIEW] =
        "SELECT event_id, status, kind, subscriber_id, state, " UTC("occurred_at") ", "
        UTC("received_at") ", " UTC("synced_at") ", attempts, duplicate_of, odoo_contact_id, "
        "odoo_id, warnings, error_code, last_error FROM events WHERE event_id = " KEY,
};
/* clang-format on */

/* By the server's own numbers: what SQLSTATE FreeTDS makes of them says little. */
static const struct enl_sql_code codes[] = {
    {"", 2627, ENL_SQL_CLASS_DUPLICATE}, /* a primary key */
    {"", 2601, ENL_SQL_CLASS_DUPLICATE}, /* a unique index */

    {"", 8152, ENL_SQL_CLASS_DATA},  /* a text is too long for its column */
    {"", 2628, ENL_SQL_CLASS_DATA},  /* the same since 2019 */
    {"", 245, ENL_SQL_CLASS_DATA},   /* no number */
    {"", 8114, ENL_SQL_CLASS_DATA},  /* not of the type */
    {"", 8115, ENL_SQL_CLASS_DATA},  /* too great for the type */
    {"", 220, ENL_SQL_CLASS_DATA},   /* the same of small ones */
    {"", 241, ENL_SQL_CLASS_DATA},   /* no time */
    {"", 242, ENL_SQL_CLASS_DATA},   /* a time out of range */
    {"", 515, ENL_SQL_CLASS_DATA},   /* NULL */
    {"", 547, ENL_SQL_CLASS_DATA},   /* a CHECK */
    {"", 9803, ENL_SQL_CLASS_DATA},  /* bytes that are no nvarchar */
    {"", 13609, ENL_SQL_CLASS_DATA}, /* no JSON */
    {"", 2402, ENL_SQL_CLASS_DATA},  /* FreeTDS: not to be converted; the connection ends with it */

    {"", 1205, ENL_SQL_CLASS_BUSY},  /* deadlock */
    {"", 1222, ENL_SQL_CLASS_BUSY},  /* LOCK_TIMEOUT */
    {"", 1204, ENL_SQL_CLASS_BUSY},  /* no more locks */
    {"", 3960, ENL_SQL_CLASS_BUSY},  /* snapshot conflict */
    {"", 9002, ENL_SQL_CLASS_BUSY},  /* the log is full */
    {"", 1105, ENL_SQL_CLASS_BUSY},  /* the disk is full */
    {"", 1101, ENL_SQL_CLASS_BUSY},  /* the same */
    {"", 40544, ENL_SQL_CLASS_BUSY}, /* Azure: the database has reached its size */
    {"", 701, ENL_SQL_CLASS_BUSY},   /* memory */
    {"", 8645, ENL_SQL_CLASS_BUSY},  /* memory */
    {"", 8651, ENL_SQL_CLASS_BUSY},  /* memory */
    {"", 10928, ENL_SQL_CLASS_BUSY}, /* Azure: its limit of requests */
    {"", 10929, ENL_SQL_CLASS_BUSY}, /* Azure: the same */
    {"", 40501, ENL_SQL_CLASS_BUSY}, /* Azure: busy, in ten seconds again */
    {"", 49918, ENL_SQL_CLASS_BUSY}, /* Azure: not enough resources for a request */
    {"", 49919, ENL_SQL_CLASS_BUSY}, /* Azure: too many changes of databases */
    {"", 49920, ENL_SQL_CLASS_BUSY}, /* Azure: too many operations */
    {"", 50001, ENL_SQL_CLASS_BUSY}, /* ours: another migrates */

    {"", 4060, ENL_SQL_CLASS_DEAD},  /* the database cannot be opened */
    {"", 4221, ENL_SQL_CLASS_DEAD},  /* a secondary takes no login yet */
    {"", 18456, ENL_SQL_CLASS_DEAD}, /* the login is refused */
    {"", 40197, ENL_SQL_CLASS_DEAD}, /* Azure: an error or an upgrade, connect again */
    {"", 40143, ENL_SQL_CLASS_DEAD}, /* Azure: the same */
    {"", 40540, ENL_SQL_CLASS_DEAD}, /* Azure: the same */
    {"", 40613, ENL_SQL_CLASS_DEAD}, /* Azure: not available at the moment */
    {"", 40549, ENL_SQL_CLASS_DEAD}, /* Azure ended the session: a long transaction */
    {"", 40550, ENL_SQL_CLASS_DEAD}, /* the same: its locks */
    {"", 40551, ENL_SQL_CLASS_DEAD}, /* the same: tempdb */
    {"", 40552, ENL_SQL_CLASS_DEAD}, /* the same: its log */
    {"", 40553, ENL_SQL_CLASS_DEAD}, /* the same: its memory */
    {"", 3906, ENL_SQL_CLASS_DEAD},  /* read-only: after a failover another one is not */
    {"", 921, ENL_SQL_CLASS_DEAD},   /* not recovered yet */
    {"", 942, ENL_SQL_CLASS_DEAD},   /* offline */
    {"", 983, ENL_SQL_CLASS_DEAD},   /* its replica is no primary */
    {"", 596, ENL_SQL_CLASS_DEAD},   /* the session was killed */
    {"", 6005, ENL_SQL_CLASS_DEAD},  /* the server stops */
    {"", 10053, ENL_SQL_CLASS_DEAD}, /* the network, as Windows counts */
    {"", 10054, ENL_SQL_CLASS_DEAD},
    {"", 10060, ENL_SQL_CLASS_DEAD},
    {"", 10061, ENL_SQL_CLASS_DEAD},
    {"", 233, ENL_SQL_CLASS_DEAD},
    {"", 121, ENL_SQL_CLASS_DEAD},
    {"", 64, ENL_SQL_CLASS_DEAD},
    {"", 53, ENL_SQL_CLASS_DEAD},
    {"", 20, ENL_SQL_CLASS_DEAD},
    {"", 20002, ENL_SQL_CLASS_DEAD}, /* FreeTDS: the login or its certificate */
    {"", 20004, ENL_SQL_CLASS_DEAD}, /* FreeTDS: reading failed */
    {"", 20006, ENL_SQL_CLASS_DEAD}, /* FreeTDS: writing failed */
    {"", 20009, ENL_SQL_CLASS_DEAD}, /* FreeTDS: not reachable */
    {"", 20017, ENL_SQL_CLASS_DEAD}, /* FreeTDS: the end in the middle */
    {"", 20020, ENL_SQL_CLASS_DEAD}, /* FreeTDS: out of step */
    {"", 20047, ENL_SQL_CLASS_DEAD}, /* FreeTDS: was dead before */

    {"HYT01", -1, ENL_SQL_CLASS_DEAD}, /* no answer to the login */
    {"HYT", -1, ENL_SQL_CLASS_BUSY},   /* the statement's time was over */
    {"08", -1, ENL_SQL_CLASS_DEAD},
    {"IMC", -1, ENL_SQL_CLASS_DEAD},   /* Microsoft: a lost connection that does not come back */
    {"24000", -1, ENL_SQL_CLASS_DEAD}, /* FreeTDS, for ever after 2402 */
    {"HY000", 0, ENL_SQL_CLASS_DEAD},  /* FreeTDS' "unknown error": the server is gone */
};

static const struct enl_migration migrations[] = {
    {1, enl_migration_tsql_0001_spine},
    {2, enl_migration_tsql_0002_turns},
    {3, enl_migration_tsql_0003_sync},
};

const struct enl_dialect enl_dialect_tsql = {
    .name = "tsql",
    .statements = statements,
    .codes = codes,
    .n_codes = sizeof(codes) / sizeof(codes[0]),
    .migrations = migrations,
    .n_migrations = sizeof(migrations) / sizeof(migrations[0]),
    /* A text with parameters runs inside sp_executesql: a BEGIN in it ends in error 266, a SET ends
     * with it, and FreeTDS adds the counts of its changes up into one result. */
    .many = false,
    /* Any error ends the transaction and gives its locks back, nobody waits long for a lock, counts
     * come, and long texts come whole whatever freetds.conf says.  The last: columns may be NULL
     * unless they say otherwise, and tables with filtered indexes can be changed. */
    .session =
        "SET XACT_ABORT ON;SET NOCOUNT OFF;SET IMPLICIT_TRANSACTIONS OFF;"
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;SET LOCK_TIMEOUT 5000;"
        "SET TEXTSIZE 2147483647;SET ANSI_NULL_DFLT_ON, ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, "
        "QUOTED_IDENTIFIER, CONCAT_NULL_YIELDS_NULL, ARITHABORT ON",
    /* One lock for all that migrate this database, until the transaction ends. */
    .lock_migrations =
        "BEGIN TRANSACTION;DECLARE @held int;EXEC @held = sp_getapplock "
        "@Resource = N'enlace migrate', @LockMode = N'Exclusive', @LockOwner = N'Transaction', "
        "@LockTimeout = 5000;IF @held < 0 BEGIN;THROW 50001, N'another migrates', 1;END",
};
