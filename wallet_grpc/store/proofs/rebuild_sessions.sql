-- How `wallet balances rebuild` sets sessions right: see rebuild.sql for the three statements. Of an open session
-- nothing stands outside of its journal.

-- name: sessions_chunk
SELECT
    sessions.session_id::TEXT AS id,
    ARRAY[sessions.owner_id] AS owner_ids
FROM sessions
WHERE sessions.session_id > %(after)s::UUID AND sessions.state = 'SETTLED'
ORDER BY sessions.session_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_sessions
SELECT sessions.session_id
FROM sessions
WHERE sessions.session_id = any(%(ids)s::UUID[])
ORDER BY sessions.session_id
FOR UPDATE;

-- What was late moved MAIN, not the session.
-- name: rebuild_sessions
WITH played AS MATERIALIZED (
    SELECT
        entries.*,
        wanted.session_id,
        entries.kind = 'BET' AND rollback.entry_no IS NULL AS is_standing_bet,
        entries.closes_round AND rollback.entry_no IS NULL AS stays_closed
    FROM unnest(%(ids)s::UUID[]) AS wanted (session_id)
    INNER JOIN subledger_entries AS entries ON wanted.session_id = entries.subledger_id AND entries.entry_no > 0
    LEFT JOIN LATERAL (
        SELECT found.entry_no
        FROM subledger_entries AS found
        WHERE found.reverses_key = entries.key_hash AND NOT found.late
        OFFSET 0
    ) AS rollback ON entries.closes_round OR entries.kind = 'BET'
),

journaled AS MATERIALIZED (
    SELECT
        played.session_id,
        sum(CASE WHEN NOT played.late THEN played.change_minor ELSE 0 END) AS total
    FROM played
    GROUP BY played.session_id
),

open_rounds AS MATERIALIZED (
    SELECT
        rounds.session_id,
        count(*) AS open
    FROM (
        SELECT
            played.session_id,
            played.round_id
        FROM played
        WHERE played.round_id IS NOT NULL AND NOT played.late
        GROUP BY played.session_id, played.round_id
        HAVING bool_or(played.is_standing_bet) AND NOT bool_or(played.stays_closed)
    ) AS rounds
    GROUP BY rounds.session_id
),

known AS MATERIALIZED (
    SELECT
        sessions.*,
        sessions.lock_amount_minor + coalesce(journaled.total, 0) AS now_minor,
        coalesce(open_rounds.open, 0) AS now_open_rounds
    FROM unnest(%(ids)s::UUID[]) AS wanted (session_id)
    INNER JOIN sessions ON wanted.session_id = sessions.session_id
    LEFT JOIN journaled ON wanted.session_id = journaled.session_id
    LEFT JOIN open_rounds ON wanted.session_id = open_rounds.session_id
    WHERE sessions.state = 'SETTLED'
),

rebuilt AS (
    UPDATE sessions
    SET
        payout_minor = known.now_minor,
        open_rounds = known.now_open_rounds
    FROM known
    WHERE
        sessions.session_id = known.session_id
        AND (known.payout_minor, known.open_rounds) IS DISTINCT FROM (known.now_minor, known.now_open_rounds)
)

SELECT
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('session %%s', known.session_id) AS subject,
    format('session of player %%s in network %%s', known.owner_id, known.currency_network_id) AS name
FROM known
CROSS JOIN
    LATERAL (
        VALUES
        ('open_rounds', known.open_rounds, known.now_open_rounds),
        ('payout_minor', known.payout_minor, known.now_minor)
    ) AS changed (field, was, now)
WHERE changed.was <> changed.now
ORDER BY known.session_id, changed.field;
