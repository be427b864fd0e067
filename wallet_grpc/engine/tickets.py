"""Tickets hold the outcomes of a request's operations until lanes have answered the last one, and wake its caller."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from msgspec import Struct

from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.identifiers import OwnerId, Source
from wallet_grpc.domain.operators import Operator
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.receipts import Receipt
from wallet_grpc.store.batch.store import Mark
from wallet_grpc.tracing import BatchTimes, Span


@dataclass(slots=True, eq=False)
class Ticket:
    """The outcomes of one request's operations, in their order. Belongs to one event loop."""

    outcomes: list[Outcome | None]
    source: Source | None = None
    """Who asks; None for the wallet's own work."""
    request_id: str = ""
    traceparent: str | None = None
    operator: Operator | None = None
    """The person who asks, where a person has to."""
    receipt: Receipt | None = None
    """The received event whose effect the request is; stored with it."""
    span: Span | None = None
    """Of the request, if it is traced."""
    asked_at: float = 0.0
    """When the engine was asked, on the monotonic clock in seconds."""
    times: BatchTimes | None = None
    """Of the last batch that answered some of it."""
    abandoned: bool = False
    """The caller has given up: what has not been taken by a lane yet is not executed."""
    _pending: int = 0
    _settled: asyncio.Future[None] | None = field(default=None)

    @property
    def pending(self) -> int:
        """How many operations lanes still owe an answer to."""
        return self._pending

    def expect(self) -> None:
        """Note that one more operation is with a lane."""
        self._pending += 1

    def answer(self, index: int, outcome: Outcome) -> None:
        """Give the outcome of an operation that was with a lane."""
        self.outcomes[index] = outcome
        self._pending -= 1
        if self._pending == 0 and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    async def settled(self) -> None:
        """Wait until lanes owe nothing. One waiter at a time."""
        if self._pending:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled


class Job(Struct, eq=False, gc=False):
    """One operation of a ticket, as the backlog holds it; it is told apart from others by identity."""

    command: Command
    owner_id: OwnerId
    ticket: Ticket
    index: int
    unanswered: tuple[tuple[Mark, Outcome], ...] = ()
    """What was decided of it each time that a store was not answered, with what tells whether it is stored."""
