"""Connections for everything but the lanes: reads, callers' keys, currency networks, the inbox.

A read that meets a dead connection (the database was restarted) is not worth an error: a connection is asked whether it
is there before it is lent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg

from wallet_grpc.domain.cells import ONLY_CELL, Cell

from . import kinds
from .kinds import connect_async
from .lending import CellsSilentError, ConnectionPool, ConnectionsBusyError, DatabaseUnavailableError
from .sqlstates import is_outage, is_wrong_server
from .standby import UnconfirmedError, confirm

__all__ = [
    "CellsSilentError",
    "Connection",
    "ConnectionsBusyError",
    "DatabaseUnavailableError",
    "Pool",
    "look_up_by_key",
    "only_row",
]

Connection = psycopg.AsyncConnection[Any]

_KEYED_LOOKUPS: tuple[LiteralString, ...] = (
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    "SET LOCAL jit = off",
)
_WAITING_PER_CONNECTION = 50


class Pool(ConnectionPool):
    """A small pool of READ COMMITTED connections, which cannot write unless it was made for it."""

    def __init__(
        self,
        database_url: str,
        *,
        connections_max: int,
        wait_ms: int,
        timeout_ms: int,
        waiting_max: int | None = None,
        writes: bool = False,
        cell: Cell | None = ONLY_CELL,
        kind: kinds.ConnectionKind | None = None,
    ) -> None:
        """Make a pool for a cell. Its connections are of the kind that pools have, unless another one is given."""
        kind = (kind or kinds.pooled(writes=writes, timeout_ms=timeout_ms)).of_cell(cell)
        self.cell = ONLY_CELL if cell is None else cell
        """Whose tables its connections see; the first, where they see those of none."""
        self._writes = writes
        self._timeout_s = timeout_ms / 1000
        super().__init__(
            lambda: connect_async(database_url, kind),
            connections_max=connections_max,
            waiting_max=connections_max * _WAITING_PER_CONNECTION if waiting_max is None else waiting_max,
            wait_ms=wait_ms,
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection.

        Raises:
            ConnectionsBusyError: Too many others want one.
            DatabaseUnavailableError: None could be had in time, it broke, or the statement took too long.
        """
        try:
            connection = await self.take_sound()
            try:
                yield connection
            except psycopg.Error as error:
                if self._writes and is_wrong_server(error):
                    await connection.close()  # the next one may lead to a server that can
                raise
            finally:
                await self.give_back(connection)
        except psycopg.Error as error:
            if is_outage(error) and (self._writes or not is_wrong_server(error)):
                raise DatabaseUnavailableError(str(error)) from error
            raise

    async def confirm(self, connection: Connection) -> None:
        """Wait until what this pool's connection has shown is on the synchronous standby, if there is one.

        Raises:
            DatabaseUnavailableError: It cannot be told now.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await confirm(connection)
        except (UnconfirmedError, TimeoutError) as error:
            raise DatabaseUnavailableError(str(error)) from error


async def only_row(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object] | None = None
) -> Any:
    """Give the row of a statement that always has exactly one."""
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row


async def look_up_by_key(connection: Connection) -> None:
    """Have the rest of a transaction look rows up by their keys, one by one, whatever the tables' statistics say."""
    await connection.execute("; ".join(_KEYED_LOOKUPS), prepare=False)  # one round trip: it has no parameters
