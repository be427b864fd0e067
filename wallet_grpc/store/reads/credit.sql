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
LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
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
        ORDER BY posted.entry_id
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
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
WHERE
    accounts.ledger_id = %(ledger_id)s::UUID
    AND accounts.account_code = %(account_code)s
    AND accounts.account_type = 'JOURNAL';

-- A ledger, made by an operator for a source: with its transaction, as LedgerService makes one.
-- name: create_ledger
WITH made AS (
    INSERT INTO ledger_transactions (
        tx_id, owner_id, source, reference, key_hash, kind, status, currency_network_id, amount_minor, closes_round,
        entry_count, created_at
    )
    SELECT
        %(ledger_id)s::UUID,
        %(owner_id)s::BIGINT,
        %(source)s,
        %(reference)s,
        %(key)s::UUID,
        'LEDGER_CREATION',
        'APPLIED',
        currency_networks.currency_network_id,
        0,
        FALSE,
        0,
        clock_timestamp()
    FROM currency_networks
    WHERE currency_networks.currency_network_id = %(currency_network_id)s
    RETURNING ledger_transactions.currency_network_id, ledger_transactions.created_at
),

owned AS (
    INSERT INTO owners (owner_id, version)
    SELECT
        %(owner_id)s::BIGINT,
        1
    FROM made
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

-- name: clock
SELECT (extract(EPOCH FROM clock_timestamp()) * 1000)::BIGINT;
