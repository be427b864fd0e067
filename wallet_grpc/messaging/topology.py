"""Exchanges and queues, declared on every start; the names are those of contract.md, Events.

Both queues are quorum queues, dead-lettered at least once. The delivery limit is explicit and high: brokers differ in
what they take for granted, and a delivery comes back with every lost connection, which is no fault of the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelPreconditionFailed

EVENTS_EXCHANGE: Final = "wallet.events"
PAYMENTS_EXCHANGE: Final = "payments.events"
PAYMENTS_QUEUE: Final = "wallet.payments.v1"
DEAD_LETTERS: Final = "wallet.payments.v1.dlq"
PAYMENTS_PATTERN: Final = "payments.#"
"""Everything that is published there: a type that the wallet does not know is dead-lettered, not lost."""

_DELIVERY_LIMIT = 1_000
_LETTER_LOOKS_MAX = 1_000_000
"""A dead letter may be looked at and put back as often as anybody likes; RabbitMQ 4 would drop it after 20 times."""

Arguments = Mapping[str, str | int]
_PAYMENTS_ARGUMENTS: Arguments = {
    "x-queue-type": "quorum",
    "x-delivery-limit": _DELIVERY_LIMIT,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": DEAD_LETTERS,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
_DEAD_LETTERS_ARGUMENTS: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": _LETTER_LOOKS_MAX}


class TopologyConflictError(Exception):
    """Something of that name is there and is defined otherwise; the message says what, and what to do."""


async def declare_inbound(connection: AbstractConnection) -> None:
    """Declare what payment events come through.

    Raises:
        TopologyConflictError: It is there, otherwise.
    """
    await _declare_exchange(connection, PAYMENTS_EXCHANGE)
    await _declare_queue(connection, DEAD_LETTERS, _DEAD_LETTERS_ARGUMENTS)
    await _declare_queue(connection, PAYMENTS_QUEUE, _PAYMENTS_ARGUMENTS)
    async with connection.channel() as channel:
        queue = await channel.get_queue(PAYMENTS_QUEUE, ensure=False)
        await queue.bind(PAYMENTS_EXCHANGE, routing_key=PAYMENTS_PATTERN)


async def declare_outbound(connection: AbstractConnection) -> None:
    """Declare what the wallet's own events go to.

    Raises:
        TopologyConflictError: It is there, otherwise.
    """
    await _declare_exchange(connection, EVENTS_EXCHANGE)


async def _declare_exchange(connection: AbstractConnection, name: str) -> None:
    async with connection.channel() as channel:  # a refused declaration closes its channel
        try:
            await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)
        except ChannelPreconditionFailed as error:
            raise _conflict("exchange", name, "a durable topic exchange", error) from error


async def _declare_queue(connection: AbstractConnection, name: str, arguments: Arguments) -> None:
    async with connection.channel() as channel:
        try:
            await channel.declare_queue(name, durable=True, arguments=dict(arguments))
        except ChannelPreconditionFailed as error:
            wanted = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            raise _conflict("queue", name, f"a durable queue with {wanted}", error) from error


def _conflict(what: str, name: str, wanted: str, error: Exception) -> TopologyConflictError:
    return TopologyConflictError(
        f"the {what} {name} is there already and is defined otherwise. The wallet needs {wanted}. "
        f"Empty and delete it, or set a policy that matches, and start again. RabbitMQ says: {error}"
    )
