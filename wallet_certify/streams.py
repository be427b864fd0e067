"""Streams: operations in and outcomes out, in their order, one after the other. A broken connection ends a stream.

Operations are read ahead of their outcomes, so that when one was sent is not when its turn came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from .batches import applied
from .mishaps import SLOW_S, Context, broken, reaches_wallet, told_in_place, unknown
from .operations import Operation, StreamCall, read_grouped
from .script import Mishap, Script
from .sightings import Sending, Sighting, Sightings, Told
from .upstream import TIMEOUT_S, Upstream, note_status

_READ_AHEAD_MAX = 1_000


class Streams:
    """Answers streams."""

    def __init__(self, upstream: Upstream, script: Script, sightings: Sightings) -> None:
        self._upstream = upstream
        self._script = script
        self._sightings = sightings

    async def answer(
        self, path: str, call: StreamCall, operations: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Give the outcomes that the caller gets.

        Raises:
            ScriptedError: The stream breaks, as the script says.
            AioRpcError: The wallet has ended it.
            TooManySightingsError: The run has seen too much.
        """
        upstream = await self._upstream.open(path, context)
        group = self._sightings.new_group()
        read: asyncio.Queue[tuple[bytes, float] | None] = asyncio.Queue(_READ_AHEAD_MAX)
        reading = asyncio.create_task(_read(operations, read))
        try:
            while (sent := await read.get()) is not None:
                raw, sent_at = sent
                operation = _operation_of(call, raw)
                if operation is None:
                    outcome = await _ask(upstream, call, raw)
                else:
                    seen = self._seen(operation, sent_at, group)
                    outcome = await _met(upstream, call, raw, *seen)
                yield outcome.SerializeToString()
            await upstream.done_writing()
            await upstream.read()  # what the wallet ends it with
        finally:
            reading.cancel()
            upstream.cancel()

    def _seen(self, operation: Operation, sent_at: float, group: int) -> tuple[Sighting, Sending]:
        """Note a sending. A stream lasts as long as it is used: that it has no deadline is no fault."""
        return self._sightings.see(
            operation, self._script.next_grouped, sent_at=sent_at, has_deadline=True, group=group
        )


async def _read(operations: AsyncIterator[bytes], read: asyncio.Queue[tuple[bytes, float] | None]) -> None:
    async for raw in operations:
        await read.put((raw, time.monotonic()))
    await read.put(None)


def _operation_of(call: StreamCall, raw: bytes) -> Operation | None:
    """Read an operation; None of what the wallet gets as it is, also because it cannot be read."""
    try:
        return read_grouped(call.operation.FromString(raw))
    except DecodeError:
        return None


async def _met(upstream: Any, call: StreamCall, raw: bytes, sighting: Sighting, sending: Sending) -> Any:
    """Do what an operation meets; gives its outcome.

    Raises:
        ScriptedError: The stream breaks.
    """
    mishap = sighting.meets

    async def ask() -> Any:
        outcome = await _ask(upstream, call, raw)
        sighting.is_applied |= applied(outcome)
        return outcome

    if mishap is Mishap.SLOW:
        await asyncio.sleep(SLOW_S)
    outcome = None
    if reaches_wallet(mishap, is_first_sending=len(sighting.sendings) == 1):
        outcome = await ask()
        if mishap is Mishap.DUPLICATE and applied(outcome):
            outcome = await ask()
    if mishap in {Mishap.LOST_REQUEST, Mishap.LOST_ANSWER}:
        raise broken()
    told = told_in_place(mishap)
    if told is not None:
        outcome = call.outcome(error=told.status)
    assert outcome is not None
    if outcome.WhichOneof("outcome") == "error":
        note_status(sending, outcome.error)
    else:
        sending.tell(Told.DONE)
    return outcome


async def _ask(upstream: Any, call: StreamCall, raw: bytes) -> Any:
    """Hand an operation on, and wait for its outcome.

    Raises:
        ScriptedError: The wallet does not answer, or has ended the stream without a word.
        AioRpcError: It has ended the stream.
    """
    with suppress(asyncio.InvalidStateError):  # the wallet has ended the stream, and says why to who reads
        await upstream.write(raw)
    try:
        answer = await asyncio.wait_for(upstream.read(), TIMEOUT_S)
    except TimeoutError:
        raise unknown() from None
    if answer is grpc.aio.EOF:
        raise broken()
    return call.outcome.FromString(answer)
