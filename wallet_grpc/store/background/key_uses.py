"""When keys were last used: what a process saw since it last told, stored in one statement.

Any number of processes tell of the same keys: the latest use stays, and rows are taken in one order, so that none waits
for another in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping

from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "key_uses.sql")


class KeyUseStore:
    """Stores when keys were last used. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, ages_s: Mapping[str, float]) -> None:
        """Store how long ago each key was used, in seconds, by its key_id."""
        key_ids = sorted(ages_s)
        parameters = {"key_ids": key_ids, "ages_s": [ages_s[key_id] for key_id in key_ids]}
        async with self._pool.connection() as connection:
            await connection.execute(_SQL["note"], parameters)
