-- What the sweeper asks. See reservations.py.

-- The reservations that are over and not marked, oldest first, without those of wallets that are left alone now: a
-- chunk, without locks.
-- name: expired
SELECT
    reservations.wallet_id::TEXT,
    reservations.owner_id,
    max(reservations.expires_at) AS upto,
    count(*) AS reservations
FROM (
    SELECT
        found.wallet_id,
        found.owner_id,
        found.expires_at
    FROM reservations AS found
    WHERE
        found.state = 'OPEN'
        AND found.amount_minor > 0
        AND found.expires_at <= clock_timestamp()
        AND found.wallet_id <> all(%(left_out)s::UUID[])
    ORDER BY found.expires_at
    LIMIT %(rows_max)s
) AS reservations
GROUP BY reservations.wallet_id, reservations.owner_id
ORDER BY reservations.owner_id;

-- Takes the locks of those owners that nobody holds; a wallet that is being written to is left for the next chunk.
-- name: try_owners
SELECT wanted.owner_id
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
WHERE pg_try_advisory_xact_lock(wanted.owner_id);

-- What a wallet holds is moved on to the last of its chunk, and its version with it: whoever decided over the old state
-- without the lock does not store it. A wallet that was written to since is ahead, and stays.
-- name: sweep_wallets
UPDATE credit_wallets SET
    held_minor = credit_wallets.held_minor - over.total,
    held_as_of = swept.upto,
    version = credit_wallets.version + 1
FROM unnest(%(wallet_ids)s::UUID[], %(moments)s::TIMESTAMPTZ[]) AS swept (wallet_id, upto)
CROSS JOIN
    LATERAL (
        SELECT
            loaded.ctid AS address,
            coalesce(
                (
                    SELECT sum(reservations.amount_minor)
                    FROM reservations
                    WHERE
                        reservations.wallet_id = loaded.wallet_id
                        AND reservations.state = 'OPEN'
                        AND reservations.expires_at > loaded.held_as_of
                        AND reservations.expires_at <= swept.upto
                ),
                0
            ) AS total
        FROM credit_wallets AS loaded
        WHERE loaded.wallet_id = swept.wallet_id AND loaded.held_as_of < swept.upto
        OFFSET 0
    ) AS over
WHERE credit_wallets.ctid = over.address;

-- No lock is needed for what a wallet has stopped holding: nobody can end it any more. So a wallet that is always being
-- written to, and never swept, is tidied too.
-- name: mark_expired
UPDATE reservations SET state = 'EXPIRED'
FROM unnest(%(wallet_ids)s::UUID[], %(moments)s::TIMESTAMPTZ[]) AS swept (wallet_id, upto)
CROSS JOIN
    LATERAL (
        SELECT found.ctid AS address
        FROM reservations AS found
        INNER JOIN credit_wallets ON found.wallet_id = credit_wallets.wallet_id
        WHERE
            found.wallet_id = swept.wallet_id
            AND found.state = 'OPEN'
            AND found.expires_at <= least(swept.upto, credit_wallets.held_as_of)
        OFFSET 0
    ) AS over
WHERE reservations.ctid = over.address;
