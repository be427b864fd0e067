-- What workers should have done by now, the longest waiting first, so many of each kind. See stuck.py.

-- Ledgers with writes to credit wallets that are not posted.
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
    oldest.queued_at AS since,
    'its credit wallets are not posted to the general ledger' AS problem,
    'ledger ' || queued.ledger_id::TEXT AS subject
FROM queued
CROSS JOIN
    LATERAL (
        SELECT posting_queue.queued_at
        FROM posting_queue
        WHERE posting_queue.ledger_id = queued.ledger_id
        ORDER BY posting_queue.queue_id
        LIMIT 1
    ) AS oldest
WHERE oldest.queued_at < clock_timestamp() - make_interval(secs => %(after_s)s::FLOAT8)
ORDER BY oldest.queued_at
LIMIT %(rows_max)s::INTEGER;

-- name: sessions
SELECT
    sessions.expires_at AS since,
    format('of player %%s: its time is over and it is not settled', sessions.owner_id) AS problem,
    'session ' || sessions.session_id::TEXT AS subject
FROM sessions
WHERE
    sessions.state = 'OPEN'
    AND sessions.lock_amount_minor > 0
    AND sessions.expires_at < clock_timestamp() - make_interval(secs => %(after_s)s::FLOAT8)
ORDER BY sessions.expires_at, sessions.session_id
LIMIT %(rows_max)s::INTEGER;

-- name: reservations
SELECT
    reservations.expires_at AS since,
    'a reservation is over and not swept' AS problem,
    'wallet ' || reservations.wallet_id::TEXT AS subject
FROM reservations
WHERE
    reservations.state = 'OPEN'
    AND reservations.amount_minor > 0
    AND reservations.expires_at < clock_timestamp() - make_interval(secs => %(after_s)s::FLOAT8)
ORDER BY reservations.expires_at
LIMIT %(rows_max)s::INTEGER;

-- name: received
SELECT
    inbox_events.received_at AS since,
    CASE inbox_events.state
        WHEN 'PARKED' THEN format('it is parked: %%s', inbox_events.reason)
        ELSE 'its next try is overdue'
    END AS problem,
    'event ' || inbox_events.inbox_id::TEXT AS subject
FROM inbox_events
WHERE
    inbox_events.state = 'PARKED'
    OR (
        inbox_events.state = 'WAITING'
        AND inbox_events.due_at < clock_timestamp() - make_interval(secs => %(after_s)s::FLOAT8)
    )
ORDER BY inbox_events.inbox_id
LIMIT %(rows_max)s::INTEGER;

-- A tx_id begins with the time of its transaction, in milliseconds.
-- name: published
SELECT
    dated.since,
    CASE WHEN outbox_events.parked_at IS NULL THEN 'it is not published' ELSE 'it is parked' END AS problem,
    'outbox event ' || outbox_events.outbox_id::TEXT AS subject
FROM outbox_events
CROSS JOIN
    LATERAL (
        SELECT
            to_timestamp(
                ('x' || left(replace(outbox_events.tx_id::TEXT, '-', ''), 12))::BIT(48)::BIGINT / 1000.0
            ) AS since
    ) AS dated
WHERE dated.since < clock_timestamp() - make_interval(secs => %(after_s)s::FLOAT8)
ORDER BY outbox_events.outbox_id
LIMIT %(rows_max)s::INTEGER;
