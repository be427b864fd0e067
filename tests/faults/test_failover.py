"""The primary dies under load and its synchronous standby is promoted, over and over, without a restart of the wallet.

Calls, batches, streams and payment events go on over each, every second time beside reads, which never miss what was
acknowledged. Afterwards each acknowledged mutation is there once, each other one is answered by its retry, each deposit
is credited once and told of under one id, and `wallet verify` finds nothing.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import grpc
import pytest
from support.database import Cluster, Installation, create_installation
from support.events import NAMES, Bus, Worker, deposit_settled
from support.failover import Pair, running_pair
from support.ledger import main_balances, verify
from support.load import FUNDS_MINOR, MixedLoad, nothing_is_lost_or_doubled
from support.proxy import Proxy
from support.refusals import Refusal
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.postgres import PostgresCluster
from wallet.v1 import wallet_pb2 as pb

FAILOVERS = int(os.environ.get("WALLET_TEST_FAILOVERS", "1"))
"""For each way to the primary; every second one beside reads."""
ANSWERS_WITHIN_S = float(os.environ.get("WALLET_TEST_FAILOVER_MAX_S", "20"))
"""From the promotion to the first answer. `make soak`, which has the machine for itself, says 2."""
LONGEST_CALM_S = 0.5
PAUSE_S = 0.02
ROUND_TRIP_MS = 2_000
"""How long the wallet waits for a server that says nothing, where the network is cut."""
EVENTS = 20
"""Deposits that are published as each primary dies."""
NO_ANSWER = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}
"""What says nothing about what is there."""

Turn = Callable[[], None]
"""Leads the processes to whichever leads now."""


@pytest.fixture(scope="module")
def pair(own_cluster: tuple[Cluster, PostgresCluster, Installation]) -> Iterator[Pair]:
    cluster, postgres, _ = own_cluster
    with running_pair(cluster, postgres) as made:
        yield made


@contextmanager
def by_hosts(pair: Pair, installation: Installation) -> Iterator[tuple[str, Turn]]:
    yield pair.of_both(installation.service_dsn), lambda: None


@contextmanager
def by_proxy(pair: Pair, installation: Installation) -> Iterator[tuple[str, Turn]]:
    with Proxy(installation.service_dsn) as proxy:
        yield proxy.before(installation.service_dsn), lambda: proxy.lead_to(pair.primary.superuser_dsn)


class Reader(threading.Thread):
    """Asks for what was acknowledged: it may get no answer, and never that it is not there."""

    def __init__(self, wallet: Wallet, load: MixedLoad) -> None:
        super().__init__(daemon=True)
        self._caller, self._load = wallet.caller(wallet.keys["games"]), load
        self._over = threading.Event()
        self.found, self.missed = 0, list[object]()

    def run(self) -> None:
        while not self._over.wait(0.01):
            asked = random.choice(list(self._load.answered))
            known = self._load.answered[asked]
            answer = self._caller.attempt(pb.GetTransactionRequest(transaction_id=asked), timeout_s=5.0)
            if isinstance(answer, Refusal) and answer.status in NO_ANSWER:
                continue
            if isinstance(answer, Refusal) or answer.tx_id != known.tx_id:
                self.missed.append(answer)
            else:
                self.found += 1

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        wait_until(lambda: self.found or self.missed, what="what was acknowledged is read")
        self._over.set()
        self.join(60)
        assert not self.is_alive(), "a reader hangs"
        assert not self.missed, self.missed[:3]


def answered_after_s(wallet: Wallet, load: MixedLoad, prober: Player) -> float:
    """Tell how long it takes until a call that begins now, or one sent again, is applied."""
    began = time.monotonic()
    bet = prober.bet("1")
    while isinstance(wallet.games.attempt(bet), Refusal):
        time.sleep(0.02)
    took = time.monotonic() - began
    load.goes_on()
    return took


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(120 + 60 * FAILOVERS)
@pytest.mark.parametrize("way", [by_hosts, by_proxy], ids=["by-hosts", "by-proxy"])
def test_the_standby_is_promoted_and_nothing_is_lost_or_doubled(
    own_cluster: tuple[Cluster, PostgresCluster, Installation],
    pair: Pair,
    amqp_url: str,
    way: Callable[[Pair, Installation], object],
    record_property: Callable[[str, object], None],
) -> None:
    _, _, template = own_cluster
    installation = create_installation(pair.led(template))
    credited, took = [Player() for _ in range(10)], list[float]()
    deposits = list[pb.DepositSettlementRequest]()
    with ExitStack() as running:
        dsn, turn = running.enter_context(way(pair, installation))  # type: ignore[arg-type] - either of the two
        bus = running.enter_context(Bus(amqp_url))
        server = running.enter_context(WalletServer(installation, WALLET_DATABASE_URL=dsn))
        consumer = running.enter_context(Worker("consume", installation, amqp_url, WALLET_DATABASE_URL=dsn))
        relay = running.enter_context(Worker("relay", installation, amqp_url, WALLET_DATABASE_URL=dsn))
        wait_until(lambda: "relaying" in relay.log and "consuming" in consumer.log, what="both are there")
        bus.subscribe()
        wallet = server.wallet()
        prober = wallet.player(str(FUNDS_MINOR))
        with MixedLoad(wallet, threads_each=1, pause_s=PAUSE_S) as load:
            for number in range(FAILOVERS):
                with ExitStack() as this_time:
                    if number % 2 == 0:
                        this_time.enter_context(Reader(wallet, load))
                    part = [random.choice(credited).deposit("1") for _ in range(EVENTS)]
                    deposits += part
                    sent = bus.start_publishing([deposit_settled(deposit) for deposit in part])
                    time.sleep(random.uniform(0, LONGEST_CALM_S))
                    pair.fail_over()
                    turn()
                    took.append(answered_after_s(wallet, load, prober))
                    sent.result(30)
                pair.rejoin()
                load.goes_on()
        led = pair.led(installation)
        nothing_is_lost_or_doubled(load, wallet, led)
        wait_until(
            lambda: sum(main_balances(led).get(one.player_id, 0) for one in credited) >= len(deposits),
            what="all events are applied",
            timeout_s=60,
        )
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 0, what="they are acknowledged")
        wait_until(lambda: len(told(bus)) >= len(deposits), what="all are told of", timeout_s=60)
        assert consumer.stop() == relay.stop() == 0
    assert sum(main_balances(led).get(one.player_id, 0) for one in credited) == len(deposits)
    assert all(len(ids) == 1 for ids in told(bus).values()), "an event has one id, however often it is told"
    verify(led)
    record_property("answered_after_s", took)
    assert max(took) <= ANSWERS_WITHIN_S, took


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_primary_behind_a_cut_network_acknowledges_nothing_that_the_promoted_standby_lacks(
    own_cluster: tuple[Cluster, PostgresCluster, Installation],
    pair: Pair,
    record_property: Callable[[str, object], None],
) -> None:
    """It lives on unseen, comes back as if it led, and is fenced only then."""
    _, _, template = own_cluster
    installation = create_installation(pair.led(template))
    with ExitStack() as running:
        to_primary = running.enter_context(Proxy(pair.primary.superuser_dsn))
        to_standby = running.enter_context(Proxy(pair.primary.superuser_dsn))
        pair.follow_through(to_standby)
        server = running.enter_context(
            WalletServer(
                installation,
                WALLET_DATABASE_URL=pair.of_both(installation.service_dsn, by_port=to_primary.port),
                WALLET_DATABASE_TIMEOUT_MS=str(ROUND_TRIP_MS),
            )
        )
        wallet = server.wallet()
        prober = wallet.player(str(FUNDS_MINOR))
        with MixedLoad(wallet, threads_each=1, pause_s=PAUSE_S) as load:
            with Reader(wallet, load):
                to_primary.cut()
                to_standby.cut()
                pair.promote()
                took = answered_after_s(wallet, load, prober)
            to_primary.mend()
            to_standby.mend()
            load.goes_on()
            pair.fence()
            load.goes_on()
        pair.rejoin()
        nothing_is_lost_or_doubled(load, wallet, pair.led(installation))
    verify(pair.led(installation))
    record_property("answered_after_s", took)
    assert took <= 2 * ROUND_TRIP_MS / 1000 + ANSWERS_WITHIN_S


def told(bus: Bus) -> dict[str, set[str]]:
    """The ids of the events of each deposit by event."""
    found = dict[str, set[str]]()
    for one in list(bus.received):
        if deposit := one.event["data"].get("depositId"):
            found.setdefault(deposit, set()).add(one.event["id"])
    return found
