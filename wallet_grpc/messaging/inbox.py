"""The inbox: what happens to an event that was understood, whether it has just come in or is tried again.

It takes the road of every mutation, through the engine, with its receipt; both are stored at once or not at all. An
event that is refused changed nothing, so that is recorded after the fact: it waits if it is early, else it is parked.
"""

from __future__ import annotations

import asyncio
import random

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

from .metrics import InboxMetrics
from .payment_events import Broadcast, PaymentEvent

_log = structlog.get_logger(__name__)

_TEMPORARY = frozenset({Reason.CONFLICT, Reason.DATABASE_UNAVAILABLE, Reason.OUTCOME_UNKNOWN, Reason.QUEUE_FULL})
_FIRST_PAUSE_S = 0.05
_PAUSE_MAX_S = 1.0


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

    def __init__(self, *, engine: Engine, networks: NetworkDirectory, store: InboxStore, metrics: InboxMetrics) -> None:
        self._engine = engine
        self._networks = networks
        self._store = store
        self._metrics = metrics

    async def take_until_settled(self, event: PaymentEvent) -> Taken:
        """Take an event, again and again while the database is away. The delivery is held meanwhile."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self.take(event)
            except TryAgainError:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
                pause_s = min(pause_s * 2, _PAUSE_MAX_S)

    async def take(self, event: PaymentEvent) -> Taken:
        """Apply an event, or record why not.

        Raises:
            TryAgainError: Neither can be done now.
        """
        try:
            taken = await self._take(event)
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
        ticket = Ticket([None], request_id=receipt.event_id, traceparent=receipt.traceparent, receipt=receipt)
        try:
            await self._engine.execute(ticket, [(0, request)])
        except QueueFullError as error:
            raise TryAgainError("the queue is full") from error
        outcome = ticket.outcomes[0]
        assert outcome is not None
        if isinstance(outcome, Refusal):
            return outcome
        assert isinstance(outcome, Accepted), "payment events move MAIN"
        return outcome.replayed

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
        if isinstance(recorded, KnownReceipt):  # settled before, or another event of this id: in both cases for good
            contradicts = recorded.body_key != receipt.body_key
            return await self._refused(event, CONTRADICTION) if contradicts else Taken.REPEATED
        if recorded is ReceiptState.WAITING:
            return Taken.WAITING
        self._metrics.parked.labels(refusal.reason).inc()
        _log.error(
            "event_parked",
            source=receipt.source,
            event_id=receipt.event_id,
            event_type=receipt.event_type,
            reason=refusal.reason,
            hint="see `wallet inbox list`",
        )
        return Taken.PARKED
