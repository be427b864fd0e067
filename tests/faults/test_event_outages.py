"""Events while the database or the broker is away, or a relay is frozen: none is lost, and none has a second effect."""

import time

from support.database import Cluster, Installation, create_installation
from support.events import NAMES, Bus, Worker, deposit_settled, withdrawal_settled
from support.ledger import main_balances, verify
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until

from devstack.servers.postgres import PostgresCluster
from devstack.servers.rabbitmq import RabbitNode

Own = tuple[Cluster, PostgresCluster, Installation]

OUTAGE_S = 3.0
SETTINGS = {"WALLET_CONSUMER_PREFETCH": "50", "WALLET_OUTAGE_WAIT_MS": "250"}
"""A delivery is tried again soon, so that a short outage is one of several tries."""


def test_an_outage_of_the_database_costs_no_delivery(own_cluster: Own, amqp_url: str) -> None:
    """Deliveries are held, no more are read than the prefetch count, and none is sent back."""
    _, postgres, template = own_cluster
    installation = create_installation(template)
    player = Player()
    deposits = [player.deposit("1") for _ in range(300)]
    with (
        Bus(amqp_url) as bus,
        Worker("consume", installation, amqp_url, **SETTINGS) as consumer,
    ):
        wait_until(lambda: "consuming" in consumer.log, what="it consumes")
        postgres.kill()
        bus.publish(*map(deposit_settled, deposits))
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 250, what="fifty are held")
        time.sleep(OUTAGE_S)  # each is tried again some six times
        assert bus.waiting(NAMES.payments_queue) == 250
        postgres.start()
        wait_until(lambda: main_balances(installation).get(player.player_id) == 300, what="all are credited")
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 0, what="the queue is empty")
        assert consumer.stop() == 0
        assert "broker_unavailable" not in consumer.log
    verify(installation)


def test_the_wallet_serves_on_while_the_broker_is_down_and_catches_up(own_cluster: Own, own_broker: RabbitNode) -> None:
    _, _, template = own_cluster
    installation = create_installation(template)
    with (
        Bus(own_broker.amqp_url) as bus,
        WalletServer(installation) as server,
        Worker("relay", installation, own_broker.amqp_url) as relay,
        Worker("consume", installation, own_broker.amqp_url) as consumer,
    ):
        wallet = server.wallet()
        wait_until(lambda: "relaying" in relay.log and "consuming" in consumer.log, what="both are there")
        own_broker.settle()
        own_broker.kill()
        player = wallet.player("1000")
        for _ in range(99):
            wallet.applied(player.bet("1"))
        assert wallet.main(player) == "901"
        own_broker.start()
        bus.subscribe()
        bus.until(100)
        sequences = [one.event["sequence"] for one in bus.received]
        assert list(dict.fromkeys(sequences)) == list(range(1, 101))
        reservation = player.reserve("40")
        wallet.applied(reservation)
        bus.publish(withdrawal_settled(reservation.withdrawal_id))
        wait_until(lambda: wallet.balance(player).withdraw_hold_minor == "0", what="the consumer is back")
        assert relay.stop() == consumer.stop() == 0
    verify(installation)


def test_a_frozen_relay_loses_its_share(own_cluster: Own, amqp_url: str) -> None:
    """Its session is ended by the database; when it wakes up, it starts anew."""
    _, _, template = own_cluster
    installation = create_installation(template)
    with (
        Bus(amqp_url) as bus,
        WalletServer(installation) as server,
        Worker("relay", installation, amqp_url) as frozen,
    ):
        wallet = server.wallet()
        bus.subscribe()
        player = wallet.player("100")
        bus.until(1)
        frozen.freeze()
        wallet.applied(player.bet("1"))
        ended = installation.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'wallet-relay' AND datname = current_database()"
        )
        assert ended == [(True,)], "what idle_session_timeout does after a minute"
        with Worker("relay", installation, amqp_url) as other:
            bus.until(2)
            frozen.thaw()
            wait_until(lambda: frozen.log.count("relaying") == 2, what="it starts anew")
            wallet.applied(player.bet("1"))
            bus.until(3)
            assert frozen.stop() == other.stop() == 0
    assert list(dict.fromkeys(one.event["sequence"] for one in bus.received)) == [1, 2, 3]
    verify(installation)
