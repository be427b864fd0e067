-- name: wallet
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
)

SELECT
    credit_wallets.balance_minor::TEXT,
    credit_wallets.entry_count,
    credit_wallets.created_at,
    (credit_wallets.held_minor - coalesce(expired.total, 0))::TEXT AS held_minor,
    coalesce(account_balances.version, 0) AS posted_entries
FROM clock
CROSS JOIN credit_wallets
LEFT JOIN LATERAL (
    SELECT sum(reservations.amount_minor) AS total
    FROM reservations
    WHERE
        reservations.wallet_id = credit_wallets.wallet_id
        AND reservations.state = 'OPEN'
        AND reservations.expires_at > credit_wallets.held_as_of
        AND reservations.expires_at <= clock.now
) AS expired ON TRUE
LEFT JOIN accounts ON credit_wallets.wallet_id = accounts.wallet_id
LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
WHERE credit_wallets.wallet_id = %(wallet_id)s::UUID;

-- name: entries
SELECT
    found.entry_no,
    found.kind,
    found.transaction_id,
    found.key_hash::TEXT,
    found.amount_minor::TEXT,
    found.change_minor::TEXT,
    found.balance_after_minor::TEXT,
    found.reference_key::TEXT,
    found.source,
    found.metadata,
    found.created_at
FROM subledger_entries AS found
WHERE found.subledger_id = %(wallet_id)s::UUID AND found.entry_no > %(after)s AND found.entry_no > 0
ORDER BY found.entry_no
LIMIT %(rows_max)s;

-- name: postings
SELECT
    wallet_postings.tx_id::TEXT,
    wallet_postings.first_entry_no,
    wallet_postings.last_entry_no,
    wallet_postings.amount_minor::TEXT,
    wallet_postings.created_at
FROM wallet_postings
WHERE wallet_postings.wallet_id = %(wallet_id)s::UUID AND wallet_postings.last_entry_no > %(after)s
ORDER BY wallet_postings.last_entry_no
LIMIT %(rows_max)s;
