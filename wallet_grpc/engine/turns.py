"""Turns: the lanes of a process work side by side on large batches, and one after the other on small ones."""

from __future__ import annotations

import asyncio


class Turns:
    """One turn, given to who has waited longest. Belongs to one event loop.

    Two lanes with half of the commands each commit twice as many batches of half the size, which costs more processor
    time than working side by side saves, until batches are large.
    """

    WORTH_NONE = 64
    """From how many waiting operations on a lane needs no turn."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    @property
    def free(self) -> bool:
        """Whether `take` would not wait."""
        return not self._waiting and not self._lock.locked()

    async def take(self) -> None:
        """Wait for the turn."""
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1

    def give(self) -> None:
        """Pass the turn on."""
        self._lock.release()
