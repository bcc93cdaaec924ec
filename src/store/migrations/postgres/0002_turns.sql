-- 0002 turns: what a turn takes and how many were thrown away, and an index for events that are sent alone (PostgreSQL).

ALTER TABLE rate_lease ADD COLUMN turn_ms integer NOT NULL DEFAULT 0;

ALTER TABLE rate_lease ADD COLUMN turns_thrown bigint NOT NULL DEFAULT 0;

CREATE INDEX events_suspect ON events (next_attempt_at, event_id)
    WHERE status IN ('received', 'pending') AND unanswered >= 2;
