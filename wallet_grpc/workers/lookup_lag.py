"""How far the server is behind that operators look things up on, where it is another one: looked at every few seconds.

While it does not answer, this worker has no success, which is told as of any worker; what was seen last stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, keep_going

from .metrics import WorkerMetrics

_WORKER = "lookup lag"
_EVERY_MS = 5_000


class LookupLagWatch:
    """Shows how old what operators see is; `run` is its task."""

    def __init__(self, behind_s: Callable[[], Awaitable[float]], chores: ChoreMetrics, counted: WorkerMetrics) -> None:
        """`behind_s` asks that server."""
        self._behind_s = behind_s
        self._chores = chores
        self._counted = counted

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def _turn(self) -> float:
        self._counted.lookup_lag.set(await self._behind_s())
        return _EVERY_MS
