"""Waits: how long a client waits before it sends something again, longer each time."""

from __future__ import annotations

import asyncio
import random

FIRST_WAIT_S = 0.05
FIRST_PATIENCE_S = 2.0
"""How long the first attempt of a call waits for its answer. A batch has half of its time, since it does more."""
_LONGEST_WAIT_S = 2.0


async def wait_before_sending_again(wait_s: float, *, at_least_s: float = 0.0) -> float:
    """Wait, with jitter, and not less than the wallet asked for; gives the next wait."""
    await asyncio.sleep(at_least_s + random.uniform(wait_s / 2, wait_s))  # noqa: S311 - jitter is no secret
    return min(wait_s * 2, _LONGEST_WAIT_S)
