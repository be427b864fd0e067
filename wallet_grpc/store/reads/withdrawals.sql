-- name: withdrawal_owner
SELECT
    withdrawals.owner_id,
    withdrawals.currency_network_id
FROM withdrawals
WHERE withdrawals.withdrawal_id = %(withdrawal_id)s;

-- name: claimant
SELECT claims.owner_id
FROM claims
WHERE claims.claim_hash = %(claim_hash)s::UUID;

-- The transactions that have claimed something, were prepared, and are neither committed nor rolled back here: Citus
-- commits on several nodes so. They hold their locks without a process.
-- name: undecided_claims
SELECT DISTINCT pg_locks.virtualtransaction AS holder
FROM pg_locks
INNER JOIN pg_database ON pg_locks.database = pg_database.oid
INNER JOIN pg_class ON pg_locks.relation = pg_class.oid
WHERE
    pg_locks.locktype = 'relation'
    AND pg_locks.pid IS NULL
    AND pg_locks.mode = 'RowExclusiveLock'
    AND pg_database.datname = current_database()
    AND pg_class.relname ~ '^claims(_[0-9]+)?$';
