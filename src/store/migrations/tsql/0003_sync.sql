-- 0003 sync: how far SQL was compared with Odoo, and what people deleted there (SQL Server, Azure SQL).
-- No semicolon but at the end of a statement.

ALTER TABLE events ADD gone_at bigint;

CREATE INDEX events_stored ON events (stored_at, event_id) INCLUDE (status) WHERE status = 'synced';

CREATE INDEX events_unchecked ON events (next_attempt_at, event_id) INCLUDE (status, maybe_sent, checked_at)
    WHERE status = 'rejected' AND maybe_sent = 1 AND checked_at IS NULL;

CREATE TABLE sync_state (
    id        smallint NOT NULL CONSTRAINT sync_state_pk PRIMARY KEY CONSTRAINT sync_state_one CHECK (id = 1),
    cursor_at bigint NOT NULL DEFAULT 0,
    cursor_id nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'',
    ended_at  bigint
);

INSERT INTO sync_state (id) VALUES (1);
