-- name: list_ledgers
SELECT
    ledgers.ledger_id::TEXT,
    ledgers.owner_id,
    ledgers.source,
    ledgers.name,
    ledgers.currency_network_id,
    ledgers.created_at
FROM ledgers
ORDER BY ledgers.ledger_id;

-- A ledger, made by an operator for a source: with its transaction, as LedgerService makes one.
-- name: create_ledger
WITH made AS (
    INSERT INTO ledger_transactions (
        tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id, amount_minor,
        closes_round, entry_count, created_at
    )
    SELECT
        %(ledger_id)s::UUID,
        %(owner_id)s::BIGINT,
        1,
        %(source)s,
        %(reference)s,
        %(key)s::UUID,
        'LEDGER_CREATION',
        'APPLIED',
        currency_networks.currency_network_id,
        0,
        FALSE,
        0,
        %(now)s::TIMESTAMPTZ
    FROM currency_networks
    WHERE currency_networks.currency_network_id = %(currency_network_id)s
    RETURNING ledger_transactions.currency_network_id, ledger_transactions.created_at
)

INSERT INTO ledgers (ledger_id, owner_id, source, name, currency_network_id, created_at)
SELECT
    %(ledger_id)s::UUID,
    %(owner_id)s::BIGINT,
    %(source)s,
    %(name)s,
    made.currency_network_id,
    made.created_at
FROM made
RETURNING ledgers.ledger_id::TEXT;

-- The clock is shared from now on: who counts days waits for the transaction's end.
-- name: share_clock
SELECT pg_advisory_xact_lock_shared(%(clock_class)s::INTEGER, 0);

-- The time is read under the lock, in a statement of its own: so it is not before what is counted into days, whenever
-- that was said.
-- name: time
SELECT greatest(clock_timestamp(), day_marks.counting_until) AS now
FROM day_marks
WHERE day_marks.mark_id = 1;
