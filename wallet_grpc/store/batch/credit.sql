-- Credit wallets, as a lane loads and stores them; see credit.py, and accounts.sql on the form.

-- The wallets of the batch at one instant after the locks, as the last entries of their journals tell: what has expired
-- since held_as_of holds nothing, whether or not a sweeper has marked it. The clock may have been set back; then the
-- instant is the one that the wallet was last seen at.
-- name: load_wallets
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
)

SELECT
    found.subledger_id::TEXT AS wallet_id,
    found.balance_after_minor::TEXT AS balance_minor,
    found.entry_no AS entry_count,
    (found.held_minor - coalesce(expired.total, 0))::TEXT AS held_minor,
    greatest(clock.now, found.held_as_of) AS now
FROM clock
CROSS JOIN unnest(%(wallet_ids)s::UUID[]) AS wanted (wallet_id)
CROSS JOIN
    LATERAL (
        SELECT
            entries.subledger_id,
            entries.entry_no,
            entries.balance_after_minor,
            entries.held_minor,
            entries.held_as_of
        FROM subledger_entries AS entries
        WHERE entries.subledger_id = wanted.wallet_id AND entries.entry_no > 0
        ORDER BY entries.entry_no DESC
        LIMIT 1
    ) AS found
LEFT JOIN LATERAL (
    SELECT sum(reservations.amount_minor) AS total
    FROM reservations
    WHERE
        found.held_minor > 0
        AND reservations.wallet_id = found.subledger_id
        AND reservations.state IN ('OPEN', 'EXPIRED')
        AND reservations.expires_at > found.held_as_of
        AND reservations.expires_at <= clock.now
) AS expired ON TRUE;

-- name: load_wallet_entries
SELECT
    found.subledger_id::TEXT AS wallet_id,
    found.key_hash::TEXT,
    found.kind,
    found.amount_minor::TEXT
FROM unnest(%(entry_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT entries.*
        FROM subledger_entries AS entries
        WHERE entries.key_hash = wanted.key_hash
        OFFSET 0
    ) AS found;

-- name: load_reservations
SELECT
    found.reservation_id::TEXT,
    found.wallet_id::TEXT,
    found.amount_minor::TEXT,
    found.ttl_s,
    found.expires_at,
    found.state,
    found.committed_minor::TEXT
FROM unnest(%(reservation_keys)s::UUID[]) AS wanted (reservation_id)
CROSS JOIN
    LATERAL (
        SELECT reservations.*
        FROM reservations
        WHERE reservations.reservation_id = wanted.reservation_id
        OFFSET 0
    ) AS found;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_new_wallets
INSERT INTO credit_wallets (wallet_id, owner_id, ledger_id, caller_key, created_at)
SELECT
    unnest(%(new_wallets__wallet_id)s::UUID[]) AS wallet_id,
    unnest(%(new_wallets__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(new_wallets__ledger_id)s::UUID[]) AS ledger_id,
    unnest(string_to_array(%(new_wallets__caller_key)s, E'\x1f')) AS caller_key,
    %(now)s::TIMESTAMPTZ AS created_at;

-- name: step_new_reservations
INSERT INTO reservations (reservation_id, wallet_id, owner_id, amount_minor, ttl_s, expires_at, state, committed_minor)
SELECT
    unnest(%(new_reservations__reservation_id)s::UUID[]) AS reservation_id,
    unnest(%(new_reservations__wallet_id)s::UUID[]) AS wallet_id,
    unnest(%(new_reservations__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(new_reservations__amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(new_reservations__ttl_s)s::INTEGER[]) AS ttl_s,
    unnest(%(new_reservations__expires_at)s::TIMESTAMPTZ[]) AS expires_at,
    unnest(%(new_reservations__state)s::TEXT[]) AS state,
    unnest(%(new_reservations__committed_minor)s::NUMERIC[]) AS committed_minor;

-- As with settled sessions, what the row was is asked of the look-up.
-- name: step_ended_reservations
UPDATE reservations SET state = ended.state, committed_minor = ended.committed_minor
FROM (
    SELECT
        unnest(%(ended_reservations__reservation_id)s::UUID[]) AS reservation_id,
        unnest(%(ended_reservations__state)s::TEXT[]) AS state,
        unnest(%(ended_reservations__committed_minor)s::NUMERIC[]) AS committed_minor
) AS ended
CROSS JOIN
    LATERAL (
        SELECT
            loaded.ctid AS address,
            loaded.state
        FROM reservations AS loaded
        WHERE loaded.reservation_id = ended.reservation_id
        LIMIT 1
    ) AS found
WHERE reservations.ctid = found.address AND found.state = 'OPEN'
RETURNING reservations.reservation_id;

-- One row for each ledger of the batch: the poster learns of the wallets as their writes are committed.
-- name: step_posting_queue
INSERT INTO posting_queue (queue_id, ledger_id, wallet_ids, queued_at)
SELECT
    nextval('posting_queue_queue_id_seq') AS queue_id,
    written.ledger_id,
    array_agg(written.wallet_id) AS wallet_ids,
    %(now)s::TIMESTAMPTZ AS queued_at
FROM (
    SELECT
        unnest(%(posting_queue__ledger_id)s::UUID[]) AS ledger_id,
        unnest(%(posting_queue__wallet_id)s::UUID[]) AS wallet_id
) AS written
GROUP BY written.ledger_id;
