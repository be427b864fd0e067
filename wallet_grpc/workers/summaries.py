"""Summaries: keeps what operators' searches look through up with what is written, every few seconds.

Nothing waits for it: see `store/background/summaries.py`. Any number may run.
"""

from __future__ import annotations

from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, keep_going
from wallet_grpc.store.background.summaries import INDEXES, SummaryStore

_WORKER = "summaries"
_EVERY_MS = 5_000
"""A search reads what was written since: some 10,000 rows where 2,000 bets a second come, a few milliseconds."""


class SummaryWorker:
    """Makes summaries in one cell; `run` is its task."""

    def __init__(self, store: SummaryStore, chores: ChoreMetrics) -> None:
        self._store = store
        self._chores = chores
        self._since = dict.fromkeys(INDEXES, 0)

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def _turn(self) -> float:
        for index_name, since_page in self._since.items():
            self._since[index_name] = await self._store.summarize(index_name, since_page=since_page)
        return _EVERY_MS
