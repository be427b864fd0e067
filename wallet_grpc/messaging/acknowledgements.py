"""Acknowledgements: many deliveries are acknowledged with one frame, since each frame costs a write to the socket.

The broker's tags count up from 1 on a channel. As long as no earlier delivery is open, `multiple` acknowledges a whole
stretch; what was settled beyond an open one is acknowledged one by one, so nothing waits for somebody else's delivery.
"""

from __future__ import annotations

import asyncio

from aiormq.abc import AbstractChannel

from .broker import BROKER_ERRORS

_GATHER_S = 0.002
"""How long a settled delivery may wait for others."""


class Acknowledgements:
    """Acknowledges the deliveries of one channel, or rejects them."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._settled: set[int] = set()
        self._rejected: set[int] = set()
        self._next_tag = 1  # the lowest that is neither acknowledged nor rejected
        self._beyond: set[int] = set()  # acknowledged or rejected, above one that is neither
        self._flushing: asyncio.Task[None] | None = None

    def settle(self, delivery_tag: int) -> None:
        """Note that a delivery is done; it is acknowledged within moments."""
        self._settled.add(delivery_tag)
        self._flush_later()

    def reject(self, delivery_tag: int) -> None:
        """Note that a delivery is left to the broker, which brings it to the dead letters, within moments."""
        self._rejected.add(delivery_tag)
        self._flush_later()

    def _flush_later(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_soon())

    async def finish(self) -> None:
        """Acknowledge what is settled now. A channel that is gone is none of our business: all comes again."""
        if self._flushing is not None:
            await asyncio.wait([self._flushing])

    async def _flush_soon(self) -> None:
        try:
            while self._settled or self._rejected:
                await asyncio.sleep(_GATHER_S)
                await self._flush()
        except BROKER_ERRORS:
            self._settled.clear()
            self._rejected.clear()  # the session ends, and the broker delivers them again

    async def _flush(self) -> None:
        rejected, self._rejected = self._rejected, set()
        for tag in rejected:
            await self._channel.basic_reject(tag, requeue=False)
        self._beyond |= rejected
        settled, self._settled = self._settled, set()
        stretch_end = None  # must be open itself: the broker does not know a tag that was acknowledged
        while self._next_tag in settled or self._next_tag in self._beyond:
            if self._next_tag in settled:
                settled.discard(self._next_tag)
                stretch_end = self._next_tag
            self._beyond.discard(self._next_tag)
            self._next_tag += 1
        if stretch_end is not None:
            await self._channel.basic_ack(stretch_end, multiple=True)
        for tag in settled:
            await self._channel.basic_ack(tag)
        self._beyond |= settled
