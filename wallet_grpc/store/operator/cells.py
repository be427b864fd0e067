"""The cells of an installation as commands see them: which there are, what is in each, and a look into one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.rows import namedtuple_row

from wallet_grpc.domain.cells import Cell, schema_of
from wallet_grpc.store.connection.kinds import SHARED_SCHEMA
from wallet_grpc.store.connection.placement import node_of_cell
from wallet_grpc.store.connection.sqlstates import is_outage
from wallet_grpc.store.connection.statements import statements

T = TypeVar("T")

_SQL = statements(__package__, "cells.sql")
_BACKLOG = statements("wallet_grpc.store.queues", "outbox.sql")["backlog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCell:
    """A cell as it is listed; nothing but its number is known of one that does not answer."""

    cell: int
    answers: bool
    node: str | None = None
    """Host and port, on Citus; else empty: all cells are in the one database."""
    size_bytes: int | None = None
    """Of its tables with their indexes."""
    owners: int | None = None
    """Players with an account in it, and credit wallets."""
    transactions_per_s: float | None = None
    """Transactions of its ledger, over the last ten seconds."""
    outbox_waiting: int | None = None
    """Events that are not published, up to a hundred thousand."""
    outbox_oldest_s: float | None = None
    """How old the oldest of them is."""


def all_cells(connection: psycopg.Connection[Any]) -> list[Cell]:
    """Give the cells of the installation, in order; none, where it was never set up."""
    row = connection.execute(_SQL["has_cells"]).fetchone()
    if row is None or not row[0]:
        return []
    return [Cell(number) for (number,) in connection.execute(_SQL["cells"]).fetchall()]


def look_into(connection: psycopg.Connection[Any], cell: Cell) -> None:
    """Have a connection see the tables of this cell from now on, beside those that all share."""
    connection.execute(f"SET search_path = {schema_of(cell)}, {SHARED_SCHEMA}".encode())


@contextmanager
def looking_around(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Look into cells in this block; afterwards the connection sees again what it saw before."""
    path = connection.execute(_SQL["path"]).fetchone()
    assert path is not None
    yield
    connection.execute(_SQL["set_path"], {"path": path[0]})  # what is raised in a transaction undoes it by itself


def look_at_shared(connection: psycopg.Connection[Any]) -> None:
    """Have a connection see what all cells share from now on, and no cell."""
    connection.execute(f"SET search_path = {SHARED_SCHEMA}".encode())


def list_cells(connection: psycopg.Connection[Any]) -> list[ListedCell]:
    """Give all cells, in order."""
    asked = ask_each(connection, all_cells(connection), lambda cell: _listed(connection, cell))
    return [ListedCell(cell=cell, answers=False) if listed is None else listed for cell, listed in asked]


def ask_each(
    connection: psycopg.Connection[Any], cells: Sequence[Cell], ask: Callable[[Cell], T]
) -> Iterator[tuple[Cell, T | None]]:
    """Look into cells, one after the other, and give what was asked of each; None if it does not answer in seconds."""
    for cell in cells:
        answer = None
        try:
            with connection.transaction():
                connection.execute(_SQL["bound_waits"])
                look_into(connection, cell)
                answer = ask(cell)
        except psycopg.Error as error:
            if connection.broken or not is_outage(error):
                raise
        yield cell, answer


def _listed(connection: psycopg.Connection[Any], cell: Cell) -> ListedCell:
    node = node_of_cell(connection, schema_of(cell))
    size = "size" if node is None else "size_on_citus"
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        (size_bytes,) = cursor.execute(_SQL[size], {"schema": schema_of(cell)}).fetchone() or (0,)
        found: Any = cursor.execute(_SQL["activity"]).fetchone()
        backlog: Any = cursor.execute(_BACKLOG).fetchone()
    return ListedCell(
        cell=cell,
        answers=True,
        node=node or "",
        size_bytes=size_bytes,
        owners=found.owners,
        transactions_per_s=float(found.transactions_per_s),
        outbox_waiting=backlog.waiting,
        outbox_oldest_s=round(float(backlog.oldest_age_s), 1),
    )
