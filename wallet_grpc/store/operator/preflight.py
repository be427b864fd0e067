"""What a database must be before the service serves on it: ours, migrated, of our environment, and durable."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from wallet_grpc.domain.cells import Cell, Cells
from wallet_grpc.store.connection.check import (
    ConnectionsUnavailableError,
    UnfitConnectionsError,
    check_connections,
    with_advice,
)
from wallet_grpc.store.connection.kinds import ConnectionKind, command, connect, encoding_fault
from wallet_grpc.store.connection.statements import statements

from .cells import all_cells
from .migrate import MigrationError, pending_migrations

_SQL = statements(__package__, "preflight.sql")
_WANTED_PRED_LOCKS = {
    "max_pred_locks_per_page": 200,
    "max_pred_locks_per_relation": 10_000,
    "max_pred_locks_per_transaction": 1_024,
}


class UnfitDatabaseError(Exception):
    """The service must not serve on this database; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """What a process is told of a database that it may serve on."""

    messages: Sequence[str]
    """What is worth telling, but no reason not to serve."""
    cells: Cells
    cells_away: Mapping[Cell | None, str]
    """Cells that cannot be reached now, each with why; the others can be served."""


def check_database(
    database_url: str,
    environment: str,
    *,
    timeout_s: int,
    kinds: Sequence[ConnectionKind] = (),
    served: Collection[int] | None = None,
    owners_locked_max: int = 0,
) -> Fitness:
    """Check the database that the service is to serve on, and the connections of these kinds to it.

    `served` are the cells that it is to serve; all of them if it does not say. `owners_locked_max` is how many owners
    its lanes lock at once in each of them.

    Raises:
        UnfitDatabaseError: It is not to be served on, or it cannot be reached.
    """
    try:
        with connect(
            database_url, command("wallet-preflight", timeout_ms=timeout_s * 1000).of_cell(None), autocommit=True
        ) as connection:
            settings = _settings_of_ours(connection, environment)
            count = len(all_cells(connection))
    except MigrationError as error:
        raise UnfitDatabaseError(str(error)) from error
    except psycopg.OperationalError as error:
        raise UnfitDatabaseError(f"the database cannot be reached: {with_advice(error, database_url)}") from error
    _refuse_undurable(settings)
    try:
        cells = Cells(count, served)
    except ValueError as error:
        raise UnfitDatabaseError(f"WALLET_CELLS: {error}") from None
    away: Mapping[Cell | None, str] = {}
    if kinds:
        of_cells = [kind.of_cell(cell) for cell in cells.served for kind in kinds]
        try:
            away = asyncio.run(check_connections(database_url, of_cells, on_primary=True))
        except (ConnectionsUnavailableError, UnfitConnectionsError) as error:
            raise UnfitDatabaseError(str(error)) from error
    return Fitness(
        cells=cells,
        cells_away=away,
        messages=[
            f"{name} is {settings[name]}; {wanted} serves SERIALIZABLE transactions better"
            for name, wanted in _WANTED_PRED_LOCKS.items()
            if 0 <= int(settings[name]) < wanted
        ]
        + _few_locks(settings, owners_locked_max * len(cells.served))
        + _slow_moves(settings),
    )


def _settings_of_ours(connection: psycopg.Connection[Any], environment: str) -> dict[str, str]:
    """Refuse a database that is not ours, not migrated or of another environment; give what else is looked at.

    Raises:
        UnfitDatabaseError: It is one of these.
        MigrationError: Nobody can tell, as there are no migrations here.
    """
    fault = encoding_fault(connection)
    if fault is not None:
        raise UnfitDatabaseError(fault)
    pending = pending_migrations(connection)
    if pending:
        raise UnfitDatabaseError(f"migrations are behind: {', '.join(pending)}; run `wallet migrate` first")
    row = connection.execute(_SQL["environment"]).fetchone()
    if row is None:
        raise UnfitDatabaseError("the database was never set up as an installation; run `wallet migrate`")
    if row[0] != environment:
        raise UnfitDatabaseError(
            f"the database is a {row[0]} installation, and WALLET_ENVIRONMENT is {environment}; "
            "test and real money never share a database"
        )
    if connection.execute(_SQL["unfinished_copy"]).fetchone() is not None:
        raise UnfitDatabaseError("a copy fills this installation: serve when `wallet copy --finish` has made it ready")
    return dict(connection.execute(_SQL["settings"]).fetchall())


def _few_locks(settings: Mapping[str, str], owners_locked_max: int) -> list[str]:
    """Tell where lanes could take more than half of the table of locks: a full one refuses everybody's statements."""
    sessions = int(settings["max_connections"]) + int(settings["max_prepared_transactions"])
    room = int(settings["max_locks_per_transaction"]) * sessions
    if owners_locked_max * 2 <= room:
        return []
    message = (
        f"PostgreSQL's table of locks has room for {room}, and the lanes here lock up to {owners_locked_max} owners at "
        "once (WALLET_LANES x WALLET_BATCH_OPERATIONS_MAX, times workers and cells): raise "
        "max_locks_per_transaction, or lower these, so that all processes together stay below half of it"
    )
    return [message]


def _slow_moves(settings: Mapping[str, str]) -> list[str]:
    """Tell where Citus would look once a second only whether a cell that it moves has caught up (docs/scaling.md)."""
    if "citus.shard_count" not in settings or settings["client_connection_check_interval"] != "0":
        return []
    message = (
        "client_connection_check_interval is 0; with 20ms on the coordinator of Citus, or in the session that moves a "
        "cell, that cell waits up to a second less"
    )
    return [message]


def _refuse_undurable(settings: Mapping[str, str]) -> None:
    """Refuse sessions that would lose what they acknowledge, or skip the ledger's triggers."""
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if settings[name] == "off":
            raise UnfitDatabaseError(f"{name} is off: what the wallet acknowledges would not be durable; turn it on")
    if settings["session_replication_role"] != "origin":
        raise UnfitDatabaseError(
            f"session_replication_role is {settings['session_replication_role']}: the ledger's triggers would not "
            "fire; take it from the login's or the database's settings"
        )
