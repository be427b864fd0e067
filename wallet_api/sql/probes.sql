-- The moment up to which everything that was committed is in what the next statement reads. Asked before it reads: a
-- replica goes on replaying meanwhile. A replica that has replayed no commit since its start tells its last checkpoint.
-- name: as_of
SELECT
    CASE
        WHEN pg_is_in_recovery()
            THEN coalesce(pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint()))
        ELSE statement_timestamp()
    END;

-- Whether this login can do more than it needs; of whichever right, of whichever table.
-- name: writable_tables
SELECT tables.relname
FROM pg_class AS tables
WHERE
    tables.relkind IN ('r', 'p')
    AND (tables.relnamespace::REGNAMESPACE)::TEXT ~ '^(public|cell_[0-9]+)$'
    AND has_table_privilege(tables.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
ORDER BY tables.relname;

-- How many cells the installation has, for ever.
-- name: cell_count
SELECT count(*) FROM cells;

-- What the server is, and how long ago that was committed on the primary which it has replayed last; 0 of a primary.
-- The setting is looked at as it was before the connection set its own.
-- name: state
SELECT
    pg_is_in_recovery() AS is_replica,
    reset_val = 'on' AS is_read_only,
    CASE
        WHEN pg_is_in_recovery()
            THEN extract(
                EPOCH FROM clock_timestamp()
                - coalesce(
                    pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint())
                )
            )::FLOAT8
        ELSE 0
    END AS behind_s
FROM pg_settings
WHERE name = 'default_transaction_read_only';
