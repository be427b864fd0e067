-- How `wallet balances rebuild` sets players' accounts right: see rebuild.sql for the three statements.

-- Players who have accounts.
-- name: players_chunk
SELECT
    known.player_id::TEXT AS id,
    ARRAY[known.player_id] AS owner_ids
FROM (
    SELECT DISTINCT accounts.player_id
    FROM accounts
    WHERE accounts.player_id > %(after)s::BIGINT
    ORDER BY accounts.player_id
    LIMIT %(chunk)s::INTEGER
) AS known;

-- name: lock_players
SELECT account_balances.account_id
FROM unnest(%(ids)s::BIGINT[]) AS wanted (owner_id)
INNER JOIN accounts ON wanted.owner_id = accounts.player_id
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
ORDER BY account_balances.account_id
FOR UPDATE OF account_balances;

-- What some of a player's transactions posted to each account: they never change, so this needs no lock.
-- name: players_part
SELECT
    ledger_entries.account_id AS key,
    sum(ledger_entries.amount_minor) AS total,
    count(*) AS counted
FROM ledger_transactions
INNER JOIN ledger_entries ON ledger_transactions.tx_id = ledger_entries.tx_id
WHERE
    ledger_transactions.owner_id = %(id)s::BIGINT
    AND ledger_transactions.owner_version > %(after_no)s::BIGINT
    AND ledger_transactions.owner_version <= %(upto_no)s::BIGINT
GROUP BY ledger_entries.account_id;

-- name: rebuild_players
WITH summed AS MATERIALIZED (
    SELECT
        unnest(%(keys)s::BIGINT[]) AS account_id,
        unnest(%(totals_minor)s::NUMERIC[]) AS total,
        unnest(%(counts)s::BIGINT[]) AS entries
),

posted AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.player_id,
        accounts.account_type,
        accounts.currency_network_id,
        coalesce(max(summed.total), 0) + coalesce(sum(ledger_entries.amount_minor), 0) AS total,
        coalesce(max(summed.entries), 0) + count(ledger_entries.entry_no) AS entries
    FROM unnest(%(ids)s::BIGINT[]) AS wanted (owner_id)
    INNER JOIN accounts ON wanted.owner_id = accounts.player_id
    LEFT JOIN summed ON accounts.account_id = summed.account_id
    LEFT JOIN ledger_transactions
        ON
            wanted.owner_id = ledger_transactions.owner_id
            AND ledger_transactions.owner_version > %(after_no)s::BIGINT
    LEFT JOIN ledger_entries
        ON ledger_transactions.tx_id = ledger_entries.tx_id AND accounts.account_id = ledger_entries.account_id
    GROUP BY accounts.account_id
),

wrong AS MATERIALIZED (
    SELECT
        posted.*,
        account_balances.balance_minor AS was_minor,
        account_balances.version AS was_version
    FROM posted
    LEFT JOIN account_balances ON posted.account_id = account_balances.account_id
    WHERE
        account_balances.balance_minor IS DISTINCT FROM posted.total
        OR account_balances.version IS DISTINCT FROM posted.entries
),

rebuilt AS (
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT
        wrong.account_id,
        wrong.player_id,
        wrong.total,
        wrong.entries
    FROM wrong
    ON CONFLICT (account_id) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('account %%s', wrong.account_id) AS subject,
    format('%%s of player %%s in network %%s', wrong.account_type, wrong.player_id, wrong.currency_network_id) AS name
FROM wrong
CROSS JOIN
    LATERAL (
        VALUES
        ('balance_minor', wrong.was_minor, wrong.total),
        ('version', wrong.was_version, wrong.entries)
    ) AS changed (field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now
ORDER BY wrong.account_id, changed.field;
