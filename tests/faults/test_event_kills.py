"""kill -9 of consumer, relay, RabbitMQ and PostgreSQL, over and over, with deposits on their way: 10,000 in full.

Afterwards every deposit is credited once, each one's event was seen at least once under one id, the first publications
of each player's events are in order, and `wallet verify` finds nothing.
"""

import random
import time
from collections import defaultdict
from collections.abc import Sequence

import pytest
from support.database import Cluster, Installation, create_installation
from support.events import NAMES, Bus, Received, Worker, deposit_settled
from support.ledger import main_balances, verify
from support.requests import Player
from support.rounds import rounds
from support.waiting import wait_until

from devstack.servers.postgres import PostgresCluster
from devstack.servers.rabbitmq import RabbitNode

KILLS_EACH = rounds(3, of=10)
DEPOSITS = KILLS_EACH * 1_000
PLAYERS = 100
LONGEST_CALM_S = 0.5
WITHIN_S = 300.0


def first_published(events: Sequence[Received]) -> dict[str, list[int]]:
    """Each player's sequences in the order in which they were first published."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for one in events:
        found[one.event["subject"]].setdefault(one.event["sequence"])
    return {subject: list(sequences) for subject, sequences in found.items()}


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_deposits_and_kills_of_everything(
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
            lambda: both_run() and sum(main_balances(installation).values()) >= DEPOSITS,
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

    assert main_balances(installation) == {player.player_id: DEPOSITS // PLAYERS for player in players}
    ids_of: dict[str, set[str]] = defaultdict(set)
    for one in bus.received:
        ids_of[one.event["data"]["depositId"]].add(one.event["id"])
    assert ids_of.keys() == {deposit.deposit_id for deposit in deposits}
    assert {len(ids) for ids in ids_of.values()} == {1}
    in_order = list(range(1, DEPOSITS // PLAYERS + 1))
    assert first_published(archive) == {str(player.player_id): in_order for player in players}
    assert installation.rows("SELECT state, count(*) FROM inbox_events GROUP BY 1") == [("APPLIED", DEPOSITS)]
    verify(installation)
