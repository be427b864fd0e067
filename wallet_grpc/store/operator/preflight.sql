-- name: environment
SELECT installation.environment FROM installation;

-- name: settings
SELECT
    pg_settings.name,
    pg_settings.setting
FROM pg_settings
WHERE
    pg_settings.name IN (
        'fsync', 'full_page_writes', 'synchronous_commit', 'session_replication_role',
        'max_pred_locks_per_page', 'max_pred_locks_per_relation', 'max_pred_locks_per_transaction',
        'max_locks_per_transaction', 'max_connections', 'max_prepared_transactions',
        'client_connection_check_interval', 'citus.shard_count'
    );

-- What `wallet copy` fills has all that it will have when it says so; see store/copying/.
-- name: unfinished_copy
SELECT copy_progress.facts
FROM copy_progress
WHERE copy_progress.step = 'copy' AND copy_progress.facts ->> 'state' <> 'READY';
