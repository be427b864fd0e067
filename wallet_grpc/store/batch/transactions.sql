-- Transactions and their postings, as a lane loads and stores them; see transactions.py, and accounts.sql on the form.

-- The transactions that the commands are or name, each with what has reversed it and with its standing wins (as many as
-- a batch could roll back: more need not be counted).
-- name: load_transactions
SELECT
    wanted.position,
    found.tx_id::TEXT,
    found.owner_id,
    found.source,
    found.reference,
    found.kind,
    found.status,
    found.currency_network_id,
    found.amount_minor::TEXT,
    found.win_amount_minor::TEXT,
    found.fee_minor::TEXT,
    found.game_code,
    found.round_id,
    found.round_hash::TEXT,
    found.closes_round,
    found.reference_transaction_id,
    found.reference_tx_id::TEXT,
    found.reverses_tx_id::TEXT,
    found.variant,
    found.main_balance_after_minor::TEXT,
    found.created_at,
    rollback.tx_id::TEXT AS rollback_tx_id,
    rollback.main_balance_after_minor::TEXT AS rollback_main_balance_after_minor,
    rollback.created_at AS rollback_created_at,
    wins.standing AS standing_wins
FROM unnest(%(keys)s::UUID[]) WITH ORDINALITY AS wanted (key_hash, position)
CROSS JOIN
    LATERAL (
        SELECT ledger_transactions.*
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = wanted.key_hash
        LIMIT 1
    ) AS found
LEFT JOIN LATERAL (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.main_balance_after_minor,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.reverses_tx_id = found.tx_id
    LIMIT 1
) AS rollback ON TRUE
LEFT JOIN LATERAL (
    SELECT count(*) AS standing
    FROM (
        SELECT
        FROM ledger_transactions AS win
        WHERE
            win.reference_tx_id = found.tx_id
            AND NOT EXISTS (
                SELECT FROM ledger_transactions AS win_rollback
                WHERE win_rollback.reverses_tx_id = win.tx_id
                OFFSET 0
            )
        LIMIT %(standing_wins_max)s::INTEGER
    ) AS bounded
) AS wins ON found.kind IN ('BET', 'BET_AND_WIN');

-- The transactions that rows of the outbox name, each with the names of its currency network: two look-ups by key. A
-- time is text, so that one which Python cannot tell is the fault of its own event.
-- name: told_transactions
SELECT
    found.tx_id::TEXT,
    found.owner_id,
    found.source,
    found.reference,
    found.kind,
    found.status,
    found.currency_network_id,
    named.currency,
    named.network,
    found.amount_minor::TEXT,
    found.win_amount_minor::TEXT,
    found.fee_minor::TEXT,
    found.game_code,
    found.round_id,
    found.round_hash::TEXT,
    found.closes_round,
    found.reference_transaction_id,
    found.reference_tx_id::TEXT,
    found.reverses_tx_id::TEXT,
    found.variant,
    found.main_balance_after_minor::TEXT,
    found.details::TEXT,
    found.created_at::TEXT AS created_at_text
FROM unnest(%(owner_ids)s::BIGINT[], %(tx_ids)s::UUID[]) AS wanted (owner_id, tx_id)
CROSS JOIN
    LATERAL (
        SELECT ledger_transactions.*
        FROM ledger_transactions
        WHERE ledger_transactions.tx_id = wanted.tx_id AND ledger_transactions.owner_id = wanted.owner_id
        LIMIT 1
    ) AS found
LEFT JOIN LATERAL (
    SELECT
        currency_networks.currency,
        currency_networks.network
    FROM currency_networks
    WHERE currency_networks.currency_network_id = found.currency_network_id
    LIMIT 1
) AS named ON TRUE;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_ledger_transactions
INSERT INTO ledger_transactions (
    tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id,
    amount_minor, win_amount_minor, fee_minor, game_code, round_id, round_hash, closes_round, reference_transaction_id,
    reference_tx_id, reverses_tx_id, variant, main_balance_after_minor, entry_count, metadata, details, created_at
)
SELECT
    unnest(%(ledger_transactions__tx_id)s::UUID[]) AS tx_id,
    unnest(%(ledger_transactions__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(ledger_transactions__owner_version)s::BIGINT[]) AS owner_version,
    unnest(string_to_array(%(ledger_transactions__source)s, E'\x1f')) AS source,
    unnest(string_to_array(%(ledger_transactions__reference)s, E'\x1f')) AS reference,
    unnest(%(ledger_transactions__key_hash)s::UUID[]) AS key_hash,
    unnest(%(ledger_transactions__kind)s::TEXT[]) AS kind,
    unnest(%(ledger_transactions__status)s::TEXT[]) AS status,
    unnest(%(ledger_transactions__currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(%(ledger_transactions__amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(ledger_transactions__win_amount_minor)s::NUMERIC[]) AS win_amount_minor,
    unnest(%(ledger_transactions__fee_minor)s::NUMERIC[]) AS fee_minor,
    unnest(string_to_array(%(ledger_transactions__game_code)s, E'\x1f', '')) AS game_code,
    unnest(string_to_array(%(ledger_transactions__round_id)s, E'\x1f', '')) AS round_id,
    unnest(%(ledger_transactions__round_hash)s::UUID[]) AS round_hash,
    unnest(%(ledger_transactions__closes_round)s::BOOLEAN[]) AS closes_round,
    unnest(string_to_array(%(ledger_transactions__reference_transaction_id)s, E'\x1f', '')) AS reference_transaction_id,
    unnest(%(ledger_transactions__reference_tx_id)s::UUID[]) AS reference_tx_id,
    unnest(%(ledger_transactions__reverses_tx_id)s::UUID[]) AS reverses_tx_id,
    unnest(%(ledger_transactions__variant)s::TEXT[]) AS variant,
    unnest(%(ledger_transactions__main_balance_after_minor)s::NUMERIC[]) AS main_balance_after_minor,
    unnest(%(ledger_transactions__entry_count)s::SMALLINT[]) AS entry_count,
    unnest(string_to_array(%(ledger_transactions__metadata)s, E'\x1f', '')::JSONB[]) AS metadata,
    unnest(string_to_array(%(ledger_transactions__details)s, E'\x1f', '')::JSONB[]) AS details,
    %(now)s::TIMESTAMPTZ AS created_at;

-- name: step_ledger_entries
INSERT INTO ledger_entries (
    tx_id, entry_no, owner_id, account_id, account_version, currency_network_id, amount_minor, balance_after
)
SELECT
    unnest(%(ledger_entries__tx_id)s::UUID[]) AS tx_id,
    unnest(%(ledger_entries__entry_no)s::SMALLINT[]) AS entry_no,
    unnest(%(ledger_entries__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(ledger_entries__account_id)s::BIGINT[]) AS account_id,
    unnest(%(ledger_entries__account_version)s::BIGINT[]) AS account_version,
    unnest(%(ledger_entries__currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(%(ledger_entries__amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(ledger_entries__balance_after)s::NUMERIC[]) AS balance_after;
