-- name: ledger
SELECT
    ledgers.ledger_id::TEXT,
    ledgers.owner_id,
    ledgers.source,
    ledgers.name,
    ledgers.currency_network_id,
    ledgers.created_at
FROM ledgers
WHERE ledgers.ledger_id = %(ledger_id)s::UUID;

-- Without a source: everybody's.
-- name: list_ledgers
SELECT
    ledgers.ledger_id::TEXT,
    ledgers.owner_id,
    ledgers.source,
    ledgers.name,
    ledgers.currency_network_id,
    ledgers.created_at
FROM ledgers
WHERE ledgers.ledger_id > %(after)s::UUID AND (%(source)s::TEXT IS NULL OR ledgers.source = %(source)s::TEXT)
ORDER BY ledgers.ledger_id
LIMIT %(rows_max)s;

-- name: journal_entry
SELECT
    made.tx_id::TEXT,
    made.source,
    made.reference,
    made.metadata,
    made.created_at,
    array(
        SELECT accounts.account_code || E'\x1f' || posted.amount_minor
        FROM ledger_entries AS posted
        INNER JOIN accounts ON posted.account_id = accounts.account_id
        WHERE posted.tx_id = made.tx_id
        ORDER BY posted.entry_no
    ) AS legs
FROM ledger_transactions AS made
WHERE
    (made.tx_id = %(tx_id)s::UUID OR made.key_hash = %(key)s::UUID)
    AND made.kind = 'JOURNAL_ENTRY'
    AND made.reference_tx_id = %(ledger_id)s::UUID;

-- The balance of an account, and what it was at a time; without a posting before that, 0.
-- name: ledger_account
SELECT
    account_balances.balance_minor::TEXT,
    (
        SELECT journal_postings.balance_after_minor
        FROM journal_postings
        WHERE journal_postings.account_id = accounts.account_id AND journal_postings.created_at <= %(at)s::TIMESTAMPTZ
        ORDER BY journal_postings.created_at DESC, journal_postings.posting_no DESC
        LIMIT 1
    )::TEXT AS balance_then_minor
FROM accounts
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
WHERE
    accounts.ledger_id = %(ledger_id)s::UUID
    AND accounts.account_code = %(account_code)s
    AND accounts.account_type = 'JOURNAL';
