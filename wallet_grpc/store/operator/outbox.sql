-- name: list_all
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
WHERE outbox_events.outbox_id > %(after)s::BIGINT
ORDER BY outbox_events.outbox_id
LIMIT %(rows_max)s::INTEGER;

-- name: list_parked
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
LIMIT %(rows_max)s::INTEGER;

-- name: show
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

-- A parked event comes back under a new outbox_id, since relays may look above its old one only. Its event id stays.
-- name: replay
WITH replayed AS (
    DELETE FROM outbox_events
    WHERE outbox_events.outbox_id = %(outbox_id)s::BIGINT AND outbox_events.parked_at IS NOT NULL
    RETURNING *
)

INSERT INTO outbox_events (owner_id, tx_id, event_no, sequence, traceparent)
SELECT
    replayed.owner_id,
    replayed.tx_id,
    replayed.event_no,
    replayed.sequence,
    replayed.traceparent
FROM replayed
RETURNING outbox_events.outbox_id;

-- name: replay_parked
WITH replayed AS (
    DELETE FROM outbox_events
    WHERE outbox_events.parked_at IS NOT NULL
    RETURNING *
)

INSERT INTO outbox_events (owner_id, tx_id, event_no, sequence, traceparent)
SELECT
    replayed.owner_id,
    replayed.tx_id,
    replayed.event_no,
    replayed.sequence,
    replayed.traceparent
FROM replayed
ORDER BY replayed.outbox_id
RETURNING outbox_events.outbox_id;

-- name: discard
DELETE FROM outbox_events
WHERE outbox_events.outbox_id = %(outbox_id)s::BIGINT AND outbox_events.parked_at IS NOT NULL
RETURNING outbox_events.outbox_id;
