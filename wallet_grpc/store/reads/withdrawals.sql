-- name: withdrawal_owner
SELECT
    withdrawals.owner_id,
    withdrawals.currency_network_id
FROM withdrawals
WHERE withdrawals.withdrawal_id = %(withdrawal_id)s;
