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
