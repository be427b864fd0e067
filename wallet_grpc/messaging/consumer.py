"""The consumer: takes deliveries of payment events and acknowledges each once the database has it.

A delivery is acknowledged after the transaction that holds its event has committed, or after the dead-letter queue has
confirmed its letter; until then it is held, however long the database is away. (Of several cells, an event whose cell
alone does not answer is soon in the inbox, waiting: inbox.py.) Nothing is ever sent back to the queue,
so an outage does not use up the delivery limit. How many are held at once is the prefetch count, and how large they are
is bounded as well.

No message holds up the others. One that is too large to be held, whose letter the broker does not take, or at which
session after session fails, is rejected: then the broker itself brings it to the dead letters, as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection

from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.values import Name
from wallet_grpc.tasks import end

from .acknowledgements import Acknowledgements
from .broker import BrokerAddress, BrokerGoneError, connected, keep_up
from .cloudevents import Delivery, open_envelope
from .failures import Failures
from .frames import DeliveryTransport, RawDelivery
from .inbox import EventInbox
from .letter_box import LetterBox
from .letters import letter_of
from .metrics import InboxMetrics
from .payment_events import PaymentEvent, payment_event
from .properties import Properties, read_properties, readable_bytes
from .topology import Topology, claim_queue, declare_inbound

_log = structlog.get_logger(__name__)

_WORKER = "consume"
_LOOK_EVERY_S = 5.0
"""How often the queue is looked at: a broker that lost it tells nobody."""
_FRAME_BYTES = 131_072
"""Of a frame, as large as RabbitMQ makes it unless it is told otherwise; a message's properties stand in one."""
_INTERNAL = Refusal(reason=Reason.INTERNAL, message="an internal fault; see the log")
_LETTERS_FOR = (
    Reason.MISSING_FIELD,
    Reason.INVALID_FIELD,
    Reason.INVALID_AMOUNT,
    Reason.ENVIRONMENT_MISMATCH,
    Reason.INTERNAL,
)
"""What messages are dead letters for; shown from the beginning, see `Tallies.begin`."""
_UTF_8 = "must be UTF-8"


