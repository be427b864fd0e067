-- name: list_networks
SELECT
    currency_networks.currency_network_id,
    currency_networks.currency,
    currency_networks.network,
    currency_networks.decimals
FROM currency_networks
ORDER BY currency_networks.currency_network_id;

-- A network and its house accounts come into being together.
-- name: add_network
WITH added AS (
    INSERT INTO currency_networks (currency_network_id, currency, network, decimals)
    SELECT
        coalesce(
            %(currency_network_id)s::INTEGER,
            (SELECT coalesce(max(known.currency_network_id), 0) + 1 FROM currency_networks AS known)
        ),
        %(currency)s,
        %(network)s,
        %(decimals)s
    ON CONFLICT DO NOTHING
    RETURNING currency_network_id
),

houses AS (
    INSERT INTO accounts (account_type, currency_network_id)
    SELECT
        house.account_type,
        added.currency_network_id
    FROM added, unnest(ARRAY['HOUSE', 'HOUSE:WAGER', 'HOUSE:FEES', 'HOUSE:WALLETS']) AS house (account_type)
)

SELECT added.currency_network_id FROM added;
