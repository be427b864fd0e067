-- noqa: disable=ST06,RF03
-- Figures of finance, of one cell: from closed days, and the open day as far as it is counted. See figures.py.

-- name: mark
SELECT
    day_marks.day,
    day_marks.begins_at,
    day_marks.ends_at,
    day_marks.counted_until,
    day_marks.begins_at_hour,
    clock_timestamp() AS now,
    (
        SELECT min(days.begins_at)
        FROM days
    ) AS first_begins_at
FROM day_marks
WHERE day_marks.mark_id = 1;

-- What all accounts of a type had been debited and credited at the end of a day.
-- name: balances
SELECT
    day_balances.currency_network_id,
    day_balances.account_type,
    day_balances.debits_minor::TEXT,
    day_balances.credits_minor::TEXT
FROM day_balances
WHERE day_balances.day = %(day)s::DATE;

-- name: open_movements
SELECT
    open_day_movements.currency_network_id,
    open_day_movements.account_type,
    open_day_movements.kind,
    open_day_movements.entries,
    open_day_movements.debits_minor::TEXT,
    open_day_movements.credits_minor::TEXT
FROM open_day_movements;

-- Revenue of closed days, in the parts that are asked for, in their order: what is not asked for is the same in all.
-- name: revenue
SELECT
    parts.begins_at,
    parts.currency_network_id,
    parts.source,
    parts.game_code,
    parts.bets_minor::TEXT,
    parts.wins_minor::TEXT,
    parts.rolled_back_bets_minor::TEXT,
    parts.rolled_back_wins_minor::TEXT,
    parts.bets,
    parts.wins
FROM (
    SELECT
        CASE WHEN %(by_day)s::BOOLEAN THEN days.begins_at ELSE %(no_day)s::TIMESTAMPTZ END AS begins_at,
        totals.currency_network_id,
        CASE WHEN %(by_source)s::BOOLEAN THEN totals.source ELSE '' END COLLATE "C" AS source,
        CASE WHEN %(by_game)s::BOOLEAN THEN totals.game_code ELSE '' END COLLATE "C" AS game_code,
        coalesce(sum(totals.amount_minor) FILTER (WHERE totals.kind IN ('BET', 'BET_AND_WIN')), 0) AS bets_minor,
        coalesce(
            sum(CASE totals.kind WHEN 'WIN' THEN totals.amount_minor ELSE totals.win_minor END)
            FILTER (WHERE totals.kind IN ('WIN', 'BET_AND_WIN')),
            0
        ) AS wins_minor,
        coalesce(
            sum(totals.amount_minor) FILTER (WHERE totals.kind IN ('BET_ROLLBACK', 'BET_AND_WIN_ROLLBACK')), 0
        ) AS rolled_back_bets_minor,
        coalesce(
            sum(CASE totals.kind WHEN 'WIN_ROLLBACK' THEN totals.amount_minor ELSE totals.win_minor END)
            FILTER (WHERE totals.kind IN ('WIN_ROLLBACK', 'BET_AND_WIN_ROLLBACK')),
            0
        ) AS rolled_back_wins_minor,
        coalesce(sum(totals.transactions) FILTER (WHERE totals.kind IN ('BET', 'BET_AND_WIN')), 0)::BIGINT AS bets,
        coalesce(sum(totals.transactions) FILTER (WHERE totals.kind IN ('WIN', 'BET_AND_WIN')), 0)::BIGINT AS wins
    FROM days
    INNER JOIN day_totals AS totals ON days.day = totals.day
    WHERE
        days.begins_at >= %(begins_at)s::TIMESTAMPTZ
        AND days.begins_at < %(ends_at)s::TIMESTAMPTZ
        AND totals.kind IN ('BET', 'WIN', 'BET_AND_WIN', 'BET_ROLLBACK', 'WIN_ROLLBACK', 'BET_AND_WIN_ROLLBACK')
    GROUP BY 1, 2, 3, 4
) AS parts
WHERE
    (parts.begins_at, parts.currency_network_id, parts.source, parts.game_code)
    > (%(after_day)s::TIMESTAMPTZ, %(after_network)s::INTEGER, %(after_source)s::TEXT, %(after_game)s::TEXT)
ORDER BY parts.begins_at, parts.currency_network_id, parts.source, parts.game_code
LIMIT %(rows_max)s::INTEGER;

-- The same of the open day, as far as it is counted.
-- name: open_revenue
SELECT
    parts.begins_at,
    parts.currency_network_id,
    parts.source,
    parts.game_code,
    parts.bets_minor::TEXT,
    parts.wins_minor::TEXT,
    parts.rolled_back_bets_minor::TEXT,
    parts.rolled_back_wins_minor::TEXT,
    parts.bets,
    parts.wins
