"""The installation: what others know this database by."""

from __future__ import annotations

from uuid import UUID, uuid5

from wallet_grpc.store.connection.pool import Pool, only_row
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "installation.sql")


async def installation_uuid(pool: Pool) -> UUID:
    """Give the name of this installation, which a copy of its database beside it does not share.

    Raises:
        DatabaseUnavailableError: The database does not answer.
    """
    async with pool.connection() as connection:
        uuid, database = await only_row(connection, _SQL["installation"])
    return uuid5(uuid, str(database))
