"""House: folds what batches added to house accounts into the accounts' balances, a bounded number of rows at a time.

Nothing waits for it: see `store/background/house_postings.py`. Any number may run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, keep_going
from wallet_grpc.store.background.house_postings import HousePostingStore

from .metrics import WorkerMetrics

_WORKER = "house"


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseSettings:
    """The worker's bounds."""

    poll_ms: int
    """How often it looks."""
    round_rows_max: int
    """How many rows it folds at a time."""


class HouseWorker:
    """Folds house postings; `run` is its task."""

    def __init__(
        self, settings: HouseSettings, store: HousePostingStore, chores: ChoreMetrics, counted: WorkerMetrics
    ) -> None:
        self._settings = settings
        self._store = store
        self._chores = chores
        self._folded = counted.folded

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def _turn(self) -> float:
        """Fold a round; gives how long to rest, in ms: not at all where there may be more."""
        folded = await self._store.fold(rows_max=self._settings.round_rows_max)
        self._folded.inc(folded)
        return 0 if folded == self._settings.round_rows_max else self._settings.poll_ms
