-- name: list_networks
SELECT
    currency_networks.currency_network_id,
    currency_networks.currency,
    currency_networks.network,
    currency_networks.decimals,
    house.account_id AS house,
    wager.account_id AS house_wager,
    fees.account_id AS house_fees,
    wallets.account_id AS house_wallets
FROM currency_networks
INNER JOIN accounts AS house
    ON
        currency_networks.currency_network_id = house.currency_network_id
        AND house.player_id IS NULL
        AND house.account_type = 'HOUSE'
INNER JOIN accounts AS wager
    ON
        currency_networks.currency_network_id = wager.currency_network_id
        AND wager.player_id IS NULL
        AND wager.account_type = 'HOUSE:WAGER'
INNER JOIN accounts AS fees
    ON
        currency_networks.currency_network_id = fees.currency_network_id
        AND fees.player_id IS NULL
        AND fees.account_type = 'HOUSE:FEES'
INNER JOIN accounts AS wallets
    ON
        currency_networks.currency_network_id = wallets.currency_network_id
        AND wallets.player_id IS NULL
        AND wallets.account_type = 'HOUSE:WALLETS'
ORDER BY currency_networks.currency_network_id;
