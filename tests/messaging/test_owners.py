"""TEST and LIVE, and several installations, on one broker: an event never has its effect where it does not belong."""

import json
from collections.abc import Callable, Iterator

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity
from support.broker import Broker, new_vhost
from support.database import Installation
from support.events import NAMES, Bus, Published, Worker, deposit_settled
from support.requests import Player
from support.waiting import wait_until

from wallet_grpc.messaging.topology import Topology

LIVE = Topology.of("LIVE")


@pytest.fixture
def bus(broker: Broker) -> Iterator[Bus]:
    with Bus(new_vhost(broker)) as bus:
        yield bus


def consuming(worker: Worker) -> None:
    wait_until(lambda: "consuming" in worker.log, what=f"it consumes\n{worker.log}", timeout_s=60)


def events_of(installation: Installation) -> set[str]:
    return {event_id for (event_id,) in installation.rows("SELECT event_id FROM inbox_events WHERE state = 'APPLIED'")}


def is_there(bus: Bus, exchange: str) -> bool:
    async def look(channel) -> None:  # noqa: ANN001
        await channel.get_exchange(exchange, ensure=True)

    try:
        bus.run(look)
    except ChannelNotFoundEntity:
        return False
    return True


def test_case_58_test_and_live_share_a_broker_and_nothing_else(
    bus: Bus, new_installation: Callable[[], Installation], new_empty_installation: Callable[..., Installation]
) -> None:
    testing, live = new_installation(), new_empty_installation(environment="live")
    live.command("migrate")
    live.command("currencies", "add", "USDT", "TRON", "--decimals", "6")
    with Worker("consume", testing, bus.amqp_url) as one, Worker("consume", live, bus.amqp_url) as other:
        consuming(one)
        consuming(other)
        events = {
            "TEST": deposit_settled(Player().deposit("1"), environment="TEST"),
            "LIVE": deposit_settled(Player().deposit("1"), environment="LIVE"),
            "none": deposit_settled(Player().deposit("1")),
        }
        bus.publish(*events.values())
        wait_until(lambda: len(events_of(testing)) == 2, what="two are for TEST")
        wait_until(lambda: len(events_of(live)) == 1, what="one is for LIVE")
        assert events_of(testing) == {events["TEST"].message_id, events["none"].message_id}
        assert events_of(live) == {events["LIVE"].message_id}
        (foreign,) = bus.dead_letters(1)
        assert (foreign.message_id, foreign.headers["x-wallet-reason"]) == (
            events["LIVE"].message_id,
            "ENVIRONMENT_MISMATCH",
        )
        letters = bus.letters_of(LIVE.dead_letters, 2)
        assert {str(letter.message_id): letter.headers["x-wallet-reason"] for letter in letters} == {
            str(events["TEST"].message_id): "ENVIRONMENT_MISMATCH",
            str(events["none"].message_id): "MISSING_FIELD",
        }


def test_case_58_a_queue_that_another_installation_consumes_is_refused(
    bus: Bus, new_installation: Callable[[], Installation]
) -> None:
    first, second = new_installation(), new_installation()
    with Worker("consume", first, bus.amqp_url) as one, Worker("consume", first, bus.amqp_url) as two:
        consuming(one)
        consuming(two)
        with Worker("consume", second, bus.amqp_url) as other:
            assert other.process.wait(60) == 1
            assert f"the queue {NAMES.payments_queue} is consumed by another installation" in other.log
            assert "WALLET_PAYMENTS_QUEUE" in other.log
            assert "Traceback" not in other.log
        with Worker("consume", second, bus.amqp_url, WALLET_PAYMENTS_QUEUE="wallet.second") as other:
            consuming(other)
    event = deposit_settled(Player().deposit("1"))
    bus.publish(event)
    with Worker("consume", second, bus.amqp_url) as other:
        assert other.process.wait(60) == 1, "it is another's queue while nobody consumes, too"

    async def hand_over(channel) -> None:  # noqa: ANN001
        await channel.exchange_delete(NAMES.owner)

    bus.run(hand_over)
    with Worker("consume", second, bus.amqp_url):
        wait_until(lambda: events_of(second) == {event.message_id}, what="it was taken over", timeout_s=60)


def test_who_is_refused_a_queue_binds_nothing_to_it(bus: Bus, new_installation: Callable[[], Installation]) -> None:
    first, second = new_installation(), new_installation()
    with Worker("consume", first, bus.amqp_url) as one:
        consuming(one)
        with Worker("consume", second, bus.amqp_url, WALLET_PAYMENTS_EXCHANGE="second.events") as other:
            assert other.process.wait(60) == 1
        assert not is_there(bus, "second.events")


def test_a_claim_that_was_lost_is_renewed_while_its_installation_consumes(
    bus: Bus, new_installation: Callable[[], Installation]
) -> None:
    first, second = new_installation(), new_installation()
    with Worker("consume", first, bus.amqp_url) as one:
        consuming(one)

        async def lose(channel) -> None:  # noqa: ANN001
            await channel.exchange_delete(NAMES.owner)

        bus.run(lose)
        wait_until(lambda: is_there(bus, NAMES.owner), what="it is claimed again", timeout_s=30)
        with Worker("consume", second, bus.amqp_url) as other:
            assert other.process.wait(60) == 1
        assert one.runs


def test_names_are_as_the_settings_say(bus: Bus, new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    named = Topology.of("TEST", payments_exchange="pay", payments_queue="own.payments", events_exchange="own.events")
    assert (named.dead_letters, named.events_exchange) == ("own.payments.dlq", "own.events")
    assert (LIVE.payments_queue, LIVE.events_exchange) == ("wallet.payments.v1.live", "wallet.events.live")
    settings = {
        "WALLET_PAYMENTS_EXCHANGE": "pay",
        "WALLET_PAYMENTS_QUEUE": "own.payments",
        "WALLET_EVENTS_EXCHANGE": "own.events",
    }
    with (
        Worker("consume", installation, bus.amqp_url, **settings) as consumer,
        Worker("relay", installation, bus.amqp_url, **settings) as relay,
    ):
        consuming(consumer)
        wait_until(lambda: '"exchange": "own.events"' in relay.log, what="it relays")
        event = deposit_settled(Player().deposit("1"))

        async def publish(channel) -> None:  # noqa: ANN001
            exchange = await channel.get_exchange("pay")
            await exchange.publish(bus.message(event), event.routing_key, mandatory=True)

        bus.run(publish)
        wait_until(lambda: events_of(installation) == {event.message_id}, what="it is applied")


def test_events_in_binary_mode_are_taken(bus: Bus, new_installation: Callable[[], Installation]) -> None:
    """With either prefix that the CloudEvents' AMQP binding allows, and with the environment checked."""
    installation = new_installation()
    own = [in_binary_mode(prefix, "TEST") for prefix in ("cloudEvents:", "cloudEvents_")]
    bus.publish(in_binary_mode("cloudEvents:", "LIVE"), *own)
    with Worker("consume", installation, bus.amqp_url):
        wait_until(lambda: len(events_of(installation)) == 2, what="they are applied", timeout_s=60)
        (letter,) = bus.dead_letters(1)
        assert letter.headers["x-wallet-reason"] == "ENVIRONMENT_MISMATCH"


def in_binary_mode(prefix: str, environment: str) -> Published:
    event = json.loads(deposit_settled(Player().deposit("1"), environment=environment).body)
    return Published(
        body=json.dumps(event.pop("data")).encode(),
        routing_key="payments.any",
        content_type="application/json",
        headers={f"{prefix}{name}": value for name, value in event.items()},
    )
