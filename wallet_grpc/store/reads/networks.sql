-- name: list_networks
SELECT
    currency_networks.currency_network_id,
    currency_networks.currency,
    currency_networks.network,
    currency_networks.decimals
FROM currency_networks
ORDER BY currency_networks.currency_network_id;
