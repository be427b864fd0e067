"""How a supervisor knows that its workers are not only there but go on: each says so from its event loop.

A worker writes a byte to a pipe every moment. One that is stopped, or whose event loop is blocked, writes nothing; one
that waits for its database, its disk or its callers still does.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress

FILE_DESCRIPTOR = "WALLET_WORKER_HEARTBEAT"
"""Tells a worker where to write."""

_BEAT_INTERVAL_S = 0.25
_READ_BYTES = 4096
_FIRST_BEAT_WITHIN_S = 60.0
"""How long a worker may take until its event loop runs: programs are read from a slow disk, many start at once."""
_COUNTED_AT_ONCE_MAX_S = 1.0
"""What one look counts at most: where the supervisor did not run either, its workers are not to blame."""


async def beat(descriptor: int) -> None:
    """Tell the supervisor that the event loop turns, until cancelled."""
    os.set_blocking(descriptor, False)
    while True:
        with suppress(BlockingIOError, BrokenPipeError):  # nobody reads: the supervisor is stopped, or gone
            os.write(descriptor, b".")
        await asyncio.sleep(_BEAT_INTERVAL_S)


class Heartbeat:
    """The supervisor's end: for how long a worker has said nothing."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        """`writing` is for the worker to inherit."""
        os.set_blocking(self._reading, False)
        self._looked_at = time.monotonic()
        self._silent_s = 0.0
        self._heard = False

    def worker_has_it(self) -> None:
        """Close the worker's end here, so that it is the worker's alone."""
        os.close(self.writing)

    def is_missing(self, hung_after_s: float) -> bool:
        """Look whether the worker has said nothing for too long."""
        now = time.monotonic()
        self._silent_s += min(now - self._looked_at, _COUNTED_AT_ONCE_MAX_S)
        self._looked_at = now
        if self._read():
            self._silent_s = 0.0
            self._heard = True
        return self._silent_s > (hung_after_s if self._heard else max(hung_after_s, _FIRST_BEAT_WITHIN_S))

    def close(self) -> None:
        """Listen no more."""
        os.close(self._reading)

    def _read(self) -> bool:
        try:
            return bool(os.read(self._reading, _READ_BYTES))
        except BlockingIOError:
            return False
