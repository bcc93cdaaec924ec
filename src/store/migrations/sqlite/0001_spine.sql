-- 0001 spine: events, contacts, dead letters, the rate lease and the breaker (SQLite).
-- Texts compare bytewise (BINARY).  Protocol times: milliseconds since 1970, times for people: UTC text.
-- No semicolon but at the end of a statement: the driver counts those in comments too.

CREATE TABLE events (
    event_id        TEXT NOT NULL PRIMARY KEY,
    subscriber_id   TEXT NOT NULL,
    order_key       TEXT NOT NULL,
    generated       INTEGER NOT NULL,
    body_hash       TEXT NOT NULL,
    body            TEXT,
    kind            TEXT NOT NULL,
    state           TEXT,
    occurred_at     TEXT NOT NULL,
    received_at     TEXT NOT NULL,
    warnings        TEXT NOT NULL DEFAULT '[]',
    traceparent     TEXT,
    status          TEXT NOT NULL CHECK (status IN ('received', 'pending', 'synced', 'rejected', 'duplicate')),
    duplicate_of    TEXT,
    claim_token     TEXT,
    claim_until     INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL DEFAULT 0,
    attempts        INTEGER NOT NULL DEFAULT 0,
    unanswered      INTEGER NOT NULL DEFAULT 0,
    maybe_sent      INTEGER NOT NULL DEFAULT 0,
    odoo_id         INTEGER,
    odoo_contact_id INTEGER,
    stored_at       INTEGER NOT NULL,
    synced_at       TEXT,
    error_code      TEXT,
    last_error      TEXT,
    checked_at      INTEGER,
    expunged_at     INTEGER
);

CREATE INDEX events_open ON events (next_attempt_at, event_id) WHERE status IN ('received', 'pending');

CREATE INDEX events_claim ON events (claim_token) WHERE claim_token IS NOT NULL;

CREATE INDEX events_subscriber ON events (subscriber_id, order_key);

CREATE TABLE contacts (
    subscriber_id TEXT NOT NULL PRIMARY KEY,
    fields        TEXT NOT NULL DEFAULT '{}',
    keys          TEXT NOT NULL DEFAULT '{}',
    version       INTEGER NOT NULL DEFAULT 0,
    odoo_id       INTEGER,
    odoo_version  INTEGER
);

CREATE TABLE dead_letters (
    key        TEXT NOT NULL PRIMARY KEY,
    event_id   TEXT,
    class      TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('open', 'replayed', 'resolved', 'expunged')),
    error      TEXT,
    deliveries INTEGER NOT NULL DEFAULT 0,
    replays    INTEGER NOT NULL DEFAULT 0,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    body       TEXT
);

CREATE INDEX dead_letters_open ON dead_letters (last_at) WHERE status = 'open';

CREATE TABLE rate_lease (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    next_at    INTEGER NOT NULL,
    holder     TEXT,
    busy_until INTEGER NOT NULL DEFAULT 0,
    slack_ms   INTEGER
);

INSERT INTO rate_lease (id, next_at) VALUES (1, 0);

CREATE TABLE odoo_breaker (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    state          TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    reason         TEXT,
    failures       INTEGER NOT NULL DEFAULT 0,
    delay_ms       INTEGER NOT NULL DEFAULT 0,
    probe_at       INTEGER NOT NULL DEFAULT 0,
    max_rows       INTEGER NOT NULL DEFAULT 0,
    last_answer_at INTEGER,
    requests       INTEGER NOT NULL DEFAULT 0,
    same_count     INTEGER NOT NULL DEFAULT 0,
    same_text      TEXT
);

INSERT INTO odoo_breaker (id, state) VALUES (1, 'closed');
