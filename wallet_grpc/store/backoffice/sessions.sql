-- Sessions as operators list them, by their ids, which are in the order in which they were opened. Each walk goes
-- through one index, looks at scan_rows_max rows at most, and stops when the page is full; the last row that it may
-- look at is returned whether it matches or not: the next page goes on from there. Long because each index has a
-- walk in both directions.

-- name: all_newest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id < %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
        ORDER BY sessions.session_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id DESC
LIMIT %(rows_max)s::BIGINT;

-- name: all_oldest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id > %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
        ORDER BY sessions.session_id
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id
LIMIT %(rows_max)s::BIGINT;

-- name: of_player_newest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id < %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
            AND sessions.owner_id = %(player_id)s::BIGINT
        ORDER BY sessions.session_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id DESC
LIMIT %(rows_max)s::BIGINT;

-- name: of_player_oldest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id > %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
            AND sessions.owner_id = %(player_id)s::BIGINT
        ORDER BY sessions.session_id
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id
LIMIT %(rows_max)s::BIGINT;

-- name: of_source_newest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id < %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
            AND sessions.source = %(source)s::TEXT
        ORDER BY sessions.session_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id DESC
LIMIT %(rows_max)s::BIGINT;

-- name: of_source_oldest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id > %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
            AND sessions.source = %(source)s::TEXT
        ORDER BY sessions.session_id
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id
LIMIT %(rows_max)s::BIGINT;

-- name: open_newest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id < %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
            AND sessions.state = 'OPEN'
        ORDER BY sessions.session_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id DESC
LIMIT %(rows_max)s::BIGINT;

-- name: open_oldest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.state = 'OPEN' AND stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.state = 'OPEN' AND stored.expires_at <= now()
            WHEN 'SETTLED' THEN stored.state = 'SETTLED'
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.state,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.session_id > %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
            AND sessions.state = 'OPEN'
        ORDER BY sessions.session_id
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id
LIMIT %(rows_max)s::BIGINT;

-- Those of a player that are open, through an index of them alone: a player may have had any number before.
-- name: open_of_player_newest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.expires_at <= now()
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.owner_id = %(player_id)s::BIGINT
            AND sessions.state = 'OPEN'
            AND sessions.session_id < %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
        ORDER BY sessions.session_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id DESC
LIMIT %(rows_max)s::BIGINT;

-- name: open_of_player_oldest_first
SELECT
    walked.session_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.session_id,
        row_number() OVER (ORDER BY stored.session_id) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND CASE %(status)s::TEXT
            WHEN 'OPEN' THEN stored.expires_at > now()
            WHEN 'EXPIRED' THEN stored.expires_at <= now()
            ELSE TRUE
        END AS is_wanted
    FROM (
        SELECT
            sessions.session_id,
            sessions.source,
            sessions.expires_at
        FROM sessions
        WHERE
            sessions.owner_id = %(player_id)s::BIGINT
            AND sessions.state = 'OPEN'
            AND sessions.session_id > %(after_id)s::UUID
            AND sessions.session_id < %(first_id_after)s::UUID
        ORDER BY sessions.session_id
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.session_id
LIMIT %(rows_max)s::BIGINT;

-- All about sessions, in the order in which they are asked for.
-- name: records
SELECT
    found.session_id::TEXT,
    found.owner_id,
    found.source,
    found.currency_network_id,
    found.game_code,
    found.lock_amount_minor::TEXT,
    found.rail,
    found.state,
    found.opened_at,
    found.expires_at,
    found.settled_at,
    found.settlement_tx_id::TEXT,
    now() AS as_of,
    coalesce(found.payout_minor, last_entry.balance_after_minor, found.lock_amount_minor)::TEXT AS balance_minor,
    coalesce(found.open_rounds, last_entry.open_rounds, 0) AS open_rounds
FROM unnest(%(session_ids)s::UUID[]) WITH ORDINALITY AS wanted (session_id, position)
INNER JOIN sessions AS found ON wanted.session_id = found.session_id
LEFT JOIN LATERAL (
    SELECT
        entries.balance_after_minor,
        entries.open_rounds
    FROM subledger_entries AS entries
    WHERE entries.subledger_id = found.session_id AND entries.entry_no > 0 AND found.state = 'OPEN'
    ORDER BY entries.entry_no DESC
    LIMIT 1
) AS last_entry ON TRUE
ORDER BY wanted.position;
