-- 0001 spine: events, contacts, dead letters, the rate lease and the breaker (SQL Server, Azure SQL).
-- Keys compare bytewise (BIN2).  Protocol times: milliseconds since 1970, times for people: UTC datetime2.
-- No semicolon but at the end of a statement.

CREATE TABLE events (
    event_id        nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT events_pk PRIMARY KEY,
    subscriber_id   nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    order_key       nvarchar(145) COLLATE Latin1_General_100_BIN2 NOT NULL,
    generated       smallint NOT NULL,
    body_hash       nvarchar(64) NOT NULL,
    body            nvarchar(max),
    kind            nvarchar(16) NOT NULL,
    state           nvarchar(256),
    occurred_at     datetime2(3) NOT NULL,
    received_at     datetime2(3) NOT NULL,
    warnings        nvarchar(max) NOT NULL DEFAULT N'[]',
    traceparent     nvarchar(max),
    status          nvarchar(16) NOT NULL
        CONSTRAINT events_status CHECK (status IN ('received', 'pending', 'synced', 'rejected', 'duplicate')),
    duplicate_of    nvarchar(128) COLLATE Latin1_General_100_BIN2,
    claim_token     nvarchar(32) COLLATE Latin1_General_100_BIN2,
    claim_until     bigint NOT NULL DEFAULT 0,
    next_attempt_at bigint NOT NULL DEFAULT 0,
    attempts        int NOT NULL DEFAULT 0,
    unanswered      int NOT NULL DEFAULT 0,
    maybe_sent      smallint NOT NULL DEFAULT 0,
    odoo_id         bigint,
    odoo_contact_id bigint,
    stored_at       bigint NOT NULL,
    synced_at       datetime2(3),
    error_code      nvarchar(max),
    last_error      nvarchar(max),
    checked_at      bigint,
    expunged_at     bigint
);

CREATE INDEX events_open ON events (next_attempt_at, event_id) INCLUDE (status, claim_until, unanswered, stored_at)
    WHERE status IN ('received', 'pending');

CREATE INDEX events_claim ON events (claim_token) WHERE claim_token IS NOT NULL;

CREATE INDEX events_subscriber ON events (subscriber_id, order_key);

CREATE TABLE contacts (
    subscriber_id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT contacts_pk PRIMARY KEY,
    fields        nvarchar(max) NOT NULL DEFAULT N'{}',
    keys          nvarchar(max) NOT NULL DEFAULT N'{}',
    version       bigint NOT NULL DEFAULT 0,
    odoo_id       bigint,
    odoo_version  bigint
);

CREATE TABLE dead_letters (
    [key]      nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT dead_letters_pk PRIMARY KEY,
    event_id   nvarchar(128) COLLATE Latin1_General_100_BIN2,
    class      nvarchar(16) NOT NULL,
    status     nvarchar(16) NOT NULL
        CONSTRAINT dead_letters_status CHECK (status IN ('open', 'replayed', 'resolved', 'expunged')),
    error      nvarchar(max),
    deliveries int NOT NULL DEFAULT 0,
    replays    int NOT NULL DEFAULT 0,
    first_at   bigint NOT NULL,
    last_at    bigint NOT NULL,
    body       nvarchar(max)
);

CREATE INDEX dead_letters_open ON dead_letters (last_at) WHERE status = 'open';

CREATE TABLE rate_lease (
    id         smallint NOT NULL CONSTRAINT rate_lease_pk PRIMARY KEY CONSTRAINT rate_lease_one CHECK (id = 1),
    next_at    bigint NOT NULL,
    holder     nvarchar(32),
    busy_until bigint NOT NULL DEFAULT 0,
    slack_ms   int
);

INSERT INTO rate_lease (id, next_at) VALUES (1, 0);

CREATE TABLE odoo_breaker (
    id             smallint NOT NULL CONSTRAINT odoo_breaker_pk PRIMARY KEY CONSTRAINT odoo_breaker_one CHECK (id = 1),
    state          nvarchar(16) NOT NULL
        CONSTRAINT odoo_breaker_state CHECK (state IN ('closed', 'open', 'half_open')),
    reason         nvarchar(max),
    failures       int NOT NULL DEFAULT 0,
    delay_ms       bigint NOT NULL DEFAULT 0,
    probe_at       bigint NOT NULL DEFAULT 0,
    max_rows       int NOT NULL DEFAULT 0,
    last_answer_at bigint,
    requests       bigint NOT NULL DEFAULT 0,
    same_count     int NOT NULL DEFAULT 0,
    same_text      nvarchar(max)
);

INSERT INTO odoo_breaker (id, state) VALUES (1, 'closed');
