-- name: wallet
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
)

SELECT
    last_entry.balance_after_minor::TEXT AS balance_minor,
    last_entry.entry_no AS entry_count,
    credit_wallets.created_at,
    (coalesce(last_entry.held_minor, 0) - coalesce(expired.total, 0))::TEXT AS held_minor,
    coalesce(account_balances.version, 0) AS posted_entries
FROM clock
CROSS JOIN credit_wallets
CROSS JOIN
    LATERAL (
        SELECT
            entries.entry_no,
            entries.balance_after_minor,
            entries.held_minor,
            entries.held_as_of
        FROM subledger_entries AS entries
        WHERE entries.subledger_id = credit_wallets.wallet_id AND entries.entry_no > 0
        ORDER BY entries.entry_no DESC
        LIMIT 1
    ) AS last_entry
LEFT JOIN LATERAL (
    SELECT sum(reservations.amount_minor) AS total
    FROM reservations
    WHERE
        reservations.wallet_id = credit_wallets.wallet_id
        AND reservations.state IN ('OPEN', 'EXPIRED')
        AND reservations.expires_at > last_entry.held_as_of
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
