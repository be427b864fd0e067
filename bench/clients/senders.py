"""How the client puts requests on the wire: one call an operation, batches, or streams, in a closed or an open loop.

Requests are serialised beforehand, so that building them costs nothing while it counts; answers are parsed and looked
at as they come, as every caller must. Slots share a few channels, each with a connection of its own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from bench.clients.answer_counts import Tally
from bench.clients.orders import Content, Order, Shape
from bench.clients.workloads import Feed, Item
from wallet.v1 import credit_wallet_pb2, ledger_pb2
from wallet.v1 import session_pb2 as session_pb
from wallet.v1 import wallet_pb2 as pb


@dataclass(frozen=True, slots=True)
class _Service:
    """A service's path, and how its answers are read."""

    path: str
    result: Callable[[bytes], Any]
    batch: Callable[[bytes], Any]
    outcome: Callable[[bytes], Any]
    unary: str = "Bet"


_WALLET = _Service(
    "/wallet.v1.WalletService",
    pb.OperationResult.FromString,
    pb.ExecuteBatchResponse.FromString,
    pb.Outcome.FromString,
)
_SESSIONS = _Service(
    "/wallet.v1.LedgerSessionService",
    session_pb.SessionResult.FromString,
    session_pb.ExecuteSessionBatchResponse.FromString,
    session_pb.SessionOutcome.FromString,
)
_CREDIT = _Service(
    "/wallet.v1.CreditWalletService",
    credit_wallet_pb2.WalletResult.FromString,
    credit_wallet_pb2.ExecuteWalletBatchResponse.FromString,
    credit_wallet_pb2.WalletOutcome.FromString,
    unary="Credit",
)
_LEDGERS = _Service(
    "/wallet.v1.LedgerService",
    ledger_pb2.PostJournalEntryResponse.FromString,
    ledger_pb2.PostJournalEntryResponse.FromString,
    ledger_pb2.PostJournalEntryResponse.FromString,
    unary="PostJournalEntry",
)
_SERVICES = {
    Content.SESSION_BETS: _SESSIONS,
    Content.WALLET_WRITES: _CREDIT,
    Content.JOURNAL_ENTRIES: _LEDGERS,
}
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # a proxy of the environment is not for this machine
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own for each channel
)
_CALL_TIMEOUT_S = 30.0
_STREAM_UNANSWERED_MAX = 1_000
_PACED_UNANSWERED_MAX = 5_000


class Sender(Protocol):
    """A way to send."""

    async def send(self, feeds: Sequence[Feed]) -> None:
        """Send what the feeds yield, a slot for each, until they end or `stop` is called, and wait for the answers."""

    def stop(self) -> None:
        """Take nothing more from the feeds."""


def open_channels(order: Order) -> list[grpc.aio.Channel]:
    """Open the order's channels."""
    return [grpc.aio.insecure_channel(order.address, options=_CHANNEL_OPTIONS) for _ in range(order.channels)]


def sender_of(order: Order, channels: Sequence[grpc.aio.Channel], tally: Tally) -> Sender:
    """Return the sender of a load's shape."""
    metadata = (("authorization", f"Bearer {order.key}"),)
    service = _SERVICES.get(order.content, _WALLET)
    match order.shape:
        case Shape.UNARY:
            return _ClosedLoop(_unary_calls(service, channels, metadata), tally, tally.result)
        case Shape.BATCH:
            return _ClosedLoop(_batch_calls(service, channels, metadata), tally, tally.batch)
        case Shape.STREAM:
            return _Streams(_stream_calls(service, channels, metadata), tally)
        case Shape.PACED:
            return _OpenLoop(_unary_calls(service, channels, metadata), tally, per_second=order.per_second)


Calls = Sequence[Callable[[bytes], Any]]
"""For each channel: start a call with a serialised request."""


def _unary_calls(service: _Service, channels: Sequence[grpc.aio.Channel], metadata: Any) -> Calls:
    return [_call(channel, f"{service.path}/{service.unary}", service.result, metadata) for channel in channels]


def _batch_calls(service: _Service, channels: Sequence[grpc.aio.Channel], metadata: Any) -> Calls:
    return [_call(channel, f"{service.path}/ExecuteBatch", service.batch, metadata) for channel in channels]


def _call(channel: grpc.aio.Channel, path: str, parse: Callable[[bytes], Any], metadata: Any) -> Callable[[bytes], Any]:
    multi_callable: Any = channel.unary_unary(path, response_deserializer=parse)
    return lambda request: multi_callable(request, timeout=_CALL_TIMEOUT_S, metadata=metadata)


