"""A consumer and what it cannot hold, cannot tell of, or cannot get over: no place is lost, and nobody else waits."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from support.broker import Broker, new_vhost
from support.database import Installation
from support.events import NAMES, Bus, Published, Worker, deposit_settled
from support.requests import Player
from support.waiting import wait_until

from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.messaging.broker import BrokerAddress
from wallet_grpc.messaging.consumer import ConsumerSettings, PaymentsConsumer
from wallet_grpc.messaging.frames import RawDelivery
from wallet_grpc.messaging.metrics import InboxMetrics

GARBAGE = Published(body=b"garbage", routing_key="payments.deposit.settled", message_id="one-id")


@pytest.fixture
def bus(broker: Broker) -> Iterator[Bus]:
    with Bus(new_vhost(broker)) as bus:
        yield bus


def applied(installation: Installation, *events: Published) -> bool:
    (count,) = installation.rows("SELECT count(*) FROM inbox_events WHERE state = 'APPLIED'")[0]
    return bool(count == len(events))


def peak_memory_kb(process_id: int) -> int:
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    return int(found)


def test_bodies_that_are_far_too_large_are_never_held(bus: Bus, new_installation: Callable[[], Installation]) -> None:
    """They are dead letters all the same, whole, and nothing that their sender wrote is in force on them."""
    installation = new_installation()
    with Worker("consume", installation, bus.amqp_url) as consumer:
        wait_until(lambda: "consuming" in consumer.log, what="it consumes")
        before = peak_memory_kb(consumer.process.pid)
        large = Published(
            body=b"x" * 5_000_000, routing_key="payments.deposit.settled", headers={"CC": [NAMES.payments_queue]}
        )
        event = deposit_settled(Player().deposit("50"))
        bus.publish(*[large] * 24, event)
        wait_until(lambda: applied(installation, event), what="the event behind them is applied", timeout_s=60)
        letters = bus.dead_letters(24)
        assert {len(letter.body) for letter in letters} == {5_000_000}
        assert {death["reason"] for letter in letters for death in letter.headers["x-death"]} == {"rejected"}
        assert bus.waiting(NAMES.payments_queue) == 0
        grown = peak_memory_kb(consumer.process.pid) - before
        assert grown < 40_000, "24 bodies of 5 MB are 120 MB"
        assert consumer.log.count('"too_large"') == 24


def test_a_dead_letter_queue_that_was_deleted_is_declared_again(
    bus: Bus, new_installation: Callable[[], Installation]
) -> None:
    installation = new_installation()
    with Worker("consume", installation, bus.amqp_url, WALLET_CONSUMER_PREFETCH="5") as consumer:
        wait_until(lambda: "consuming" in consumer.log, what="it consumes")

        async def delete(channel: Any) -> None:
            await channel.queue_delete(NAMES.dead_letters)

        bus.run(delete)
        event = deposit_settled(Player().deposit("50"))
        bus.publish(*[GARBAGE] * 10, event)
        wait_until(lambda: applied(installation, event), what="the event behind them is applied", timeout_s=60)
        assert [letter.body for letter in bus.dead_letters(10)] == [GARBAGE.body] * 10


def test_letters_that_the_broker_does_not_take_keep_nobody_waiting(
    bus: Bus, broker: Broker, new_installation: Callable[[], Installation]
) -> None:
    """The broker takes them later; meanwhile they are in its care and hold no place."""
    if broker.ctl is None:
        pytest.skip("rabbitmqctl does not reach this broker")
    installation = new_installation()
    full = '{"max-length": 1, "overflow": "reject-publish"}'
    vhost = urlsplit(bus.amqp_url).path.removeprefix("/")
    broker.ctl("set_policy", "-p", vhost, "--apply-to", "queues", "full", f"^{NAMES.dead_letters}$", full)
    with Worker("consume", installation, bus.amqp_url, WALLET_CONSUMER_PREFETCH="5") as consumer:
        wait_until(lambda: "consuming" in consumer.log, what="it consumes")
        event = deposit_settled(Player().deposit("50"))
        bus.publish(*[GARBAGE] * 20, event)
        wait_until(lambda: applied(installation, event), what="the event behind them is applied", timeout_s=60)
        assert "dead_letter_refused" in consumer.log
        assert consumer.log.count('"letter_refused"') > 0


class Taking:
    """An inbox that takes everything, without a database."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def take_until_settled(self, event: Any) -> None:
        self.taken.append(event.receipt.event_id)


class Failing(PaymentsConsumer):
    """A consumer with a fault at one message, of the kind that ends the connection."""

    def _on_delivery(self, delivery: RawDelivery) -> None:
        if not self._failures.is_stuck(delivery) and b"poison" in (delivery.body or b""):
            raise OverflowError("as a decoder would")
        super()._on_delivery(delivery)


