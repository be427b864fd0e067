"""Events as the Payments System publishes them and as subscribers see them, with the processes that carry them.

`Bus` speaks to the broker from a loop of its own, so that tests stay plain functions. It sets everything up again when
the broker comes back: what it was told to publish is published until the broker confirms it. Long because both sides of
the broker, and the processes between them, are set up and stopped together.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import aio_pika
import pytest
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from support import amqp
from support.broker import Broker, new_vhost
from support.database import Installation
from support.ledger import verify
from support.process import WalletProcess
from support.requests import Player, fresh_id
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet
from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.messaging.broker import BROKER_ERRORS
from wallet_grpc.messaging.topology import Topology, declare_inbound, declare_outbound

T = TypeVar("T")

NAMES = Topology.of("TEST")
"""What a TEST installation calls its queues and exchanges."""

CLOUD_EVENT = "application/cloudevents+json"
WITHIN_S = 60.0
_ENDED = {"APPLIED", "PARKED", "DISCARDED"}
"""States that stay unless somebody does something; here nobody does while it is waited for."""
_SUBSCRIBERS = "test.subscriber"
_ARCHIVE = "test.archive"
_IN_FLIGHT = 100
_FETCHED = 500
_ACKNOWLEDGED_TOGETHER = 100
_AGAIN_S = 0.1
_EACH_WITHIN_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A message that is to be published, as the Payments System makes it."""

    body: bytes
    routing_key: str
    content_type: str | None = CLOUD_EVENT
    message_id: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def event(cls, event_type: str, data: Mapping[str, Any], **attributes: Any) -> "Published":
        """A CloudEvent; an attribute that is given as None is left out."""
        event = {
            "specversion": "1.0",
            "id": fresh_id("event"),
            "source": "/payments",
            "type": event_type,
            "data": data,
        } | attributes
        event = {name: value for name, value in event.items() if value is not None}
        return cls(body=json.dumps(event).encode(), routing_key=event_type, message_id=event.get("id"))

    @classmethod
    def bare(cls, event_type: str, data: Mapping[str, Any], *, message_id: str | None) -> "Published":
        """The data alone."""
        return cls(
            body=json.dumps(data).encode(),
            routing_key=event_type,
            content_type="application/json",
            message_id=message_id,
        )


def deposit_settled(deposit: pb.DepositSettlementRequest, **attributes: Any) -> Published:
    """The event that tells what the call `ApplyDepositSettlement` tells."""
    data: dict[str, Any] = {
        "depositId": deposit.deposit_id,
        "playerId": deposit.player_id,
        "currencyNetworkId": deposit.currency_network_id,
        "amountMinor": deposit.amount_minor,
    }
    if deposit.tx_hash:
        data["txHash"] = deposit.tx_hash
    if deposit.HasField("output_index"):
        data["outputIndex"] = deposit.output_index
    return Published.event("payments.deposit.settled", data, **attributes)


def withdrawal_broadcasted(withdrawal_id: str, **attributes: Any) -> Published:
    data = {"withdrawalId": withdrawal_id, "txHash": "0xabc"}
    return Published.event("payments.withdrawal.broadcasted", data, **attributes)


def withdrawal_settled(withdrawal_id: str, fee_minor: str = "0", **attributes: Any) -> Published:
    data = {"withdrawalId": withdrawal_id, "feeMinor": fee_minor, "txHash": "0xabc"}
    return Published.event("payments.withdrawal.settled", data, **attributes)


