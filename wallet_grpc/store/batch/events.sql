-- The outbox's events, as a lane stores them; see events.py, and accounts.sql on the form.

-- name: step_outbox_events
INSERT INTO outbox_events (outbox_id, owner_id, tx_id, event_no, sequence, traceparent)
SELECT
    nextval('outbox_events_outbox_id_seq') AS outbox_id,
    unnest(%(outbox_events__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(outbox_events__tx_id)s::UUID[]) AS tx_id,
    unnest(%(outbox_events__event_no)s::SMALLINT[]) AS event_no,
    unnest(%(outbox_events__sequence)s::BIGINT[]) AS sequence,
    unnest(string_to_array(%(outbox_events__traceparent)s, E'\x1f', '')) AS traceparent;
