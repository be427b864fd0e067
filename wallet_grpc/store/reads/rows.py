"""Rows of a read, each with its columns by name: their order in the statement means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg.rows import namedtuple_row

from wallet_grpc.store.connection.pool import Connection


async def rows_of(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
    """Run a statement, and give its rows."""
    cursor = connection.cursor(row_factory=namedtuple_row)
    return list(await (await cursor.execute(statement, parameters)).fetchall())
