-- name: owners_chunk
SELECT known.owner_id
FROM (
    (
        SELECT owners.owner_id FROM owners
        WHERE owners.owner_id > %(after)s::BIGINT
        ORDER BY owners.owner_id LIMIT %(chunk)s::INTEGER
    )
    UNION
    (
        SELECT accounts.player_id FROM accounts
        WHERE accounts.player_id > %(after)s::BIGINT
        ORDER BY accounts.player_id LIMIT %(chunk)s::INTEGER
    )
) AS known (owner_id)
ORDER BY known.owner_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_owners
SELECT count(pg_advisory_xact_lock(wanted.owner_id))
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id);

-- Waits for a store that is under way without its owner's lock (its lane has lost that connection); one that comes
-- later fails to serialize with this, and loads again.
-- name: lock_balances
SELECT account_balances.account_id
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
INNER JOIN accounts ON wanted.owner_id = accounts.player_id
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
ORDER BY account_balances.account_id
FOR UPDATE OF account_balances;

-- name: rebuild_owners
WITH posted AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.player_id,
        accounts.account_type,
        accounts.currency_network_id,
        coalesce(sum(ledger_entries.amount_minor), 0) AS total,
        count(ledger_entries.entry_id) AS entries
    FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
    INNER JOIN accounts ON wanted.owner_id = accounts.player_id
    LEFT JOIN ledger_transactions ON wanted.owner_id = ledger_transactions.owner_id
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
    LEFT JOIN account_balances ON posted.account_id = account_balances.account_id AND account_balances.stripe = 0
    WHERE
        account_balances.balance_minor IS DISTINCT FROM posted.total
        OR account_balances.version IS DISTINCT FROM posted.entries
),

rebuilt AS (
    INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
    SELECT
        wrong.account_id,
        0,
        wrong.player_id,
        wrong.total,
        wrong.entries
    FROM wrong
    ON CONFLICT (account_id, stripe) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    wrong.account_id,
    wrong.was_minor::TEXT,
    wrong.total::TEXT,
    wrong.was_version::TEXT,
    wrong.entries::TEXT,
    format('%%s of player %%s in network %%s', wrong.account_type, wrong.player_id, wrong.currency_network_id)
FROM wrong
ORDER BY wrong.account_id;

-- Keeps stores out while the house accounts are summed: a short stop, for a repair that is rarely needed.
-- name: lock_house
LOCK TABLE account_balances IN SHARE ROW EXCLUSIVE MODE;

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
            SELECT coalesce(sum(account_balances.balance_minor), 0) AS total
            FROM account_balances
            WHERE account_balances.account_id = accounts.account_id
        ) AS derived
    LEFT JOIN (
        SELECT
            ledger_entries.account_id,
            sum(ledger_entries.amount_minor) AS total
        FROM ledger_entries
        GROUP BY ledger_entries.account_id
    ) AS summed ON accounts.account_id = summed.account_id
    CROSS JOIN LATERAL (SELECT coalesce(summed.total, 0) AS total) AS posted
    WHERE accounts.player_id IS NULL AND accounts.ledger_id IS NULL AND derived.total <> posted.total
),

rebuilt AS (
    INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
    SELECT
        wrong.account_id,
        0,
        NULL,
        wrong.total - wrong.was_minor,
        0
    FROM wrong
    ON CONFLICT (account_id, stripe) DO UPDATE SET
        balance_minor = account_balances.balance_minor + excluded.balance_minor
)

SELECT
    wrong.account_id,
    wrong.was_minor::TEXT,
    wrong.total::TEXT,
    '0',
    '0',

    format('%%s in network %%s', wrong.account_type, wrong.currency_network_id)
FROM wrong
ORDER BY wrong.account_id;
