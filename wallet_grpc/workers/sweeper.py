"""Sweeper: marks the reservations of credit wallets whose time is over, a bounded chunk at a time.

Nothing waits for it: see `store/reservations.py`. Any number may run.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter

from wallet_grpc.store.pool import DatabaseUnavailableError
from wallet_grpc.store.reservations import ReservationStore, Swept

from .pause import pause

_log = structlog.get_logger(__name__)

_REST_PER_WORK = 4
"""How long to rest after a chunk, in times of what it took: writes go on at their pace while a million are swept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweeperSettings:
    """The worker's bounds."""

    poll_ms: int
    chunk_reservations_max: int


class Sweeper:
    """Sweeps expired reservations; `run` is its task."""

    def __init__(self, settings: SweeperSettings, store: ReservationStore, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._store = store
        self._swept = Counter("wallet_reservations_expired", "Reservations that were swept", registry=registry)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            began = time.monotonic()
            try:
                swept = await self._store.sweep(rows_max=self._settings.chunk_reservations_max)
            except DatabaseUnavailableError as error:
                _log.warning("sweep_postponed", cause=str(error))
                swept = Swept(reservations=0, more=False)
            self._swept.inc(swept.reservations)
            if swept.more:
                await asyncio.sleep(_REST_PER_WORK * (time.monotonic() - began))
            else:
                await pause(self._settings.poll_ms)
