-- What waits to be done in the background, and how long what waits longest has. Each count stops at a bound, so that a
-- look costs the same however much waits. See backlog.py.

-- Batches of writes to credit wallets that are not posted. Of each ledger the first that is queued is its oldest;
-- ledgers are found by jumping along the queue's key.
-- name: postings
WITH RECURSIVE queued AS (
    (
        SELECT posting_queue.ledger_id
        FROM posting_queue
        ORDER BY posting_queue.ledger_id
        LIMIT 1
    )
    UNION ALL
    SELECT further.ledger_id
    FROM queued
    CROSS JOIN
        LATERAL (
            SELECT posting_queue.ledger_id
            FROM posting_queue
            WHERE posting_queue.ledger_id > queued.ledger_id
            ORDER BY posting_queue.ledger_id
            LIMIT 1
        ) AS further
)

SELECT
    'postings' AS queue,
    (
        SELECT count(*)
        FROM (
            SELECT FROM posting_queue LIMIT %(count_max)s::BIGINT
        ) AS bounded
    ) AS waiting,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(oldest.queued_at)), 0)::FLOAT8 AS oldest_s
FROM queued
CROSS JOIN
    LATERAL (
        SELECT posting_queue.queued_at
        FROM posting_queue
        WHERE posting_queue.ledger_id = queued.ledger_id
        ORDER BY posting_queue.queue_id
        LIMIT 1
    ) AS oldest;

-- What else a cell has, beside its outbox.
-- name: of_cell
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
