-- name: list_networks
SELECT
    currency_networks.currency_network_id,
    currency_networks.currency,
    currency_networks.network,
    currency_networks.decimals
FROM currency_networks
ORDER BY currency_networks.currency_network_id;

-- A statement of its own: one that inserts what it has read of the same table inserts nothing on Citus.
-- name: next_network_id
SELECT coalesce(max(currency_networks.currency_network_id), 0) + 1 AS currency_network_id
FROM currency_networks;

-- name: add_network
INSERT INTO currency_networks (currency_network_id, currency, network, decimals)
VALUES (%(currency_network_id)s, %(currency)s, %(network)s, %(decimals)s)
ON CONFLICT DO NOTHING
RETURNING currency_networks.currency_network_id;

-- A network's house accounts, in the cell that the connection looks into.
-- name: add_house
INSERT INTO accounts (account_id, account_type, currency_network_id)
SELECT
    unnest(%(account_ids)s::BIGINT[]) AS account_id,
    unnest(%(account_types)s::TEXT[]) AS account_type,
    %(currency_network_id)s::INTEGER AS currency_network_id;
