"""Backlog: looks every few seconds what waits to be done in the background, and shows it.

Every server process does, of its cells and of what they share, so that a relay, a consumer or a poster that does not
run is seen all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, keep_going
from wallet_grpc.store.background.backlog import QueueState

from .metrics import WorkerMetrics

_WORKER = "backlog"
_EVERY_MS = 5_000


class BacklogWatch:
    """Shows what waits in one place; `run` is its task."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Sequence[QueueState]]],
        cell: str,
        chores: ChoreMetrics,
        counted: WorkerMetrics,
    ) -> None:
        """`look` tells what waits there; `cell` is its number, or empty for what all cells share."""
        self._look = look
        self._cell = cell
        self._chores = chores
        self._counted = counted

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def _turn(self) -> float:
        for waiting in await self._look():
            self._counted.backlog.labels(waiting.queue, self._cell).set(waiting.items)
            self._counted.backlog_oldest.labels(waiting.queue, self._cell).set(waiting.oldest_s)
        return _EVERY_MS
