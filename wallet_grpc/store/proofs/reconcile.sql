-- What `wallet reconcile` exports: everything that a source played in a period, inside sessions and outside of them.
-- Late transactions stand in the journal of their session, so the ledger's rows of them are left out here.
-- name: transactions
SELECT
    'ses_' || sessions.owner_id || '_' || sessions.currency_network_id || '_'
    || replace(sessions.session_id::TEXT, '-', '') AS session_token,
    entries.transaction_id,
    entries.kind,
    entries.status,
    entries.owner_id AS player_id,
    sessions.currency_network_id,
    sessions.game_code,
    coalesce(entries.round_id, '') AS round_id,
    entries.closes_round AS round_closed,
    entries.amount_minor::TEXT AS amount_minor,
    '' AS win_amount_minor,
    coalesce(entries.reference_transaction_id, '') AS reference_transaction_id,
    entries.tx_id IS NOT NULL AS late,
    coalesce(entries.tx_id::TEXT, '') AS tx_id,
    entries.created_at
FROM subledger_entries AS entries
INNER JOIN sessions ON entries.subledger_id = sessions.session_id
WHERE
    entries.created_at >= %(begins_at)s::TIMESTAMPTZ
    AND entries.created_at < %(ends_at)s::TIMESTAMPTZ
    AND sessions.source = %(source)s
    AND entries.kind <> 'SESSION_SETTLEMENT'
UNION ALL
SELECT
    '' AS session_token,
    made.reference AS transaction_id,
    made.kind,
    made.status,
    made.owner_id AS player_id,
    made.currency_network_id,
    coalesce(made.game_code, '') AS game_code,
    coalesce(made.round_id, '') AS round_id,
    made.closes_round AS round_closed,
    made.amount_minor::TEXT AS amount_minor,
    coalesce(made.win_amount_minor::TEXT, '') AS win_amount_minor,
    coalesce(made.reference_transaction_id, '') AS reference_transaction_id,
    FALSE AS late,
    made.tx_id::TEXT AS tx_id,
    made.created_at
FROM ledger_transactions AS made
WHERE
    made.tx_id >= %(first_tx_id)s::UUID
    AND made.created_at >= %(begins_at)s::TIMESTAMPTZ
    AND made.created_at < %(ends_at)s::TIMESTAMPTZ
    AND made.source = %(source)s
    AND made.kind IN ('BET', 'WIN', 'BET_AND_WIN', 'ROLLBACK', 'TOMBSTONE')
    AND (made.details ->> 'session_token') IS NULL;

-- The rounds of a period: what was played in it then. What was rolled back since counts as rolled back.
-- name: rounds
SELECT
    played.session_token,
    played.player_id,
    played.currency_network_id,
    played.game_code,
    played.round_id,
    bool_or(played.closes_round AND NOT played.rolled_back) AS closed,
    coalesce(sum(played.bet_minor), 0)::TEXT AS bets_minor,
    coalesce(sum(played.win_minor), 0)::TEXT AS wins_minor,
    coalesce(sum(played.bet_minor) FILTER (WHERE played.rolled_back), 0)::TEXT AS rolled_back_bets_minor,
    coalesce(sum(played.win_minor) FILTER (WHERE played.rolled_back), 0)::TEXT AS rolled_back_wins_minor,
    count(*) AS transactions
FROM (
    SELECT
        'ses_' || sessions.owner_id || '_' || sessions.currency_network_id || '_'
        || replace(sessions.session_id::TEXT, '-', '') AS session_token,
        entries.owner_id AS player_id,
        sessions.currency_network_id,
        sessions.game_code,
        entries.round_id,
        entries.closes_round,
        CASE WHEN entries.kind = 'BET' THEN entries.amount_minor END AS bet_minor,
        CASE WHEN entries.kind = 'WIN' THEN entries.amount_minor END AS win_minor,
        rollback.entry_no IS NOT NULL AS rolled_back
    FROM subledger_entries AS entries
    INNER JOIN sessions ON entries.subledger_id = sessions.session_id
    LEFT JOIN subledger_entries AS rollback ON entries.key_hash = rollback.reverses_key
    WHERE
        entries.created_at >= %(begins_at)s::TIMESTAMPTZ
        AND entries.created_at < %(ends_at)s::TIMESTAMPTZ
        AND sessions.source = %(source)s
        AND entries.round_id IS NOT NULL
    UNION ALL
    SELECT
        '' AS session_token,
        made.owner_id AS player_id,
        made.currency_network_id,
        made.game_code,
        made.round_id,
        made.closes_round,
        CASE WHEN made.kind IN ('BET', 'BET_AND_WIN') THEN made.amount_minor END AS bet_minor,
        CASE made.kind WHEN 'WIN' THEN made.amount_minor WHEN 'BET_AND_WIN' THEN made.win_amount_minor END
            AS win_minor,
        rollback.tx_id IS NOT NULL AS rolled_back
    FROM ledger_transactions AS made
    LEFT JOIN ledger_transactions AS rollback ON made.tx_id = rollback.reverses_tx_id
    WHERE
        made.tx_id >= %(first_tx_id)s::UUID
        AND made.created_at >= %(begins_at)s::TIMESTAMPTZ
        AND made.created_at < %(ends_at)s::TIMESTAMPTZ
        AND made.source = %(source)s
        AND made.round_hash IS NOT NULL
) AS played
GROUP BY
    played.session_token, played.player_id, played.currency_network_id, played.game_code, played.round_id;

