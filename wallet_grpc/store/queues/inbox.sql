-- The inbox: received events that have no effect yet, or that somebody has to look at. Those that have their effect are
-- written with it, by the lane's store statement (store/batch).

-- Records that an event could not be applied. One that waits is tried again after a growing delay, until it was tried
-- too often; then it is parked, and still knows what it waits for. No row comes back if the event has its effect
-- already, was discarded, or came with another body.
-- name: record_failure
INSERT INTO inbox_events AS known (
    key_hash, source, event_id, event_type, body_hash, body, state, reason, detail, waits_for, attempts, due_at,
    traceparent, received_at, changed_at
)
VALUES (
    %(key)s::UUID,
    %(source)s,
    %(event_id)s,
    %(event_type)s,
    %(body_key)s::UUID,
    %(body)s::JSON,
    CASE WHEN %(waits_for)s::TEXT IS NULL OR %(attempts_max)s::INTEGER <= 1 THEN 'PARKED' ELSE 'WAITING' END,
    %(reason)s,
    %(detail)s,
    %(waits_for)s::TEXT,
    1,
    CASE
        WHEN %(waits_for)s::TEXT IS NULL OR %(attempts_max)s::INTEGER <= 1 THEN NULL
        ELSE now() + make_interval(secs => %(first_delay_s)s::FLOAT8)
    END,
    %(traceparent)s,
    now(),
    now()
)
ON CONFLICT (key_hash) DO UPDATE
    SET
        state = CASE
            WHEN excluded.waits_for IS NULL OR known.attempts + 1 >= %(attempts_max)s::INTEGER THEN 'PARKED' ELSE
                'WAITING'
        END,
        reason = excluded.reason,
        detail = excluded.detail,
        waits_for = excluded.waits_for,
        attempts = known.attempts + 1,
        due_at = CASE
            WHEN excluded.waits_for IS NULL OR known.attempts + 1 >= %(attempts_max)s::INTEGER THEN NULL
            ELSE
                to_timestamp(
                    %(now_s)s::FLOAT8
                    + least(%(first_delay_s)s::FLOAT8 * 2 ^ least(known.attempts, 30), %(delay_max_s)s::FLOAT8)
                )
        END,
        changed_at = excluded.changed_at
    WHERE known.body_hash = excluded.body_hash AND known.state IN ('WAITING', 'PARKED')
RETURNING known.state;

-- Records that nothing could be told of an event, as its cell does not answer. It is tried again after a while, however
-- often: that counts as no attempt. What it waited for before is found out again. No row comes back as above.
-- name: put_off
INSERT INTO inbox_events AS known (
    key_hash, source, event_id, event_type, body_hash, body, state, reason, detail, due_at, traceparent, received_at,
    changed_at
)
VALUES (
    %(key)s::UUID,
    %(source)s,
    %(event_id)s,
    %(event_type)s,
    %(body_key)s::UUID,
    %(body)s::JSON,
    'WAITING',
    %(reason)s,
    %(detail)s,
    now() + make_interval(secs => %(delay_s)s::FLOAT8),
    %(traceparent)s,
    now(),
    now()
)
ON CONFLICT (key_hash) DO UPDATE
    SET
        state = excluded.state,
        reason = excluded.reason,
        detail = excluded.detail,
        waits_for = NULL,
        due_at = excluded.due_at,
        changed_at = excluded.changed_at
    WHERE known.body_hash = excluded.body_hash AND known.state IN ('WAITING', 'PARKED')
RETURNING known.state;

-- What is set where a row is there already may name no function that tells the time: Citus would not plan it.
-- name: now_s
SELECT extract(EPOCH FROM now())::FLOAT8 AS now_s;

-- name: known
SELECT
    inbox_events.body_hash::TEXT,
    inbox_events.state
FROM inbox_events
WHERE inbox_events.key_hash = %(key)s::UUID;

-- A withdrawal is on its way: nothing is posted. After its end nothing changes.
-- name: broadcast_withdrawal
UPDATE withdrawals SET state = 'BROADCASTED', changed_at = now()
WHERE withdrawals.withdrawal_id = %(withdrawal_id)s AND withdrawals.state = 'RESERVED';

-- name: withdrawal_exists
SELECT exists(
    SELECT FROM withdrawals
    WHERE withdrawals.withdrawal_id = %(withdrawal_id)s
);

