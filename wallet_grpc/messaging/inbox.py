"""The inbox: what happens to an event that was understood, whether it has just come in or is tried again.

It takes the road of every mutation, through the engine, with its receipt; both are stored at once or not at all. An
event that is refused changed nothing, so that is recorded after the fact: it waits if it is early, else it is parked.

A cell that hangs keeps the events of no other. Of several cells, an event whose own does not answer is put off after a
few seconds: the inbox keeps it, its delivery is acknowledged, and it is tried again until its cell answers. A lane that
still holds it meanwhile may apply it: what waits becomes applied with its effect, by whoever is first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable

import structlog
from msgspec.structs import replace

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.players.commands import ApplyDeposit, UnlocatedEnding
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.players.withdrawals import WITHDRAWAL_NOT_FOUND
from wallet_grpc.domain.receipts import (
    CONTRADICTION,
    DISCARDED,
    KnownReceipt,
    Receipt,
    ReceiptState,
    contradicting_key,
    refusal_of,
)
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.values import Name
from wallet_grpc.engine.engine import Engine, QueueFullError
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.queues.inbox import InboxStore
from wallet_grpc.store.reads.networks import NetworkDirectory
from wallet_grpc.tracing import Span, SpanKind, Tracer, trace_id_of

from .metrics import InboxMetrics
from .payment_events import Broadcast, PaymentEvent

_log = structlog.get_logger(__name__)

_TEMPORARY = frozenset({Reason.CONFLICT, Reason.DATABASE_UNAVAILABLE, Reason.OUTCOME_UNKNOWN, Reason.QUEUE_FULL})
_FIRST_PAUSE_S = 0.05
_PAUSE_MAX_S = 1.0
_CELL_AWAITED_S = 5.0
"""How long an event is tried before it is put off."""
_CELL_AWAY = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE,
    message="its cell does not answer; it is tried again by itself until it does",
)


class Taken(Name):
    """What became of an event."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """It has its effect already, or was discarded."""
    WAITING = "waiting"
    PARKED = "parked"


class TryAgainError(Exception):
    """Nothing can be told of the event now; whether it has its effect shows when it is taken again."""


class EventInbox:
    """Takes events."""

    def __init__(
        self,
        *,
        engine: Engine,
        networks: NetworkDirectory,
        store: InboxStore,
        metrics: InboxMetrics,
        tracer: Tracer | None = None,
    ) -> None:
        self._engine = engine
        self._networks = networks
        self._store = store
        self._metrics = metrics
        self._tracer = tracer

    async def take_until_settled(self, event: PaymentEvent) -> Taken:
        """Take an event, again and again while the inbox is away. The delivery is held meanwhile."""
        if not self._store.has_several_cells:
            return await self._take_until_told(event)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self.take_or_put_off(event)
            except TryAgainError:
                pause_s = await _paused(pause_s)

    async def take_or_put_off(self, event: PaymentEvent) -> Taken:
        """Take an event; of several cells, put it off if its own does not answer for some seconds.

        Raises:
            TryAgainError: Neither can be done now.
        """
        if not self._store.has_several_cells:
            return await self.take(event)
        try:
            async with asyncio.timeout(_CELL_AWAITED_S):
                return await self._take_until_told(event)
        except TimeoutError:
            return await self._counted(event, self._put_off(event))

    async def _take_until_told(self, event: PaymentEvent) -> Taken:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self.take(event)
            except TryAgainError:
                pause_s = await _paused(pause_s)

    async def take(self, event: PaymentEvent) -> Taken:
        """Apply an event, or record why not.

        Raises:
            TryAgainError: Neither can be done now.
        """
        return await self._counted(event, self._take(event))

    async def _counted(self, event: PaymentEvent, taking: Awaitable[Taken]) -> Taken:
        try:
            taken = await taking
        except DatabaseUnavailableError as error:
            raise TryAgainError(str(error)) from error
        self._metrics.taken.labels(event.receipt.event_type, taken).inc()
        return taken

    async def _take(self, event: PaymentEvent) -> Taken:
        if isinstance(event.action, Broadcast):
            return await self._broadcast(event, event.action)
        try:
            outcome = await self._executed(event.action, event.receipt)
        except MalformedError as error:  # the currency network may be added later, so it is not malformed for ever
            outcome = error.refusal
        if isinstance(outcome, Refusal):
            return await self._refused(event, outcome)
        return Taken.REPEATED if outcome else Taken.APPLIED

    async def _executed(self, request: ApplyDeposit | UnlocatedEnding, receipt: Receipt) -> Refusal | bool:
        """Execute the event's command; gives its refusal, or whether it had its effect before."""
        if isinstance(request, ApplyDeposit):
            await self._networks.require(request.currency_network_id)
        span = self._span(receipt)
        ticket = Ticket(
            [None],
            request_id=receipt.event_id,
            traceparent=receipt.traceparent if span is None else span.traceparent,
            receipt=receipt,
            span=span,
        )
        try:
            await self._engine.execute(ticket, [(0, request)])
        except QueueFullError as error:
            raise TryAgainError("the queue is full") from error
        outcome = ticket.outcomes[0]
        if span is not None:
            reason = outcome.reason.value if isinstance(outcome, Refusal) else None
            span.end(reason=reason, asked_at=ticket.asked_at, times=ticket.times)
        assert outcome is not None
        if isinstance(outcome, Refusal):
            return outcome
        assert isinstance(outcome, Accepted), "payment events move MAIN"
        return outcome.replayed

    def _span(self, receipt: Receipt) -> Span | None:
        if self._tracer is None:
            return None
        attributes = {
            "messaging.system": "rabbitmq",
            "messaging.message.id": receipt.event_id,
            "wallet.source": receipt.source,
        }
        return self._tracer.begin(f"process {receipt.event_type}", SpanKind.CONSUMER, receipt.traceparent, attributes)

    async def _broadcast(self, event: PaymentEvent, broadcast: Broadcast) -> Taken:
        known = await self._store.known(event.receipt.key)
        refusal = refusal_of(event.receipt, known)
        if refusal is not None:
            return await self._refused(event, refusal)
        if known is not None and known.state is ReceiptState.APPLIED:
            return Taken.REPEATED
        if await self._store.broadcast_withdrawal(event.receipt, broadcast.withdrawal_id):
            return Taken.APPLIED
        return await self._refused(event, WITHDRAWAL_NOT_FOUND)

    async def _refused(self, event: PaymentEvent, refusal: Refusal) -> Taken:
        if refusal.reason in _TEMPORARY:
            raise TryAgainError(refusal.reason)
        if refusal is DISCARDED:
            return Taken.REPEATED
        receipt = event.receipt
        if refusal is CONTRADICTION:
            receipt = replace(receipt, key=contradicting_key(receipt))
        waits_for = event.withdrawal_id if refusal.reason is Reason.WITHDRAWAL_NOT_FOUND else None
        recorded = await self._store.record_failure(receipt, refusal, waits_for=waits_for)
        if isinstance(recorded, KnownReceipt):
            return await self._known_before(event, receipt, recorded)
        if recorded is ReceiptState.WAITING:
            return Taken.WAITING
        self._metrics.parked.labels(refusal.reason).inc()
        _log.error(
            "event_parked",
            source=receipt.source,
            event_id=receipt.event_id,
            trace_id=trace_id_of(receipt.traceparent),
            event_type=receipt.event_type,
            reason=refusal.reason,
            hint="see `wallet inbox list`",
        )
        return Taken.PARKED

    async def _put_off(self, event: PaymentEvent) -> Taken:
        recorded = await self._store.put_off(event.receipt, _CELL_AWAY)
        if isinstance(recorded, KnownReceipt):
            return await self._known_before(event, event.receipt, recorded)
        return Taken.WAITING

    async def _known_before(self, event: PaymentEvent, receipt: Receipt, known: KnownReceipt) -> Taken:
        """Tell of what was settled before, or is another event of this id: in both cases it is so for good."""
        contradicts = known.body_key != receipt.body_key
        return await self._refused(event, CONTRADICTION) if contradicts else Taken.REPEATED


async def _paused(pause_s: float) -> float:
    """Pause for about so long; gives the next pause."""
    await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
    return min(pause_s * 2, _PAUSE_MAX_S)
