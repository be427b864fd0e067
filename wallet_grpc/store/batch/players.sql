-- What a lane loads and stores of players beyond their accounts; see players.py, and accounts.sql on the form.

-- The closed ones among the rounds: how many standing transactions closed each (as many as a batch could roll back).
-- name: load_rounds
SELECT
    wanted.position,
    closed.closers
FROM unnest(%(round_keys)s::UUID[]) WITH ORDINALITY AS wanted (round_hash, position)
CROSS JOIN
    LATERAL (
        SELECT count(*) AS closers
        FROM (
            SELECT
            FROM ledger_transactions AS closer
            WHERE
                closer.round_hash = wanted.round_hash
                AND closer.closes_round
                AND NOT EXISTS (
                    SELECT FROM ledger_transactions AS closer_rollback
                    WHERE closer_rollback.reverses_tx_id = closer.tx_id
                    OFFSET 0
                )
            LIMIT %(closers_max)s::INTEGER
        ) AS bounded
    ) AS closed
WHERE closed.closers > 0;

-- name: load_deposit_outputs
SELECT wanted.position
FROM unnest(%(output_keys)s::UUID[]) WITH ORDINALITY AS wanted (output_hash, position)
CROSS JOIN LATERAL (
    SELECT
    FROM deposit_outputs
    WHERE deposit_outputs.output_hash = wanted.output_hash
    LIMIT 1
) AS used;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_players
INSERT INTO players (player_id, state)
SELECT
    unnest(%(players__player_id)s::BIGINT[]) AS player_id,
    unnest(%(players__state)s::TEXT[]) AS state
ON CONFLICT (player_id) DO UPDATE SET state = excluded.state
RETURNING players.player_id;

-- name: step_withdrawals
INSERT INTO withdrawals (withdrawal_id, owner_id, currency_network_id, amount_minor, state, reserved_at, changed_at)
SELECT
    unnest(string_to_array(%(withdrawals__withdrawal_id)s, E'\x1f')) AS withdrawal_id,
    unnest(%(withdrawals__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(withdrawals__currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(%(withdrawals__amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(withdrawals__state)s::TEXT[]) AS state,
    %(now)s::TIMESTAMPTZ AS reserved_at,
    %(now)s::TIMESTAMPTZ AS changed_at
ON CONFLICT (withdrawal_id) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at
RETURNING withdrawals.withdrawal_id;

-- name: step_deposit_outputs
INSERT INTO deposit_outputs (output_hash, owner_id, tx_id)
SELECT
    unnest(%(deposit_outputs__output_hash)s::UUID[]) AS output_hash,
    unnest(%(deposit_outputs__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(deposit_outputs__tx_id)s::UUID[]) AS tx_id;
