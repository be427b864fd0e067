-- Events that are to be published. Those that come in stand in the shared schema.

CREATE SEQUENCE outbox_events_outbox_id_seq;

-- On Citus: how often the cell has come to another node, and the group of that node. Each node counts by itself, so
-- what is numbered at the next one may have a lower number; events of one owner must not. So their ids begin with the
-- epoch. The first lane at a new node raises it. On plain PostgreSQL it stays 0.
CREATE TABLE cell_home (
    home_id SMALLINT PRIMARY KEY DEFAULT 1,
    epoch BIGINT NOT NULL DEFAULT 0,
    group_id INTEGER,
    CONSTRAINT cell_home_one_row_check CHECK (home_id = 1),
    CONSTRAINT cell_home_epoch_check CHECK (epoch BETWEEN 0 AND 8388607)
);

INSERT INTO cell_home (home_id) VALUES (1);

-- What is to be published, written by the mutation's own transaction: a row names its event, by the transaction and
-- which of its events it is. What the event says stands in the ledger, and is read there when it is published
-- (docs/decisions/0023-events-are-read-from-the-ledger.md). outbox_id grows with each event of one owner. An event that
-- no queue takes is marked (parked_at) and kept, and no relay looks at it until it is replayed. Rows come and go by the
-- thousands: dead ones are cleared away long before a fifth of the table is dead. Eight columns: with a ninth the
-- header of each row that has a NULL would grow by eight bytes.
CREATE TABLE outbox_events (
    outbox_id BIGINT DEFAULT nextval('outbox_events_outbox_id_seq') PRIMARY KEY,
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

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_events TO wallet_service;
GRANT SELECT, UPDATE ON cell_home TO wallet_service;
GRANT USAGE, SELECT ON SEQUENCE outbox_events_outbox_id_seq TO wallet_service;
