-- What `wallet balances rebuild` asks; see rebuild.py. Each kind of derived row has a file with three statements: one
-- names a chunk of it and the owners to lock for it, one locks the rows, and one sets them right and tells each value
-- that was wrong; of most kinds one more sums a part of a long history before the lock. Rows are locked since a store
-- may be under way without its owner's lock (its lane has lost that connection); one that comes later fails to
-- serialize with this, and loads again.

-- name: expected
SELECT
    (SELECT count(DISTINCT accounts.player_id) FROM accounts) AS players,
    (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM credit_wallets) AS wallets,
    (
        SELECT count(*) FROM accounts
        WHERE accounts.account_type = 'JOURNAL'
    ) AS journal_accounts;

-- name: lock_owners
SELECT count(pg_advisory_xact_lock(wanted.owner_id))
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id);

-- What house accounts gained by a chunk of transactions, which are so old that no more of them are stored.
-- name: house_chunk
SELECT
    ledger_entries.account_id,
    sum(ledger_entries.amount_minor) AS total
FROM ledger_entries
WHERE
    ledger_entries.tx_id > %(after)s::UUID
    AND ledger_entries.tx_id <= %(upto)s::UUID
    AND ledger_entries.account_version IS NULL
GROUP BY ledger_entries.account_id;

-- name: bound_stop
SELECT
    set_config('lock_timeout', '2s', TRUE),
    set_config('statement_timeout', '15s', TRUE);

-- Keeps out whoever posts to house accounts, and whoever folds, while what is new is summed: a short stop, for a repair
-- that is rarely needed.
-- name: lock_house
LOCK TABLE house_postings IN SHARE ROW EXCLUSIVE MODE;

-- The entries of transactions up to the id `after` are summed already.
-- name: rebuild_house
WITH wrong AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.account_type,
        accounts.currency_network_id,
        derived.total AS was_minor,
        posted.total
    FROM accounts
    CROSS JOIN
        LATERAL (
            SELECT coalesce(sum(counted.amount_minor), 0) AS total
            FROM (
                SELECT account_balances.balance_minor AS amount_minor
                FROM account_balances
                WHERE account_balances.account_id = accounts.account_id
                UNION ALL
                SELECT house_postings.amount_minor
                FROM house_postings
                WHERE house_postings.account_id = accounts.account_id
            ) AS counted
        ) AS derived
    LEFT JOIN (
        SELECT
            gained.account_id,
            sum(gained.amount_minor) AS total
        FROM (
            SELECT
                unnest(%(account_ids)s::BIGINT[]) AS account_id,
                unnest(%(totals_minor)s::NUMERIC[]) AS amount_minor
            UNION ALL
            SELECT
                ledger_entries.account_id,
                ledger_entries.amount_minor
            FROM ledger_entries
            WHERE ledger_entries.tx_id > %(after)s::UUID AND ledger_entries.account_version IS NULL
        ) AS gained
        GROUP BY gained.account_id
    ) AS summed ON accounts.account_id = summed.account_id
    CROSS JOIN LATERAL (SELECT coalesce(summed.total, 0) AS total) AS posted
    WHERE accounts.player_id IS NULL AND accounts.ledger_id IS NULL AND derived.total <> posted.total
),

rebuilt AS (
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT
        wrong.account_id,
        NULL,
        wrong.total - wrong.was_minor,
        0
    FROM wrong
    ON CONFLICT (account_id) DO UPDATE SET
        balance_minor = account_balances.balance_minor + excluded.balance_minor
)

SELECT
    'balance_minor' AS field,
    wrong.was_minor::TEXT AS was,
    wrong.total::TEXT AS now,
    format('account %%s', wrong.account_id) AS subject,
    format('%%s in network %%s', wrong.account_type, wrong.currency_network_id) AS name
FROM wrong
ORDER BY wrong.account_id;
