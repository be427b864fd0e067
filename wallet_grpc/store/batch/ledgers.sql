-- Callers' ledgers, as a lane loads and stores them; see ledgers.py, and accounts.sql on the form.

-- Ledgers whose creation is sent again.
-- name: load_ledgers
SELECT
    made.key_hash::TEXT,
    ledgers.ledger_id::TEXT,
    ledgers.owner_id,
    ledgers.source,
    ledgers.name,
    ledgers.currency_network_id,
    ledgers.created_at
FROM unnest(%(creation_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT
            ledger_transactions.tx_id,
            ledger_transactions.key_hash
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = wanted.key_hash
        LIMIT 1
    ) AS made
CROSS JOIN
    LATERAL (
        SELECT found.*
        FROM ledgers AS found
        WHERE found.ledger_id = made.tx_id
        LIMIT 1
    ) AS ledgers;

-- The accounts that journal entries name; what does not exist comes into being by use.
-- name: load_journal_accounts
SELECT
    wanted.ledger_id::TEXT,
    wanted.account_code,
    wanted.currency_network_id,
    accounts.account_id,
    account_balances.balance_minor::TEXT,
    account_balances.version
FROM
    unnest(
        %(ledger_ids)s::UUID[],
        string_to_array(%(account_codes)s, E'\x1f'),
        %(network_ids)s::INTEGER[]
    )
        AS wanted (ledger_id, account_code, currency_network_id)
CROSS JOIN
    LATERAL (
        SELECT found.account_id
        FROM accounts AS found
        WHERE
            found.ledger_id = wanted.ledger_id
            AND found.account_code = wanted.account_code
            AND found.account_type = 'JOURNAL'
        OFFSET 0
    ) AS accounts
CROSS JOIN
    LATERAL (
        SELECT
            derived.balance_minor,
            derived.version
        FROM account_balances AS derived
        WHERE derived.account_id = accounts.account_id
        OFFSET 0
    ) AS account_balances;

-- What an entry that is sent again had posted.
-- name: load_journal_legs
SELECT
    made.key_hash::TEXT,
    accounts.account_code,
    posted.amount_minor::TEXT
FROM unnest(%(entry_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT
            ledger_transactions.tx_id,
            ledger_transactions.key_hash
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = wanted.key_hash AND ledger_transactions.kind = 'JOURNAL_ENTRY'
        LIMIT 1
    ) AS made
CROSS JOIN
    LATERAL (
        SELECT ledger_entries.*
        FROM ledger_entries
        WHERE ledger_entries.tx_id = made.tx_id
        OFFSET 0
    ) AS posted
CROSS JOIN
    LATERAL (
        SELECT found.account_code
        FROM accounts AS found
        WHERE found.account_id = posted.account_id
        LIMIT 1
    ) AS accounts
ORDER BY posted.tx_id, posted.entry_no;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_ledgers
INSERT INTO ledgers (ledger_id, owner_id, source, name, currency_network_id, created_at)
SELECT
    unnest(%(ledgers__ledger_id)s::UUID[]) AS ledger_id,
    unnest(%(ledgers__owner_id)s::BIGINT[]) AS owner_id,
    unnest(string_to_array(%(ledgers__source)s, E'\x1f')) AS source,
    unnest(string_to_array(%(ledgers__name)s, E'\x1f')) AS name,
    unnest(%(ledgers__currency_network_id)s::INTEGER[]) AS currency_network_id,
    %(now)s::TIMESTAMPTZ AS created_at
RETURNING ledgers.ledger_id;

-- name: step_journal_postings
INSERT INTO journal_postings (account_id, posting_no, tx_id, amount_minor, balance_after_minor, created_at)
SELECT
    unnest(%(journal_postings__account_id)s::BIGINT[]) AS account_id,
    unnest(%(journal_postings__posting_no)s::BIGINT[]) AS posting_no,
    unnest(%(journal_postings__tx_id)s::UUID[]) AS tx_id,
    unnest(%(journal_postings__amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(journal_postings__balance_after_minor)s::NUMERIC[]) AS balance_after_minor,
    %(now)s::TIMESTAMPTZ AS created_at;
