-- An outbox row names its event: the transaction, and which of its events. What the event says stands in the ledger,
-- and is read there when it is published (docs/decisions/0023-events-are-read-from-the-ledger.md).

ALTER TABLE outbox_events DROP COLUMN event_type, DROP COLUMN data, DROP COLUMN created_at;

COMMENT ON TABLE outbox_events IS
'events to be published; what they say stands in ledger_transactions, under owner_id and tx_id';
