"""The pause between two looks of a worker."""

from __future__ import annotations

import asyncio
import random


async def pause(about_ms: float) -> None:
    """Wait for about so long. Workers spread out by themselves: none waits exactly as long as another."""
    await asyncio.sleep(about_ms / 1000 * random.uniform(0.75, 1.25))  # noqa: S311 - jitter is no secret