FROM (
    SELECT
        %(open_day)s::TIMESTAMPTZ AS begins_at,
        totals.currency_network_id,
        CASE WHEN %(by_source)s::BOOLEAN THEN totals.source ELSE '' END COLLATE "C" AS source,
        CASE WHEN %(by_game)s::BOOLEAN THEN totals.game_code ELSE '' END COLLATE "C" AS game_code,
        coalesce(sum(totals.amount_minor) FILTER (WHERE totals.kind IN ('BET', 'BET_AND_WIN')), 0) AS bets_minor,
        coalesce(
            sum(CASE totals.kind WHEN 'WIN' THEN totals.amount_minor ELSE totals.win_minor END)
            FILTER (WHERE totals.kind IN ('WIN', 'BET_AND_WIN')),
            0
        ) AS wins_minor,
        coalesce(
            sum(totals.amount_minor) FILTER (WHERE totals.kind IN ('BET_ROLLBACK', 'BET_AND_WIN_ROLLBACK')), 0
        ) AS rolled_back_bets_minor,
        coalesce(
            sum(CASE totals.kind WHEN 'WIN_ROLLBACK' THEN totals.amount_minor ELSE totals.win_minor END)
            FILTER (WHERE totals.kind IN ('WIN_ROLLBACK', 'BET_AND_WIN_ROLLBACK')),
            0
        ) AS rolled_back_wins_minor,
        coalesce(sum(totals.transactions) FILTER (WHERE totals.kind IN ('BET', 'BET_AND_WIN')), 0)::BIGINT AS bets,
        coalesce(sum(totals.transactions) FILTER (WHERE totals.kind IN ('WIN', 'BET_AND_WIN')), 0)::BIGINT AS wins
    FROM open_day_totals AS totals
    WHERE totals.kind IN ('BET', 'WIN', 'BET_AND_WIN', 'BET_ROLLBACK', 'WIN_ROLLBACK', 'BET_AND_WIN_ROLLBACK')
    GROUP BY 1, 2, 3, 4
) AS parts
WHERE
    (parts.begins_at, parts.currency_network_id, parts.source, parts.game_code)
    > (%(after_day)s::TIMESTAMPTZ, %(after_network)s::INTEGER, %(after_source)s::TEXT, %(after_game)s::TEXT)
ORDER BY parts.begins_at, parts.currency_network_id, parts.source, parts.game_code
LIMIT %(rows_max)s::INTEGER;

-- Where a period lies in a player's own rows, and what each of the player's accounts has after the newest of them.
-- Where a time lies is found by halving: a look-up for each doubling of their number, and no other's rows are read. It
-- is asked once for all that a page has.
--
-- transactions.sql and wallet_api/sql/history.sql halve as well, by the rows' own times: there it is a part of the one
-- statement that a page is, and without it a page would need a second round trip. The HTTP API loads nothing of what
-- operators use, and a function in the database would be planned apart from what asks for it.
-- name: statement_start
WITH RECURSIVE newest AS MATERIALIZED (
    SELECT
        coalesce(
            (
                SELECT ledger_transactions.owner_version
                FROM ledger_transactions
                WHERE ledger_transactions.owner_id = %(player_id)s::BIGINT
                ORDER BY ledger_transactions.owner_version DESC
                LIMIT 1
            ),
            0
        ) AS owner_version
),

halving AS (
    SELECT
        wanted.is_end,
        wanted.tx_id,
        0::BIGINT AS before_version,
        newest.owner_version + 1 AS from_version
    FROM newest
    CROSS JOIN (
        VALUES
        (FALSE, %(since_tx_id)s::UUID),
        (TRUE, %(until_tx_id)s::UUID)
    ) AS wanted (is_end, tx_id)
    UNION ALL
    SELECT
        halving.is_end,
        halving.tx_id,
        CASE WHEN middle.tx_id < halving.tx_id THEN middle.owner_version ELSE halving.before_version END,
        CASE WHEN middle.tx_id < halving.tx_id THEN halving.from_version ELSE middle.owner_version END
    FROM halving
    CROSS JOIN
        LATERAL (
            SELECT
                ledger_transactions.owner_version,
                ledger_transactions.tx_id
            FROM ledger_transactions
            WHERE
                ledger_transactions.owner_id = %(player_id)s::BIGINT
                AND ledger_transactions.owner_version = (halving.before_version + halving.from_version) / 2
            LIMIT 1
        ) AS middle
    WHERE halving.before_version + 1 < halving.from_version
),

bounds AS (
    SELECT
        max(halving.before_version) FILTER (WHERE NOT halving.is_end) AS before_version,
        min(halving.from_version) FILTER (WHERE halving.is_end) AS end_version
    FROM halving
)

SELECT
    bounds.before_version,
    bounds.end_version,
    newest.owner_version AS newest_version,
    (
        SELECT ledger_transactions.owner_version
        FROM ledger_transactions
        WHERE
            ledger_transactions.tx_id = %(after_tx_id)s::UUID
            AND ledger_transactions.owner_id = %(player_id)s::BIGINT
    ) AS after_version,
    pg_is_in_recovery() AS is_replica,
    accounts.account_id,
    accounts.currency_network_id,
    accounts.account_type,
    coalesce(account_balances.balance_minor, 0)::TEXT AS balance_minor
