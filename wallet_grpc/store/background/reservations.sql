-- What the sweeper asks. See reservations.py.

-- The reservations that are over and not marked, oldest first, without those of wallets that are left alone now: a
-- chunk, by wallet, without locks.
-- name: expired
SELECT
    reservations.wallet_id::TEXT,
    array_agg(reservations.reservation_id::TEXT) AS reservation_ids
FROM (
    SELECT
        found.wallet_id,
        found.reservation_id
    FROM reservations AS found
    WHERE
        found.state = 'OPEN'
        AND found.amount_minor > 0
        AND found.expires_at <= clock_timestamp()
        AND found.wallet_id <> all(%(left_out)s::UUID[])
    ORDER BY found.expires_at
    LIMIT %(rows_max)s
) AS reservations
GROUP BY reservations.wallet_id;

-- As with those that are ended (store/batch/credit.sql), what a row was is asked of the look-up.
-- name: mark_expired
UPDATE reservations SET state = 'EXPIRED'
FROM unnest(%(reservation_ids)s::UUID[]) AS over (reservation_id)
CROSS JOIN
    LATERAL (
        SELECT
            loaded.ctid AS address,
            loaded.state
        FROM reservations AS loaded
        WHERE loaded.reservation_id = over.reservation_id
        LIMIT 1
    ) AS found
WHERE reservations.ctid = found.address AND found.state = 'OPEN';