def _stream_calls(
    service: _Service, channels: Sequence[grpc.aio.Channel], metadata: Any
) -> Sequence[Callable[[], Any]]:
    def start(channel: grpc.aio.Channel) -> Callable[[], Any]:
        multi_callable: Any = channel.stream_stream(f"{service.path}/Execute", response_deserializer=service.outcome)
        return lambda: multi_callable(metadata=metadata)

    return [start(channel) for channel in channels]


class _ClosedLoop:
    """Slots that send their next request when the last is answered."""

    def __init__(self, calls: Calls, tally: Tally, count: Callable[[Item, Any], None]) -> None:
        self._calls = calls
        self._tally = tally
        self._count = count
        self._stopping = False

    async def send(self, feeds: Sequence[Feed]) -> None:
        self._stopping = False
        await asyncio.gather(*(self._slot(feed, self._calls[n % len(self._calls)]) for n, feed in enumerate(feeds)))

    def stop(self) -> None:
        self._stopping = True

    async def _slot(self, feed: Feed, call: Callable[[bytes], Any]) -> None:
        tally, clock = self._tally, time.perf_counter
        while not self._stopping:
            item = next(feed, None)
            if item is None:
                return
            sent = clock()
            try:
                answer = await call(item.request)
            except grpc.aio.AioRpcError as error:
                tally.failure(item, error)
                continue
            if tally.counting:
                tally.latencies_s.append(clock() - sent)
            self._count(item, answer)


class _OpenLoop:
    """Requests at fixed times, whether or not earlier ones are answered.

    Latency counts from the time at which a request was to be sent: a wallet, or a client, that falls behind shows it.
    The loop's timers have a resolution of a millisecond, which is part of the figure.
    """

    def __init__(self, calls: Calls, tally: Tally, *, per_second: int) -> None:
        self._calls = calls
        self._tally = tally
        self._interval_s = 1 / per_second
        self._stopping = False

    async def send(self, feeds: Sequence[Feed]) -> None:
        self._stopping = False
        (feed,) = feeds
        clock = time.perf_counter
        under_way: set[asyncio.Task[None]] = set()
        start = clock()
        number = 0
        while not self._stopping:
            due = start + number * self._interval_s
            wait_s = due - clock()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            item = next(feed, None)
            if item is None:
                break
            number += 1
            if len(under_way) >= _PACED_UNANSWERED_MAX:
                self._tally.unsent(_CALL_TIMEOUT_S)
                continue
            task = asyncio.create_task(self._one(item, due, self._calls[number % len(self._calls)]))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    def stop(self) -> None:
        self._stopping = True

    async def _one(self, item: Item, due: float, call: Callable[[bytes], Any]) -> None:
        counts = self._tally.counting
        try:
            result = await call(item.request)
        except grpc.aio.AioRpcError as error:
            self._tally.failure(item, error)
            if counts:
                self._tally.latencies_s.append(_CALL_TIMEOUT_S)  # nobody was answered: the longest wait there is
            return
        if counts:
            self._tally.latencies_s.append(time.perf_counter() - due)
        self._tally.result(item, result)


class _Streams:
    """Streams that are written as fast as the wallet reads; their answers come in the order of their operations."""

    def __init__(self, calls: Sequence[Callable[[], Any]], tally: Tally) -> None:
        self._calls = calls
        self._tally = tally
        self._stopping = False

    async def send(self, feeds: Sequence[Feed]) -> None:
        self._stopping = False
        await asyncio.gather(*(self._stream(feed, self._calls[n % len(self._calls)]) for n, feed in enumerate(feeds)))

    def stop(self) -> None:
        self._stopping = True

    async def _stream(self, feed: Feed, start: Callable[[], Any]) -> None:
        unanswered = _Unanswered()
        call = start()
        read = asyncio.create_task(self._read(call, unanswered))
        try:
            await self._write(call, feed, unanswered)
            await read
        except grpc.aio.AioRpcError as error:
            for item in unanswered.items:
                self._tally.failure(item, error)
        finally:
            read.cancel()

    async def _write(self, call: Any, feed: Iterator[Item], unanswered: "_Unanswered") -> None:
        while not self._stopping:
            item = next(feed, None)
            if item is None:
                break
            await unanswered.add(item)
            await call.write(item.request)
        await call.done_writing()

    async def _read(self, call: Any, unanswered: "_Unanswered") -> None:
        async for outcome in call:
            self._tally.outcome(unanswered.pop(), outcome)


class _Unanswered:
    """What a stream still waits for, in order; bounded, so that a stalled wallet does not fill our memory."""

    def __init__(self) -> None:
        self.items: deque[Item] = deque()
        self._room = asyncio.Event()

    async def add(self, item: Item) -> None:
        while len(self.items) >= _STREAM_UNANSWERED_MAX:
            self._room.clear()
            await self._room.wait()
        self.items.append(item)

    def pop(self) -> Item:
        self._room.set()
        return self.items.popleft()
