"""Days: counts what was done into the open business day, every few seconds, and closes days that are over.

Any number may run: a slice is counted by one at a time, and what another one is at is left to it (see
`store/background/days.py`). What is behind, at first or after a standstill, is counted with pauses as long as the work,
so that bets keep most of the database to themselves.
"""

from __future__ import annotations

import time
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, PostponedError, keep_going
from wallet_grpc.store.background.days import DayStore
from wallet_grpc.store.reads.moments import UnsettledMomentError

from .metrics import WorkerMetrics

_WORKER = "days"


class DayWorker:
    """Counts days; `run` is its task."""

    def __init__(self, interval_ms: int, store: DayStore, chores: ChoreMetrics, counted: WorkerMetrics) -> None:
        self._interval_ms = interval_ms
        self._store = store
        self._chores = chores
        self._counted = counted
        self._counted_at = time.monotonic()
        counted.watch_days(self.lag_s)

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    def lag_s(self) -> float:
        """Tell how long ago that is up to which all is counted, in seconds, as far as seen: it grows by itself."""
        return time.monotonic() - self._counted_at

    async def _turn(self) -> float:
        """Count a round; gives how long to rest, in ms."""
        began = time.monotonic()
        try:
            counted = await self._store.count()
        except UnsettledMomentError as error:  # a frozen process holds its time; what is before it is counted
            raise PostponedError("a transaction of that time does not end", pause_ms=self._interval_ms) from error
        self._counted.day_transactions.inc(counted.transactions)
        self._counted.days_closed.inc(counted.days_closed)
        ended = time.monotonic()
        self._counted_at = ended - counted.lag_s
        if counted.clock_ahead:
            raise PostponedError("the database's clock is ahead of this process's own", pause_ms=self._interval_ms)
        return (ended - began) * 1000 if counted.full else self._interval_ms
