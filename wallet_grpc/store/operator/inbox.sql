-- name: list_open
SELECT
    inbox_events.inbox_id,
    inbox_events.state,
    inbox_events.source,
    inbox_events.event_id,
    inbox_events.event_type,
    inbox_events.reason,
    inbox_events.attempts,
    inbox_events.received_at,
    inbox_events.changed_at
FROM inbox_events
WHERE inbox_events.state IN ('WAITING', 'PARKED') AND inbox_events.inbox_id > %(after)s::BIGINT
ORDER BY inbox_events.inbox_id
LIMIT %(rows_max)s::INTEGER;

-- name: list_state
SELECT
    inbox_events.inbox_id,
    inbox_events.state,
    inbox_events.source,
    inbox_events.event_id,
    inbox_events.event_type,
    inbox_events.reason,
    inbox_events.attempts,
    inbox_events.received_at,
    inbox_events.changed_at
FROM inbox_events
WHERE inbox_events.state = %(state)s AND inbox_events.inbox_id > %(after)s::BIGINT
ORDER BY inbox_events.inbox_id
LIMIT %(rows_max)s::INTEGER;

-- name: show
SELECT
    inbox_events.inbox_id,
    inbox_events.state,
    inbox_events.source,
    inbox_events.event_id,
    inbox_events.event_type,
    inbox_events.reason,
    inbox_events.detail,
    inbox_events.waits_for,
    inbox_events.attempts,
    inbox_events.due_at,
    inbox_events.received_at,
    inbox_events.changed_at,
    inbox_events.traceparent,
    inbox_events.body
FROM inbox_events
WHERE inbox_events.inbox_id = %(inbox_id)s::BIGINT;

-- name: lock_one
SELECT
    inbox_events.inbox_id,
    inbox_events.state,
    inbox_events.reason,
    inbox_events.source,
    inbox_events.event_id,
    inbox_events.event_type
FROM inbox_events
WHERE inbox_events.inbox_id = %(inbox_id)s::BIGINT AND inbox_events.state IN ('WAITING', 'PARKED')
FOR UPDATE;

-- All that are parked, but for contradictions: those are for somebody to look at, one by one.
-- name: lock_parked
SELECT
    inbox_events.inbox_id,
    inbox_events.state,
    inbox_events.reason,
    inbox_events.source,
    inbox_events.event_id,
    inbox_events.event_type
FROM inbox_events
WHERE inbox_events.state = 'PARKED' AND inbox_events.reason IS DISTINCT FROM 'IDEMPOTENCY_KEY_REUSED'
ORDER BY inbox_events.inbox_id
FOR UPDATE;

-- A consumer tries them within its next look.
-- name: replay
UPDATE inbox_events SET state = 'WAITING', due_at = now(), attempts = 0, changed_at = now()
WHERE inbox_events.inbox_id = any(%(inbox_ids)s::BIGINT[]);

-- name: discard
UPDATE inbox_events SET state = 'DISCARDED', due_at = NULL, waits_for = NULL, changed_at = now()
WHERE inbox_events.inbox_id = any(%(inbox_ids)s::BIGINT[]);
