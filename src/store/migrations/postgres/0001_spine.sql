-- 0001 spine: events, contacts, dead letters, the rate lease and the breaker (PostgreSQL).
-- Keys compare bytewise (COLLATE "C").  Protocol times: milliseconds since 1970, times for people: timestamptz.

CREATE TABLE events (
    event_id        text COLLATE "C" NOT NULL PRIMARY KEY,
    subscriber_id   text COLLATE "C" NOT NULL,
    order_key       text COLLATE "C" NOT NULL,
    generated       smallint NOT NULL,
    body_hash       text NOT NULL,
    body            text,
    kind            text NOT NULL,
    state           text,
    occurred_at     timestamptz(3) NOT NULL,
    received_at     timestamptz(3) NOT NULL,
    warnings        text NOT NULL DEFAULT '[]',
    traceparent     text,
    status          text NOT NULL CHECK (status IN ('received', 'pending', 'synced', 'rejected', 'duplicate')),
    duplicate_of    text COLLATE "C",
    claim_token     text,
    claim_until     bigint NOT NULL DEFAULT 0,
    next_attempt_at bigint NOT NULL DEFAULT 0,
    attempts        integer NOT NULL DEFAULT 0,
    unanswered      integer NOT NULL DEFAULT 0,
    maybe_sent      smallint NOT NULL DEFAULT 0,
    odoo_id         bigint,
    odoo_contact_id bigint,
    stored_at       bigint NOT NULL,
    synced_at       timestamptz(3),
    error_code      text,
    last_error      text,
    checked_at      bigint,
    expunged_at     bigint
);

CREATE INDEX events_open ON events (next_attempt_at, event_id) WHERE status IN ('received', 'pending');

CREATE INDEX events_claim ON events (claim_token) WHERE claim_token IS NOT NULL;

CREATE INDEX events_subscriber ON events (subscriber_id, order_key);

CREATE TABLE contacts (
    subscriber_id text COLLATE "C" NOT NULL PRIMARY KEY,
    fields        text NOT NULL DEFAULT '{}',
    keys          text NOT NULL DEFAULT '{}',
    version       bigint NOT NULL DEFAULT 0,
    odoo_id       bigint,
    odoo_version  bigint
);

CREATE TABLE dead_letters (
    key        text COLLATE "C" NOT NULL PRIMARY KEY,
    event_id   text COLLATE "C",
    class      text NOT NULL,
    status     text NOT NULL CHECK (status IN ('open', 'replayed', 'resolved', 'expunged')),
    error      text,
    deliveries integer NOT NULL DEFAULT 0,
    replays    integer NOT NULL DEFAULT 0,
    first_at   bigint NOT NULL,
    last_at    bigint NOT NULL,
    body       text
);

CREATE INDEX dead_letters_open ON dead_letters (last_at) WHERE status = 'open';

CREATE TABLE rate_lease (
    id         smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    next_at    bigint NOT NULL,
    holder     text,
    busy_until bigint NOT NULL DEFAULT 0,
    slack_ms   integer
);

INSERT INTO rate_lease (id, next_at) VALUES (1, 0);

CREATE TABLE odoo_breaker (
    id             smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    state          text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    reason         text,
    failures       integer NOT NULL DEFAULT 0,
    delay_ms       bigint NOT NULL DEFAULT 0,
    probe_at       bigint NOT NULL DEFAULT 0,
    max_rows       integer NOT NULL DEFAULT 0,
    last_answer_at bigint,
    requests       bigint NOT NULL DEFAULT 0,
    same_count     integer NOT NULL DEFAULT 0,
    same_text      text
);

INSERT INTO odoo_breaker (id, state) VALUES (1, 'closed');