-- Theirs, in a table of this connection alone: a file of any size is compared by the database.
-- name: make_theirs
CREATE TEMPORARY TABLE theirs (
    session_token TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C" NOT NULL,
    kind TEXT,
    amount_minor TEXT,
    round_id TEXT
);

-- name: copy_theirs
COPY theirs (session_token, transaction_id, kind, amount_minor, round_id) FROM STDIN;

-- Ours beside it, of the applied transactions of the period, cell by cell.
-- name: make_ours
CREATE TEMPORARY TABLE ours (
    session_token TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    amount_minor TEXT NOT NULL,
    round_id TEXT
);

-- name: fill_ours
INSERT INTO ours (session_token, transaction_id, kind, amount_minor, round_id)
SELECT
    CASE
        WHEN %(by_session)s::BOOLEAN
            THEN
                'ses_' || sessions.owner_id || '_' || sessions.currency_network_id || '_'
                || replace(sessions.session_id::TEXT, '-', '')
        ELSE ''
    END COLLATE "C" AS session_token,
    entries.transaction_id,
    entries.kind,
    entries.amount_minor::TEXT AS amount_minor,
    entries.round_id
FROM subledger_entries AS entries
INNER JOIN sessions ON entries.subledger_id = sessions.session_id
WHERE
    entries.created_at >= %(begins_at)s::TIMESTAMPTZ
    AND entries.created_at < %(ends_at)s::TIMESTAMPTZ
    AND sessions.source = %(source)s
    AND entries.status = 'APPLIED'
    AND entries.kind <> 'SESSION_SETTLEMENT'
UNION ALL
SELECT
    '' COLLATE "C" AS session_token,
    made.reference COLLATE "C" AS transaction_id,
    made.kind,
    made.amount_minor::TEXT AS amount_minor,
    made.round_id COLLATE "C" AS round_id
FROM ledger_transactions AS made
WHERE
    made.tx_id >= %(first_tx_id)s::UUID
    AND made.created_at >= %(begins_at)s::TIMESTAMPTZ
    AND made.created_at < %(ends_at)s::TIMESTAMPTZ
    AND made.source = %(source)s
    AND made.status = 'APPLIED'
    AND made.kind IN ('BET', 'WIN', 'BET_AND_WIN', 'ROLLBACK')
    AND (made.details ->> 'session_token') IS NULL;

-- name: compare
SELECT
    CASE
        WHEN ours.transaction_id IS NULL THEN 'missing'
        WHEN theirs.transaction_id IS NULL THEN 'extra'
        ELSE 'different'
    END AS finding,
    coalesce(ours.session_token, theirs.session_token) AS session_token,
    coalesce(ours.transaction_id, theirs.transaction_id) AS transaction_id,
    concat_ws(
        ', ',
        CASE WHEN ours.kind <> theirs.kind THEN format('kind %%s here, %%s there', ours.kind, theirs.kind) END,
        CASE
            WHEN ours.amount_minor <> theirs.amount_minor
                THEN format('amount_minor %%s here, %%s there', ours.amount_minor, theirs.amount_minor)
        END,
        CASE
            WHEN coalesce(ours.round_id, '') <> theirs.round_id
                THEN format('round_id %%s here, %%s there', ours.round_id, theirs.round_id)
        END
    ) AS detail
FROM ours
FULL JOIN theirs ON ours.session_token = theirs.session_token AND ours.transaction_id = theirs.transaction_id
WHERE
    ours.transaction_id IS NULL
    OR theirs.transaction_id IS NULL
    OR ours.kind <> theirs.kind
    OR ours.amount_minor <> theirs.amount_minor
    OR coalesce(ours.round_id, '') <> theirs.round_id;
