"""Key uses: tells the database when keys were last used, so that nobody keeps one that nobody needs.

Calls only note it in memory. A process that is killed leaves out what it saw since it last told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NoReturn, Protocol

from wallet_grpc.chores import ChoreMetrics, keep_going
from wallet_grpc.store.background.key_uses import KeyUseStore

_WORKER = "key uses"


class UsedKeys(Protocol):
    """Who sees keys being used: the key ring."""

    def take_uses(self) -> dict[str, float]:
        """Take what was used since the last time: each key_id with when (of `time.monotonic`) it was used last."""

    def put_back(self, uses: Mapping[str, float]) -> None:
        """Take back what could not be stored, to be given again."""


class KeyUseWorker:
    """Tells of uses; `run` is its task."""

    def __init__(self, interval_ms: int, seen: UsedKeys, store: KeyUseStore, chores: ChoreMetrics) -> None:
        self._interval_ms = interval_ms
        self._seen = seen
        self._store = store
        self._chores = chores

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def _turn(self) -> float:
        """Tell of what was used since the last turn; gives how long to rest, in ms."""
        uses = self._seen.take_uses()
        if uses:
            now = time.monotonic()
            try:
                await self._store.note({key_id: now - used_at for key_id, used_at in uses.items()})
            except BaseException:
                self._seen.put_back(uses)
                raise
        return self._interval_ms
