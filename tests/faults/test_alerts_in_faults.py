"""A real fault makes the expression of the alert true that tells of it, as a real Prometheus evaluates it.

One story, since what is told after half a minute grows side by side: events that nobody publishes, postings that fail,
a replica that stands still. Meanwhile a cell is locked, until the queue is full; in the end the database is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import grpc
import psycopg
import pytest
import yaml
from support.credit import Purse, credit_of
from support.database import ROOT, Cluster, Installation, create_installation
from support.http_api import ApiServer
from support.poison import poisoned
from support.prometheus import Prometheus, scraping
from support.requests import Player
from support.server import WalletServer
from support.standby import Standby, running_standby
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port
from devstack.servers.postgres import PostgresCluster

RULES = yaml.safe_load((ROOT / "deploy" / "helm" / "wallet" / "files" / "wallet.rules.yaml").read_text())
EXPRESSIONS = {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}
TOLD = (
    "WalletDatabaseAway",
    "WalletPosterBehind",
    "WalletOutboxGrows",
    "WalletQueueFull",
    "WalletReplicaLags",
    "WalletBackofficeLags",
    "WalletCellStandsStill",
)
CALLERS = 4
BATCH_OPERATIONS = 400
"""Three such batches are more than the queue holds."""
GENEROUS_S = 120.0


class Watched:
    """What Prometheus makes of the alerts."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus

    def told(self) -> set[str]:
        return {alert for alert in TOLD if self._prometheus.ask(EXPRESSIONS[alert])}

    def tells(self, alert: str) -> None:
        wait_until(lambda: bool(self._prometheus.ask(EXPRESSIONS[alert])), what=alert, timeout_s=GENEROUS_S)

    def value(self, expression: str) -> float | None:
        found = self._prometheus.ask(expression)
        return float(found[0]["value"][1]) if found else None


@pytest.mark.slow
@pytest.mark.faults
def test_each_fault_is_told_of(own_cluster: tuple[Cluster, PostgresCluster, Installation]) -> None:
    _, primary, template = own_cluster
    installation = create_installation(template)
    serve = f"127.0.0.1:{free_port()}"
    with (
        running_standby(primary) as standby,
        WalletServer(
            installation,
            WALLET_METRICS_ADDRESS=serve,
            WALLET_POSTING_INTERVAL_MS="100",
            WALLET_QUEUE_OPERATIONS_MAX="1000",
            WALLET_BACKOFFICE_DATABASE_URL=on(standby, installation).service_dsn,
        ) as server,
        ApiServer(
            installation, WALLET_API_DATABASE_URL="", WALLET_READ_DATABASE_URL=on(standby, installation).api_dsn
        ) as api,
        scraping({"wallet-serve": serve, "wallet-api": api.address}) as prometheus,
    ):
        wallet, it = server.wallet(), Watched(prometheus)
        player = wallet.player("100")
        wallet.send(player.bet("1"))
        credit = credit_of(wallet)
        purse = Purse(credit.ledger())
        wait_until(lambda: it.value("wallet_replica_lag_seconds < 20") is not None, what="the replica follows")
        wait_until(lambda: 0 < (it.value("wallet_backoffice_lag_seconds") or 0) < 20, what="operators' replica follows")
        wait_until(lambda: it.value('wallet_backlog{queue="postings"}') is not None, what="what waits was looked at")
        assert it.told() == set()

        with poisoned(installation, "wallet_postings", "INSERT", "TRUE"), standing_still(standby):
            credit.call(purse.credit("5"))  # its bet's event is not published either: no relay runs
            with cell_locked(installation), calling(wallet, player):
                it.tells("WalletCellStandsStill")
                it.tells("WalletQueueFull")
            for alert in ("WalletOutboxGrows", "WalletPosterBehind", "WalletReplicaLags", "WalletBackofficeLags"):
                it.tells(alert)
        assert "WalletDatabaseAway" not in it.told()
        primary.kill()
        it.tells("WalletDatabaseAway")


def on(standby: Standby, installation: Installation) -> Installation:
    """The same database on the standby."""
    there = Cluster(admin_dsn=standby.postgres.superuser_dsn, service_password=installation.cluster.service_password)
    return Installation(cluster=there, database=installation.database)


@contextmanager
def standing_still(standby: Standby) -> Iterator[None]:
    """Have the standby receive, and replay nothing."""
    with psycopg.connect(standby.postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        yield
        connection.execute("SELECT pg_wal_replay_resume()")


@contextmanager
def cell_locked(installation: Installation) -> Iterator[None]:
    """Have nothing of the only cell be read or stored by lanes."""
    with installation.connect() as connection:
        connection.execute("LOCK TABLE ledger_transactions IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def calling(wallet: Wallet, player: Player) -> Iterator[None]:
    """Have more callers than the queue has room for, all the time."""
    over = threading.Event()

    def call() -> None:
        while not over.wait(0.2):
            with suppress(grpc.RpcError):  # QUEUE_FULL, and what the locked cell comes to
                wallet.games.batch([player.bet("0") for _ in range(BATCH_OPERATIONS)])

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        over.set()
        for caller in callers:
            caller.join()
