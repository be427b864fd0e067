"""Exchanges and queues, declared on every start (docs/rules.md, Events).

Our names carry the environment, so that TEST and LIVE on one broker never share a queue or publish to one exchange;
settings may say otherwise. Two installations never consume one queue, whatever it is called: the first to consume it
claims it.

Both queues are quorum queues, dead-lettered at least once. The delivery limit is explicit and high: brokers differ in
what they take for granted, and a delivery comes back with every lost connection, which is no fault of the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from aio_pika import ExchangeType
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelPreconditionFailed

PAYMENTS_PATTERN: Final = "payments.#"
"""Everything that is published there: a type that the wallet does not know is dead-lettered, not lost."""

_PAYMENTS_EXCHANGE = "payments.events"
_PAYMENTS_QUEUE = "wallet.payments.v1"
_EVENTS_EXCHANGE = "wallet.events"
_DELIVERY_LIMIT = 1_000
_LETTER_LOOKS_MAX = 1_000_000
"""A dead letter may be looked at and put back as often as anybody likes; RabbitMQ 4 would drop it after 20 times."""

Arguments = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What everything is called."""

    payments_exchange: str
    """The Payments System publishes here; one exchange may serve several installations, each with its own queue."""
    payments_queue: str
    events_exchange: str
    """The wallet publishes here."""

    @classmethod
    def of(
        cls,
        environment: str,
        *,
        payments_exchange: str | None = None,
        payments_queue: str | None = None,
        events_exchange: str | None = None,
    ) -> Self:
        """Name everything for an environment, TEST or LIVE, but for what is given."""
        suffix = environment.lower()
        return cls(
            payments_exchange=payments_exchange or _PAYMENTS_EXCHANGE,
            payments_queue=payments_queue or f"{_PAYMENTS_QUEUE}.{suffix}",
            events_exchange=events_exchange or f"{_EVENTS_EXCHANGE}.{suffix}",
        )

    @property
    def dead_letters(self) -> str:
        """The queue of what cannot be read."""
        return f"{self.payments_queue}.dlq"

    @property
    def owner(self) -> str:
        """The exchange whose argument says which installation consumes the queue; nothing is published there."""
        return f"{self.payments_queue}.owner"

    @property
    def payments_arguments(self) -> Arguments:
        """How the queue of payment events is declared."""
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": _DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.dead_letters,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


_DEAD_LETTERS_ARGUMENTS: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": _LETTER_LOOKS_MAX}


class TopologyConflictError(Exception):
    """Something of that name is there and is defined otherwise; the message says what, and what to do."""


async def declare_inbound(connection: AbstractConnection, names: Topology) -> None:
    """Declare what payment events come through.

    Raises:
        TopologyConflictError: It is there, otherwise.
    """
    await _declare_exchange(connection, names.payments_exchange)
    await _declare_queue(connection, names.dead_letters, _DEAD_LETTERS_ARGUMENTS)
    await _declare_queue(connection, names.payments_queue, names.payments_arguments)
    async with connection.channel() as channel:
        queue = await channel.get_queue(names.payments_queue, ensure=False)
        await queue.bind(names.payments_exchange, routing_key=PAYMENTS_PATTERN)


async def claim_queue(connection: AbstractConnection, names: Topology, installation: UUID) -> None:
    """Claim the queue of payment events for an installation, for good.

    The claim is the argument of an exchange: the broker keeps who declared it first and refuses everybody else, so
    there is no moment in which two may take the queue to be theirs.

    Raises:
        TopologyConflictError: Another installation consumes it.
    """
    async with connection.channel() as channel:
        try:
            await channel.declare_exchange(
                names.owner,
                ExchangeType.FANOUT,
                durable=True,
                internal=True,
                arguments={"alternate-exchange": f"{names.owner}.{installation}"},
            )
        except ChannelPreconditionFailed as error:
            raise TopologyConflictError(
                f"the queue {names.payments_queue} is consumed by another installation than this one, {installation}. "
                "Each needs a queue of its own: give each a vhost, or set WALLET_PAYMENTS_QUEUE. If this installation "
                f"is to take the queue over, end the other's consumers and delete the exchange {names.owner}. "
                f"RabbitMQ says: {error}"
            ) from error


async def declare_outbound(connection: AbstractConnection, names: Topology) -> None:
    """Declare what the wallet's own events go to.

    Raises:
        TopologyConflictError: It is there, otherwise.
    """
    await _declare_exchange(connection, names.events_exchange)


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
