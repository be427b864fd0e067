"""Execute, the stream: operations are read ahead of their outcomes, within a window, and answered in their order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from wallet_grpc.domain.commands import Request
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.commands import UnlocatedEnding
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.tickets import Ticket

from .gate import STOPPING, CallContext, CallGate, RefusedError

_OPERATION = "operation of a stream"
"""What its span is called."""
_CHECK_AGAIN_S = 0.4
"""How often a stream's key is looked at again: with the authenticator's own memory, well within 5 seconds."""
_LASTED = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE,
    message="a stream lasts no longer than this; open another one, and send again what has no answer",
)

Converter = Callable[[Any, CallContext], Awaitable[Request | Refusal]]


class StreamOverError(RefusedError):
    """Ends a stream that has lasted as long as it may, or whose server stops. Meant to end, it is no failure."""


class _Window:
    """The tickets of a stream that are not answered yet, in order."""

    def __init__(self, operations_max: int) -> None:
        self._operations_max = operations_max
        self.tickets: deque[Ticket] = deque()
        self._changed = asyncio.Event()
        self.ended = False

    def add(self, ticket: Ticket) -> None:
        self.tickets.append(ticket)
        self._changed.set()

    def end(self) -> None:
        self.ended = True
        self._changed.set()

    def remove_first(self) -> None:
        self.tickets.popleft()
        self._changed.set()

    async def room(self) -> None:
        while len(self.tickets) >= self._operations_max:
            await self.changed()

    async def empty(self) -> None:
        while self.tickets:
            await self.changed()

    async def changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class _Key:
    """The key of a stream: looked at again from time to time, and its rate, which paces the reading."""

    def __init__(self, call: CallContext) -> None:
        self._call = call
        self._caller = call.caller
        self._checked_at = time.monotonic()

    async def let_through(self) -> None:
        """Wait until the key's rate allows one more operation.

        Raises:
            RefusedError: The key is good no more.
        """
        await self._check()
        wait_s = self._call.gate.rates.owe(self._caller, 1)
        if wait_s:
            due_at = time.monotonic() + wait_s
            while (left_s := due_at - time.monotonic()) > 0:
                await asyncio.sleep(min(left_s, _CHECK_AGAIN_S))
                await self._check()

    async def _check(self) -> None:
        if time.monotonic() - self._checked_at > _CHECK_AGAIN_S:
            self._caller = await self._call.check_again()
            self._checked_at = time.monotonic()


async def execute_stream(
    operations: AsyncIterator[Any],
    call: CallContext,
    *,
    engine: Engine,
    convert: Converter,
    window_operations: int,
    lasts_s: float,
) -> AsyncIterator[Outcome]:
    """Execute a stream's operations; their outcomes come in the order of the operations.

    A stream that outruns the wallet, or its key's rate, is read more slowly: it waits for its window of unanswered
    operations, then for its rate, then for room in the engine. One that has lasted `lasts_s` is read no further,
    answered as far as it was read, and ended.
    """
    source = call.caller.source
    window = _Window(window_operations)
    reader = asyncio.create_task(_read(operations, call, window, engine, convert))
    over = asyncio.get_running_loop().call_later(lasts_s, reader.cancel)
    try:
        with call.gate.telling(reader.cancel):  # a server that stops reads no further, and answers what it has read
            while True:
                while not window.tickets:
                    if window.ended:
                        await _raise_the_end(reader, call.gate)
                        return
                    await window.changed()
                ticket = window.tickets[0]
                await ticket.settled()
                decided = ticket.outcomes[0]
                assert decided is not None
                if engine.floods_others(source):
                    await engine.turn(source)
                window.remove_first()
                if ticket.span is not None:
                    reason = decided.reason.value if isinstance(decided, Refusal) else None
                    ticket.span.end(reason=reason, asked_at=ticket.asked_at or None, times=ticket.times)
                yield decided
    finally:
        over.cancel()
        reader.cancel()
        for ticket in window.tickets:
            ticket.abandoned = True


async def _raise_the_end(reader: asyncio.Task[None], gate: CallGate) -> None:
    """Raise what ended the reading, if that was not the end of the stream."""
    await asyncio.wait([reader])
    if reader.cancelled():
        raise StreamOverError(STOPPING if gate.stopping else _LASTED)
    reader.result()


def _ticket(call: CallContext) -> Ticket:
    """Make the ticket of one operation, which is traced as a call is."""
    span = call.gate.watch.span(call, _OPERATION)
    return Ticket(
        [None],
        source=call.caller.source,
        request_id=call.request_id,
        traceparent=call.traceparent if span is None else span.traceparent,
        operator=call.operator,
        span=span,
    )


async def _read(
    operations: AsyncIterator[Any], call: CallContext, window: _Window, engine: Engine, convert: Converter
) -> None:
    source = call.caller.source
    key = _Key(call)
    try:
        async for operation in operations:
            await window.room()
            await key.let_through()
            if engine.floods_others(source):
                await engine.turn(source)
            ticket = _ticket(call)
            command = await convert(operation, call)
            if type(command) is Refusal:
                ticket.outcomes[0] = command
                window.add(ticket)
                continue
            if type(command) is UnlocatedEnding:
                await window.empty()  # an ending takes effect after all that was sent before it (rule 10)
            ticket.expect()
            window.add(ticket)
            await engine.execute_streamed(ticket, command)
    finally:
        window.end()