def withdrawal_failed(withdrawal_id: str, reason: str = "no gas", **attributes: Any) -> Published:
    return Published.event(
        "payments.withdrawal.failed", {"withdrawalId": withdrawal_id, "reason": reason}, **attributes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that a subscriber got."""

    body: bytes
    routing_key: str
    content_type: str | None
    message_id: str | None
    headers: Mapping[str, Any]
    persistent: bool
    expiration: Any = None
    priority: int | None = None
    reply_to: str | None = None
    user_id: str | None = None

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


class Bus:
    """A publisher of payment events and a subscriber of the wallet's, in a thread of their own."""

    def __init__(self, amqp_url: str) -> None:
        self.amqp_url = amqp_url
        self.received: list[Received] = []
        self._loop = asyncio.new_event_loop()
        self._subscription: Any = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.declare()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _finish(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _wait(self, made: Coroutine[Any, Any, T], timeout_s: float = 120.0) -> T:
        return asyncio.run_coroutine_threadsafe(made, self._loop).result(timeout_s)

    def declare(self) -> None:
        """Declare what the wallet declares, and a subscriber's queue for all of its events."""
        self._wait(self._declare())

    async def _declare(self) -> None:
        async with await aio_pika.connect(self.amqp_url) as connection:
            await declare_inbound(connection, NAMES)
            await declare_outbound(connection, NAMES)
            async with connection.channel() as channel:
                await channel.exchange_delete(NAMES.owner)  # of another test, where all share one virtual host
        await self._declare_queue(_SUBSCRIBERS)

    async def _declare_queue(self, name: str) -> None:
        async with await aio_pika.connect(self.amqp_url) as connection, connection.channel() as channel:
            queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
            await queue.bind(NAMES.events_exchange, "#")

    def subscribe(self) -> None:
        """Collect the wallet's events in `received` from now on, those that waited included."""
        self._subscription = asyncio.run_coroutine_threadsafe(self._subscribe(), self._loop)  # kept, or it is collected

    async def _subscribe(self) -> None:
        while True:
            with suppress(*BROKER_ERRORS):
                async with await aio_pika.connect(self.amqp_url) as connection:
                    channel = await connection.channel()
                    await channel.set_qos(prefetch_count=_FETCHED)
                    queue = await channel.get_queue(_SUBSCRIBERS)
                    await queue.consume(self._on_event)
                    while not (connection.is_closed or channel.is_closed):  # noqa: ASYNC110 `closed()` may wait for ever
                        await asyncio.sleep(_AGAIN_S)
            await asyncio.sleep(_AGAIN_S)

    async def _on_event(self, message: AbstractIncomingMessage) -> None:
        self.received.append(_received(message))
        with suppress(*BROKER_ERRORS):
            await message.ack()

    def keep_archive(self) -> None:
        """Have the broker keep the wallet's events, from now on, in a queue that nobody reads until `archive` does.

        What a subscriber sees after the broker was killed may be out of order, since its queue hands out again what was
        under way. This queue tells in which order events were published.
        """
        self._wait(self._declare_queue(_ARCHIVE))

    def archive(self) -> list[Received]:
        """Take the events that were kept, in the order of their publication: call it once, when nobody publishes."""
        return self._wait(self._empty(_ARCHIVE, self.waiting(_ARCHIVE)))

    def publish(self, *messages: Published) -> None:
        """Publish, and return when the broker has confirmed all of them; again what a lost connection left open."""
        self._wait(self._publish(messages))

    def publish_written(self, *messages: tuple[bytes, bytes, bytes]) -> None:
        """Publish messages of routing key, properties and body, all as bytes; see `support.amqp`."""
        self._wait(amqp.publish_all(self.amqp_url, NAMES.payments_exchange, messages))

    def publish_what_is_taken(self, messages: Sequence[tuple[bytes, bytes, bytes]]) -> int:
        """Publish such messages one by one, whatever the broker says; gives how many it took."""
        return self._wait(amqp.publish_what_is_taken(self.amqp_url, NAMES.payments_exchange, messages))

    def start_publishing(self, messages: Sequence[Published]) -> Any:
        """Publish in the background; `result(timeout)` of what is returned waits for the end."""
        return asyncio.run_coroutine_threadsafe(self._publish(messages), self._loop)

    async def _publish(self, messages: Sequence[Published]) -> None:
        left = list(messages)
        while left:
            with suppress(*BROKER_ERRORS):
                async with await aio_pika.connect(self.amqp_url) as connection:
                    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                    exchange = await channel.get_exchange(NAMES.payments_exchange, ensure=False)
                    bound = asyncio.Semaphore(_IN_FLIGHT)
                    confirmed = await asyncio.gather(*(_sent(exchange, message, bound) for message in left))
                    left = [message for message, done in zip(left, confirmed, strict=True) if not done]
            if left:
                await asyncio.sleep(_AGAIN_S)

    def dead_letters(self, count: int) -> list[Received]:
        """Take this many messages from the dead-letter queue."""
        return self._wait(self._take(NAMES.dead_letters, count))

    def letters_of(self, queue_name: str, count: int) -> list[Received]:
        """Take this many messages from another installation's dead-letter queue."""
        return self._wait(self._take(queue_name, count))

    @staticmethod
    def message(message: Published) -> aio_pika.Message:
        """Make the message that is published."""
        return _message(message)

    async def _take(self, queue_name: str, count: int) -> list[Received]:
        taken: list[Received] = []
        async with await aio_pika.connect(self.amqp_url) as connection, connection.channel() as channel:
            queue = await channel.get_queue(queue_name)
            async with asyncio.timeout(WITHIN_S + count * _EACH_WITHIN_S):
                while len(taken) < count:
                    message = await queue.get(no_ack=True, fail=False)
                    if message is None:
                        await asyncio.sleep(_AGAIN_S)
                    else:
                        taken.append(_received(message))
        return taken

    async def _empty(self, queue_name: str, count: int) -> list[Received]:
        """Consume a whole queue; to get its messages one by one costs a round trip and a write to the log for each."""
        taken: list[Received] = []
        async with await aio_pika.connect(self.amqp_url) as connection, connection.channel() as channel:
            await channel.set_qos(prefetch_count=_FETCHED)
            queue = await channel.get_queue(queue_name)
            async with asyncio.timeout(WITHIN_S + count * _EACH_WITHIN_S), queue.iterator() as messages:
                while len(taken) < count:
                    message = await anext(messages)
                    taken.append(_received(message))
                    if len(taken) % _ACKNOWLEDGED_TOGETHER == 0 or len(taken) == count:
                        await message.ack(multiple=True)
        return taken

    def waiting(self, queue_name: str) -> int:
        """Return how many messages of a queue nobody holds."""

        async def count(channel: aio_pika.abc.AbstractChannel) -> int:
            queue = await channel.declare_queue(queue_name, passive=True)
            return queue.declaration_result.message_count or 0

        return self.run(count)

    def run(self, make: Callable[[aio_pika.abc.AbstractChannel], Coroutine[Any, Any, T]]) -> T:
        """Do something with a channel of its own."""

        async def do() -> T:
            async with await aio_pika.connect(self.amqp_url) as connection, connection.channel() as channel:
                return await make(channel)

        return self._wait(do())

    def events_of(self, player: Player) -> list[dict[str, Any]]:
        """Return what was received of a player until now."""
        return [one.event for one in list(self.received) if one.event["subject"] == str(player.player_id)]

    def until(self, events: int) -> list[Received]:
        """Wait until this many events were received."""
        wait_until(lambda: len(self.received) >= events, what=f"{events} events", timeout_s=WITHIN_S)
        return self.received


async def _sent(exchange: AbstractExchange, message: Published, bound: asyncio.Semaphore) -> bool:
    async with bound:
        try:
            await exchange.publish(_message(message), message.routing_key, mandatory=True)
        except BROKER_ERRORS:
            return False
        return True


def _message(message: Published) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        content_type=message.content_type,
        message_id=message.message_id,
        headers=dict(message.headers),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def _received(message: AbstractIncomingMessage) -> Received:
    return Received(
        body=message.body,
        routing_key=message.routing_key or "",
        content_type=message.content_type,
        message_id=message.message_id,
        headers=message.headers,
        persistent=message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT,
        expiration=message.expiration,
        priority=message.priority,
        reply_to=message.reply_to,
        user_id=message.user_id,
    )


class Worker(WalletProcess):
    """One `wallet consume` or `wallet relay`."""

    def __init__(self, command: str, installation: Installation, amqp_url: str, **settings: str) -> None:
        super().__init__(command, environment=installation.settings() | {"WALLET_AMQP_URL": amqp_url} | settings)

    def revive(self) -> None:
        """Start it again if it has ended, as whoever runs it would."""
        if not self.runs:
            self.start()

    def end(self) -> None:
        """Kill it: whoever wants it to stop well says so, and looks at its exit status."""
        if self.runs:
            self.kill()


def have_ended_otherwise(found: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether an event's rows in the inbox cannot become these states any more by themselves: no need to wait."""
    ended = any(state in _ENDED and state != expected for state, expected in zip(found, wanted, strict=False))
    return ended or len(found) > len(wanted)


@dataclass(frozen=True, slots=True)
class Platform:
    """A wallet with its server, a consumer, a relay, and a bus beside them."""

    installation: Installation
    wallet: Wallet
    consumer: Worker
    relay: Worker
    bus: Bus

    def inbox(self, source_event_id: str) -> list[tuple[str, str | None]]:
        """Return state and reason of the inbox rows of an event id."""
        return self.installation.rows(
            "SELECT state, reason FROM inbox_events WHERE event_id = %s ORDER BY inbox_id", source_event_id
        )

    def settled(self, event: Published, *states: str) -> list[tuple[str, str | None]]:
        """Publish an event, and wait until the inbox tells exactly these states of its id."""
        self.bus.publish(event)
        return self.becomes(event, *states)

    def becomes(self, event: Published, *states: str) -> list[tuple[str, str | None]]:
        """Wait until the inbox tells exactly these states of an event's id.

        Raises:
            AssertionError: It tells another one, which stays as it is.
            NotInTimeError: It does not tell them all.
        """
        assert event.message_id is not None
        event_id = event.message_id

        def has_become() -> bool:
            found = self.inbox(event_id)
            assert not have_ended_otherwise([state for state, _ in found], states), f"not {states}: {found}"
            return [state for state, _ in found] == list(states)

        wait_until(
            has_become,
            what=f"{event_id} is {states}\n{self.inbox(event_id)}\n{self.consumer.log[-2000:]}",
            timeout_s=WITHIN_S,
        )
        return self.inbox(event_id)

    def handled(self, *events: Published) -> None:
        """Publish events, and wait until they and a marker behind them have left the queue."""
        self.bus.publish(*events)
        marker = deposit_settled(Player().deposit("1"))
        self.settled(marker, "APPLIED")
        wait_until(lambda: self.bus.waiting(NAMES.payments_queue) == 0, what="the queue is empty", timeout_s=WITHIN_S)

    def events_of(self, player: Player, count: int) -> list[dict[str, Any]]:
        """Wait for this many events of a player, and return them."""
        found = self.bus.events_of
        wait_until(lambda: len(found(player)) >= count, what=f"{count} events of {player}", timeout_s=WITHIN_S)
        return found(player)


@pytest.fixture(scope="module")
def platform(module_installation: Installation, broker: Broker) -> Iterator[Platform]:
    """A whole platform for a module: its own database and its own virtual host."""
    amqp_url = new_vhost(broker)
    with (
        Bus(amqp_url) as bus,
        WalletServer(module_installation) as server,
        Worker("consume", module_installation, amqp_url) as consumer,
        Worker("relay", module_installation, amqp_url) as relay,
    ):
        bus.subscribe()
        yield Platform(module_installation, server.wallet(), consumer, relay, bus)
        assert consumer.stop() == 0, consumer.log
        assert relay.stop() == 0, relay.log
    verify(module_installation)
