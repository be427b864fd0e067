-- The accounts that the player has; a currency network without a row has zeroes.
-- name: balances
SELECT
    accounts.currency_network_id,
    accounts.account_type,
    account_balances.balance_minor::TEXT
FROM accounts
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
WHERE accounts.player_id = %(player_id)s::BIGINT;

-- name: currency_networks
SELECT
    currency_network_id,
    currency,
    network,
    decimals
FROM currency_networks
ORDER BY currency_network_id;
