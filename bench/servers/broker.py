"""The run's RabbitMQ: a private node, started by the first step that needs it, and the queues that steps measure by."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from devstack.servers.rabbitmq import RabbitNode
from devstack.servers.rabbitmq_folder import RabbitError
from devstack.servers.rabbitmq_programs import BrokerUnavailableError, find_or_install
from wallet_grpc.messaging.topology import (
    Topology,
    TopologyConflictError,
    declare_inbound,
    declare_outbound,
)

T = TypeVar("T")

NAMES = Topology.of("TEST")
"""What the wallet's own queues and exchanges are called."""
BARE_EXCHANGE = "bench.bare"
"""A topic exchange like the wallet's own, for the bare publisher."""
BARE_QUEUE = "bench.bare"
"""A quorum queue bound to it."""
SUBSCRIBER_QUEUE = "bench.subscriber"
"""A quorum queue bound to the wallet's exchange."""
COPIES_QUEUE = "bench.payments"
"""A quorum queue bound to `payments.events` like the wallet's own: the bare consumer's."""

_QUORUM = {"x-queue-type": "quorum"}
_BINDINGS = (
    (BARE_QUEUE, BARE_EXCHANGE),
    (SUBSCRIBER_QUEUE, NAMES.events_exchange),
    (COPIES_QUEUE, NAMES.payments_exchange),
)
_TIMEOUT_S = 30.0
_HEARTBEAT_S = 600


class NoBrokerError(Exception):
    """There is no RabbitMQ to measure with; the message says why."""


class BrokerFailedError(Exception):
    """The broker did not do what it was asked for, or went away."""


class Broker:
    """The node of a run. Stopped at the end of the block, if it was started."""

    def __init__(self, folder: Path, *, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._node: RabbitNode | None = None
        self._missing: str | None = None

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the node."""
        if self._node is not None:
            self._node.stop()

    def node(self) -> RabbitNode:
        """Return the running node, started now if it was not before.

        Raises:
            NoBrokerError: There is none; it is not tried a second time.
        """
        if self._missing is not None:
            raise NoBrokerError(self._missing)
        if self._node is None:
            try:
                node = RabbitNode.create_or_open(self._folder, programs=find_or_install(say=self._say))
                node.start()
            except (BrokerUnavailableError, RabbitError) as error:
                self._missing = str(error)
                raise NoBrokerError(self._missing) from error
            self._node = node
        return self._node


class Queues:
    """The exchanges and queues of a step: all that the wallet has, and the benchmark's own; removed after the block.

    It speaks to the broker only while a method is called, so a long silence must not end its connection.
    """

    def __init__(self, amqp_url: str) -> None:
        self._amqp_url = f"{amqp_url}?heartbeat={_HEARTBEAT_S}"

    def __enter__(self) -> Self:
        """Connect and declare, from nothing."""
        self._runner = asyncio.Runner()
        try:
            self._connection, self._channel = self._run(self._open())
            self._run(self._remove())
            self._run(self._declare())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove everything, so that it costs the next step nothing."""
        try:
            if kind is None:
                self._run(self._remove())
                self._run(self._connection.close())
        finally:
            self._runner.close()

    def depth(self, queue: str) -> int:
        """Return how many messages of a queue wait: neither delivered nor acknowledged."""
        return self._run(self._counts(queue))[0]

    def consumers(self, queue: str) -> int:
        """Return how many consumers a queue has."""
        return self._run(self._counts(queue))[1]

    def purge(self, queue: str) -> None:
        """Remove what waits in a queue."""
        self._run(self._purge(queue))

    async def _open(self) -> tuple[AbstractConnection, AbstractChannel]:
        connection = await aio_pika.connect(self._amqp_url)
        return connection, await connection.channel()

    async def _counts(self, name: str) -> tuple[int, int]:
        found = (await self._channel.declare_queue(name, passive=True)).declaration_result
        return found.message_count or 0, found.consumer_count or 0

    async def _purge(self, name: str) -> None:
        await (await self._channel.get_queue(name, ensure=False)).purge()

    async def _declare(self) -> None:
        await declare_inbound(self._connection, NAMES)
        await declare_outbound(self._connection, NAMES)
        await self._channel.declare_exchange(BARE_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        for name, exchange in _BINDINGS:
            queue = await self._channel.declare_queue(name, durable=True, arguments=dict(_QUORUM))
            await queue.bind(exchange, "#")

    async def _remove(self) -> None:
        for queue in (NAMES.payments_queue, NAMES.dead_letters, *(queue for queue, _ in _BINDINGS)):
            await self._channel.queue_delete(queue)
        for exchange in (NAMES.events_exchange, NAMES.payments_exchange, NAMES.owner, BARE_EXCHANGE):
            await self._channel.exchange_delete(exchange)

    def _run(self, asked: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(_bounded(asked))
        except (*CONNECTION_EXCEPTIONS, TimeoutError, TopologyConflictError) as error:
            raise BrokerFailedError(f"RabbitMQ: {type(error).__name__}: {error}") from error


async def _bounded(asked: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(_TIMEOUT_S):
        return await asked
