"""A primary whose synchronous standby is away: nothing is acknowledged or published that its promotion would lose."""

from collections.abc import Iterator

import psycopg
import pytest
from google.protobuf.message import Message
from support.database import Cluster, Installation, create_installation
from support.events import NAMES, Bus, Worker, deposit_settled, withdrawal_broadcasted
from support.ledger import transactions_stored, verify
from support.process import WalletProcess
from support.refusals import check_refusal
from support.requests import Player
from support.server import WalletServer
from support.standby import Standby, running_standby
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.postgres import PostgresCluster

LANES = 2
SOON = {
    "WALLET_DATABASE_TIMEOUT_MS": "1000",
    "WALLET_LOCK_TIMEOUT_MS": "300",
    "WALLET_OUTAGE_WAIT_MS": "200",
    "WALLET_LANES": str(LANES),
}
"""So that nobody waits long; PostgreSQL's own wait has no time limit."""
UNKNOWN = "OUTCOME_UNKNOWN"

Primary = tuple[Cluster, PostgresCluster, Installation]


@pytest.fixture
def standby(own_cluster: Primary) -> Iterator[Standby]:
    _, postgres, _ = own_cluster
    if not postgres.running:
        postgres.start()
    with running_standby(postgres) as made:
        yield made
        if postgres.running:
            made.become_asynchronous()


class Sent:
    """A mutation by each road."""

    def __init__(self, player: Player) -> None:
        self.call = player.deposit("1")
        self.batch = [player.deposit("2"), player.deposit("3")]
        self.stream = [player.deposit("4"), player.deposit("5")]
        self.event = player.deposit("6")
        self.asked = [self.call, *self.batch, *self.stream]
        self.everything = [*self.asked, self.event]

    def outcomes(self, wallet: Wallet) -> list[object]:
        """Send all but the event, each by its road."""
        payments = wallet.payments
        return [payments.attempt(self.call), *payments.batch(self.batch), *payments.stream(self.stream)]

    def is_unknown(self, wallet: Wallet) -> None:
        for outcome in self.outcomes(wallet):
            check_refusal(outcome, UNKNOWN)

    def becomes_unknown(self, wallet: Wallet) -> None:
        """As `is_unknown`, of a server that has to connect again first: until it has, it says that it cannot."""

        def is_so() -> bool:
            outcomes = self.outcomes(wallet)
            for outcome in outcomes:
                assert getattr(outcome, "reason", None) in {UNKNOWN, "DATABASE_UNAVAILABLE"}, outcome
            return all(outcome.reason == UNKNOWN for outcome in outcomes)  # type: ignore[attr-defined] - see above

        wait_until(is_so, what="the server has connected again")

    def is_applied_once(self, wallet: Wallet) -> None:
        """Send all again, until each is applied: here, or before."""
        for request in self.asked:
            wait_until(lambda request=request: _applied(wallet, request), what="it is applied")

    def stored(self, installation: Installation) -> int:
        return transactions_stored(installation, "payments", *(request.deposit_id for request in self.everything))


def _applied(wallet: Wallet, request: Message) -> bool:
    outcome = wallet.payments.attempt(request)
    return getattr(outcome, "reason", None) != UNKNOWN and outcome.tx_id != ""


def is_stored(installation: Installation, deposit_id: str) -> bool:
    return transactions_stored(installation, "payments", deposit_id) == 1


def storing(postgres: PostgresCluster, process: WalletProcess | None = None) -> list[int]:
    """The sessions of lanes, of all processes or of one, that wait for the standby."""
    with psycopg.connect(postgres.superuser_dsn) as connection:
        found = connection.execute(
            "SELECT pid, client_port FROM pg_stat_activity"
            " WHERE wait_event = 'SyncRep' AND application_name = 'wallet-lane-ledger' ORDER BY pid"
        )
        ports = None if process is None else process.ports
        return [pid for pid, port in found if ports is None or port in ports]


def with_waits_cancelled(postgres: PostgresCluster, wallet: Wallet, sent: Sent, installation: Installation) -> bool:
    """Cancel what waits for the standby, as an impatient administrator would; tells whether all can be seen now."""
    missing = [request for request in sent.asked if not is_stored(installation, request.deposit_id)]
    if missing:
        wallet.payments.batch(missing)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        for pid in storing(postgres):
            connection.execute("SELECT pg_cancel_backend(%s)", [pid])
    return sent.stored(installation) == len(sent.everything)


def relay_waits(postgres: PostgresCluster) -> bool:
    with psycopg.connect(postgres.superuser_dsn) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'wallet-relay'"
        )
        return found.fetchone() is not None


