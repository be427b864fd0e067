-- noqa: disable=RF03
-- Credit wallets of a ledger, and what holds a part of one. See wallets.py.

-- What has expired since a wallet's last entry holds nothing: see wallet_grpc/store/reads/credit.sql.
-- name: wallets
SELECT
    page.caller_key,
    last_entry.balance_after_minor::TEXT AS balance_minor,
    last_entry.entry_no AS entry_count,
    page.created_at,
    (coalesce(last_entry.held_minor, 0) - coalesce(expired.total, 0))::TEXT AS held_minor
FROM (
    SELECT credit_wallets.*
    FROM credit_wallets
    WHERE
        credit_wallets.ledger_id = %(ledger_id)s::UUID
        AND credit_wallets.caller_key COLLATE "C" > %(after_key)s::TEXT COLLATE "C"
    ORDER BY credit_wallets.caller_key COLLATE "C"
    LIMIT %(rows_max)s::BIGINT
) AS page
CROSS JOIN
    LATERAL (
        SELECT
            entries.entry_no,
            entries.balance_after_minor,
            entries.held_minor,
            entries.held_as_of
        FROM subledger_entries AS entries
        WHERE entries.subledger_id = page.wallet_id AND entries.entry_no > 0
        ORDER BY entries.entry_no DESC
        LIMIT 1
    ) AS last_entry
LEFT JOIN LATERAL (
    SELECT sum(reservations.amount_minor) AS total
    FROM reservations
    WHERE
        reservations.wallet_id = page.wallet_id
        AND reservations.state IN ('OPEN', 'EXPIRED')
        AND reservations.expires_at > last_entry.held_as_of
        AND reservations.expires_at <= now()
) AS expired ON TRUE
ORDER BY page.caller_key COLLATE "C";

-- name: reservations
SELECT
    reservations.reservation_id::TEXT,
    reservations.amount_minor::TEXT,
    reservations.expires_at,
    now() AS as_of
FROM reservations
WHERE
    reservations.wallet_id = %(wallet_id)s::UUID
    AND reservations.state = 'OPEN'
    AND reservations.expires_at > now()
    AND (reservations.expires_at, reservations.reservation_id) > (%(after_time)s::TIMESTAMPTZ, %(after_id)s::UUID)
ORDER BY reservations.expires_at, reservations.reservation_id
LIMIT %(rows_max)s::BIGINT;
