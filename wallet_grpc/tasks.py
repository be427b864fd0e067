"""How a task is ended that works until it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_CANCEL_AGAIN_S = 1.0
"""Time for psycopg to cancel a statement: to be cancelled once more while it does costs it the connection."""


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until every one of them has ended; what they raise is theirs.

    Once is not enough. Before Python 3.12 `asyncio.wait_for` loses a cancellation that comes in the same turn as what
    it waits for: a task that was just answered would work on for ever.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
        await asyncio.gather(*ended, return_exceptions=True)
