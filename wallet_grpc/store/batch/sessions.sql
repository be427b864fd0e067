-- Sessions and their journals, as a lane loads and stores them; see sessions.py, and accounts.sql on the form.

-- The sessions of the batch: those that are named, and those whose opening is sent again. What an open one has left is
-- told by the last entry of its journal. It comes with the player's state, which a bet asks for and no more of the
-- player, and a settled one with MAIN, which late wins and rollbacks move.
--
-- Here and below rows are looked up one by one, in a subquery that the planner must not flatten (OFFSET 0): a plan that
-- was made while these tables were empty would walk through them, and look among the wanted keys for each row.
-- name: load_sessions
SELECT
    found.session_id::TEXT,
    found.owner_id,
    found.source,
    found.currency_network_id,
    found.game_code,
    found.lock_amount_minor::TEXT,
    found.rail,
    found.ttl_asked_s,
    found.opened_at,
    found.expires_at,
    found.state,
    found.settlement_tx_id::TEXT,
    player.state AS player_state,
    main.account_id AS main_account_id,
    main_balance.balance_minor::TEXT AS main_balance_minor,
    main_balance.version AS main_version,
    coalesce(last_entry.entry_no, 0) AS last_entry_no,
    coalesce(found.payout_minor, last_entry.balance_after_minor, found.lock_amount_minor)::TEXT AS balance_minor,
    coalesce(found.open_rounds, last_entry.open_rounds, 0) AS open_rounds
FROM (
    SELECT named.session_id FROM unnest(%(session_ids)s::UUID[]) AS named (session_id)
    UNION ALL
    SELECT opening.tx_id
    FROM unnest(%(opening_keys)s::UUID[]) AS opened (key_hash)
    CROSS JOIN LATERAL (
        SELECT ledger_transactions.tx_id
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = opened.key_hash
        OFFSET 0
    ) AS opening
) AS wanted (session_id)
CROSS JOIN
    LATERAL (
        SELECT sessions.*
        FROM sessions
        WHERE sessions.session_id = wanted.session_id
        OFFSET 0
    ) AS found
LEFT JOIN LATERAL (
    SELECT players.state
    FROM players
    WHERE players.player_id = found.owner_id
    OFFSET 0
) AS player ON TRUE
LEFT JOIN LATERAL (
    SELECT
        entries.entry_no,
        entries.balance_after_minor,
        entries.open_rounds
    FROM subledger_entries AS entries
    WHERE entries.subledger_id = found.session_id AND entries.entry_no > 0
    ORDER BY entries.entry_no DESC
    LIMIT 1
) AS last_entry ON TRUE
LEFT JOIN LATERAL (
    SELECT accounts.account_id
    FROM accounts
    WHERE
        accounts.player_id = found.owner_id
        AND accounts.currency_network_id = found.currency_network_id
        AND accounts.account_type = 'MAIN'
        AND found.state = 'SETTLED'
    OFFSET 0
) AS main ON TRUE
LEFT JOIN LATERAL (
    SELECT
        account_balances.balance_minor,
        account_balances.version
    FROM account_balances
    WHERE account_balances.account_id = main.account_id
    OFFSET 0
) AS main_balance ON TRUE;

-- The entries that the commands are or name, each with what has reversed it, its standing wins, and its round (as many
-- as a batch could roll back: more need not be counted).
-- name: load_session_entries
SELECT
    found.subledger_id::TEXT AS session_id,
    found.entry_no,
    found.owner_id,
    found.kind,
    found.status,
    found.transaction_id,
    found.key_hash::TEXT,
    found.amount_minor::TEXT,
    found.change_minor::TEXT,
    found.balance_after_minor::TEXT,
    found.round_id,
    found.round_hash::TEXT,
    found.closes_round,
    found.reference_transaction_id,
    found.reference_key::TEXT,
    found.reverses_key::TEXT,
    found.variant,
    found.late,
    found.tx_id::TEXT,
    found.created_at,
    rollback.entry_no AS rollback_entry_no,
    rollback.transaction_id AS rollback_transaction_id,
    rollback.key_hash::TEXT AS rollback_key_hash,
    rollback.balance_after_minor::TEXT AS rollback_balance_after_minor,
    rollback.late AS rollback_late,
    rollback.tx_id::TEXT AS rollback_tx_id,
    wins.standing AS standing_wins,
    played.bets AS round_bets,
    played.closers AS round_closers
