-- What there is of a player. See players.py.

-- name: state
SELECT
    given.created_at AS since,
    given.source,
    given.details,
    last_one.tx_id::TEXT AS last_tx_id,
    last_one.created_at AS last_activity_at,
    coalesce(players.state, 'ACTIVE') AS state,
    players.state IS NOT NULL OR last_one.tx_id IS NOT NULL AS seen
FROM (SELECT %(player_id)s::BIGINT AS player_id) AS wanted
LEFT JOIN players ON wanted.player_id = players.player_id
LEFT JOIN LATERAL (
    SELECT
        ledger_transactions.source,
        ledger_transactions.details,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = wanted.player_id AND ledger_transactions.kind = 'PLAYER_STATE'
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT 1
) AS given ON TRUE
LEFT JOIN LATERAL (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = wanted.player_id
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT 1
) AS last_one ON TRUE;

-- name: balances
SELECT
    accounts.currency_network_id,
    accounts.account_type,
    account_balances.balance_minor::TEXT
FROM accounts
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
WHERE accounts.player_id = %(player_id)s::BIGINT
ORDER BY accounts.currency_network_id;

-- The transactions of finance's day (day_marks), of the newest scan_rows_max. Before the first day has begun, days
-- begin at midnight, UTC.
-- name: today
WITH begun AS (
    SELECT make_interval(hours => coalesce(day_marks.begins_at_hour, 0)) AS lead
    FROM day_marks
    WHERE day_marks.mark_id = 1
)

SELECT
    of_day.currency_network_id,
    of_day.kind,
    count(*) AS transactions,
    sum(of_day.amount_minor)::TEXT AS amount_minor,
    coalesce(sum(of_day.win_amount_minor), 0)::TEXT AS win_amount_minor
FROM (
    SELECT
        ledger_transactions.currency_network_id,
        ledger_transactions.kind,
        ledger_transactions.status,
        ledger_transactions.amount_minor,
        ledger_transactions.win_amount_minor,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = %(player_id)s::BIGINT
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT %(scan_rows_max)s::BIGINT
) AS of_day
WHERE
    of_day.created_at >= (SELECT date_trunc('day', now() - begun.lead, 'UTC') + begun.lead FROM begun)
    AND of_day.status = 'APPLIED'
    AND of_day.currency_network_id IS NOT NULL
GROUP BY of_day.currency_network_id, of_day.kind
ORDER BY of_day.currency_network_id, of_day.kind;

-- Whoever has anything in the ledger, from id to id: each step is one look-up. Of a state that is asked for, those are
-- left out that have another one.
-- name: walk_all
WITH RECURSIVE walked AS (
    (
        SELECT
            0::BIGINT AS place,
            %(after_player_id)s::BIGINT AS player_id
    )
    UNION ALL
    SELECT
        walked.place + 1,
        next_one.player_id
    FROM walked
    CROSS JOIN
        LATERAL (
            SELECT min(candidates.player_id) AS player_id
            FROM (
                (
                    SELECT ledger_transactions.owner_id AS player_id
                    FROM ledger_transactions
                    WHERE ledger_transactions.owner_id > walked.player_id
                    ORDER BY ledger_transactions.owner_id
                    LIMIT 1
                )
                UNION ALL
                (
                    SELECT players.player_id
                    FROM players
                    WHERE players.player_id > walked.player_id
                    ORDER BY players.player_id
                    LIMIT 1
                )
            ) AS candidates
        ) AS next_one
    WHERE walked.place < %(scan_rows_max)s::BIGINT AND next_one.player_id IS NOT NULL
),

found AS (
    SELECT
        walked.player_id,
        coalesce(players.state, 'ACTIVE') AS state,
        walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
    FROM walked
    LEFT JOIN players ON walked.player_id = players.player_id
    WHERE walked.place > 0
)

SELECT
    page.player_id,
    page.state,
    page.is_wanted,
    page.is_last_place,
    last_one.created_at AS last_activity_at
FROM (
    SELECT
        found.player_id,
        found.state,
        found.is_last_place,
        %(state)s::TEXT IS NULL OR found.state = %(state)s::TEXT AS is_wanted
    FROM found
    WHERE %(state)s::TEXT IS NULL OR found.state = %(state)s::TEXT OR found.is_last_place
    LIMIT %(rows_max)s::BIGINT
) AS page
LEFT JOIN LATERAL (
    SELECT ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = page.player_id
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT 1
) AS last_one ON TRUE;

-- Those of a state that is stored.
-- name: walk_state
SELECT
    page.player_id,
    page.state,
    TRUE AS is_wanted,
    FALSE AS is_last_place,
    last_one.created_at AS last_activity_at
FROM (
    SELECT
        players.player_id,
        players.state
    FROM players
    WHERE players.state = %(state)s::TEXT AND players.player_id > %(after_player_id)s::BIGINT
    ORDER BY players.player_id
    LIMIT %(rows_max)s::BIGINT
) AS page
LEFT JOIN LATERAL (
    SELECT ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = page.player_id
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT 1
) AS last_one ON TRUE
ORDER BY page.player_id;
