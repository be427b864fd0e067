"""An event client: `python -m bench.clients.event_client`, one order on standard input, answers on standard output.

The bare publisher and the bare consumer are the yardsticks of what aio-pika and the broker can do: what such a loop
needs and nothing else, on the loop that the wallet runs on (uvloop). The bytes are read before it begins; the publisher
makes its messages of them as it goes, as everybody must.
"""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import aio_pika
import msgspec
import uvloop
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

from bench.clients.answer_counts import percentile_ms
from bench.clients.end_with_parent import wait_for_the_end
from bench.clients.event_files import EventMessage, read_messages
from bench.clients.event_orders import Done, EventOrder, Job, Ready, Total, to_line
from wallet_grpc.messaging.cloudevents import CONTENT_TYPE

_ALL_RECEIVED_WITHIN_S = 30.0
_GARBAGE_THRESHOLD = 50_000


class Publisher:
    """Publishes as the relay does: persistent, mandatory, confirmed, and a bounded number in flight."""

    def __init__(self, order: EventOrder) -> None:
        self._order = order

    async def run(self, connection: AbstractConnection) -> Done:
        """Publish the messages of the file."""
        messages = read_messages(Path(self._order.file))
        _spare_the_garbage_collector()
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange(self._order.place, ensure=False)
        left = iter(messages)
        _say(Ready())
        await asyncio.gather(*(self._publish(exchange, left) for _ in range(self._order.in_flight)))
        return Done(messages=len(messages))

    async def _publish(self, exchange: AbstractExchange, left: Iterator[EventMessage]) -> None:
        for each in left:
            message = aio_pika.Message(
                each.body,
                content_type=CONTENT_TYPE,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                message_id=each.message_id,
                type=each.routing_key,
            )
            await exchange.publish(message, each.routing_key, mandatory=True)


class Consumer:
    """Acknowledges."""

    def __init__(self, order: EventOrder) -> None:
        self._order = order
        self._acknowledged = 0
        self._all = asyncio.Event()

    async def run(self, connection: AbstractConnection) -> Done:
        """Acknowledge all the messages that there are."""
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=self._order.in_flight)
        queue = await channel.get_queue(self._order.place, ensure=False)
        _spare_the_garbage_collector()
        _say(Ready())
        await queue.consume(self._take)
        await self._all.wait()
        await channel.close()
        return Done(messages=self._acknowledged)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        await message.ack()
        self._acknowledged += 1
        if self._acknowledged == self._order.messages:
            self._all.set()


class _EventHead(msgspec.Struct):
    """What a subscriber looks at."""

    id: str
    time: datetime


class Subscriber:
    """Notes how old the events are that it is given."""

    def __init__(self, order: EventOrder, total: "asyncio.Future[int]") -> None:
        self._order = order
        self._total = total
        self._decode = msgspec.json.Decoder(_EventHead).decode
        self._wanted: int | None = None
        self._all = asyncio.Event()
        self._received = 0
        self._made_and_lag_s: dict[str, tuple[float, float]] = {}

    async def run(self, connection: AbstractConnection) -> Done:
        """Receive until there is nothing more to come."""
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=self._order.in_flight)
        queue = await channel.get_queue(self._order.place, ensure=False)
        await queue.consume(self._take)
        _say(Ready())
        self._wanted = await self._total
        if len(self._made_and_lag_s) < self._wanted:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ALL_RECEIVED_WITHIN_S):
                    await self._all.wait()
        await channel.close()
        return self._done()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        now = time.time()
        event = self._decode(message.body)
        made = event.time.timestamp()
        self._received += 1
        self._made_and_lag_s.setdefault(event.id, (made, now - made))
        await message.ack()
        if len(self._made_and_lag_s) == self._wanted:
            self._all.set()

    def _done(self) -> Done:
        kept = self._made_and_lag_s.values()
        opens = min((made for made, _ in kept), default=0.0) + self._order.warm_up_s
        lags = sorted(lag for made, lag in kept if opens <= made < opens + self._order.window_s)
        return Done(
            messages=self._received,
            distinct=len(kept),
            in_window=len(lags),
            p50_ms=percentile_ms(lags, 0.50),
            p99_ms=percentile_ms(lags, 0.99),
            max_ms=percentile_ms(lags, 1),
        )


def _spare_the_garbage_collector() -> None:
    """Do as the wallet's processes do, so that no yardstick is slower for want of it."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


def _say(answer: Ready | Done) -> None:
    sys.stdout.write(to_line(answer))
    sys.stdout.flush()


async def carry_out(order: EventOrder, total: "asyncio.Future[int]") -> Done:
    """Carry an order out."""
    async with await aio_pika.connect(order.amqp_url) as connection:
        match order.job:
            case Job.PUBLISH:
                return await Publisher(order).run(connection)
            case Job.CONSUME:
                return await Consumer(order).run(connection)
            case Job.SUBSCRIBE:
                return await Subscriber(order, total).run(connection)


async def _main(order: EventOrder) -> None:
    loop = asyncio.get_running_loop()
    total = loop.create_future()

    def listen() -> None:
        """Wait for the total, then for the end."""
        line = sys.stdin.readline()
        if line:
            loop.call_soon_threadsafe(total.set_result, Total.from_line(line).events)
        wait_for_the_end()

    threading.Thread(target=listen, daemon=True).start()
    _say(await carry_out(order, total))


def main() -> None:
    """Read the order, carry it out, answer."""
    order = EventOrder.from_line(sys.stdin.readline())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(order))


if __name__ == "__main__":
    main()
