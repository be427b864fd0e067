-- The inbox's receipts, as a lane loads and stores them; see inbox.py, and accounts.sql on the form.

-- name: load_receipts
SELECT
    wanted.position,
    known.body_hash::TEXT,
    known.state
FROM unnest(%(receipt_keys)s::UUID[]) WITH ORDINALITY AS wanted (key_hash, position)
CROSS JOIN LATERAL (
    SELECT
        inbox_events.body_hash,
        inbox_events.state
    FROM inbox_events
    WHERE inbox_events.key_hash = wanted.key_hash
    LIMIT 1
) AS known;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- A received event whose effect this statement stores. One that waited or was parked is applied now; if another
-- consumer was first, or its body is another one, it is not counted, and the race is lost.
-- name: step_inbox_events
INSERT INTO inbox_events AS known (
    key_hash, source, event_id, event_type, body_hash, body, traceparent, state, received_at, changed_at
)
SELECT
    unnest(%(inbox_events__key_hash)s::UUID[]) AS key_hash,
    unnest(string_to_array(%(inbox_events__source)s, E'\x1f')) AS source,
    unnest(string_to_array(%(inbox_events__event_id)s, E'\x1f')) AS event_id,
    unnest(string_to_array(%(inbox_events__event_type)s, E'\x1f')) AS event_type,
    unnest(%(inbox_events__body_hash)s::UUID[]) AS body_hash,
    unnest(string_to_array(%(inbox_events__body)s, E'\x1f')::JSON[]) AS body,
    unnest(string_to_array(%(inbox_events__traceparent)s, E'\x1f', '')) AS traceparent,
    'APPLIED' AS state,
    %(now)s::TIMESTAMPTZ AS received_at,
    %(now)s::TIMESTAMPTZ AS changed_at
ON CONFLICT (key_hash) DO UPDATE
    SET
        state = excluded.state,
        changed_at = excluded.changed_at,
        reason = NULL,
        detail = NULL,
        waits_for = NULL,
        due_at = NULL
    WHERE known.body_hash = excluded.body_hash AND known.state IN ('WAITING', 'PARKED')
RETURNING known.inbox_id;