class Rejected(Name):
    """Why a message was left to the broker."""

    TOO_LARGE = "too_large"
    LETTER_REFUSED = "letter_refused"
    """The broker did not take its letter."""
    STUCK = "stuck"
    """Sessions failed at it."""
    FAULT = "fault"
    """A fault of ours; see the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """The consumer's bounds."""

    broker: BrokerAddress
    environment: str
    topology: Topology
    prefetch_count: int
    """How many deliveries may be held unacknowledged."""
    bytes_max: int
    """How many bytes they may have; fewer are held where each may be large."""
    event_bytes_max: int
    stop_timeout_ms: int
    """How long a stopping consumer waits for what it has taken."""

    @property
    def held_max(self) -> int:
        """How many deliveries are held at once, by both bounds."""
        return max(1, min(self.prefetch_count, self.bytes_max // (self.event_bytes_max + _FRAME_BYTES)))


@dataclass(slots=True, kw_only=True)
class _Session:
    """What there is while a connection lasts."""

    connection: AbstractConnection
    transport: DeliveryTransport
    letters: LetterBox
    frame_bytes_max: int
    acknowledgements: Acknowledgements
    draining: bool = False


class PaymentsConsumer:
    """Consumes the queue of payment events. Any number may run at once, all of one installation."""

    def __init__(
        self,
        settings: ConsumerSettings,
        inbox: EventInbox,
        metrics: InboxMetrics,
        chores: ChoreMetrics,
        *,
        installation: Callable[[], Awaitable[UUID]],
    ) -> None:
        """`installation` gives whose consumer this is; it may raise DatabaseUnavailableError."""
        self._settings = settings
        self._inbox = inbox
        self._metrics = metrics
        self._chores = chores
        self._success = chores.last_success(_WORKER)
        for reason in _LETTERS_FOR:
            metrics.dead_letters.labels(reason)
        for why in Rejected:
            metrics.rejected.labels(why)
        self._installation = installation
        self._failures = Failures()
        self._session: _Session | None = None
        self._held: set[asyncio.Task[None]] = set()
        self._ended = 0
        """Deliveries that were brought to their end, so far."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, reconnecting by itself.

        Raises:
            TopologyConflictError: A queue or exchange is there and is defined otherwise, or the queue is another's.
        """
        await keep_up(lambda: self._consume(stop), stop=stop, name=_WORKER, chores=self._chores)

    async def _consume(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, or until the session fails."""
        settings, names = self._settings, self._settings.topology
        installation = await self._installation()
        transport = DeliveryTransport(self._on_delivery, body_bytes_max=settings.event_bytes_max)
        async with connected(settings.broker, name=_WORKER, transport=transport) as connection:
            await claim_queue(connection, names, installation)  # first: who may not have the queue binds nothing to it
            await declare_inbound(connection, names)
            channel = await connection.channel(publisher_confirms=False)
            await channel.set_qos(prefetch_count=settings.held_max)
            letters = await connection.channel(on_return_raises=True)
            underlay = await channel.get_underlay_channel()
            self._session = _Session(
                connection=connection,
                transport=transport,
                letters=LetterBox(connection, letters, names, on_fatal=self._note_failure),
                frame_bytes_max=underlay.connection.connection_tune.frame_max or _FRAME_BYTES,
                acknowledgements=Acknowledgements(underlay),
            )
            try:
                tag = (await underlay.basic_consume(names.payments_queue, _nothing_comes_here)).consumer_tag
                _log.info("consuming", queue=names.payments_queue)
                await self._until_stopped(stop, self._session, connection, channel, installation)
                assert tag is not None
                await underlay.basic_cancel(tag)
                await self._drain(self._session)
            finally:
                if transport.failed_at is not None:
                    self._note_failure(transport.failed_at)
                self._session = None
                await end(self._held)  # the broker delivers it again, and what had its effect is known by then

    async def _until_stopped(
        self,
        stop: asyncio.Event,
        session: _Session,
        connection: AbstractConnection,
        channel: AbstractChannel,
        installation: UUID,
    ) -> None:
        """Wait for `stop`; raise if this session receives nothing any more, or cannot send letters.

        The claim is renewed meanwhile: a broker that lost it, or somebody who deleted it while this one consumes, must
        not let another installation in beside it.
        """
        queue_name = self._settings.topology.payments_queue
        ended = self._ended
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await _first(
                        stop.wait(),
                        session.letters.failed.wait(),
                        connection.closed(),
                        channel.closed(),
                        session.letters.channel.closed(),
                    )
            if connection.is_closed or channel.is_closed or session.letters.channel.is_closed:
                raise BrokerGoneError("the connection or a channel of it was closed")
            if session.letters.failed.is_set():
                raise BrokerGoneError("letters cannot be sent")
            if not stop.is_set():
                async with connection.channel() as looking:
                    queue = await looking.declare_queue(queue_name, passive=True)
                if queue.declaration_result.consumer_count == 0:
                    raise BrokerGoneError(f"{queue_name} was deleted or lost, and has no consumer")
                await claim_queue(connection, self._settings.topology, installation)
                if self._ended > ended or not self._held:  # else events wait, as while the database is away
                    self._success.note()
                ended = self._ended

    async def _drain(self, session: _Session) -> None:
        """Take no more, and finish what was taken, within the time for it."""
        session.draining = True
        if self._held:
            await asyncio.wait(self._held, timeout=self._settings.stop_timeout_ms / 1000)
        await session.acknowledgements.finish()

    def _on_delivery(self, delivery: RawDelivery) -> None:
        """Begin with a delivery. What is raised here ends the session."""
        session = self._session
        if session is None or session.draining:
            return  # it goes back to the queue with the connection
        if self._failures.is_stuck(delivery):
            session.transport.release(delivery)
            self._reject(session, delivery, Rejected.STUCK)
        elif delivery.body is None:
            self._reject(session, delivery, Rejected.TOO_LARGE)
        else:
            task = asyncio.create_task(self._bring_to_end(session, delivery))
            self._held.add(task)
            task.add_done_callback(self._held.discard)

    async def _bring_to_end(self, session: _Session, delivery: RawDelivery) -> None:
        """Settle a delivery: whatever happens, it is acknowledged or rejected, or the session has ended."""
        try:
            why = await self._settle(session, delivery)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the place of a delivery
            _log.error("delivery_failed", **_names(delivery), exc_info=error)
            why = Rejected.FAULT
        finally:
            session.transport.release(delivery)
        if session.letters.failed.is_set():
            return  # it comes again
        self._ended += 1
        if why is None:
            session.acknowledgements.settle(delivery.delivery_tag)
        else:
            self._reject(session, delivery, why)

    def _reject(self, session: _Session, delivery: RawDelivery, why: Rejected) -> None:
        """Leave a message to the broker, which brings it to the dead letters."""
        self._metrics.rejected.labels(why).inc()
        _log.warning("delivery_rejected", why=why, **_names(delivery), body_bytes=delivery.body_bytes)
        session.acknowledgements.reject(delivery.delivery_tag)

    async def _settle(self, session: _Session, delivery: RawDelivery) -> Rejected | None:
        """Bring a delivery to its end: its event is in the database, or its letter in the dead-letter queue.

        Gives why it has to be rejected instead, if neither can be.
        """
        properties = read_properties(delivery.properties)
        read = self._read(delivery, properties)
        if isinstance(read, PaymentEvent):
            del properties  # they may be much larger than their bytes, and the event may wait for long
            try:
                await self._inbox.take_until_settled(read)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not hold up the others, nor be lost
                _log.error("event_failed", event_id=read.receipt.event_id, exc_info=error)
                read = _INTERNAL
            else:
                return None
            properties = read_properties(delivery.properties)
        return await self._dead_letter(session, delivery, properties, read)

    def _read(self, delivery: RawDelivery, properties: Properties) -> PaymentEvent | Refusal:
        """Read a delivery; nothing but the event stays of what its bytes were made into."""
        settings = self._settings
        try:
            return payment_event(
                open_envelope(
                    _opened(delivery, properties), environment=settings.environment, bytes_max=settings.event_bytes_max
                )
            )
        except MalformedError as error:
            return error.refusal
        except Exception as error:  # noqa: BLE001 - see _settle
            _log.error("event_failed", **_names(delivery), exc_info=error)
            return _INTERNAL

    async def _dead_letter(
        self, session: _Session, delivery: RawDelivery, properties: Properties, refusal: Refusal
    ) -> Rejected | None:
        """Publish a letter until the broker has confirmed it; gives why it has to be rejected if it does not."""
        message_id = properties.text("message_id")
        self._metrics.dead_letters.labels(refusal.reason).inc()
        _log.warning("dead_letter", message_id=message_id, reason=refusal.reason, detail=refusal.message)
        letter = letter_of(delivery, properties, refusal, frame_bytes_max=session.frame_bytes_max)
        return None if await session.letters.send(delivery, letter) else Rejected.LETTER_REFUSED

    def _note_failure(self, delivery: RawDelivery) -> None:
        """Note that the session failed at a delivery; after a few times it is stuck there, and no longer tried."""
        if self._failures.note(delivery):
            self._metrics.stuck.inc()
            _log.error("session_stuck", **_names(delivery), hint="the message is a dead letter from now on")


def _opened(delivery: RawDelivery, properties: Properties) -> Delivery:
    """Read what stands beside the body.

    Raises:
        MalformedError: A property, or the routing key, cannot be read.
    """
    try:
        routing_key = delivery.routing_key.decode()
    except UnicodeDecodeError:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "routing_key", _UTF_8)) from None
    if properties.fault is not None:
        raise MalformedError(properties.fault)
    assert delivery.body is not None
    return Delivery(
        body=delivery.body,
        content_type=properties.text("content_type"),
        message_id=properties.text("message_id"),
        routing_key=routing_key,
        headers=properties.headers,
    )


def _names(delivery: RawDelivery) -> dict[str, Any]:
    """Give what a delivery is known by in the log."""
    return {"delivery_tag": delivery.delivery_tag, "routing_key": readable_bytes(delivery.routing_key)}


async def _nothing_comes_here(_: Any) -> None:
    raise AssertionError("deliveries are taken out before the client library sees them")


async def _first(*waits: Any) -> None:
    """Wait until one of them is done."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