FROM bounds
CROSS JOIN newest
LEFT JOIN accounts
    ON
        accounts.player_id = %(player_id)s::BIGINT
        AND (%(network_id)s::INTEGER IS NULL OR accounts.currency_network_id = %(network_id)s::INTEGER)
LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id;

-- What some of a player's transactions moved, of those from a time on: in the period that is asked for, and after it.
-- name: statement_moved
SELECT
    entries.account_id,
    made.kind,
    made.tx_id < %(end_tx_id)s::UUID AS is_in_period,
    count(DISTINCT made.tx_id) AS transactions,
    sum(entries.amount_minor)::TEXT AS amount_minor
FROM (
    SELECT
        own.tx_id,
        own.kind
    FROM ledger_transactions AS own
    WHERE
        own.owner_id = %(player_id)s::BIGINT
        AND own.owner_version > %(after_version)s::BIGINT
        AND own.owner_version <= %(upto_version)s::BIGINT
    OFFSET 0
) AS made
CROSS JOIN
    LATERAL (
        SELECT
            posting.account_id,
            posting.amount_minor
        FROM ledger_entries AS posting
        WHERE posting.tx_id = made.tx_id AND posting.account_version IS NOT NULL
        OFFSET 0
    ) AS entries
WHERE made.tx_id >= %(first_tx_id)s::UUID
GROUP BY entries.account_id, made.kind, made.tx_id < %(end_tx_id)s::UUID;

-- Postings to a player's accounts, oldest first, after one. Whatever posts at all posts to an account of its player, so
-- as many transactions as lines are enough, and the one that the page before may have ended in.
-- name: statement_lines
WITH made AS MATERIALIZED (
    SELECT
        walked.tx_id,
        walked.owner_version,
        walked.created_at,
        walked.kind,
        walked.reference,
        walked.source,
        walked.game_code,
        walked.round_id
    FROM (
        SELECT
            own.tx_id,
            own.owner_version,
            own.created_at,
            own.kind,
            own.reference,
            own.source,
            own.game_code,
            own.round_id,
            own.entry_count,
            own.currency_network_id
        FROM ledger_transactions AS own
        WHERE
            own.owner_id = %(player_id)s::BIGINT
            AND own.owner_version >= %(from_version)s::BIGINT
            AND own.owner_version < %(end_version)s::BIGINT
        ORDER BY own.owner_version
        OFFSET 0
    ) AS walked
    WHERE
        walked.tx_id >= %(first_tx_id)s::UUID
        AND walked.tx_id < %(end_tx_id)s::UUID
        AND walked.entry_count > 0
        AND (%(network_id)s::INTEGER IS NULL OR walked.currency_network_id = %(network_id)s::INTEGER)
    ORDER BY walked.owner_version
    LIMIT %(rows_max)s::INTEGER + 1
)

SELECT
    entries.entry_no,
    made.tx_id::TEXT,
    made.created_at,
    made.kind,
    made.reference,
    made.source,
    entries.currency_network_id,
    accounts.account_type,
    entries.amount_minor::TEXT,
    entries.balance_after::TEXT,
    coalesce(made.game_code, '') AS game_code,
    coalesce(made.round_id, '') AS round_id
FROM made
CROSS JOIN
    LATERAL (
        SELECT
            posting.entry_no,
            posting.account_id,
            posting.currency_network_id,
            posting.amount_minor,
            posting.balance_after
        FROM ledger_entries AS posting
        WHERE posting.tx_id = made.tx_id AND posting.account_version IS NOT NULL
        ORDER BY posting.entry_no
        OFFSET 0
    ) AS entries
INNER JOIN accounts ON entries.account_id = accounts.account_id
WHERE (made.owner_version, entries.entry_no) > (%(from_version)s::BIGINT, %(after_entry_no)s::BIGINT)
ORDER BY made.owner_version, entries.entry_no
LIMIT %(rows_max)s::INTEGER;

-- Which transaction of a player has this number; no row if this server does not have it.
-- name: statement_made
SELECT ledger_transactions.tx_id::TEXT
FROM ledger_transactions
WHERE
    ledger_transactions.owner_id = %(player_id)s::BIGINT
    AND ledger_transactions.owner_version = %(owner_version)s::BIGINT;

-- Up to where the primary has written. What is settled by now is before it.
-- name: written
SELECT pg_current_wal_insert_lsn()::TEXT;

-- Whether this server has that: the primary has, a replica once it has replayed it. And how far it is: the present, or
-- of a replica the last commit that it has. What is read after this is not older.
-- name: reached
SELECT
    %(written)s::PG_LSN IS NULL
    OR NOT pg_is_in_recovery()
    OR pg_last_wal_replay_lsn() >= %(written)s::PG_LSN AS has_reached,
    CASE
        WHEN pg_is_in_recovery() THEN coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())
        ELSE statement_timestamp()
    END AS as_of;
