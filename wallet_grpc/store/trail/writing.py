"""A transaction of a call that writes beside the lanes: it is stored, or nobody can tell, and the caller asks again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wallet_grpc.store.connection.pool import Connection, DatabaseUnavailableError, Pool


@asynccontextmanager
async def writing(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection with a transaction open, which is committed at the end, on the standby as well.

    Raises:
        DatabaseUnavailableError: None could be had; nothing was stored.
        TimeoutError: It broke under the transaction, which may be stored.
    """
    is_lent = False
    try:
        async with pool.connection() as connection:
            is_lent = True
            async with connection.transaction():
                yield connection
            await pool.confirm(connection)
    except DatabaseUnavailableError as error:
        if is_lent:
            raise TimeoutError(str(error)) from error
        raise
