-- name: lock_rail
SELECT settlement_rails.rail
FROM settlement_rails
WHERE
    settlement_rails.source = %(source)s
    AND settlement_rails.currency_network_id = %(currency_network_id)s
FOR UPDATE;

-- name: set_rail
INSERT INTO settlement_rails (source, currency_network_id, rail, changed_at)
SELECT
    %(source)s,
    currency_networks.currency_network_id,
    %(rail)s,
    now()
FROM currency_networks
WHERE currency_networks.currency_network_id = %(currency_network_id)s
ON CONFLICT (source, currency_network_id) DO UPDATE SET rail = excluded.rail, changed_at = excluded.changed_at
RETURNING source;

-- name: list_rails
SELECT
    settlement_rails.source,
    settlement_rails.currency_network_id,
    settlement_rails.rail,
    settlement_rails.changed_at
FROM settlement_rails
ORDER BY settlement_rails.source, settlement_rails.currency_network_id;
