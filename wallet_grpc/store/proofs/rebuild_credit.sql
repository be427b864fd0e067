-- How `wallet balances rebuild` sets credit wallets right: see rebuild.sql for the three statements.

-- A wallet and its account in the ledger: the wallet's own lock, and its ledger's, under which it is posted.
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
SELECT credit_wallets.wallet_id
FROM credit_wallets
WHERE credit_wallets.wallet_id = any(%(ids)s::UUID[])
ORDER BY credit_wallets.wallet_id
FOR UPDATE;

-- A version also counts sweeps, which leave no entry: it is right unless it is below the number of entries.
-- name: rebuild_wallets
WITH journaled AS MATERIALIZED (
    SELECT
        entries.subledger_id,
        count(*) AS entries,
        sum(entries.change_minor) AS total
    FROM subledger_entries AS entries
    WHERE entries.subledger_id = any(%(ids)s::UUID[]) AND entries.entry_no > 0
    GROUP BY entries.subledger_id
),

posted AS MATERIALIZED (
    SELECT
        wallet_postings.wallet_id,
        max(wallet_postings.last_entry_no) AS last_no,
        sum(wallet_postings.amount_minor) AS total
    FROM wallet_postings
    WHERE wallet_postings.wallet_id = any(%(ids)s::UUID[])
    GROUP BY wallet_postings.wallet_id
),

held AS MATERIALIZED (
    SELECT
        credit_wallets.wallet_id,
        sum(reservations.amount_minor) AS total
    FROM credit_wallets
    INNER JOIN reservations
        ON credit_wallets.wallet_id = reservations.wallet_id AND credit_wallets.held_as_of < reservations.expires_at
    WHERE
        credit_wallets.wallet_id = any(%(ids)s::UUID[])
        AND reservations.ttl_s > 0
        AND reservations.state IN ('OPEN', 'EXPIRED')
    GROUP BY credit_wallets.wallet_id
),

known AS MATERIALIZED (
    SELECT
        credit_wallets.*,
        accounts.account_id,
        account_balances.balance_minor AS posted_minor,
        account_balances.version AS posted_no,
        coalesce(journaled.total, 0) AS now_minor,
        coalesce(held.total, 0) AS now_held_minor,
        coalesce(journaled.entries, 0) AS now_entry_count,
        greatest(credit_wallets.version, coalesce(journaled.entries, 0)) AS now_version,
        coalesce(posted.total, 0) AS now_posted_minor,
        coalesce(posted.last_no, 0) AS now_posted_no
    FROM credit_wallets
    LEFT JOIN accounts ON credit_wallets.wallet_id = accounts.wallet_id
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    LEFT JOIN journaled ON credit_wallets.wallet_id = journaled.subledger_id
    LEFT JOIN held ON credit_wallets.wallet_id = held.wallet_id
    LEFT JOIN posted ON credit_wallets.wallet_id = posted.wallet_id
    WHERE credit_wallets.wallet_id = any(%(ids)s::UUID[])
),

rebuilt AS (
    UPDATE credit_wallets
    SET
        balance_minor = known.now_minor,
        held_minor = known.now_held_minor,
        entry_count = known.now_entry_count,
        version = known.now_version
    FROM known
    WHERE
        credit_wallets.wallet_id = known.wallet_id
        AND (known.balance_minor, known.held_minor, known.entry_count, known.version)
        IS DISTINCT FROM (known.now_minor, known.now_held_minor, known.now_entry_count, known.now_version)
),

watermarks AS (
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT
        known.account_id,
        known.owner_id,
        known.now_posted_minor,
        known.now_posted_no
    FROM known
    WHERE
        known.account_id IS NOT NULL
        AND (known.posted_minor, known.posted_no) IS DISTINCT FROM (known.now_posted_minor, known.now_posted_no)
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
        (format('wallet %%s', known.wallet_id), 'balance_minor', known.balance_minor, known.now_minor),
        (format('wallet %%s', known.wallet_id), 'held_minor', known.held_minor, known.now_held_minor),
        (format('wallet %%s', known.wallet_id), 'entry_count', known.entry_count, known.now_entry_count),
        (format('wallet %%s', known.wallet_id), 'version', known.version, known.now_version),
        (format('account %%s', known.account_id), 'balance_minor', known.posted_minor, known.now_posted_minor),
        (format('account %%s', known.account_id), 'version', known.posted_no, known.now_posted_no)
    ) AS changed (subject, field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now AND (known.account_id IS NOT NULL OR changed.subject LIKE 'wallet%%')
ORDER BY known.wallet_id, changed.subject, changed.field;
