-- The outbox as relays use it. Its rows are written by the lanes (store/batch).

-- name: be_present
SELECT pg_advisory_lock_shared(%(lock_class)s::INTEGER, %(cell)s::INTEGER);

-- How many relays of this cell there are.
-- name: relays
SELECT count(*)::INTEGER AS relays
FROM pg_locks
INNER JOIN pg_database ON pg_locks.database = pg_database.oid
WHERE
    pg_locks.locktype = 'advisory'
    AND pg_locks.classid = %(lock_class)s::INTEGER::OID
    AND pg_locks.objid = %(cell)s::INTEGER::OID
    AND pg_locks.objsubid = 2
    AND pg_locks.granted
    AND pg_database.datname = current_database();

-- name: take_partition
SELECT pg_try_advisory_lock(%(lock_class)s::INTEGER, %(partition)s::INTEGER);

-- name: leave_partition
SELECT pg_advisory_unlock(%(lock_class)s::INTEGER, %(partition)s::INTEGER);

-- Told by the trigger that keeps new events out (store/operator/freeze.py).
-- name: is_frozen
SELECT count(*) > 0 AS is_frozen
FROM pg_trigger
WHERE pg_trigger.tgrelid = 'outbox_events'::REGCLASS AND pg_trigger.tgname = 'frozen';

-- The highest id that was given, whether its row is there yet or not. A sequence that gave none holds its first. Once
-- the cell has moved (on Citus), ids begin with its epoch; then what this node has of `cell_home` must be read.
-- name: last_id
SELECT
    CASE
        WHEN NOT given.is_called THEN cell_home.epoch << 40
        WHEN cell_home.epoch = 0 THEN given.last_value
        ELSE (cell_home.epoch << 40) | (given.last_value & ((1::BIGINT << 40) - 1))
    END AS last_id
FROM outbox_events_outbox_id_seq AS given
CROSS JOIN cell_home;

-- The transactions that may have written events and have not ended. Each holds this lock from before it is given an id
-- until its rows can be seen, also while its commit waits for a standby. The cell's table is shown without its schema;
-- on Citus its shard is locked, which has a number after the name.
-- name: writers
SELECT pg_locks.virtualtransaction
FROM pg_locks
INNER JOIN pg_database ON pg_locks.database = pg_database.oid
WHERE
    pg_locks.locktype = 'relation'
    AND pg_locks.relation::REGCLASS::TEXT ~ '^outbox_events(_[0-9]+)?$'
    AND pg_locks.mode = 'RowExclusiveLock'
    AND pg_locks.granted
    AND pg_database.datname = current_database();

-- name: next
SELECT
    outbox_events.outbox_id,
    outbox_events.owner_id,
    outbox_events.tx_id::TEXT,
    outbox_events.event_no,
    outbox_events.sequence,
    outbox_events.traceparent
FROM outbox_events
WHERE
    outbox_events.outbox_id > %(floor)s::BIGINT
    AND outbox_events.parked_at IS NULL
    AND mod(outbox_events.owner_id, %(partition_count)s::BIGINT) = any(%(partitions)s::BIGINT[])
    AND outbox_events.owner_id <> all(%(left_out)s::BIGINT[])
ORDER BY outbox_events.outbox_id
LIMIT %(rows_max)s::INTEGER;

-- name: remove
DELETE FROM outbox_events
WHERE outbox_events.outbox_id = any(%(outbox_ids)s::BIGINT[]);

-- name: park
UPDATE outbox_events SET parked_at = now(), failure = %(failure)s
WHERE outbox_events.outbox_id = any(%(outbox_ids)s::BIGINT[]);

-- How old the oldest is, its tx_id tells: it begins with the time of the transaction, in milliseconds, or one a little
-- ahead. Parked events stay in front of it: where ten thousand do, the first one behind all that are parked is told
-- instead. It is 0 where nothing waits.
-- name: backlog
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT FROM outbox_events
            WHERE outbox_events.parked_at IS NULL LIMIT 100000
        ) AS bounded
    ) AS waiting,
    greatest(
        (
            SELECT
                extract(EPOCH FROM clock_timestamp())
                - ('x' || left(replace(oldest.tx_id::TEXT, '-', ''), 12))::BIT(48)::BIGINT / 1000.0
            FROM (
                (
                    SELECT first_ones.tx_id
                    FROM (
                        SELECT
                            outbox_events.outbox_id,
                            outbox_events.tx_id,
                            outbox_events.parked_at
                        FROM outbox_events
                        ORDER BY outbox_events.outbox_id
                        LIMIT 10000
                    ) AS first_ones
                    WHERE first_ones.parked_at IS NULL
                    ORDER BY first_ones.outbox_id
                    LIMIT 1
                )
                UNION ALL
                (
                    SELECT outbox_events.tx_id
                    FROM outbox_events
                    WHERE
                        outbox_events.outbox_id > (
                            SELECT last_parked.outbox_id
                            FROM outbox_events AS last_parked
                            WHERE last_parked.parked_at IS NOT NULL
                            ORDER BY last_parked.outbox_id DESC
                            LIMIT 1
                        )
                    ORDER BY outbox_events.outbox_id
                    LIMIT 1
                )
                LIMIT 1
            ) AS oldest
        ), 0
    ) AS oldest_age_s,
    (
        SELECT count(*)
        FROM (
            SELECT FROM outbox_events
            WHERE outbox_events.parked_at IS NOT NULL LIMIT 100000
        ) AS bounded
    ) AS parked;
