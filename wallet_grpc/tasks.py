"""How a task lets others go on, and how one is ended that works until it is cancelled."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator, Iterable
from typing import Any

_CANCEL_AGAIN_S = 1.0
"""Time for psycopg to cancel a statement: to be cancelled once more while it does costs it the connection."""


@types.coroutine
def a_turn() -> Generator[None, None, None]:
    """Let the event loop turn once, as `asyncio.sleep(0)` does at twice the price."""
    yield


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