def test_case_56_while_it_is_away_nothing_is_told_and_when_it_is_back_all_is_applied_once(
    own_cluster: Primary, standby: Standby, amqp_url: str
) -> None:
    _, postgres, template = own_cluster
    installation = create_installation(template)
    player, other, third = Player(), Player(), Player()
    sent, late = Sent(player), third.deposit("7")
    with (
        Bus(amqp_url) as bus,
        WalletServer(installation, **SOON) as server,
        Worker("relay", installation, amqp_url, **SOON) as relay,
        Worker("consume", installation, amqp_url, **SOON) as consumer,
    ):
        wait_until(lambda: "relaying" in relay.log and "consuming" in consumer.log, what="both are there")
        wallet = server.wallet()
        bus.subscribe()
        standby.become_synchronous()
        wallet.applied(other.deposit("100"))
        bus.until(1)

        standby.stop()
        sent.is_unknown(wallet)
        sent.is_unknown(wallet)
        # Of a player whose deposit waits in the server, the consumer can store nothing; of another it can.
        bus.publish(deposit_settled(sent.event), deposit_settled(late))
        check_refusal(wallet.payments.attempt(other.deposit("100")), UNKNOWN)
        check_refusal(wallet.games.attempt(other.bet("1000")), UNKNOWN)
        wait_until(lambda: storing(postgres, server), what="the server waits")
        wait_until(lambda: storing(postgres, consumer), what="the consumer waits")
        for process in (server, consumer):
            assert len(storing(postgres, process)) <= LANES, "one session a lane waits, however many callers come"
        assert sent.stored(installation) == 0, "what the standby may not have cannot be seen"
        assert wallet.main(other) == "100"
        assert not is_stored(installation, late.deposit_id)
        assert bus.events_of(player) == bus.events_of(third) == []

        standby.start()
        sent.is_applied_once(wallet)
        wait_until(lambda: sent.stored(installation) == len(sent.everything), what="the event is applied as well")
        wait_until(lambda: is_stored(installation, late.deposit_id), what="and the other event")
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 0, what="it is acknowledged")
        for outcome in sent.outcomes(wallet):
            assert outcome.replayed  # type: ignore[attr-defined] - a Refusal has none, and fails here as it should
        assert wallet.main(player) == "21"
        wait_until(lambda: len(bus.events_of(player)) >= len(sent.everything), what="all are told of")
        wait_until(lambda: bus.events_of(third), what="that one is told of as well")
        assert consumer.stop() == relay.stop() == 0
    verify(installation)


def test_case_56_what_became_visible_without_it_is_not_told_either_and_its_promotion_loses_nothing_that_was(
    own_cluster: Primary, standby: Standby, amqp_url: str
) -> None:
    """Somebody ends the waits, and then the primary is restarted: its rows can be seen, and no standby has them."""
    cluster, postgres, template = own_cluster
    installation = create_installation(template)
    player, reserving = Player(), Player()
    sent = Sent(player)
    reservation = reserving.reserve("40")
    broadcasted = withdrawal_broadcasted(reservation.withdrawal_id)
    with (
        Bus(amqp_url) as bus,
        WalletServer(installation, **SOON) as server,
        Worker("relay", installation, amqp_url, **SOON) as relay,
        Worker("consume", installation, amqp_url, **SOON) as consumer,
    ):
        wait_until(lambda: "relaying" in relay.log and "consuming" in consumer.log, what="both are there")
        wallet = server.wallet()
        wallet.applied(reserving.deposit("100"))
        wallet.applied(reservation)
        bus.subscribe()
        bus.until(2)
        standby.become_synchronous()

        standby.stop()
        bus.publish(deposit_settled(sent.event), broadcasted)

        sent.is_unknown(wallet)
        wait_until(
            lambda: with_waits_cancelled(postgres, wallet, sent, installation),
            what="cancelled waits have made all visible",
            timeout_s=60,
        )
        sent.is_unknown(wallet)
        wait_until(lambda: relay_waits(postgres), what="the relay has found events, and waits")

        postgres.stop("immediate")
        postgres.start()
        assert sent.stored(installation) == len(sent.everything)
        wait_until(lambda: relay_waits(postgres), what="the relay has found events again, and waits")
        sent.becomes_unknown(wallet)
        sent.is_unknown(wallet)
        assert bus.events_of(player) == []

        postgres.kill()
        relay.kill()
        consumer.kill()
    assert len(bus.received) == 2
    standby.start()
    standby.promote()
    promoted = Cluster(admin_dsn=standby.postgres.superuser_dsn, service_password=cluster.service_password)
    survived = Installation(cluster=promoted, database=installation.database, keys=installation.keys)
    with (
        Bus(amqp_url) as bus,
        WalletServer(survived, **SOON) as server,
    ):
        wallet = server.wallet()
        assert sent.stored(survived) == 0
        sent.is_applied_once(wallet)
        bus.subscribe()
        with Worker("relay", survived, amqp_url, **SOON), Worker("consume", survived, amqp_url, **SOON):
            wait_until(lambda: sent.stored(survived) == len(sent.everything), what="the event comes again")
            wait_until(lambda: len(bus.events_of(player)) >= len(sent.everything), what="all are told of")
            wait_until(lambda: _is_broadcasted(survived, reservation.withdrawal_id), what="that event comes again too")
        assert wallet.main(player) == "21"
    verify(survived)


def _is_broadcasted(installation: Installation, withdrawal_id: str) -> bool:
    rows = installation.rows("SELECT state FROM withdrawals WHERE withdrawal_id = %s", withdrawal_id)
    return rows == [("BROADCASTED",)]
