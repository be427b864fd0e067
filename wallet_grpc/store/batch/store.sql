-- What a lane asks beside what its parts load: its locks and its time; and account ids. See store.py.

-- Takes the owners' locks: those that are free, and `held` tells whose are not; or, asked to wait, each after the other
-- until its holder lets go; or none. Transaction-level locks: they end with the transaction, whatever happens to the
-- lane. The time is read after them, and under the lane's lock of the clock, which whoever answers about the past looks
-- at (store/reads/moments.py). Where the clock was set back it is not before what is counted into days already.
-- name: lock_owners
WITH locked AS MATERIALIZED (
    SELECT
        array_agg(wanted.owner_id) FILTER (
            WHERE NOT CASE %(locking)s::TEXT
                WHEN 'TRY' THEN pg_try_advisory_xact_lock(wanted.owner_id)
                WHEN 'WAIT' THEN pg_advisory_xact_lock(wanted.owner_id)::TEXT = ''
                ELSE TRUE
            END
        ) AS held
    FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
),

clocked AS MATERIALIZED (
    SELECT
        locked.held,
        pg_try_advisory_xact_lock(%(clock_class)s::INTEGER, %(clock_key)s::INTEGER) AS taken
    FROM locked
)

SELECT
    clocked.taken AS clocked,
    clocked.held,
    greatest(
        clock_timestamp(),
        (
            SELECT day_marks.counting_until
            FROM day_marks
            WHERE day_marks.mark_id = 1
        )
    ) AS now,
    current_setting('synchronous_standby_names') <> '' AS has_standby
FROM clocked;

-- Account ids for accounts that will come into being; those that are not used are skipped.
-- name: reserve_account_ids
SELECT nextval('accounts_account_id_seq') AS account_id
FROM generate_series(1, %(count)s::INTEGER);

-- Whether a lane's commit has been at work for so long that its lane may have given it up, and the owners with it.
-- name: commit_given_up
SELECT count(*) > 0 AS is_at_work
FROM pg_stat_activity
WHERE
    pg_stat_activity.datname = current_database()
    AND pg_stat_activity.application_name = %(application_name)s::TEXT
    AND pg_stat_activity.state = 'active'
    AND pg_stat_activity.xact_start < clock_timestamp() - %(since_ms)s::INTEGER * INTERVAL '1 millisecond';

-- Whether a batch that was not answered is stored: what it wrote under a key, at its time.
-- name: mark_stands
SELECT
    EXISTS (
        SELECT FROM ledger_transactions
        WHERE
            ledger_transactions.key_hash = %(key)s::UUID
            AND ledger_transactions.created_at = %(created_at)s::TIMESTAMPTZ
    )
    OR EXISTS (
        SELECT FROM subledger_entries
        WHERE
            subledger_entries.key_hash = %(key)s::UUID
            AND subledger_entries.created_at = %(created_at)s::TIMESTAMPTZ
    ) AS stands;

-- Whether one of the keys is stored: of a transaction, or of an entry of a journal.
-- name: keys_stand
SELECT
    EXISTS (
        SELECT
        FROM unnest(%(keys)s::UUID[]) AS wanted (key_hash)
        CROSS JOIN LATERAL (
            SELECT
            FROM ledger_transactions
            WHERE ledger_transactions.key_hash = wanted.key_hash
            LIMIT 1
        ) AS found
    )
    OR EXISTS (
        SELECT
        FROM unnest(%(keys)s::UUID[]) AS wanted (key_hash)
        CROSS JOIN LATERAL (
            SELECT
            FROM subledger_entries
            WHERE subledger_entries.key_hash = wanted.key_hash
            LIMIT 1
        ) AS found
    ) AS stand;
