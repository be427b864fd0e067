-- name: set_rail
INSERT INTO settlement_rails (source, currency_network_id, rail)
SELECT
    %(source)s,
    currency_networks.currency_network_id,
    %(rail)s
FROM currency_networks
WHERE currency_networks.currency_network_id = %(currency_network_id)s
ON CONFLICT (source, currency_network_id) DO UPDATE SET rail = excluded.rail, changed_at = now()
RETURNING source;

-- name: list_rails
SELECT
    settlement_rails.source,
    settlement_rails.currency_network_id,
    settlement_rails.rail,
    settlement_rails.changed_at
FROM settlement_rails
ORDER BY settlement_rails.source, settlement_rails.currency_network_id;
