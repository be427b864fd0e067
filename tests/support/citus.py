"""Databases on a Citus cluster that somebody runs: each lives on every node, and is known by its coordinator's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from support.waiting import wait_until

if TYPE_CHECKING:
    from support.database import Installation

Node = tuple[str, int]


@cache
def nodes_of(admin_dsn: str) -> Sequence[Node]:
    """Give the nodes of the cluster whose coordinator this leads to, that one first; none, if it is no cluster."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        row = connection.execute("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL").fetchone()
        if row != (True,):
            return ()
        return connection.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"
        ).fetchall()


def create_database(admin_dsn: str, database: str, nodes: Sequence[Node]) -> None:
    """Create a database on these nodes, and have its coordinator know the others."""
    for node in nodes:
        execute(at(admin_dsn, node), sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        execute(at(admin_dsn, node, database), sql.SQL("CREATE EXTENSION citus"))
    coordinator, *workers = nodes
    dsn = at(admin_dsn, coordinator, database)
    execute(dsn, sql.SQL("SELECT citus_set_coordinator_host({}, {})").format(*map(sql.Literal, coordinator)))
    for worker in workers:
        execute(dsn, sql.SQL("SELECT citus_add_node({}, {})").format(*map(sql.Literal, worker)))


def drop_database(admin_dsn: str, database: str, nodes: Sequence[Node]) -> None:
    """Drop a database on these nodes."""
    for node in nodes:
        name = sql.Identifier(database)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
        wait_until(partial(_is_dropped, at(admin_dsn, node), drop), what=f"{database} is dropped")


def _is_dropped(dsn: str, drop: sql.Composable) -> bool:
    """Try to drop a database, which Citus' own processes may use at any moment."""
    try:
        execute(dsn, drop)
    except psycopg.errors.ObjectInUse:
        return False
    return True


def at(admin_dsn: str, node: Node, database: str | None = None) -> str:
    """Give a superuser's DSN of a node, for this or another database."""
    host, port = node
    return make_conninfo(admin_dsn, host=host, port=port, **({} if database is None else {"dbname": database}))


def execute(dsn: str, statement: sql.Composable) -> None:
    """Run one statement on a node."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


def node_of(installation: Installation, schema: str) -> Node:
    """Give the node that a cell is on."""
    query = "SELECT DISTINCT nodename, nodeport FROM citus_shards WHERE shard_name LIKE %s"
    ((host, port),) = installation.rows(query, f"{schema}.%")
    return host, port


def other_worker(installation: Installation, schema: str) -> Node:
    """Give a worker that a cell is not on."""
    here = node_of(installation, schema)
    _, *workers = installation.cluster.nodes
    return next(worker for worker in workers if worker != here)


def move(installation: Installation, schema: str, node: Node) -> None:
    """Have Citus move a cell to a node, online, once that node is free of what an earlier move left there."""
    with installation.connect(autocommit=True) as connection:
        wait_until(lambda: _is_cleaned_up(connection), what="Citus has removed what was left of cells")
        connection.execute("SELECT citus_schema_move(%s, %s, %s)", [schema, *node])


def _is_cleaned_up(connection: psycopg.Connection) -> bool:
    connection.execute("CALL citus_cleanup_orphaned_resources()")
    return connection.execute("SELECT FROM pg_dist_cleanup").fetchone() is None
