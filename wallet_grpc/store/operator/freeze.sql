-- How an installation is frozen, and how it is told; see freeze.py.

-- The tables of the wallet, in all cells and beside them; what migrations were applied is each database's own.
-- name: tables
SELECT
    pg_namespace.nspname AS schema_name,
    pg_class.relname AS table_name
FROM pg_class
INNER JOIN pg_namespace ON pg_class.relnamespace = pg_namespace.oid
WHERE
    pg_class.relkind = 'r'
    AND pg_class.relname <> 'schema_migrations'
    AND (
        pg_namespace.nspname IN (SELECT cells.schema_name FROM public.cells)
        OR (
            pg_namespace.nspname = 'public'
            AND has_table_privilege('wallet_service', pg_class.oid, 'SELECT')
        )
    )
ORDER BY pg_namespace.nspname, pg_class.relname;

-- name: is_frozen
SELECT count(*) > 0 AS is_frozen
FROM pg_trigger
WHERE pg_trigger.tgrelid = 'public.operator_actions'::REGCLASS AND pg_trigger.tgname = 'frozen';

-- The sessions of relays that are here now, by what no later session has.
-- name: relays
SELECT
    pg_stat_activity.pid,
    pg_stat_activity.backend_start::TEXT AS since
FROM pg_locks
INNER JOIN pg_database ON pg_locks.database = pg_database.oid
INNER JOIN pg_stat_activity ON pg_locks.pid = pg_stat_activity.pid
WHERE
    pg_locks.locktype = 'advisory'
    AND pg_locks.classid = %(lock_class)s::INTEGER::OID
    AND pg_locks.objsubid = 2
    AND pg_database.datname = current_database();

-- name: bound_waits
SELECT set_config('lock_timeout', %(lock_timeout_ms)s::TEXT, TRUE);