def consumer_of(bus: Bus, inbox: Any, registry: CollectorRegistry, kind: type[PaymentsConsumer]) -> PaymentsConsumer:
    async def installation() -> UUID:
        return known

    known = uuid4()
    settings = ConsumerSettings(
        broker=BrokerAddress(url=bus.amqp_url),
        environment="TEST",
        topology=NAMES,
        prefetch_count=10,
        bytes_max=2**27,
        event_bytes_max=65_536,
        stop_timeout_ms=5_000,
    )
    return kind(settings, inbox, InboxMetrics(registry), ChoreMetrics(registry), installation=installation)


@contextlib.contextmanager
def running(bus: Bus, consumer: PaymentsConsumer) -> Iterator[None]:
    """Run a consumer in the bus's loop."""
    stop = asyncio.Event()
    future = asyncio.run_coroutine_threadsafe(consumer.run(stop), bus._loop)
    try:
        yield
    finally:
        bus._loop.call_soon_threadsafe(stop.set)
        future.result(30)


def test_a_message_at_which_sessions_fail_is_a_dead_letter_after_the_third(bus: Bus) -> None:
    inbox, registry = Taking(), CollectorRegistry()
    events = [deposit_settled(Player().deposit("50")) for _ in range(4)]
    poison = Published(body=b"poison", routing_key="payments.deposit.settled", message_id="the-poison")
    bus.publish(*events[:2], poison, *events[2:])
    with capture_logs() as log, running(bus, consumer_of(bus, inbox, registry, Failing)):
        wait_until(lambda: len(set(inbox.taken)) == 4, what="the others are taken", timeout_s=30)
        (letter,) = bus.dead_letters(1)
    assert (letter.body, letter.message_id) == (b"poison", "the-poison")
    assert registry.get_sample_value("wallet_inbox_stuck_total") == 1
    assert registry.get_sample_value("wallet_inbox_rejected_total", {"why": "stuck"}) == 1
    (told,) = [entry for entry in log if entry["event"] == "session_stuck"]
    assert told["routing_key"] == "payments.deposit.settled"
    assert told["delivery_tag"] >= 1
    assert [entry["event"] for entry in log].count("consuming") == 4, "three sessions failed"


def test_a_large_message_at_which_sessions_fail_keeps_no_room(bus: Bus) -> None:
    inbox, registry = Taking(), CollectorRegistry()
    bus.publish(Published(body=b"poison" * 20_000, routing_key="payments.deposit.settled", message_id="large"))
    consumer = consumer_of(bus, inbox, registry, Failing)
    with running(bus, consumer):
        bus.dead_letters(1)
        assert consumer._session is not None
        assert consumer._session.transport._large_bytes == 0
    assert registry.get_sample_value("wallet_inbox_rejected_total", {"why": "stuck"}) == 1


def test_what_nobody_expected_is_counted(bus: Bus) -> None:
    registry = CollectorRegistry()
    consumer = consumer_of(bus, Taking(), registry, PaymentsConsumer)

    async def unexpected() -> UUID:
        raise LookupError("a fault of ours")

    consumer._installation = unexpected
    failures = {"worker": "consume"}
    with running(bus, consumer):
        wait_until(lambda: registry.get_sample_value("wallet_worker_failures_total", failures), what="it is counted")


def test_a_letter_that_ends_its_channel_does_so_three_times_at_most(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker closes the channel over a user_id that is not ours; only a fault could write one on a letter."""
    from wallet_grpc.messaging import consumer as module

    made = module.letter_of

    def wrong(*given: Any, **named: Any) -> Any:
        letter = made(*given, **named)
        letter.user_id = "somebody else"
        return letter

    monkeypatch.setattr(module, "letter_of", wrong)
    inbox, registry = Taking(), CollectorRegistry()
    event = deposit_settled(Player().deposit("50"))
    bus.publish(GARBAGE, event)
    with running(bus, consumer_of(bus, inbox, registry, PaymentsConsumer)):
        (letter,) = bus.dead_letters(1)
        wait_until(lambda: event.message_id in inbox.taken, what="the event is taken")
    assert letter.body == GARBAGE.body
    assert registry.get_sample_value("wallet_inbox_stuck_total") == 1


def test_letters_of_one_message_id_are_told_apart(bus: Bus) -> None:
    """The client library knows what the broker returned by its message_id alone."""
    inbox, registry = Taking(), CollectorRegistry()
    with running(bus, consumer_of(bus, inbox, registry, PaymentsConsumer)):
        wait_until(lambda: registry.get_sample_value("wallet_inbox_stuck_total") == 0, what="it is there")
        bus.publish(*[GARBAGE] * 40)
        assert len(bus.dead_letters(40)) == 40
