-- 0003 sync: how far SQL was compared with Odoo, and what people deleted there (PostgreSQL).

ALTER TABLE events ADD COLUMN gone_at bigint;

CREATE INDEX events_stored ON events (stored_at, event_id) WHERE status = 'synced';

CREATE INDEX events_unchecked ON events (next_attempt_at, event_id)
    WHERE status = 'rejected' AND maybe_sent = 1 AND checked_at IS NULL;

CREATE TABLE sync_state (
    id        smallint NOT NULL PRIMARY KEY CHECK (id = 1),
    cursor_at bigint NOT NULL DEFAULT 0,
    cursor_id text COLLATE "C" NOT NULL DEFAULT '',
    ended_at  bigint
);

INSERT INTO sync_state (id) VALUES (1);
