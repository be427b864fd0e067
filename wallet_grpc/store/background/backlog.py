"""What waits to be done in the background, as the database has it: whether those who do it run or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.queues.outbox import OutboxReader
from wallet_grpc.store.reads.rows import rows_together

_SQL = statements(__package__, "backlog.sql")

_COUNT_MAX = 10_000
"""Where counts stop."""


class QueueState(NamedTuple):
    """What waits in a queue."""

    queue: str
    items: int
    oldest_s: float
    """For how long what waits longest has; 0 where nothing waits, or where nobody asks for it."""


class BacklogReader:
    """Looks at what waits. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._outbox = OutboxReader(pool)

    async def of_cell(self) -> Sequence[QueueState]:
        """Tell what waits in the pool's cell."""
        outbox = await self._outbox.backlog()
        return [
            QueueState("outbox", outbox.waiting, outbox.oldest_age_s),
            QueueState("outbox_parked", outbox.parked, 0.0),
            *await self._rows("postings", "of_cell"),
        ]

    async def shared(self) -> Sequence[QueueState]:
        """Tell what waits in what all cells share."""
        return await self._rows("shared")

    async def _rows(self, *names: str) -> Sequence[QueueState]:
        async with self._pool.connection() as connection:
            found = await rows_together(connection, [(_SQL[name], {"count_max": _COUNT_MAX}) for name in names])
        return [QueueState(row.queue, row.waiting, row.oldest_s) for rows in found for row in rows]
