-- 0002 turns: what a turn takes and how many were thrown away, and an index for events that are sent alone (T-SQL).

ALTER TABLE rate_lease ADD turn_ms int NOT NULL CONSTRAINT rate_lease_turn_ms DEFAULT 0;

ALTER TABLE rate_lease ADD turns_thrown bigint NOT NULL CONSTRAINT rate_lease_turns_thrown DEFAULT 0;

CREATE INDEX events_suspect ON events (next_attempt_at, event_id) INCLUDE (status, claim_until, unanswered)
    WHERE status IN ('received', 'pending') AND unanswered >= 2;
