"""Sweeper: marks the reservations of credit wallets whose time is over, a bounded chunk at a time.

Nothing waits for it: see `store/background/reservations.py`. Any number may run. A wallet whose reservations cannot be
marked is set aside.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, PostponedError, SetAside, keep_going
from wallet_grpc.store.background.reservations import ReservationStore

from .metrics import WorkerMetrics

_WORKER = "sweeper"
_REST_PER_WORK = 4
"""How long to rest after a chunk, in times of what it took: writes go on at their pace while a million are swept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweeperSettings:
    """The worker's bounds."""

    poll_ms: int
    chunk_reservations_max: int


class Sweeper:
    """Sweeps expired reservations; `run` is its task."""

    def __init__(
        self, settings: SweeperSettings, store: ReservationStore, chores: ChoreMetrics, counted: WorkerMetrics
    ) -> None:
        self._settings = settings
        self._store = store
        self._chores = chores
        self._aside: SetAside[str] = SetAside(_WORKER, "wallet_id", chores)
        self._swept = counted.swept

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def _turn(self) -> float:
        """Sweep a chunk; gives how long to rest, in ms."""
        began = time.monotonic()
        swept = await self._store.sweep(self._aside.waiting(), rows_max=self._settings.chunk_reservations_max)
        self._swept.inc(swept.reservations)
        for wallet_id, error in swept.failed:
            self._aside.put(wallet_id, error)
        for wallet_id in swept.wallets:
            self._aside.done(wallet_id)
        if swept.failed and not swept.wallets:
            raise PostponedError("no wallet's reservations could be marked", pause_ms=self._settings.poll_ms)
        if swept.more:
            return _REST_PER_WORK * (time.monotonic() - began) * 1000
        return self._settings.poll_ms
