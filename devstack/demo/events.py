"""The demo's events: what the payments system tells through RabbitMQ, and what everybody else learns from there.

`make run` binds a queue to the wallet's exchange, so that its events go somewhere and the demo can show them.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import aio_pika
import psycopg
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError

from devstack.demo.page import Page
from devstack.demo.running_wallet import DemoWallet, RunningStack
from devstack.stack_settings import Environment, StackError
from wallet_grpc.messaging.topology import (
    Topology,
    TopologyConflictError,
    declare_inbound,
    declare_outbound,
)

_QUEUE = "wallet.demo"
_QUEUE_ARGUMENTS: Mapping[str, str | int] = {
    "x-queue-type": "quorum",
    "x-max-length": 10_000,
    "x-overflow": "drop-head",
}
"""Nobody reads it between two demos: the oldest events go."""

_CLOUD_EVENT = "application/cloudevents+json"
_ARRIVES_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.05


def prepare_broker(amqp_url: str, environment: Environment) -> None:
    """Declare what the wallet's processes declare as well, and the queue that its events go to.

    Raises:
        StackError: RabbitMQ does not let us.
    """
    names = Topology.of(environment)

    async def declare() -> None:
        async with await aio_pika.connect(amqp_url) as connection:
            await declare_inbound(connection, names)
            await declare_outbound(connection, names)
            async with connection.channel() as channel:
                queue = await channel.declare_queue(_QUEUE, durable=True, arguments=dict(_QUEUE_ARGUMENTS))
                await queue.bind(names.events_exchange, "#")

    try:
        asyncio.run(declare())
    except (AMQPError, OSError, TopologyConflictError) as error:
        raise StackError(f"RabbitMQ: {error}") from error


class EventsStory:
    """The chapters about events, for the player of the story."""

    def __init__(self, *, wallet: DemoWallet, page: Page, stack: RunningStack, player_id: int, network_id: int) -> None:
        self._wallet = wallet
        self._page = page
        self._stack = stack
        self._player_id = player_id
        self._network_id = network_id

    def tell(self, *, deposit_minor: int) -> None:
        """Tell of events that come in and go out.

        Raises:
            StackError: RabbitMQ is away, or an event did not arrive, or came out otherwise.
        """
        try:
            asyncio.run(self._tell(deposit_minor))
        except (AMQPError, OSError) as error:
            raise StackError(f"RabbitMQ: {error}") from error
        except TimeoutError as error:
            raise StackError(f"An event did not arrive within {_ARRIVES_WITHIN_S:.0f} s.") from error

    async def _tell(self, deposit_minor: int) -> None:
        assert self._stack.amqp_url is not None
        async with await aio_pika.connect(self._stack.amqp_url) as connection, connection.channel() as channel:
            await self._deposit_by_event(channel, deposit_minor)
            await self._events_out(channel)

    async def _deposit_by_event(self, channel: AbstractChannel, deposit_minor: int) -> None:
        self._page.chapter(
            "A deposit by event",
            "The payments system tells of another deposit through RabbitMQ, as a CloudEvent. It tells the same fact "
            "again under a new id, as publishers do: the player is credited once.",
        )
        before = self._available()
        data = {
            "depositId": f"deposit-{secrets.token_hex(4)}",
            "playerId": self._player_id,
            "currencyNetworkId": self._network_id,
            "amountMinor": str(deposit_minor),
            "txHash": secrets.token_hex(16),
            "outputIndex": 0,
        }
        environment = self._stack.command.settings.environment
        ids = [await _publish(channel, environment, "payments.deposit.settled", data) for _ in range(2)]
        async with asyncio.timeout(_ARRIVES_WITHIN_S):
            while not self._received(ids):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_LOOK_EVERY_S)
        after = self._available()
        self._page.amounts([("before", str(before)), ("after both", str(after))], title="GetBalance, available_minor")
        if after != before + deposit_minor:
            raise StackError(f"This is not how the story goes: {before} + {deposit_minor} became {after}.")

    async def _events_out(self, channel: AbstractChannel) -> None:
        self._page.chapter(
            "What the platform learned",
            "Everything above, as the wallet told it on its exchange: one event for each mutation, in "
            "order. The sequence is the version of the player's balance, so a gap can be seen.",
        )
        queue = await channel.get_queue(_QUEUE, ensure=False)
        last = self._available()
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(_ARRIVES_WITHIN_S):
            while not found or found[-1]["data"]["balanceAfterMinor"] != str(last) or not _deposited(found):
                message = await queue.get(no_ack=True, fail=False)
                if message is None:
                    await asyncio.sleep(_LOOK_EVERY_S)
                    continue
                event = json.loads(message.body)
                if event["subject"] == str(self._player_id):
                    found.append(event)
        self._page.events(found)

    def _received(self, event_ids: Sequence[str]) -> bool:
        """Tell whether the inbox has all of these events."""
        with psycopg.connect(self._stack.command.databases.service_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM inbox_events WHERE event_id = ANY(%s) AND state = 'APPLIED'", [list(event_ids)]
            ).fetchone()
        return row is not None and row[0] == len(event_ids)

    def _available(self) -> int:
        return int(self._wallet.balances(self._player_id, self._network_id).available_minor)


def _deposited(events: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the last event is the deposit that came as an event."""
    return bool(events) and events[-1]["type"] == "wallet.deposit.applied" and len(events) > 1


async def _publish(
    channel: AbstractChannel, environment: Environment, event_type: str, data: Mapping[str, object]
) -> str:
    """Publish a CloudEvent until the broker has it; gives its id."""
    event_id = f"event-{secrets.token_hex(8)}"
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/demo/payments",
        "type": event_type,
        "environment": environment.upper(),
        "data": data,
    }
    message = aio_pika.Message(
        json.dumps(event).encode(),
        content_type=_CLOUD_EVENT,
        message_id=event_id,
        delivery_mode=DeliveryMode.PERSISTENT,
    )
    exchange = await channel.get_exchange(Topology.of(environment).payments_exchange, ensure=False)
    await exchange.publish(message, event_type, mandatory=True)
    return event_id
