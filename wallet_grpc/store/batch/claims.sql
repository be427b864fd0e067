-- What must be unique over all cells; see claims.py, and accounts.sql on the form.

-- name: load_claims
SELECT
    wanted.position,
    claimed.owner_id
FROM unnest(%(claim_keys)s::UUID[]) WITH ORDINALITY AS wanted (claim_hash, position)
CROSS JOIN LATERAL (
    SELECT claims.owner_id
    FROM claims
    WHERE claims.claim_hash = wanted.claim_hash
    LIMIT 1
) AS claimed;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- Where the winner cannot be seen yet there is no row either: too few are counted, and the batch is loaded again.
-- name: step_claims
INSERT INTO claims (claim_hash, owner_id, tx_id)
SELECT
    unnest(%(claims__claim_hash)s::UUID[]) AS claim_hash,
    unnest(%(claims__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(claims__tx_id)s::UUID[]) AS tx_id
ON CONFLICT (claim_hash) DO NOTHING
RETURNING claims.claim_hash;
