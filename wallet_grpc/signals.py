"""The signals that stop a server which ends what it has begun."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress


class StopSignals:
    """The signals that stop a server: SIGTERM asks for it; SIGINT, or another SIGTERM, does not want to wait."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._at_once = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)

    async def lame_duck(self, time_s: float) -> None:
        """Wait for that time, or until somebody does not want to wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(time_s):
                await self._at_once.wait()

    def _terminate(self) -> None:
        if self.asked.is_set():
            self._at_once.set()
        self.asked.set()

    def _interrupt(self) -> None:
        self.asked.set()
        self._at_once.set()
