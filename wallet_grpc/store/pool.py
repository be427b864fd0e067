"""Connections for everything but the lanes: reads, callers' keys, currency networks, the inbox.

A read that meets a dead connection (the database was restarted) is not worth an error: a connection is checked
before it is lent, and waits for no longer than the settings allow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from . import connections
from .sqlstates import is_outage, is_wrong_server
from .standby import UnconfirmedError, confirm

Connection = psycopg.AsyncConnection[Any]

_KEYED_LOOKUPS: tuple[LiteralString, ...] = (
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    "SET LOCAL jit = off",
)
_RECONNECT_TIMEOUT_S = 0.2
"""How long the pool tries by itself; then whoever asks for a connection makes it try at once. Its own waits begin with
a second and double: it would look away for seconds from a database that is back."""


class DatabaseUnavailableError(Exception):
    """The database does not answer; nothing was changed."""


class Pool:
    """A small pool of READ COMMITTED connections, which cannot write unless it was made for it."""

    def __init__(
        self, database_url: str, *, connections_max: int, wait_ms: int, timeout_ms: int, writes: bool = False
    ) -> None:
        self._wait_s = wait_ms / 1000
        kind = connections.pooled(writes=writes, timeout_ms=timeout_ms)
        self._timeout_s = timeout_ms / 1000
        self._writes = writes
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=connections_max,
            reconnect_timeout=_RECONNECT_TIMEOUT_S,
            max_waiting=connections_max * 50,
            kwargs={"autocommit": True, **kind.parameters(database_url)},
            configure=kind.set_up,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting, without waiting for it."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection.

        Raises:
            DatabaseUnavailableError: None could be had in time, it broke, or the statement took too long.
        """
        try:
            connection = await self._sound_connection()
            try:
                yield connection
            except psycopg.Error as error:
                if self._writes and is_wrong_server(error):
                    await connection.close()  # the next one may lead to a server that can
                raise
            finally:
                await self._pool.putconn(connection)
        except PoolTimeout as error:
            raise DatabaseUnavailableError(str(error)) from error
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

    async def _sound_connection(self) -> Connection:
        """Take a connection that answers.

        The pool's own check waits for a second after the second dead connection, which is as long as we wait at all.
        """
        deadline = time.monotonic() + self._wait_s
        while True:
            connection = await self._pool.getconn(timeout=deadline - time.monotonic())
            try:
                await connection.execute("")
            except psycopg.Error:
                await self._pool.putconn(connection)  # it sees that it is broken, and makes another
            except BaseException:
                await self._pool.putconn(connection)
                raise
            else:
                return connection


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
