"""Reconciliation: what a source played in a period, and how that differs from what the source says it played.

Rows are streamed through a cursor of the server, and a file to compare with is copied into a temporary table, so the
memory that this takes does not grow with the period. The first row names the columns, as in a CSV: which there are and
in what order they are printed is said by the statement alone. Of several cells one follows the other.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, LiteralString, TextIO

import psycopg

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.identifiers import first_id_at
from wallet_grpc.store.connection.kinds import command, connect, connect_async
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.cells import all_cells, look_into
from wallet_grpc.store.reads.moments import FutureMomentError, Moments

_SQL = statements(__package__, "reconcile.sql")
_KIND = command("wallet-reconcile")
_FETCHED_AT_ONCE = 5_000
_LEAD = timedelta(minutes=1)
"""A transaction's id carries the time of its batch or, where a clock went back, a later one: never an earlier."""


class UnreadableFileError(Exception):
    """The file to compare with is not as it must be; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What a source played from a time on, up to another."""

    source: str
    begins_at: datetime
    ends_at: datetime

    @property
    def parameters(self) -> dict[str, object]:
        """The period as the statements take it."""
        return {
            "source": self.source,
            "begins_at": self.begins_at,
            "ends_at": self.ends_at,
            "first_tx_id": first_id_at(self.begins_at, -_LEAD),
        }


def settle(database_url: str, period: Period) -> bool:
    """Wait until nothing can come to the period any more; False if it has not ended yet, and more will.

    Raises:
        UnsettledMomentError: What happened until its end is still being stored.
        psycopg.Error: The database does not answer.
    """

    async def wait(cell: Cell) -> None:
        async with await connect_async(database_url, _KIND.of_cell(cell)) as connection:

            async def ask(statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
                return await (await connection.execute(statement, parameters)).fetchall()

            await Moments(ask, cell).settle(period.ends_at)

    async def wait_for_all() -> None:
        for cell in _cells(database_url):
            await wait(cell)

    try:
        asyncio.run(wait_for_all())
    except FutureMomentError:
        return False
    return True


def transactions(database_url: str, period: Period) -> Iterator[Sequence[Any]]:
    """Give every transaction of the period."""
    yield from _of_cells(database_url, "transactions", period.parameters)


def rounds(database_url: str, period: Period) -> Iterator[Sequence[Any]]:
    """Give every round of the period, with what was played in it then."""
    yield from _of_cells(database_url, "rounds", period.parameters)


def differences(database_url: str, period: Period, theirs: TextIO) -> Iterator[Sequence[Any]]:
    """Compare the applied transactions of the period with a CSV of the source's own, by transaction_id.

    The file needs a column `transaction_id`; `session_token`, `kind`, `amount_minor` and `round_id` are compared where
    it has them. `missing` is not here, `extra` is not in the file. Without a column `session_token` ids are taken to be
    unique over all sessions.

    Raises:
        UnreadableFileError: The file has no such column, or is no CSV.
    """
    reader = csv.DictReader(theirs)
    columns = set(reader.fieldnames or ())
    if "transaction_id" not in columns:
        raise UnreadableFileError("the first line must name the columns, `transaction_id` among them")
    with connect(database_url, _KIND) as connection:
        connection.execute(_SQL["make_theirs"])
        with connection.cursor() as cursor, cursor.copy(_SQL["copy_theirs"]) as copy:
            try:
                for row in reader:
                    copy.write_row(
                        (
                            row.get("session_token") or "",
                            row["transaction_id"],
                            (row["kind"] or "").upper() if "kind" in columns else None,
                            row["amount_minor"] if "amount_minor" in columns else None,
                            (row["round_id"] or "") if "round_id" in columns else None,
                        )
                    )
            except csv.Error as error:
                raise UnreadableFileError(f"line {reader.line_num}: {error}") from error
        connection.execute(_SQL["make_ours"])
        by_session = "session_token" in columns
        for cell in all_cells(connection):
            look_into(connection, cell)
            connection.execute(_SQL["fill_ours"], {**period.parameters, "by_session": by_session})
        yield from _streamed(connection, "compare", {})


def _cells(database_url: str) -> list[Cell]:
    with connect(database_url, _KIND) as connection:
        return all_cells(connection)


def _of_cells(database_url: str, name: str, parameters: dict[str, object]) -> Iterator[Sequence[Any]]:
    """Give a statement's rows in one cell after the other; the first row names the columns."""
    for place, cell in enumerate(_cells(database_url)):
        with connect(database_url, _KIND.of_cell(cell)) as connection:
            yield from islice(_streamed(connection, name, parameters), 1 if place else 0, None)


def _streamed(connection: psycopg.Connection[Any], name: str, parameters: dict[str, object]) -> Iterator[Sequence[Any]]:
    with connection.cursor(name=f"reconcile_{name}") as cursor:
        cursor.itersize = _FETCHED_AT_ONCE
        cursor.execute(_SQL[name], parameters)
        yield [column.name for column in cursor.description or ()]
        yield from cursor
