-- noqa: disable=ST06
-- Events that are not done. See events.py.

-- name: received
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
    left(inbox_events.body ->> 'playerId', 20) AS player_id
FROM inbox_events
WHERE
    inbox_events.state IN ('WAITING', 'PARKED')
    AND inbox_events.state = %(state)s::TEXT
    AND inbox_events.inbox_id > %(after)s::BIGINT
ORDER BY inbox_events.inbox_id
LIMIT %(rows_max)s::BIGINT;

-- name: received_one
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
    left(inbox_events.body ->> 'playerId', 20) AS player_id,
    inbox_events.body::TEXT AS body
FROM inbox_events
WHERE inbox_events.inbox_id = %(inbox_id)s::BIGINT AND inbox_events.state IN ('WAITING', 'PARKED');

-- name: published_parked
SELECT
    outbox_events.outbox_id,
    outbox_events.owner_id,
    outbox_events.tx_id::TEXT,
    outbox_events.event_no,
    outbox_events.sequence,
    outbox_events.traceparent,
    outbox_events.parked_at,
    outbox_events.failure
FROM outbox_events
WHERE outbox_events.parked_at IS NOT NULL AND outbox_events.outbox_id > %(after)s::BIGINT
ORDER BY outbox_events.outbox_id
LIMIT %(rows_max)s::BIGINT;

-- name: published_waiting
SELECT
    outbox_events.outbox_id,
    outbox_events.owner_id,
    outbox_events.tx_id::TEXT,
    outbox_events.event_no,
    outbox_events.sequence,
    outbox_events.traceparent,
    outbox_events.parked_at,
    outbox_events.failure
FROM outbox_events
WHERE outbox_events.parked_at IS NULL AND outbox_events.outbox_id > %(after)s::BIGINT
ORDER BY outbox_events.outbox_id
LIMIT %(rows_max)s::BIGINT;

-- name: published_one
SELECT
    outbox_events.outbox_id,
    outbox_events.owner_id,
    outbox_events.tx_id::TEXT,
    outbox_events.event_no,
    outbox_events.sequence,
    outbox_events.traceparent,
    outbox_events.parked_at,
    outbox_events.failure
FROM outbox_events
WHERE outbox_events.outbox_id = %(outbox_id)s::BIGINT;
