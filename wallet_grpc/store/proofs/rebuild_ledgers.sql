-- How `wallet balances rebuild` sets the accounts of ledgers right: see rebuild.sql for the three statements.

-- Accounts that callers defined: their history is written with each entry.
-- name: journal_accounts_chunk
SELECT
    accounts.account_id::TEXT AS id,
    ARRAY[ledgers.owner_id] AS owner_ids
FROM accounts
INNER JOIN ledgers ON accounts.ledger_id = ledgers.ledger_id
WHERE accounts.account_type = 'JOURNAL' AND accounts.account_id > %(after)s::BIGINT
ORDER BY accounts.account_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_journal_accounts
SELECT account_balances.account_id
FROM account_balances
WHERE account_balances.account_id = any(%(ids)s::BIGINT[])
ORDER BY account_balances.account_id
FOR UPDATE;

-- name: journal_accounts_part
SELECT
    journal_postings.account_id AS key,
    sum(journal_postings.amount_minor) AS total,
    count(*) AS counted
FROM journal_postings
WHERE
    journal_postings.account_id = %(id)s::BIGINT
    AND journal_postings.posting_no > %(after_no)s::BIGINT
    AND journal_postings.posting_no <= %(upto_no)s::BIGINT
GROUP BY journal_postings.account_id;

-- name: rebuild_journal_accounts
WITH summed AS MATERIALIZED (
    SELECT
        unnest(%(keys)s::BIGINT[]) AS account_id,
        unnest(%(totals_minor)s::NUMERIC[]) AS total,
        unnest(%(counts)s::BIGINT[]) AS postings
),

known AS MATERIALIZED (
    SELECT
        accounts.*,
        account_balances.balance_minor,
        account_balances.version,
        coalesce(summed.total, 0) + history.total AS total,
        coalesce(summed.postings, 0) + history.postings AS postings
    FROM accounts
    LEFT JOIN summed ON accounts.account_id = summed.account_id
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    CROSS JOIN
        LATERAL (
            SELECT
                coalesce(sum(journal_postings.amount_minor), 0) AS total,
                count(*) AS postings
            FROM journal_postings
            WHERE
                journal_postings.account_id = accounts.account_id
                AND journal_postings.posting_no > %(after_no)s::BIGINT
        ) AS history
    WHERE accounts.account_id = any(%(ids)s::BIGINT[])
),

rebuilt AS (
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT
        known.account_id,
        NULL,
        known.total,
        known.postings
    FROM known
    WHERE (known.balance_minor, known.version) IS DISTINCT FROM (known.total, known.postings)
    ON CONFLICT (account_id) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('account %%s', known.account_id) AS subject,
    format('%%s of ledger %%s', known.account_code, known.ledger_id) AS name
FROM known
CROSS JOIN
    LATERAL (
        VALUES
        ('balance_minor', known.balance_minor, known.total),
        ('version', known.version, known.postings)
    ) AS changed (field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now
ORDER BY known.account_id, changed.field;
