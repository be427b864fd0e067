-- What stands and waits, how the ledger was last proven, who may call. See overview.py.

-- What all cells share.
-- name: shared
SELECT
    installation.environment,
    last_one.ended_at AS last_verified_at,
    now() AS as_of,
    coalesce(last_one.clean, FALSE) AS last_verification_clean,
    (SELECT count(*) FROM cells) AS cells,
    (
        SELECT count(*)
        FROM (
            SELECT FROM inbox_events
            WHERE inbox_events.state IN ('WAITING', 'PARKED') AND inbox_events.state = 'WAITING'
            LIMIT %(count_max)s::BIGINT
        ) AS bounded
    ) AS inbox_waiting,
    (
        SELECT count(*)
        FROM (
            SELECT FROM inbox_events
            WHERE inbox_events.state IN ('WAITING', 'PARKED') AND inbox_events.state = 'PARKED'
            LIMIT %(count_max)s::BIGINT
        ) AS bounded
    ) AS inbox_parked
FROM installation
LEFT JOIN LATERAL (
    SELECT
        verifications.ended_at,
        verifications.clean
    FROM verifications
    ORDER BY verifications.ended_at DESC
    LIMIT 1
) AS last_one ON TRUE;

-- What a cell has, beside its outbox and its queue of postings, which are told as to everybody: see
-- wallet_grpc/store/queues/outbox.sql, wallet_grpc/store/background/backlog.sql. Who waits longest stands first in an
-- index.
-- name: of_cell
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT FROM withdrawals
            WHERE withdrawals.state IN ('RESERVED', 'BROADCASTED')
            LIMIT %(count_max)s::BIGINT
        ) AS bounded
    ) AS withdrawals_under_way,
    (
        SELECT extract(EPOCH FROM now() - min(oldest.reserved_at))
        FROM unnest(ARRAY['RESERVED', 'BROADCASTED']) AS wanted (state)
        CROSS JOIN
            LATERAL (
                SELECT withdrawals.reserved_at
                FROM withdrawals
                WHERE withdrawals.state = wanted.state
                ORDER BY withdrawals.reserved_at
                LIMIT 1
            ) AS oldest
    ) AS oldest_withdrawal_age_s,
    (
        SELECT count(*)
        FROM (
            SELECT FROM sessions
            WHERE sessions.state = 'OPEN'
            LIMIT %(count_max)s::BIGINT
        ) AS bounded
    ) AS sessions_open,
    (
        SELECT extract(EPOCH FROM now() - sessions.expires_at)
        FROM sessions
        WHERE sessions.state = 'OPEN' AND sessions.lock_amount_minor > 0
        ORDER BY sessions.expires_at, sessions.session_id
        LIMIT 1
    ) AS session_overdue_s;

-- How long ago that was committed on the primary which this server has replayed last; 0 of a primary.
-- name: behind
SELECT
    CASE
        WHEN pg_is_in_recovery()
            THEN extract(
                EPOCH FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())
            )::FLOAT8
        ELSE 0
    END AS behind_s;

-- name: last_verification
SELECT
    verifications.began_at,
    verifications.ended_at,
    verifications.clean,
    verifications.transactions,
    verifications.entries,
    verifications.accounts,
    verifications.checks,
    verifications.findings,
    verifications.findings_left_out
FROM verifications
ORDER BY verifications.ended_at DESC
LIMIT 1;

-- name: keys
SELECT
    shown_keys.key_id,
    shown_keys.source,
    shown_keys.roles,
    shown_keys.rate_per_s,
    shown_keys.operator,
    shown_keys.speaks_for_logins,
    shown_keys.created_at,
    shown_keys.revoked_at,
    shown_keys.last_used_at
FROM shown_keys
WHERE
    shown_keys.key_id > %(after)s::TEXT
    AND (%(source)s::TEXT IS NULL OR shown_keys.source = %(source)s::TEXT)
    AND (%(revoked)s::BOOLEAN OR shown_keys.revoked_at IS NULL)
ORDER BY shown_keys.key_id
LIMIT %(rows_max)s::BIGINT;

-- name: rails
SELECT
    settlement_rails.source,
    settlement_rails.currency_network_id,
    settlement_rails.rail,
    settlement_rails.changed_at
FROM settlement_rails
ORDER BY settlement_rails.source, settlement_rails.currency_network_id
LIMIT %(rows_max)s::BIGINT;