-- Records an event that has its effect and posted nothing.
-- name: record_applied
INSERT INTO inbox_events AS known (
    key_hash, source, event_id, event_type, body_hash, body, state, traceparent, received_at, changed_at
)
VALUES (
    %(key)s::UUID,
    %(source)s,
    %(event_id)s,
    %(event_type)s,
    %(body_key)s::UUID,
    %(body)s::JSON,
    'APPLIED',
    %(traceparent)s,
    now(),
    now()
)
ON CONFLICT (key_hash) DO UPDATE
    SET
        state = 'APPLIED',
        changed_at = excluded.changed_at,
        reason = NULL,
        detail = NULL,
        waits_for = NULL,
        due_at = NULL
    WHERE known.body_hash = excluded.body_hash AND known.state IN ('WAITING', 'PARKED')
RETURNING known.inbox_id;

-- A consumer that is frozen must not keep its turn.
-- name: bound_idle_session
SET idle_session_timeout = '60s';

-- One consumer at a time tries again what waits.
-- name: lock_retries
SELECT pg_try_advisory_lock(%(lock)s::INTEGER, 0);

-- What is due, the longest overdue first.
-- name: due
SELECT inbox_events.inbox_id
FROM inbox_events
WHERE
    inbox_events.state = 'WAITING'
    AND inbox_events.due_at <= now()
    AND inbox_events.key_hash <> all(%(left_out)s::UUID[])
ORDER BY inbox_events.due_at
LIMIT %(rows_max)s::INTEGER;

-- A stretch of the early events: where it ends, and those whose withdrawal has come.
-- name: early
WITH stretch AS MATERIALIZED (
    SELECT
        inbox_events.inbox_id,
        inbox_events.waits_for
    FROM inbox_events
    WHERE inbox_events.waits_for IS NOT NULL AND inbox_events.inbox_id > %(after)s::BIGINT
    ORDER BY inbox_events.inbox_id
    LIMIT %(rows_max)s::INTEGER
)

SELECT
    count(*) AS looked_at,
    max(stretch.inbox_id) AS upto,
    coalesce(
        array_agg(stretch.inbox_id ORDER BY stretch.inbox_id) FILTER (
            WHERE EXISTS (
                SELECT FROM withdrawals
                WHERE withdrawals.withdrawal_id = stretch.waits_for
            )
        ),
        '{}'
    ) AS fulfilled
FROM stretch;

-- The same where there are several cells, none of which is looked into: a withdrawal's claim tells of it, whose key is
-- its reservation's (domain/identifiers.py).
-- name: early_of_cells
WITH stretch AS MATERIALIZED (
    SELECT
        inbox_events.inbox_id,
        inbox_events.waits_for
    FROM inbox_events
    WHERE inbox_events.waits_for IS NOT NULL AND inbox_events.inbox_id > %(after)s::BIGINT
    ORDER BY inbox_events.inbox_id
    LIMIT %(rows_max)s::INTEGER
)

SELECT
    count(*) AS looked_at,
    max(stretch.inbox_id) AS upto,
    coalesce(
        array_agg(stretch.inbox_id ORDER BY stretch.inbox_id) FILTER (
            WHERE EXISTS (
                SELECT FROM claims
                WHERE
                    claims.claim_hash = left(
                        encode(sha256(convert_to('withdrawal' || E'\x1f' || stretch.waits_for, 'UTF8')), 'hex'), 32
                    )::UUID
            )
        ),
        '{}'
    ) AS fulfilled
FROM stretch;

-- name: receipts
SELECT
    inbox_events.key_hash::TEXT,
    inbox_events.source,
    inbox_events.event_id,
    inbox_events.event_type,
    inbox_events.body_hash::TEXT,
    inbox_events.body::TEXT,
    inbox_events.traceparent
FROM inbox_events
WHERE inbox_events.inbox_id = any(%(inbox_ids)s::BIGINT[]) AND inbox_events.state IN ('WAITING', 'PARKED')
ORDER BY inbox_events.inbox_id;

-- name: open_counts
SELECT
    count(*) FILTER (WHERE inbox_events.state = 'WAITING') AS waiting,
    count(*) FILTER (WHERE inbox_events.state = 'PARKED') AS parked
FROM inbox_events
WHERE inbox_events.state IN ('WAITING', 'PARKED');
