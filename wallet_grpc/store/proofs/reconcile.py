"""Reconciliation: what a source played in a period, and how that differs from what the source says it played.

Rows are streamed through a cursor of the server, and a file to compare with is copied into a temporary table, so the
memory that this takes does not grow with the period. The first row names the columns, as in a CSV: which there are and
in what order they are printed is said by the statement alone.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TextIO

import psycopg

from wallet_grpc.store.connection.kinds import command, connect, connect_async
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import FutureMomentError, Moments

_SQL = statements(__package__, "reconcile.sql")
_FETCHED_AT_ONCE = 5_000
_LEAD_MS = 60_000
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
        unix_ms = max(0, int(self.begins_at.timestamp() * 1000) - _LEAD_MS)
        first = f"{unix_ms:012x}"
        return {
            "source": self.source,
            "begins_at": self.begins_at,
            "ends_at": self.ends_at,
            "first_tx_id": f"{first[:8]}-{first[8:]}-7000-8000-000000000000",
        }


def settle(database_url: str, period: Period) -> bool:
    """Wait until nothing can come to the period any more; False if it has not ended yet, and more will.

    Raises:
        UnsettledMomentError: What happened until its end is still being stored.
        psycopg.Error: The database does not answer.
    """

    async def wait() -> None:
        async with await connect_async(database_url, command("wallet-reconcile")) as connection:

            async def ask(statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
                return await (await connection.execute(statement, parameters)).fetchall()

            await Moments(ask).settle(period.ends_at)

    try:
        asyncio.run(wait())
    except FutureMomentError:
        return False
    return True


def transactions(database_url: str, period: Period) -> Iterator[Sequence[Any]]:
    """Give every transaction of the period."""
    with _connected(database_url) as connection:
        yield from _streamed(connection, "transactions", period.parameters)


def rounds(database_url: str, period: Period) -> Iterator[Sequence[Any]]:
    """Give every round of the period, with what was played in it then."""
    with _connected(database_url) as connection:
        yield from _streamed(connection, "rounds", period.parameters)


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
    with _connected(database_url) as connection:
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
        yield from _streamed(connection, "compare", {**period.parameters, "by_session": "session_token" in columns})


@contextmanager
def _connected(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url, command("wallet-reconcile")) as connection:
        yield connection


def _streamed(connection: psycopg.Connection[Any], name: str, parameters: dict[str, object]) -> Iterator[Sequence[Any]]:
    with connection.cursor(name=f"reconcile_{name}") as cursor:
        cursor.itersize = _FETCHED_AT_ONCE
        cursor.execute(_SQL[name], parameters)
        yield [column.name for column in cursor.description or ()]
        yield from cursor
