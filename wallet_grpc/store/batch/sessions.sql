-- What a batch loads of sessions, and its steps that store them; see batch.sql.

-- The sessions of the batch: those that are named, and those whose opening is sent again. A settled one comes with the
-- player's MAIN, which late wins and rollbacks move.
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
    found.balance_minor::TEXT,
    found.version,
    found.open_rounds,
    found.settlement_tx_id::TEXT,
    found.settled_at,
    main.account_id,
    main_balance.balance_minor::TEXT AS main_balance_minor,
    main_balance.version AS main_version
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
    WHERE account_balances.account_id = main.account_id AND account_balances.stripe = 0
    OFFSET 0
) AS main_balance ON TRUE;

-- The entries that the commands are or name, each with what has reversed it, its standing wins, and its round (as many
-- as a batch could roll back: more need not be counted).
-- name: load_session_entries
SELECT
    found.subledger_id::TEXT,
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
    wins.standing,
    played.bets,
    played.closers
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
        LIMIT %(standing_max)s::INTEGER
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
                LIMIT %(standing_max)s::INTEGER
            ) AS bounded
        ) AS closers
) AS played ON found.round_hash IS NOT NULL;

-- The rounds that are bet in, where anything was played in them: how many standing bets each has, and how many standing
-- entries closed it.
-- name: load_session_rounds
SELECT
    wanted.position,
    known.subledger_id::TEXT,
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
    ) AS bets,
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
FROM unnest(%(session_round_keys)s::UUID[]) WITH ORDINALITY AS wanted (round_hash, position)
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
    unnest(string_to_array(%(rail_sources)s, E'\x1f'), %(rail_network_ids)s::INTEGER[])
        AS wanted (source, currency_network_id)
CROSS JOIN installation
LEFT JOIN settlement_rails
    ON
        wanted.source = settlement_rails.source
        AND wanted.currency_network_id = settlement_rails.currency_network_id;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_new_sessions
INSERT INTO sessions (
    session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s, opened_at,
    expires_at, state, balance_minor, version, open_rounds
)
SELECT
    opened.session_id,
    opened.owner_id,
    opened.source,
    opened.currency_network_id,
    opened.game_code,
    opened.lock_amount_minor,
    opened.rail,
    opened.ttl_asked_s,
    %(now)s::TIMESTAMPTZ,
    opened.expires_at,
    'OPEN',
    opened.lock_amount_minor AS balance_minor,
    0,
    0
FROM
    unnest(
        %(new_session_ids)s::UUID[],
        %(new_session_owner_ids)s::BIGINT[],
        string_to_array(%(new_session_sources)s, E'\x1f'),
        %(new_session_network_ids)s::INTEGER[],
        string_to_array(%(new_session_game_codes)s, E'\x1f'),
        %(new_session_locks)s::NUMERIC[],
        %(new_session_rails)s::TEXT[],
        %(new_session_ttls)s::INTEGER[],
        string_to_array(%(new_session_expiries)s, E'\x1f')::TIMESTAMPTZ[]
    )
        AS opened (
            session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s,
            expires_at
        )
RETURNING sessions.session_id;

-- name: step_raised_sessions
UPDATE sessions SET
    balance_minor = raised.balance_minor,
    version = raised.version,
    open_rounds = raised.open_rounds
FROM
    unnest(
        %(raised_session_ids)s::UUID[],
        %(raised_session_loaded_versions)s::BIGINT[],
        %(raised_session_versions)s::BIGINT[],
        %(raised_session_balances)s::NUMERIC[],
        %(raised_session_open_rounds)s::BIGINT[]
    ) AS raised (session_id, loaded_version, version, balance_minor, open_rounds)
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM sessions AS loaded
        WHERE loaded.session_id = raised.session_id AND loaded.version = raised.loaded_version
        OFFSET 0
    ) AS found
WHERE sessions.ctid = found.address
RETURNING sessions.session_id;

-- Sessions that this statement settles, with what was played in them just before.
-- name: step_settled_sessions
UPDATE sessions SET
    balance_minor = ended.balance_minor,
    version = ended.version,
    open_rounds = ended.open_rounds,
    state = 'SETTLED',
    settlement_tx_id = ended.settlement_tx_id,
    settled_at = %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(ended_session_ids)s::UUID[],
        %(ended_session_loaded_versions)s::BIGINT[],
        %(ended_session_versions)s::BIGINT[],
        %(ended_session_balances)s::NUMERIC[],
        %(ended_session_open_rounds)s::BIGINT[],
        %(ended_session_tx_ids)s::UUID[]
    ) AS ended (session_id, loaded_version, version, balance_minor, open_rounds, settlement_tx_id)
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM sessions AS loaded
        WHERE
            loaded.session_id = ended.session_id
            AND loaded.version = ended.loaded_version
            AND loaded.state = 'OPEN'
        OFFSET 0
    ) AS found
WHERE sessions.ctid = found.address
RETURNING sessions.session_id;

-- name: step_subledger_entries
INSERT INTO subledger_entries (
    subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
    balance_after_minor, round_id, round_hash, closes_round, reference_transaction_id, reference_key, reverses_key,
    variant, late, tx_id, metadata, created_at
)
SELECT
    journaled.subledger_id,
    journaled.entry_no,
    journaled.owner_id,
    journaled.kind,
    journaled.status,
    journaled.transaction_id,
    journaled.key_hash,
    journaled.amount_minor,
    journaled.change_minor,
    journaled.balance_after_minor,
    journaled.round_id,
    journaled.round_hash,
    journaled.closes_round,
    journaled.reference_transaction_id,
    journaled.reference_key,
    journaled.reverses_key,
    journaled.variant,
    journaled.late,
    journaled.tx_id,
    journaled.metadata,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(journal_session_ids)s::UUID[],
        %(journal_entry_nos)s::BIGINT[],
        %(journal_owner_ids)s::BIGINT[],
        %(journal_kinds)s::TEXT[],
        %(journal_statuses)s::TEXT[],
        string_to_array(%(journal_transaction_ids)s, E'\x1f'),
        %(journal_keys)s::UUID[],
        %(journal_amounts)s::NUMERIC[],
        %(journal_changes)s::NUMERIC[],
        %(journal_balances)s::NUMERIC[],
        string_to_array(%(journal_round_ids)s, E'\x1f', ''),
        %(journal_round_keys)s::UUID[],
        %(journal_closes_rounds)s::BOOLEAN[],
        string_to_array(%(journal_references)s, E'\x1f', ''),
        %(journal_reference_keys)s::UUID[],
        %(journal_reverses_keys)s::UUID[],
        %(journal_variants)s::TEXT[],
        %(journal_lates)s::BOOLEAN[],
        %(journal_tx_ids)s::UUID[],
        string_to_array(%(journal_metadata)s, E'\x1f', '')::JSONB[]
    )
        AS journaled (
            subledger_id,
            entry_no,
            owner_id,
            kind,
            status,
            transaction_id,
            key_hash,
            amount_minor,
            change_minor,
            balance_after_minor, round_id, round_hash, closes_round, reference_transaction_id, reference_key,
            reverses_key, variant, late, tx_id, metadata
        )
RETURNING subledger_entries.entry_no;
