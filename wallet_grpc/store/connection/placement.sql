-- Where a cell is on Citus. Every node knows, and knows of a move when the move is committed. See placement.py.

-- name: is_citus
SELECT to_regclass('pg_catalog.pg_dist_placement') IS NOT NULL AS is_citus;

-- The node of a cell, and whether that node is the one that was asked. The cell is known by one of its shards, the
-- first: all of them are together, always.
-- name: place
SELECT
    nodes.nodename AS host,
    nodes.nodeport AS port,
    first_shard.shard_id,
    nodes.groupid = here.groupid AS is_here
FROM (
    SELECT min(shards.shardid) AS shard_id
    FROM pg_dist_shard AS shards
    INNER JOIN pg_class AS tables ON shards.logicalrelid = tables.oid
    INNER JOIN pg_namespace AS schemas ON tables.relnamespace = schemas.oid
    WHERE schemas.nspname = %(schema)s
) AS first_shard
INNER JOIN pg_dist_placement AS placements ON first_shard.shard_id = placements.shardid
INNER JOIN pg_dist_node AS nodes ON placements.groupid = nodes.groupid
CROSS JOIN pg_dist_local_group AS here
WHERE nodes.noderole = 'primary';

-- Where a cell is, for who knows one of its shards.
-- name: where_to
SELECT
    nodes.nodename AS host,
    nodes.nodeport AS port
FROM pg_dist_placement AS placements
INNER JOIN pg_dist_node AS nodes ON placements.groupid = nodes.groupid
WHERE placements.shardid = %(shard_id)s::BIGINT AND nodes.noderole = 'primary';

-- The physical relations of a cell and of what all cells share: a shard has its table's name and a number.
-- name: relations
SELECT
    tables.relname AS name,
    schemas.nspname = %(schema)s AS of_cell,
    tables.relname || '_' || shards.shardid AS physical
FROM pg_dist_shard AS shards
INNER JOIN pg_class AS tables ON shards.logicalrelid = tables.oid
INNER JOIN pg_namespace AS schemas ON tables.relnamespace = schemas.oid
WHERE schemas.nspname IN (%(schema)s, %(shared_schema)s);

-- All nodes: whoever cannot reach one asks another.
-- name: nodes
SELECT
    nodes.nodename AS host,
    nodes.nodeport AS port
FROM pg_dist_node AS nodes
WHERE nodes.noderole = 'primary' AND nodes.isactive
ORDER BY nodes.nodeid;

-- Keeps a cell from being moved until the transaction ends, and tells whether it is still here. `hold_cell` is made by
-- `wallet migrate` on Citus.
-- name: hold_cell
SELECT hold_cell(%(shard_id)s::BIGINT) AS is_here;

-- Keeps it as well, for a transaction beside one that holds it; fails where a move waits.
-- name: hold_cell_as_well
SELECT hold_cell_as_well(%(shard_id)s::BIGINT);

-- Where the cell is held here: how often it has moved. A lane knows of how many moves it has heard.
-- name: epoch
SELECT cell_home.epoch FROM cell_home;

-- Counts a move, unless another lane has.
-- name: come_home
UPDATE cell_home SET epoch = cell_home.epoch + 1, group_id = here.groupid
FROM pg_dist_local_group AS here
WHERE cell_home.group_id IS DISTINCT FROM here.groupid;

-- The same as hold_cell without the lock.
-- name: is_here
SELECT exists(
    SELECT FROM pg_dist_placement
    INNER JOIN pg_dist_local_group ON pg_dist_placement.groupid = pg_dist_local_group.groupid
    WHERE pg_dist_placement.shardid = %(shard_id)s::BIGINT
) AS is_here;
