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
-- Removed, numbered and written in statements of their own: Citus would not plan them together. Without an id: all that
-- are parked.
-- name: take_parked
DELETE FROM outbox_events
WHERE
    outbox_events.parked_at IS NOT NULL
    AND (%(outbox_id)s::BIGINT IS NULL OR outbox_events.outbox_id = %(outbox_id)s::BIGINT)
RETURNING
    outbox_events.outbox_id,
    outbox_events.owner_id,
    outbox_events.tx_id,
    outbox_events.event_no,
    outbox_events.sequence,
    outbox_events.traceparent,
    outbox_events.failure;

-- name: epoch
SELECT cell_home.epoch FROM cell_home;

-- name: next_number
SELECT nextval('outbox_events_outbox_id_seq') AS number;

-- name: put_back
INSERT INTO outbox_events (outbox_id, owner_id, tx_id, event_no, sequence, traceparent)
VALUES (%(outbox_id)s, %(owner_id)s, %(tx_id)s, %(event_no)s, %(sequence)s, %(traceparent)s);
