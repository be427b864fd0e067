-- What waits to be done in the background, and how long what waits longest has. Each count stops at a bound, so that a
-- look costs the same however much waits. See backlog.py.

-- What a cell has, beside its outbox.
-- name: of_cell
SELECT
    'postings' AS queue,
    count(*) AS waiting,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(bounded.queued_at)), 0)::FLOAT8 AS oldest_s
FROM (
    SELECT posting_queue.queued_at
    FROM posting_queue
    LIMIT %(count_max)s::BIGINT
) AS bounded
UNION ALL
SELECT
    'reservations' AS queue,
    count(*) AS waiting,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(bounded.expires_at)), 0)::FLOAT8 AS oldest_s
FROM (
    SELECT reservations.expires_at
    FROM reservations
    WHERE
        reservations.state = 'OPEN'
        AND reservations.amount_minor > 0
        AND reservations.expires_at <= clock_timestamp()
    ORDER BY reservations.expires_at
    LIMIT %(count_max)s::BIGINT
) AS bounded
UNION ALL
SELECT
    'sessions' AS queue,
    count(*) AS waiting,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(bounded.expires_at)), 0)::FLOAT8 AS oldest_s
FROM (
    SELECT sessions.expires_at
    FROM sessions
    WHERE
        sessions.state = 'OPEN'
        AND sessions.lock_amount_minor > 0
        AND sessions.expires_at <= clock_timestamp()
    ORDER BY sessions.expires_at
    LIMIT %(count_max)s::BIGINT
) AS bounded;

-- What all cells share.
-- name: shared
SELECT
    wanted.queue,
    count(bounded.received_at) AS waiting,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(bounded.received_at)), 0)::FLOAT8 AS oldest_s
FROM (VALUES ('inbox', 'WAITING'), ('inbox_parked', 'PARKED')) AS wanted (queue, state)
LEFT JOIN LATERAL (
    SELECT inbox_events.received_at
    FROM inbox_events
    WHERE inbox_events.state IN ('WAITING', 'PARKED') AND inbox_events.state = wanted.state
    ORDER BY inbox_events.inbox_id
    LIMIT %(count_max)s::BIGINT
) AS bounded ON TRUE
GROUP BY wanted.queue;
