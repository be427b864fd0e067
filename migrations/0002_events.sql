-- Events: what is to be published, and what came in from the Payments System.

-- What is to be published, written by the mutation's own transaction: a row names its event, by the transaction and
-- which of its events it is. What the event says stands in the ledger, and is read there when it is published
-- (docs/decisions/0023-events-are-read-from-the-ledger.md). outbox_id grows with each event of one owner. An event that
-- no queue takes is marked (parked_at) and kept, and no relay looks at it until it is replayed. Rows come and go by the
-- thousands: dead ones are cleared away long before a fifth of the table is dead. Eight columns: with a ninth the
-- header of each row that has a NULL would grow by eight bytes.
CREATE TABLE outbox_events (
    outbox_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    tx_id UUID NOT NULL,
    event_no SMALLINT NOT NULL,
    traceparent TEXT,
    parked_at TIMESTAMPTZ,
    failure TEXT
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

COMMENT ON TABLE outbox_events IS
'events to be published; what they say stands in ledger_transactions, under owner_id and tx_id';
COMMENT ON COLUMN outbox_events.event_no IS 'the event''s number within its transaction: tx_id and event_no are its id';
COMMENT ON COLUMN outbox_events.sequence IS 'the version of the player''s MAIN balance after what the event tells';
COMMENT ON COLUMN outbox_events.failure IS 'why it could not be published';

CREATE INDEX outbox_events_parked_idx ON outbox_events (outbox_id) WHERE parked_at IS NOT NULL;

-- Every event that was received and understood, once. An event is known by (source, event_id), which key_hash stands
-- for; one whose id was used with another body is kept under a key of its own, so that somebody can look at both.
CREATE TABLE inbox_events (
    inbox_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_hash UUID NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body_hash UUID NOT NULL,
    body JSON NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    waits_for TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TIMESTAMPTZ,
    traceparent TEXT,
    received_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT inbox_events_key_hash_key UNIQUE (key_hash),
    CONSTRAINT inbox_events_state_check CHECK (state IN ('WAITING', 'APPLIED', 'PARKED', 'DISCARDED')),
    CONSTRAINT inbox_events_due_check CHECK ((state = 'WAITING') = (due_at IS NOT NULL)),
    CONSTRAINT inbox_events_early_check CHECK (waits_for IS NULL OR state IN ('WAITING', 'PARKED'))
);

COMMENT ON COLUMN inbox_events.key_hash IS
'128 bits of SHA-256 over source and event_id; see wallet_grpc/domain/receipts.py';
COMMENT ON COLUMN inbox_events.body IS 'the event''s data as canonical JSON';
COMMENT ON COLUMN inbox_events.reason IS 'why it waits or is parked: the name of an error (docs/rules.md, Errors)';
COMMENT ON COLUMN inbox_events.waits_for IS 'the withdrawal that an early event names';
COMMENT ON COLUMN inbox_events.attempts IS 'how often it was tried in vain';

CREATE INDEX inbox_events_due_idx ON inbox_events (due_at) WHERE state = 'WAITING';
CREATE INDEX inbox_events_early_idx ON inbox_events (inbox_id) WHERE waits_for IS NOT NULL;
CREATE INDEX inbox_events_open_idx ON inbox_events (inbox_id) WHERE state IN ('WAITING', 'PARKED');

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_events TO wallet_service;
GRANT SELECT, INSERT, UPDATE ON inbox_events TO wallet_service;
GRANT SELECT ON SEQUENCE outbox_events_outbox_id_seq TO wallet_service;
