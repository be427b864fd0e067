-- Who is under way, by the number of the transaction: see moments.py. pg_locks shows them to every login.

-- name: clock
SELECT clock_timestamp();

-- Those that hold the clock: they have taken a time, or are about to.
-- name: deciding
SELECT DISTINCT pg_locks.virtualtransaction
FROM pg_locks
WHERE
    pg_locks.locktype = 'advisory'
    AND pg_locks.granted
    AND pg_locks.objsubid = 2
    AND pg_locks.classid = %(clock_class)s::BIGINT::OID
    AND pg_locks.database = (
        SELECT pg_database.oid
        FROM pg_database
        WHERE pg_database.datname = current_database()
    );

-- Those that write to the tables whose rows have a time that is asked for, until their commit is through. A table of
-- the connection's cell is shown without its schema; on Citus its shard is locked, which has a number after the name.
-- name: storing
SELECT DISTINCT pg_locks.virtualtransaction
FROM pg_locks
WHERE
    pg_locks.locktype = 'relation'
    AND pg_locks.granted
    AND pg_locks.mode = 'RowExclusiveLock'
    AND pg_locks.relation::REGCLASS::TEXT
    ~ '^(ledger_transactions|subledger_entries|journal_postings)(_[0-9]+)?$'
    AND pg_locks.database = (
        SELECT pg_database.oid
        FROM pg_database
        WHERE pg_database.datname = current_database()
    );
