-- noqa: disable=RF03
-- Withdrawals as operators list them, by when they were reserved, and at one time by the bytes of their ids. Each state
-- has a range of its own in the index, and of each the next rows are taken: so a page costs the same whatever states
-- are asked for, and wherever it lies.

-- name: oldest_first
SELECT
    of_state.withdrawal_id,
    of_state.reserved_at
FROM unnest(%(states)s::TEXT[]) AS wanted (state)
CROSS JOIN
    LATERAL (
        SELECT
            withdrawals.withdrawal_id,
            withdrawals.reserved_at
        FROM withdrawals
        WHERE
            withdrawals.state = wanted.state
            AND (withdrawals.reserved_at, withdrawals.withdrawal_id COLLATE "C")
            > (%(after_time)s::TIMESTAMPTZ, %(after_id)s::TEXT COLLATE "C")
            AND withdrawals.reserved_at <= now() - %(older_than)s::INTERVAL
        ORDER BY withdrawals.reserved_at, withdrawals.withdrawal_id COLLATE "C"
        LIMIT %(rows_max)s::BIGINT
    ) AS of_state
ORDER BY of_state.reserved_at, of_state.withdrawal_id COLLATE "C"
LIMIT %(rows_max)s::BIGINT;

-- name: newest_first
SELECT
    of_state.withdrawal_id,
    of_state.reserved_at
FROM unnest(%(states)s::TEXT[]) AS wanted (state)
CROSS JOIN
    LATERAL (
        SELECT
            withdrawals.withdrawal_id,
            withdrawals.reserved_at
        FROM withdrawals
        WHERE
            withdrawals.state = wanted.state
            AND (withdrawals.reserved_at, withdrawals.withdrawal_id COLLATE "C")
            < (%(after_time)s::TIMESTAMPTZ, %(after_id)s::TEXT COLLATE "C")
            AND withdrawals.reserved_at <= now() - %(older_than)s::INTERVAL
        ORDER BY withdrawals.reserved_at DESC, withdrawals.withdrawal_id COLLATE "C" DESC
        LIMIT %(rows_max)s::BIGINT
    ) AS of_state
ORDER BY of_state.reserved_at DESC, of_state.withdrawal_id COLLATE "C" DESC
LIMIT %(rows_max)s::BIGINT;

-- The same of one player.
-- name: of_player_oldest_first
SELECT
    of_state.withdrawal_id,
    of_state.reserved_at
FROM unnest(%(states)s::TEXT[]) AS wanted (state)
CROSS JOIN
    LATERAL (
        SELECT
            withdrawals.withdrawal_id,
            withdrawals.reserved_at
        FROM withdrawals
        WHERE
            withdrawals.state = wanted.state
            AND withdrawals.owner_id = %(player_id)s::BIGINT
            AND (withdrawals.reserved_at, withdrawals.withdrawal_id COLLATE "C")
            > (%(after_time)s::TIMESTAMPTZ, %(after_id)s::TEXT COLLATE "C")
            AND withdrawals.reserved_at <= now() - %(older_than)s::INTERVAL
        ORDER BY withdrawals.reserved_at, withdrawals.withdrawal_id COLLATE "C"
        LIMIT %(rows_max)s::BIGINT
    ) AS of_state
ORDER BY of_state.reserved_at, of_state.withdrawal_id COLLATE "C"
LIMIT %(rows_max)s::BIGINT;

-- name: of_player_newest_first
SELECT
    of_state.withdrawal_id,
    of_state.reserved_at
FROM unnest(%(states)s::TEXT[]) AS wanted (state)
CROSS JOIN
    LATERAL (
        SELECT
            withdrawals.withdrawal_id,
            withdrawals.reserved_at
        FROM withdrawals
        WHERE
            withdrawals.state = wanted.state
            AND withdrawals.owner_id = %(player_id)s::BIGINT
            AND (withdrawals.reserved_at, withdrawals.withdrawal_id COLLATE "C")
            < (%(after_time)s::TIMESTAMPTZ, %(after_id)s::TEXT COLLATE "C")
            AND withdrawals.reserved_at <= now() - %(older_than)s::INTERVAL
        ORDER BY withdrawals.reserved_at DESC, withdrawals.withdrawal_id COLLATE "C" DESC
        LIMIT %(rows_max)s::BIGINT
    ) AS of_state
ORDER BY of_state.reserved_at DESC, of_state.withdrawal_id COLLATE "C" DESC
LIMIT %(rows_max)s::BIGINT;

-- All about withdrawals, in the order in which they are asked for. The keys of their transactions are computed as
-- wallet_grpc/domain/identifiers.py does it.
-- name: records
SELECT
    found.withdrawal_id,
    found.owner_id,
    found.currency_network_id,
    found.amount_minor::TEXT,
    found.state,
    found.reserved_at,
    found.changed_at,
    reservation.tx_id::TEXT AS reservation_tx_id,
    ending.tx_id::TEXT AS ending_tx_id,
    now() AS as_of
FROM unnest(%(withdrawal_ids)s::TEXT[]) WITH ORDINALITY AS wanted (withdrawal_id, position)
INNER JOIN withdrawals AS found ON wanted.withdrawal_id = found.withdrawal_id
LEFT JOIN LATERAL (
    SELECT ledger_transactions.tx_id
    FROM ledger_transactions
    WHERE
        ledger_transactions.key_hash = left(
            encode(sha256(convert_to('withdrawal' || E'\x1f' || found.withdrawal_id, 'UTF8')), 'hex'), 32
        )::UUID
    LIMIT 1
) AS reservation ON TRUE
LEFT JOIN LATERAL (
    SELECT ledger_transactions.tx_id
    FROM ledger_transactions
    WHERE
        ledger_transactions.key_hash = left(
            encode(sha256(convert_to('withdrawal-ending' || E'\x1f' || found.withdrawal_id, 'UTF8')), 'hex'), 32
        )::UUID
    LIMIT 1
) AS ending ON TRUE
ORDER BY wanted.position;
