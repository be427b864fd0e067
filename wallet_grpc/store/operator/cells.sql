-- name: has_cells
SELECT to_regclass('public.cells') IS NOT NULL;

-- name: cells
SELECT cells.cell_number FROM cells
ORDER BY cells.cell_number;

-- name: size
SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::BIGINT AS size_bytes
FROM pg_class
WHERE pg_class.relnamespace = %(schema)s::REGNAMESPACE AND pg_class.relkind = 'r';

-- The shards are on the cell's node, of which any node can ask.
-- name: size_on_citus
SELECT coalesce(sum(citus_total_relation_size(pg_class.oid)), 0)::BIGINT AS size_bytes
FROM pg_class
WHERE pg_class.relnamespace = %(schema)s::REGNAMESPACE AND pg_class.relkind = 'r';

-- What is in a cell, and how many transactions its ledger had a second: a tx_id begins with its time in milliseconds.
-- name: activity
SELECT
    (SELECT count(DISTINCT accounts.player_id) FROM accounts)
    + (SELECT count(*) FROM credit_wallets) AS owners,
    (
        SELECT count(*) FROM ledger_transactions
        WHERE
            ledger_transactions.tx_id >= (
                lpad(to_hex((extract(EPOCH FROM now()) * 1000)::BIGINT - 10000), 12, '0') || repeat('0', 20)
            )::UUID
    ) / 10.0 AS transactions_per_s;

-- For the rest of a transaction: a cell whose tables are locked, or that hangs, must not keep those who look at all.
-- name: bound_waits
SELECT
    set_config('lock_timeout', '2s', TRUE),
    set_config('statement_timeout', '15s', TRUE);

-- Which schemas a connection sees.
-- name: path
SELECT current_setting('search_path');

-- name: set_path
SELECT set_config('search_path', %(path)s::TEXT, FALSE);
