-- How `wallet balances rebuild` sets the watermarks of credit wallets right: see rebuild.sql for the three statements.
-- What a wallet itself has stands in its journal alone, which is append-only.

-- A wallet's account in the ledger: the wallet's own lock, and its ledger's, under which it is posted.
-- name: wallets_chunk
SELECT
    credit_wallets.wallet_id::TEXT AS id,
    ARRAY[credit_wallets.owner_id, ledgers.owner_id] AS owner_ids
FROM credit_wallets
INNER JOIN ledgers ON credit_wallets.ledger_id = ledgers.ledger_id
WHERE credit_wallets.wallet_id > %(after)s::UUID
ORDER BY credit_wallets.wallet_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_wallets
SELECT account_balances.account_id
FROM accounts
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
WHERE accounts.wallet_id = any(%(ids)s::UUID[])
ORDER BY account_balances.account_id
FOR UPDATE OF account_balances;

-- name: rebuild_wallets
WITH posted AS MATERIALIZED (
    SELECT
        wallet_postings.wallet_id,
        max(wallet_postings.last_entry_no) AS last_no,
        sum(wallet_postings.amount_minor) AS total
    FROM wallet_postings
    WHERE wallet_postings.wallet_id = any(%(ids)s::UUID[])
    GROUP BY wallet_postings.wallet_id
),

known AS MATERIALIZED (
    SELECT
        credit_wallets.*,
        accounts.account_id,
        account_balances.balance_minor AS posted_minor,
        account_balances.version AS posted_no,
        coalesce(posted.total, 0) AS now_posted_minor,
        coalesce(posted.last_no, 0) AS now_posted_no
    FROM credit_wallets
    INNER JOIN accounts ON credit_wallets.wallet_id = accounts.wallet_id
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    LEFT JOIN posted ON credit_wallets.wallet_id = posted.wallet_id
    WHERE credit_wallets.wallet_id = any(%(ids)s::UUID[])
),

watermarks AS (
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT
        known.account_id,
        known.owner_id,
        known.now_posted_minor,
        known.now_posted_no
    FROM known
    WHERE (known.posted_minor, known.posted_no) IS DISTINCT FROM (known.now_posted_minor, known.now_posted_no)
    ON CONFLICT (account_id) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    changed.subject,
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('wallet %%s of ledger %%s', known.caller_key, known.ledger_id) AS name
FROM known
CROSS JOIN
    LATERAL (
        VALUES
        (format('account %%s', known.account_id), 'balance_minor', known.posted_minor, known.now_posted_minor),
        (format('account %%s', known.account_id), 'version', known.posted_no, known.now_posted_no)
    ) AS changed (subject, field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now
ORDER BY known.wallet_id, changed.subject, changed.field;
