-- Owners and accounts, as a lane loads and stores them; see accounts.py.
--
-- Every load looks its rows up by their keys, one by one: LATERAL with a LIMIT, and OFFSET 0 in an EXISTS, keep the
-- planner from turning it into a join, which on a ledger that was small when it was analyzed walks whole indexes.

-- An owner's version is the number of its last transaction: one look at the end of its part of the index.
-- name: load_owners
SELECT
    wanted.owner_id,
    newest.owner_version AS version,
    players.state
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
LEFT JOIN LATERAL (
    SELECT ledger_transactions.owner_version
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = wanted.owner_id
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT 1
) AS newest ON TRUE
LEFT JOIN players ON wanted.owner_id = players.player_id;

-- The accounts of the owners; of those who may gain something also what is at play in their open sessions.
-- name: load_accounts
SELECT
    wanted.owner_id,
    wanted.currency_network_id,
    found.account_type,
    found.account_id,
    derived.balance_minor::TEXT,
    derived.version,
    CASE
        WHEN wanted.gains AND found.account_type = 'SESSION_HOLD' AND derived.balance_minor > 0
            THEN (
                SELECT sum(coalesce(last_entry.balance_after_minor, sessions.lock_amount_minor))
                FROM sessions
                LEFT JOIN LATERAL (
                    SELECT entries.balance_after_minor
                    FROM subledger_entries AS entries
                    WHERE entries.subledger_id = sessions.session_id AND entries.entry_no > 0
                    ORDER BY entries.entry_no DESC
                    LIMIT 1
                ) AS last_entry ON TRUE
                WHERE
                    sessions.owner_id = wanted.owner_id
                    AND sessions.currency_network_id = wanted.currency_network_id
                    AND sessions.state = 'OPEN'
            )
    END::TEXT AS at_play_minor
FROM
    unnest(%(owner_ids)s::BIGINT[], %(network_ids)s::INTEGER[], %(gains)s::BOOLEAN[])
        AS wanted (owner_id, currency_network_id, gains)
CROSS JOIN
    LATERAL (
        SELECT
            accounts.account_id,
            accounts.account_type
        FROM accounts
        WHERE
            accounts.player_id = wanted.owner_id
            AND accounts.currency_network_id = wanted.currency_network_id
        LIMIT 16
    ) AS found
CROSS JOIN LATERAL (
    SELECT
        account_balances.balance_minor,
        account_balances.version
    FROM account_balances
    WHERE account_balances.account_id = found.account_id
    LIMIT 1
) AS derived;

-- Every account of the owners, for a player who is to be closed.
-- name: load_all_accounts
SELECT
    accounts.player_id AS owner_id,
    accounts.currency_network_id,
    accounts.account_type,
    accounts.account_id,
    account_balances.balance_minor::TEXT,
    account_balances.version,
    NULL::TEXT AS at_play_minor
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
CROSS JOIN
    LATERAL (
        SELECT found.*
        FROM accounts AS found
        WHERE found.player_id = wanted.owner_id
        OFFSET 0
    ) AS accounts
CROSS JOIN
    LATERAL (
        SELECT
            derived.balance_minor,
            derived.version
        FROM account_balances AS derived
        WHERE derived.account_id = accounts.account_id
        LIMIT 1
    ) AS account_balances;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- Each becomes a CTE of the one statement that stores a batch; a batch takes the steps for which it has rows. A step
-- that may write fewer rows than it is given (an UPDATE, a conflict) returns those that it wrote, so that the end can
-- count them. A plain INSERT writes all of its rows or raises, and returns none.
--
-- The columns of the rows are unnested side by side in the SELECT list, each beside its parameter. So PostgreSQL
-- streams them; an unnest in FROM puts each array aside first (a row takes 1.4 to 2.2 times as long, a hundred 1.5).

-- name: step_accounts
INSERT INTO accounts (account_id, player_id, account_type, currency_network_id, ledger_id, account_code)
SELECT
    unnest(%(accounts__account_id)s::BIGINT[]) AS account_id,
    unnest(%(accounts__player_id)s::BIGINT[]) AS player_id,
    unnest(%(accounts__account_type)s::TEXT[]) AS account_type,
    unnest(%(accounts__currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(%(accounts__ledger_id)s::UUID[]) AS ledger_id,
    unnest(string_to_array(%(accounts__account_code)s, E'\x1f', '')) AS account_code;

-- name: step_new_balances
INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
SELECT
    unnest(%(new_balances__account_id)s::BIGINT[]) AS account_id,
    unnest(%(new_balances__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(new_balances__balance_minor)s::NUMERIC[]) AS balance_minor,
    unnest(%(new_balances__version)s::BIGINT[]) AS version;

-- Rows are looked up one by one and then updated by their address. A plain join may, while a table is small or has not
-- been analyzed, walk through the whole index instead; such a read conflicts with every other lane's writes.
-- name: step_changed_balances
UPDATE account_balances SET balance_minor = changed.balance_minor, version = changed.version
FROM (
    SELECT
        unnest(%(changed_balances__account_id)s::BIGINT[]) AS account_id,
        unnest(%(changed_balances__balance_minor)s::NUMERIC[]) AS balance_minor,
        unnest(%(changed_balances__version)s::BIGINT[]) AS version
) AS changed
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM account_balances AS loaded
        WHERE loaded.account_id = changed.account_id
        OFFSET 0
    ) AS found
WHERE account_balances.ctid = found.address
RETURNING account_balances.account_id;

-- name: step_house_postings
INSERT INTO house_postings (account_id, amount_minor)
SELECT
    unnest(%(house_postings__account_id)s::BIGINT[]) AS account_id,
    unnest(%(house_postings__amount_minor)s::NUMERIC[]) AS amount_minor;
