"""Citus, as `wallet migrate` and the checks before a start see it: what it must be, and how tables get to its nodes.

A cell's schema is distributed when it is made: Citus puts each table that is created in it on one node, all of a cell
on the same. What all cells share becomes reference tables, copied to every node, so that a cell's node has all that its
statements read.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from wallet_grpc.store.connection.kinds import SHARED_SCHEMA
from wallet_grpc.store.connection.placement import IS_CITUS
from wallet_grpc.store.connection.statements import statements

from .migration_files import MigrationError

_SQL = statements(__package__, "citus.sql")
_VERSION_MIN = 13
_SERVICE = "wallet_service"
_SETTINGS: tuple[LiteralString, ...] = (
    "SET citus.enable_schema_based_sharding = on",
    # Triggers of shards do what triggers of tables do: those of a cell look at rows of the cell only.
    "SET citus.enable_unsafe_triggers = on",
    # One connection to each node, so that all of a migration is one transaction there.
    "SET citus.multi_shard_modify_mode = sequential",
)


def is_citus(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the database is one of a Citus cluster."""
    row = connection.execute(IS_CITUS).fetchone()
    return row is not None and bool(row[0])


def prepare_citus(connection: psycopg.Connection[Any]) -> None:
    """See that the cluster is one to build cells on, and set the session for it.

    Raises:
        MigrationError: It is not, or this is not its coordinator.
    """
    faults = citus_faults(connection)
    if faults:
        raise MigrationError("; ".join(faults))
    for setting in _SETTINGS:
        connection.execute(setting)


def citus_faults(connection: psycopg.Connection[Any]) -> list[str]:
    """Tell what keeps a cluster from carrying cells; nothing, if all is well."""
    row = connection.execute(_SQL["cluster"]).fetchone()
    assert row is not None
    version, on_coordinator, knows_coordinator, workers = row
    if int(version.split(".")[0]) < _VERSION_MIN:
        return [f"Citus is {version}; cells need {_VERSION_MIN} or later"]
    if not on_coordinator:
        return ["this is a worker of the Citus cluster: let WALLET_ADMIN_DATABASE_URL lead to its coordinator"]
    if not knows_coordinator:
        return ["the Citus cluster does not know its coordinator's address: run citus_set_coordinator_host there"]
    if not workers:
        return ["the Citus cluster has no workers: add them with citus_add_node"]
    return [
        f"{name} is {value} on the node {host}:{port}; {why}"
        for name, value, host, port, why in connection.execute(_SQL["unfit_settings"]).fetchall()
    ]


def copy_shared_tables(connection: psycopg.Connection[Any]) -> None:
    """Have Citus copy to every node what all cells share, as far as it does not, and let the service write it there.

    Whoever inserts into a table that refers to another one locks that one on the first worker as well, and Citus lets
    nobody lock there who may not insert into it. So on Citus the service may insert currency networks too.
    """
    for (table,) in connection.execute(_SQL["uncopied"], {"schema": SHARED_SCHEMA}).fetchall():
        name = sql.Literal(f"{SHARED_SCHEMA}.{table}")
        connection.execute(sql.SQL("SELECT create_reference_table({})").format(name))
    named = {"schema": SHARED_SCHEMA, "role": _SERVICE}
    for (table,) in connection.execute(_SQL["referred_to"], named).fetchall():
        grant = sql.SQL("GRANT INSERT ON {} TO {}")
        connection.execute(grant.format(sql.Identifier(SHARED_SCHEMA, table), sql.Identifier(_SERVICE)))
