"""A transaction of a call that writes beside the lanes: it is stored, or nobody can tell, and the caller asks again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg

from wallet_grpc.store.connection.pool import Connection, DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.sqlstates import LOCK_NOT_AVAILABLE, RACES_LOST

Written = TypeVar("Written")

_ATTEMPTS_MAX = 3
_UNDONE = RACES_LOST - {LOCK_NOT_AVAILABLE}
"""After which it is tried anew at once; a lock that could not be had has taken its time already."""


class _UndoneError(Exception):
    """Nothing was stored, because others wrote or held the same rows."""


async def written(pool: Pool, write: Callable[[Connection], Awaitable[Written]]) -> Written:
    """Give what `write` gives in a transaction that is then stored; it is tried anew where others were in its way.

    On Citus two who write the same row of what all cells share wait for each other on two nodes, if each began on its
    own: one of them is undone.

    Raises:
        DatabaseUnavailableError: No connection could be had, or others were in the way each time; nothing was stored.
        TimeoutError: It broke under the transaction, which may be stored.
    """
    undone = ""
    for _ in range(_ATTEMPTS_MAX):
        try:
            async with _writing(pool) as connection:
                return await write(connection)
        except _UndoneError as error:
            undone = str(error)
    raise DatabaseUnavailableError(undone)


@asynccontextmanager
async def _writing(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection with a transaction open, which is committed at the end, on the standby as well."""
    is_lent = False
    try:
        async with pool.connection() as connection:
            is_lent = True
            try:
                async with connection.transaction():
                    yield connection
            except psycopg.Error as error:
                if error.sqlstate in _UNDONE:
                    raise _UndoneError(str(error)) from error
                raise
            await pool.confirm(connection)
    except DatabaseUnavailableError as error:
        if is_lent:
            raise TimeoutError(str(error)) from error
        raise
