"""Rows of a read, each with its columns by name: their order in the statement means nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg.rows import namedtuple_row

from wallet_grpc.store.connection.dialing import together
from wallet_grpc.store.connection.pool import Connection


async def rows_of(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
    """Run a statement, and give its rows."""
    cursor = connection.cursor(row_factory=namedtuple_row)
    return list(await (await cursor.execute(statement, parameters)).fetchall())


async def rows_together(
    connection: Connection, asked: Sequence[tuple[LiteralString, Mapping[str, object]]]
) -> list[list[Any]]:
    """Run statements in one round trip, and give the rows of each; each has the time that it would have alone."""
    async with together(connection, len(asked)):
        cursors = [connection.cursor(row_factory=namedtuple_row) for _ in asked]
        for cursor, (statement, parameters) in zip(cursors, asked, strict=True):
            await cursor.execute(statement, parameters)
        return [await cursor.fetchall() for cursor in cursors]
