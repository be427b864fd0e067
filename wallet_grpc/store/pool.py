"""Connections for everything but the lanes: reads, callers' keys, currency networks.

A read that meets a dead connection (the database was restarted) is not worth an error: the pool checks a connection
before it lends it, and asks for no longer than the settings allow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

Connection = psycopg.AsyncConnection[Any]


class DatabaseUnavailableError(Exception):
    """The database does not answer; nothing was changed."""


class ReadPool:
    """A small pool of READ COMMITTED connections that never write."""

    def __init__(self, database_url: str, *, connections_max: int, wait_ms: int, timeout_ms: int) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=connections_max,
            timeout=wait_ms / 1000,
            reconnect_timeout=1.0,
            max_waiting=connections_max * 50,
            check=AsyncConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": max(2, timeout_ms // 1000),
                "application_name": "wallet-read",
                "options": f"-c statement_timeout={timeout_ms} -c default_transaction_read_only=on",
            },
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
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailableError(str(error)) from error