FROM unnest(%(entry_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT entries.*
        FROM subledger_entries AS entries
        WHERE entries.key_hash = wanted.key_hash
        OFFSET 0
    ) AS found
LEFT JOIN LATERAL (
    SELECT reversals.*
    FROM subledger_entries AS reversals
    WHERE reversals.reverses_key = found.key_hash
    OFFSET 0
) AS rollback ON TRUE
LEFT JOIN LATERAL (
    SELECT count(*) AS standing
    FROM (
        SELECT
        FROM subledger_entries AS win
        WHERE
            win.reference_key = found.key_hash
            AND NOT EXISTS (
                SELECT FROM subledger_entries AS win_rollback
                WHERE win_rollback.reverses_key = win.key_hash
                OFFSET 0
            )
        LIMIT %(wins_max)s::INTEGER
    ) AS bounded
) AS wins ON found.kind = 'BET'
LEFT JOIN LATERAL (
    SELECT
        (
            SELECT count(*)
            FROM (
                SELECT
                FROM subledger_entries AS bet
                WHERE
                    bet.round_hash = found.round_hash
                    AND bet.kind = 'BET'
                    AND NOT EXISTS (
                        SELECT FROM subledger_entries AS bet_rollback
                        WHERE bet_rollback.reverses_key = bet.key_hash
                        OFFSET 0
                    )
                LIMIT %(bets_max)s::INTEGER
            ) AS bounded_bets
        ) AS bets,
        (
            SELECT count(*)
            FROM (
                SELECT
                FROM subledger_entries AS closer
                WHERE
                    closer.round_hash = found.round_hash
                    AND closer.closes_round
                    AND NOT EXISTS (
                        SELECT FROM subledger_entries AS closer_rollback
                        WHERE closer_rollback.reverses_key = closer.key_hash
                        OFFSET 0
                    )
                LIMIT %(closers_max)s::INTEGER
            ) AS bounded
        ) AS closers
) AS played ON found.round_hash IS NOT NULL;

-- The rounds that are bet in, where anything was played in them: how many standing bets each has, and how many standing
-- entries closed it.
-- name: load_session_rounds
SELECT
    wanted.position,
    known.subledger_id::TEXT AS session_id,
    (
        SELECT count(*)
        FROM (
            SELECT
            FROM subledger_entries AS bet
            WHERE
                bet.round_hash = wanted.round_hash
                AND bet.kind = 'BET'
                AND NOT EXISTS (
                    SELECT FROM subledger_entries AS bet_rollback
                    WHERE bet_rollback.reverses_key = bet.key_hash
                    OFFSET 0
                )
            LIMIT %(bets_max)s::INTEGER
        ) AS bounded_bets
    ) AS standing_bets,
    (
        SELECT count(*)
        FROM (
            SELECT
            FROM subledger_entries AS closer
            WHERE
                closer.round_hash = wanted.round_hash
                AND closer.closes_round
                AND NOT EXISTS (
                    SELECT FROM subledger_entries AS closer_rollback
                    WHERE closer_rollback.reverses_key = closer.key_hash
                    OFFSET 0
                )
            LIMIT %(closers_max)s::INTEGER
        ) AS bounded
    ) AS closers
FROM unnest(%(round_keys)s::UUID[]) WITH ORDINALITY AS wanted (round_hash, position)
CROSS JOIN LATERAL (
    SELECT played.subledger_id
    FROM subledger_entries AS played
    WHERE played.round_hash = wanted.round_hash
    LIMIT 1
) AS known;

-- Where new sessions are settled. A TEST installation needs no rail: its sessions are settled in the ledger.
-- name: load_rails
SELECT
    wanted.source,
    wanted.currency_network_id,
    coalesce(settlement_rails.rail, CASE installation.environment WHEN 'TEST' THEN 'ledger' END) AS rail
FROM
    unnest(string_to_array(%(sources)s, E'\x1f'), %(network_ids)s::INTEGER[])
        AS wanted (source, currency_network_id)
CROSS JOIN installation
LEFT JOIN settlement_rails
    ON
        wanted.source = settlement_rails.source
        AND wanted.currency_network_id = settlement_rails.currency_network_id;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_new_sessions
INSERT INTO sessions (
    session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s, expires_at,
    opened_at, state
)
SELECT
    unnest(%(new_sessions__session_id)s::UUID[]) AS session_id,
    unnest(%(new_sessions__owner_id)s::BIGINT[]) AS owner_id,
    unnest(string_to_array(%(new_sessions__source)s, E'\x1f')) AS source,
    unnest(%(new_sessions__currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(string_to_array(%(new_sessions__game_code)s, E'\x1f')) AS game_code,
    unnest(%(new_sessions__lock_amount_minor)s::NUMERIC[]) AS lock_amount_minor,
    unnest(%(new_sessions__rail)s::TEXT[]) AS rail,
    unnest(%(new_sessions__ttl_asked_s)s::INTEGER[]) AS ttl_asked_s,
    unnest(%(new_sessions__expires_at)s::TIMESTAMPTZ[]) AS expires_at,
    %(now)s::TIMESTAMPTZ AS opened_at,
    'OPEN' AS state;

-- What the row was is asked of the look-up: said of the table itself, a plan could walk through the index of open ones.
-- name: step_settled_sessions
UPDATE sessions SET
    state = 'SETTLED',
    payout_minor = settled.payout_minor,
    open_rounds = settled.open_rounds,
    settlement_tx_id = settled.settlement_tx_id,
    settled_at = %(now)s::TIMESTAMPTZ
FROM (
    SELECT
        unnest(%(settled_sessions__session_id)s::UUID[]) AS session_id,
        unnest(%(settled_sessions__payout_minor)s::NUMERIC[]) AS payout_minor,
        unnest(%(settled_sessions__open_rounds)s::BIGINT[]) AS open_rounds,
        unnest(%(settled_sessions__settlement_tx_id)s::UUID[]) AS settlement_tx_id
) AS settled
CROSS JOIN
    LATERAL (
        SELECT
            loaded.ctid AS address,
            loaded.state
        FROM sessions AS loaded
        WHERE loaded.session_id = settled.session_id
        OFFSET 0
    ) AS found
WHERE sessions.ctid = found.address AND found.state = 'OPEN'
RETURNING sessions.session_id;
