"""What the wallet declares: names and arguments, a conflict that is told, and settings that are missing."""

from collections.abc import Callable

import pytest
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from support.broker import Broker, new_vhost
from support.database import Installation
from support.events import NAMES, Bus, Worker
from support.waiting import wait_until

from devstack.servers.ports import free_port


@pytest.fixture
def installation(new_installation: Callable[[], Installation]) -> Installation:
    return new_installation()


@pytest.mark.parametrize("queue_name", [NAMES.payments_queue, NAMES.dead_letters])
def test_a_queue_that_is_there_otherwise_is_told_clearly(
    installation: Installation, broker: Broker, queue_name: str
) -> None:
    amqp_url = new_vhost(broker)
    bus = Bus(amqp_url)
    bus._thread.start()

    async def classic(channel: AbstractChannel) -> None:
        await channel.declare_queue(queue_name, durable=True)

    bus.run(classic)
    with Worker("consume", installation, amqp_url) as consumer:
        assert consumer.process.wait(30) == 1
        assert f"the queue {queue_name} is there already and is defined otherwise" in consumer.log
        assert "x-queue-type" in consumer.log
        assert "Traceback" not in consumer.log
    bus.__exit__(None, None, None)


def test_an_exchange_that_is_there_otherwise_is_told_clearly(installation: Installation, broker: Broker) -> None:
    amqp_url = new_vhost(broker)
    bus = Bus(amqp_url)
    bus._thread.start()

    async def fanout(channel: AbstractChannel) -> None:
        await channel.declare_exchange(NAMES.events_exchange, ExchangeType.FANOUT, durable=True)

    bus.run(fanout)
    with Worker("relay", installation, amqp_url) as relay:
        assert relay.process.wait(30) == 1
        assert f"the exchange {NAMES.events_exchange} is there already" in relay.log
    bus.__exit__(None, None, None)


@pytest.mark.parametrize("command", ["consume", "relay"])
def test_without_a_broker_the_command_says_what_to_set(installation: Installation, command: str) -> None:
    done = installation.run(command)
    assert done.returncode == 1
    assert "WALLET_AMQP_URL" in done.stderr
    wrong = installation.run(command, WALLET_AMQP_URL="http://localhost")
    assert wrong.returncode == 1
    assert "WALLET_AMQP_URL: Value error, is not amqp:// or amqps://" in wrong.stderr


@pytest.mark.parametrize("command", ["consume", "relay"])
def test_a_broker_that_is_away_is_waited_for(installation: Installation, command: str) -> None:
    with Worker(command, installation, f"amqp://guest:secret-word@127.0.0.1:{free_port()}/") as worker:
        wait_until(lambda: "broker_unavailable" in worker.log, what="it says so")
        assert worker.stop() == 0
        assert "secret-word" not in worker.log
