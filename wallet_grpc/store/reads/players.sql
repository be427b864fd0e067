-- One row an account, or one row without an account: the state is there in any case.
-- name: balances
SELECT
    players.state,
    held.account_type,
    held.balance_minor::TEXT
FROM (SELECT %(player_id)s::BIGINT AS player_id) AS wanted
LEFT JOIN players ON wanted.player_id = players.player_id
LEFT JOIN LATERAL (
    SELECT
        accounts.account_type,
        account_balances.balance_minor
    FROM accounts
    INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE
        accounts.player_id = wanted.player_id
        AND accounts.currency_network_id = %(currency_network_id)s
) AS held ON TRUE;

-- What decides who may read a transaction, with what no lane loads of it; its facts are read as a lane reads them. What
-- it is the creation or an entry of, and so whose it is to read, comes with it: ledger_source.
-- name: transaction_by_tx_id
SELECT
    found.tx_id::TEXT,
    found.key_hash::TEXT,
    found.kind,
    found.source,
    found.metadata,
    found.details,
    ledgers.source AS ledger_source
FROM ledger_transactions AS found
LEFT JOIN ledgers
    ON ledgers.ledger_id = CASE found.kind WHEN 'LEDGER_CREATION' THEN found.tx_id ELSE found.reference_tx_id END
WHERE found.tx_id = %(tx_id)s::UUID AND found.status = 'APPLIED' AND found.kind <> 'PLAYER_STATE';

-- name: transaction_by_keys
SELECT
    found.tx_id::TEXT,
    found.key_hash::TEXT,
    found.kind,
    found.source,
    found.metadata,
    found.details,
    ledgers.source AS ledger_source
FROM unnest(%(keys)s::UUID[]) WITH ORDINALITY AS wanted (key_hash, position)
INNER JOIN ledger_transactions AS found ON wanted.key_hash = found.key_hash
LEFT JOIN ledgers
    ON ledgers.ledger_id = CASE found.kind WHEN 'LEDGER_CREATION' THEN found.tx_id ELSE found.reference_tx_id END
ORDER BY wanted.position;

-- name: postings
SELECT
    accounts.account_type,
    ledger_entries.amount_minor::TEXT,
    ledger_entries.balance_after::TEXT
FROM ledger_entries
INNER JOIN accounts ON ledger_entries.account_id = accounts.account_id
WHERE ledger_entries.tx_id = %(tx_id)s::UUID
ORDER BY ledger_entries.entry_no;

-- name: round_totals
SELECT
    coalesce(bool_or(played.closes_round AND rollback.tx_id IS NULL), FALSE) AS closed,
    coalesce(sum(played.amount_minor) FILTER (WHERE played.kind IN ('BET', 'BET_AND_WIN')), 0)::TEXT AS bets_minor,
    (
        coalesce(sum(played.amount_minor) FILTER (WHERE played.kind = 'WIN'), 0)
        + coalesce(sum(played.win_amount_minor) FILTER (WHERE played.kind = 'BET_AND_WIN'), 0)
    )::TEXT AS wins_minor,
    coalesce(
        sum(played.amount_minor) FILTER (
            WHERE played.kind IN ('BET', 'BET_AND_WIN') AND rollback.tx_id IS NOT NULL
        ),
        0
    )::TEXT AS rolled_back_bets_minor,
    (
        coalesce(sum(played.amount_minor) FILTER (WHERE played.kind = 'WIN' AND rollback.tx_id IS NOT NULL), 0)
        + coalesce(
            sum(played.win_amount_minor) FILTER (
                WHERE played.kind = 'BET_AND_WIN' AND rollback.tx_id IS NOT NULL
            ),
            0
        )
    )::TEXT AS rolled_back_wins_minor,
    count(*) AS transactions
FROM ledger_transactions AS played
LEFT JOIN ledger_transactions AS rollback ON played.tx_id = rollback.reverses_tx_id
WHERE played.round_hash = %(round_key)s::UUID;
