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
    AND tables.relnamespace = 'public'::REGNAMESPACE
    AND has_table_privilege(tables.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
ORDER BY tables.relname;
