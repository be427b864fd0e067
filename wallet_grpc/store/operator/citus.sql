-- A cluster as `wallet migrate` looks at it; see citus.py.

-- name: cluster
SELECT
    (
        SELECT pg_extension.extversion FROM pg_extension
        WHERE pg_extension.extname = 'citus'
    ) AS version,
    (SELECT pg_dist_local_group.groupid = 0 FROM pg_dist_local_group) AS on_coordinator,
    exists(
        SELECT FROM pg_dist_node
        WHERE pg_dist_node.groupid = 0
    ) AS knows_coordinator,
    (
        SELECT count(*) FROM pg_dist_node
        WHERE pg_dist_node.shouldhaveshards AND pg_dist_node.isactive
    ) AS workers;

-- What moves and two-phase commits need of every node.
-- name: unfit_settings
SELECT
    needed.name,
    asked.result AS given,
    pg_dist_node.nodename AS host,
    pg_dist_node.nodeport AS port,
    needed.why
FROM (
    VALUES
    ('max_prepared_transactions', '^[1-9]', 'what is unique over all cells is committed in two phases'),
    ('wal_level', '^logical$', 'cells are moved online by logical replication: set it to logical')
) AS needed (name, fits, why)
CROSS JOIN LATERAL run_command_on_all_nodes(format('SHOW %I', needed.name)) AS asked
INNER JOIN pg_dist_node ON asked.nodeid = pg_dist_node.nodeid
WHERE asked.result !~ needed.fits;

-- Tables of a schema that are no shards, nor belong to an extension, and that Citus does not copy yet; one that refers
-- to a copied one it may know already.
-- name: uncopied
SELECT tables.relname
FROM pg_class AS tables
INNER JOIN pg_namespace AS schemas ON tables.relnamespace = schemas.oid
WHERE
    schemas.nspname = %(schema)s
    AND tables.relkind = 'r'
    AND citus_table_is_visible(tables.oid)
    AND NOT EXISTS (
        SELECT FROM pg_dist_partition
        WHERE pg_dist_partition.logicalrelid = tables.oid AND pg_dist_partition.repmodel = 't'
    )
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE pg_depend.objid = tables.oid AND pg_depend.deptype = 'e'
    )
ORDER BY tables.oid;

-- Tables of a schema that others of it refer to into which a role may insert, and into which it may not insert itself.
-- name: referred_to
SELECT DISTINCT referred.relname
FROM pg_constraint
INNER JOIN pg_class AS referring ON pg_constraint.conrelid = referring.oid
INNER JOIN pg_class AS referred ON pg_constraint.confrelid = referred.oid
INNER JOIN pg_roles ON pg_roles.rolname = %(role)s
WHERE
    pg_constraint.contype = 'f'
    AND referring.relnamespace = %(schema)s::REGNAMESPACE
    AND referred.relnamespace = %(schema)s::REGNAMESPACE
    AND has_table_privilege(pg_roles.oid, referring.oid, 'INSERT')
    AND NOT has_table_privilege(pg_roles.oid, referred.oid, 'INSERT');
