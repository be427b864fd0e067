"""The consumer: takes deliveries of payment events and acknowledges each once the database has it.

A delivery is acknowledged after the transaction that holds its event has committed, or after the dead-letter queue has
confirmed it; until then it is held, however long the database is away. Nothing is ever sent back to the queue, so an
outage does not use up the delivery limit. How many are held at once is the prefetch count.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aio_pika
import structlog
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import DeliveryError

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.tasks import end

from .acknowledgements import Acknowledgements
from .broker import BROKER_ERRORS, BrokerGoneError, connected, keep_up
from .cloudevents import Delivery, open_envelope
from .inbox import Inbox
from .metrics import InboxMetrics
from .payment_events import payment_event
from .topology import DEAD_LETTERS, PAYMENTS_QUEUE, declare_inbound

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 5.0
"""How often the queue is looked at: a broker that lost it tells nobody."""
_DEAD_LETTER_PAUSE_S = 1.0
_INTERNAL = Refusal(reason=Reason.INTERNAL, message="an internal fault; see the log")

REASON_HEADER = "x-wallet-reason"
DETAIL_HEADER = "x-wallet-detail"
ROUTING_KEY_HEADER = "x-wallet-routing-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """The consumer's bounds."""

    amqp_url: str
    environment: str
    prefetch_count: int
    """How many deliveries may be held unacknowledged."""
    event_bytes_max: int
    stop_timeout_ms: int
    """How long a stopping consumer waits for what it has taken."""


class PaymentsConsumer:
    """Consumes wallet.payments.v1. Any number may run at once."""

    def __init__(self, settings: ConsumerSettings, inbox: Inbox, metrics: InboxMetrics) -> None:
        self._settings = settings
        self._inbox = inbox
        self._metrics = metrics
        self._letters: AbstractExchange | None = None
        self._acknowledgements: Acknowledgements | None = None
        self._held: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, reconnecting by itself.

        Raises:
            TopologyConflictError: A queue or exchange is there and is defined otherwise.
        """
        await keep_up(lambda: self._session(stop), stop=stop, name="consume")

    async def _session(self, stop: asyncio.Event) -> None:
        async with connected(self._settings.amqp_url, name="consume") as connection:
            await declare_inbound(connection)
            channel = await connection.channel(publisher_confirms=False)
            await channel.set_qos(prefetch_count=self._settings.prefetch_count)
            self._letters = (await connection.channel(on_return_raises=True)).default_exchange
            queue = await channel.get_queue(PAYMENTS_QUEUE, ensure=False)
            self._acknowledgements = Acknowledgements(await channel.get_underlay_channel())
            try:
                tag = await queue.consume(self._on_delivery)
                _log.info("consuming", queue=PAYMENTS_QUEUE)
                await self._until_stopped(stop, connection, channel)
                await self._drain(queue, tag)
            finally:
                await self._drop_held()

    async def _until_stopped(
        self, stop: asyncio.Event, connection: AbstractConnection, channel: AbstractChannel
    ) -> None:
        """Wait for `stop`; raise if this session receives nothing any more."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await _first(stop.wait(), connection.closed(), channel.closed())
            if connection.is_closed or channel.is_closed:
                raise BrokerGoneError("the connection was closed")
            if not stop.is_set():
                async with connection.channel() as looking:
                    queue = await looking.declare_queue(PAYMENTS_QUEUE, passive=True)
                if queue.declaration_result.consumer_count == 0:
                    raise BrokerGoneError(f"{PAYMENTS_QUEUE} was deleted or lost, and has no consumer")

    async def _drain(self, queue: AbstractQueue, tag: str) -> None:
        """Take no more, and finish what was taken, within the time for it."""
        await queue.cancel(tag)
        if self._held:
            await asyncio.wait(self._held, timeout=self._settings.stop_timeout_ms / 1000)
        assert self._acknowledgements is not None
        await self._acknowledgements.finish()

    async def _drop_held(self) -> None:
        """Give up what is held: the broker delivers it again, and what had its effect is known by then."""
        self._letters = None
        await end(self._held)

    async def _on_delivery(self, message: AbstractIncomingMessage) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._held.add(task)
        try:
            await self._settle(message)
            assert self._acknowledgements is not None
            assert message.delivery_tag is not None
            self._acknowledgements.settle(message.delivery_tag)
        except BROKER_ERRORS:
            _log.debug("delivery_lost", delivery_tag=message.delivery_tag)  # the session ends; it comes again
        finally:
            self._held.discard(task)

    async def _settle(self, message: AbstractIncomingMessage) -> None:
        """Bring a delivery to its end: its event is in the database, or the message in the dead-letter queue."""
        settings = self._settings
        try:
            envelope = open_envelope(
                _delivery(message), environment=settings.environment, bytes_max=settings.event_bytes_max
            )
            await self._inbox.take_until_settled(payment_event(envelope))
        except MalformedError as error:
            await self._dead_letter(message, error.refusal)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not hold up the others, nor be lost
            _log.error("event_failed", message_id=message.message_id, exc_info=error)
            await self._dead_letter(message, _INTERNAL)

    async def _dead_letter(self, message: AbstractIncomingMessage, refusal: Refusal) -> None:
        """Publish a message to the dead-letter queue with its reason, until the broker has confirmed it."""
        self._metrics.dead_letters.labels(refusal.reason).inc()
        _log.warning("dead_letter", message_id=message.message_id, reason=refusal.reason, detail=refusal.message)
        letter = aio_pika.Message(
            message.body,
            headers={
                **message.headers,
                REASON_HEADER: refusal.reason.value,
                DETAIL_HEADER: refusal.message,
                ROUTING_KEY_HEADER: message.routing_key or "",
            },
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            message_id=message.message_id,
            type=message.type,
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        while True:
            if self._letters is None:
                raise BrokerGoneError("the session has ended")
            try:
                await self._letters.publish(letter, DEAD_LETTERS, mandatory=True)
            except DeliveryError as error:
                _log.error("dead_letter_refused", queue=DEAD_LETTERS, cause=str(error))
                await asyncio.sleep(_DEAD_LETTER_PAUSE_S)
            else:
                return


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    return Delivery(
        body=message.body,
        content_type=message.content_type,
        message_id=message.message_id,
        routing_key=message.routing_key or "",
        headers=message.headers,
    )


async def _first(*waits: Any) -> None:
    """Wait until one of them is done."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
