-- The outbox's events, as a lane stores them; see events.py, and accounts.sql on the form.

-- name: step_outbox_events
INSERT INTO outbox_events (owner_id, tx_id, event_no, event_type, sequence, data, traceparent, created_at)
SELECT
    unnest(%(outbox_events__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(outbox_events__tx_id)s::UUID[]) AS tx_id,
    unnest(%(outbox_events__event_no)s::SMALLINT[]) AS event_no,
    unnest(%(outbox_events__event_type)s::TEXT[]) AS event_type,
    unnest(%(outbox_events__sequence)s::BIGINT[]) AS sequence,
    unnest(string_to_array(%(outbox_events__data)s, E'\x1f')::JSON[]) AS data,
    unnest(string_to_array(%(outbox_events__traceparent)s, E'\x1f', '')) AS traceparent,
    %(now)s::TIMESTAMPTZ AS created_at
RETURNING outbox_events.outbox_id;
