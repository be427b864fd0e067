"""kill -9 of consumer, relay, RabbitMQ and PostgreSQL, over and over, with 10,000 deposits on their way.

Afterwards every deposit is credited once, each one's event was seen at least once under one id, the first publications
of each player's events are in order, and `wallet verify` finds nothing.
"""

import random
import time
from collections import defaultdict
from collections.abc import Sequence

import pytest
from support.database import Cluster, Installation, create_installation
from support.events import NAMES, Bus, Received, Worker, deposit_settled, withdrawal_settled
from support.ledger import verify
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until

from devstack.servers.postgres import PostgresCluster
from devstack.servers.rabbitmq import RabbitNode

KILLS_EACH = 10
DEPOSITS = 10_000
PLAYERS = 100
LONGEST_CALM_S = 0.5
WITHIN_S = 300.0
OUTAGE_S = 8.0


def balances(installation: Installation) -> dict[int, int]:
    """What each player has, as the ledger's entries sum to; tried again while the database comes back."""
    rows = installation.rows(
        "SELECT player_id, SUM(amount_minor) FROM ledger_entries JOIN accounts USING (account_id)"
        " WHERE account_type = 'MAIN' GROUP BY 1"
    )
    return {player_id: int(total) for player_id, total in rows}


def first_published(events: Sequence[Received]) -> dict[str, list[int]]:
    """Each player's sequences in the order in which they were first published."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for one in events:
        found[one.event["subject"]].setdefault(one.event["sequence"])
    return {subject: list(sequences) for subject, sequences in found.items()}


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_10000_deposits_and_kills_of_everything(
    own_cluster: tuple[Cluster, PostgresCluster, Installation], own_broker: RabbitNode
) -> None:
    _, postgres, template = own_cluster
    installation = create_installation(template)
    players = [Player() for _ in range(PLAYERS)]
    deposits = [players[index % PLAYERS].deposit("1") for index in range(DEPOSITS)]
    with (
        Bus(own_broker.amqp_url) as bus,
        Worker("consume", installation, own_broker.amqp_url) as consumer,
        Worker("relay", installation, own_broker.amqp_url) as relay,
    ):
        bus.keep_archive()
        own_broker.settle()  # RabbitMQ 3.10 loses a quorum queue that is younger than a second
        bus.subscribe()

        def kill_postgres() -> None:
            postgres.kill()
            postgres.start()

        def kill_broker() -> None:
            own_broker.kill()
            own_broker.start()

        def kill_consumer() -> None:
            consumer.kill()
            consumer.start()

        def kill_relay() -> None:
            relay.kill()
            relay.start()

        def both_run() -> bool:
            """One that starts without a database says so and ends; whoever runs it starts it again."""
            consumer.revive()
            relay.revive()
            return True

        kills = [kill_postgres, kill_broker, kill_consumer, kill_relay] * KILLS_EACH
        random.shuffle(kills)
        share = DEPOSITS // len(kills)
        sending = []
        for number, kill in enumerate(kills):
            part = deposits[number * share : (number + 1) * share]
            sending.append(bus.start_publishing([deposit_settled(deposit) for deposit in part]))
            time.sleep(random.uniform(0, LONGEST_CALM_S))
            kill()
            both_run()
        for sent in sending:
            sent.result(WITHIN_S)

        wait_until(
            lambda: both_run() and sum(balances(installation).values()) >= DEPOSITS,
            what="all are credited",
            timeout_s=WITHIN_S,
        )
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 0, what="the queue is empty", timeout_s=WITHIN_S)
        wait_until(
            lambda: both_run() and len({one.message_id for one in list(bus.received)}) >= DEPOSITS,
            what="every event was seen",
            timeout_s=WITHIN_S,
        )
        assert consumer.stop() == 0, consumer.log[-3000:]
        assert relay.stop() == 0, relay.log[-3000:]
        archive = bus.archive()

    assert balances(installation) == {player.player_id: DEPOSITS // PLAYERS for player in players}
    ids_of: dict[str, set[str]] = defaultdict(set)
    for one in bus.received:
        ids_of[one.event["data"]["depositId"]].add(one.event["id"])
    assert ids_of.keys() == {deposit.deposit_id for deposit in deposits}
    assert {len(ids) for ids in ids_of.values()} == {1}
    in_order = list(range(1, DEPOSITS // PLAYERS + 1))
    assert first_published(archive) == {str(player.player_id): in_order for player in players}
    assert installation.rows("SELECT state, count(*) FROM inbox_events GROUP BY 1") == [("APPLIED", DEPOSITS)]
    verify(installation)


def test_an_outage_of_the_database_costs_no_delivery(
    own_cluster: tuple[Cluster, PostgresCluster, Installation], own_broker: RabbitNode
) -> None:
    """Deliveries are held, no more are read than the prefetch count, and none is sent back."""
    _, postgres, template = own_cluster
    installation = create_installation(template)
    player = Player()
    deposits = [player.deposit("1") for _ in range(300)]
    with (
        Bus(own_broker.amqp_url) as bus,
        Worker("consume", installation, own_broker.amqp_url, WALLET_CONSUMER_PREFETCH="50") as consumer,
    ):
        wait_until(lambda: "consuming" in consumer.log, what="it consumes")
        postgres.kill()
        bus.publish(*map(deposit_settled, deposits))
        time.sleep(OUTAGE_S)
        assert bus.waiting(NAMES.payments_queue) == 250
        postgres.start()
        wait_until(lambda: balances(installation).get(player.player_id) == 300, what="all are credited")
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 0, what="the queue is empty")
        assert consumer.stop() == 0
        assert "broker_unavailable" not in consumer.log
    verify(installation)


def test_the_wallet_serves_on_while_the_broker_is_down_and_catches_up(
    own_cluster: tuple[Cluster, PostgresCluster, Installation], own_broker: RabbitNode
) -> None:
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


def test_a_frozen_relay_loses_its_share(
    own_cluster: tuple[Cluster, PostgresCluster, Installation], own_broker: RabbitNode
) -> None:
    """Its session is ended by the database; when it wakes up, it starts anew."""
    _, _, template = own_cluster
    installation = create_installation(template)
    with (
        Bus(own_broker.amqp_url) as bus,
        WalletServer(installation) as server,
        Worker("relay", installation, own_broker.amqp_url) as frozen,
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
        with Worker("relay", installation, own_broker.amqp_url) as other:
            bus.until(2)
            frozen.thaw()
            wait_until(lambda: frozen.log.count("relaying") == 2, what="it starts anew")
            wallet.applied(player.bet("1"))
            bus.until(3)
            assert frozen.stop() == other.stop() == 0
    assert list(dict.fromkeys(one.event["sequence"] for one in bus.received)) == [1, 2, 3]
    verify(installation)
