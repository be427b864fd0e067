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

-- Where a chunk has as many postings as one statement sums.
-- name: wallets_chunk_cut
SELECT
    wallet_postings.wallet_id::TEXT,
    wallet_postings.last_entry_no
FROM wallet_postings
WHERE
    (wallet_postings.wallet_id, wallet_postings.last_entry_no) > (%(after)s::UUID, %(after_no)s::BIGINT)
    AND wallet_postings.wallet_id <= %(upto)s::UUID
ORDER BY wallet_postings.wallet_id, wallet_postings.last_entry_no
LIMIT 1 OFFSET %(rows_max)s::INTEGER - 1;

-- name: wallets_part
SELECT
    wallet_postings.wallet_id::TEXT AS key,
    sum(wallet_postings.amount_minor) AS total,
    count(*) AS counted
FROM wallet_postings
WHERE
    wallet_postings.wallet_id = %(id)s::UUID
    AND wallet_postings.last_entry_no > %(after_no)s::BIGINT
    AND wallet_postings.last_entry_no <= %(upto_no)s::BIGINT
GROUP BY wallet_postings.wallet_id;

-- Of a wallet that is summed in parts, the last posting that they hold ends with the entry `after_no`.
-- name: rebuild_wallets
WITH summed AS MATERIALIZED (
    SELECT
        unnest(%(keys)s::UUID[]) AS wallet_id,
        unnest(%(totals_minor)s::NUMERIC[]) AS total
),

posted AS MATERIALIZED (
    SELECT
        wanted.wallet_id,
        coalesce(max(wallet_postings.last_entry_no), %(after_no)s::BIGINT) AS last_no,
        coalesce(max(summed.total), 0) + coalesce(sum(wallet_postings.amount_minor), 0) AS total
    FROM unnest(%(ids)s::UUID[]) AS wanted (wallet_id)
    LEFT JOIN summed ON wanted.wallet_id = summed.wallet_id
    LEFT JOIN wallet_postings
        ON wanted.wallet_id = wallet_postings.wallet_id AND wallet_postings.last_entry_no > %(after_no)s::BIGINT
    GROUP BY wanted.wallet_id
),

known AS MATERIALIZED (
    SELECT
        credit_wallets.*,
        accounts.account_id,
        account_balances.balance_minor AS posted_minor,
        account_balances.version AS posted_no,
        posted.total AS now_posted_minor,
        posted.last_no AS now_posted_no
    FROM credit_wallets
    INNER JOIN accounts ON credit_wallets.wallet_id = accounts.wallet_id
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    INNER JOIN posted ON credit_wallets.wallet_id = posted.wallet_id
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
