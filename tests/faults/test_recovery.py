"""docs/recovery.md, command by command: a backup, a server that is lost, a point in time, and what is sent again."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from support.database import ROOT, Installation, create_template, embedded_cluster
from support.events import Bus, Worker, deposit_settled
from support.ledger import transactions_stored, verify
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.binaries import debian_bin_dirs
from devstack.servers.postgres import PostgresCluster
from wallet.v1 import wallet_pb2 as pb

PAGE = (ROOT / "docs/recovery.md").read_text()
PLACES = "/var/lib/wallet"
WITHIN_S = 120


def told(name: str) -> str:
    """Return the commands of the page that begin with this comment."""
    found = re.findall(rf"^( *)```(?:sh|python)\n((?: *)# {name}\b.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"{name} is told {len(found)} times"
    indent, commands = found[0]
    return re.sub(rf"^{indent}", "", commands, flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the page's commands as PostgreSQL's account, in folders of the test's own."""

    postgres: PostgresCluster
    installation: Installation
    folder: Path

    def run(self, name: str, **variables: str) -> None:
        commands = told(name).replace(PLACES, str(self.folder))
        if not debian_bin_dirs():  # the wheel's program ends with a segmentation fault
            commands = commands.replace("pg_verifybackup ", "true ")
        done = self._run("bash", "-euc", commands, **variables)
        assert done.returncode == 0, f"{name}: {done.returncode} {done.stdout}\n{done.stderr}"

    def stop_restored(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={self.folder}/restored")

    def _run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.postgres.bin_dir}:/usr/bin:/bin", "LC_ALL": "C", **variables}
        return self.postgres._placement.account.run(command, env=environment, cwd=self.folder)

    def log_is_archived(self) -> None:
        """Have all of the log archived, and wait for it."""
        waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
        with psycopg.connect(self.postgres.superuser_dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")
            wait_until(lambda: connection.execute(waiting).fetchone() == (0,), what="the log is archived")


@pytest.fixture
def operator() -> Iterator[Operator]:
    with (
        embedded_cluster(bin_dir="debian" if debian_bin_dirs() else None) as (cluster, postgres),
        tempfile.TemporaryDirectory(prefix="wallet-recovery-") as made,
    ):
        folder = Path(made)
        postgres._placement.account.give(folder)
        known = Operator(postgres, create_template(cluster, ("games", "payments")), folder)
        yield known
        known.stop_restored()


@contextmanager
def platform(installation: Installation, amqp_url: str) -> Iterator[tuple[Wallet, Bus]]:
    """Serve, consume and relay for the time of the block."""
    with (
        Bus(amqp_url) as bus,
        WalletServer(installation) as server,
        Worker("consume", installation, amqp_url) as consumer,
        Worker("relay", installation, amqp_url) as relay,
    ):
        wait_until(lambda: "relaying" in relay.log and "consuming" in consumer.log, what="both are there")
        bus.subscribe()
        yield server.wallet(), bus
        assert consumer.stop() == relay.stop() == 0


def lost(wallet: Wallet, *bets: pb.BetRequest) -> list[str]:
    """Run the page's script."""
    done = subprocess.run(
        [sys.executable, "-c", told("lost")],
        input="\n".join(bet.transaction_id for bet in bets),
        env={**os.environ, "WALLET": wallet.target, "WALLET_KEY": wallet.keys["games"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def now_of(installation: Installation) -> str:
    [(now,)] = installation.rows("SELECT clock_timestamp()::TEXT")
    return str(now)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_the_page_leads_back_to_a_point_in_time_and_what_was_after_it_is_sent_again(
    operator: Operator, amqp_url: str
) -> None:
    installation, postgres = operator.installation, operator.postgres
    player, early = Player(), Player()
    before, after = [player.bet("1") for _ in range(5)], [player.bet("2") for _ in range(5)]
    early_event, late = deposit_settled(early.deposit("7")), player.deposit("100")
    late_event = deposit_settled(late)
    operator.run("archive", PRIMARY=postgres.superuser_dsn)
    postgres.stop()
    postgres.start()

    with platform(installation, amqp_url) as (wallet, bus):
        wallet.applied(player.deposit("1000"))
        operator.run("backup", PRIMARY=postgres.superuser_dsn)
        known = [wallet.applied(bet) for bet in before]
        bus.publish(early_event)
        wait_until(lambda: wallet.main(early) == "7", what="the early event is applied")
        bus.until(7)
        until = now_of(installation)
        for bet in after:
            wallet.applied(bet)
        bus.publish(late_event)
        wait_until(lambda: wallet.main(player) == "1085", what="the late event is applied")
        seen = {one.message_id for one in bus.until(13)}
    operator.log_is_archived()
    postgres.kill()

    operator.run("restore", UNTIL=until)
    assert "wallet verify" in told("look")
    verify(installation)
    assert "wallet transactions list --limit 1" in told("look")
    [newest] = json.loads(installation.command("transactions", "list", "--limit", "1", "--json"))
    assert newest["player_id"] == str(early.player_id)

    with platform(installation, amqp_url) as (wallet, bus):
        assert wallet.main(player) == "995"
        assert lost(wallet, *before, *after) == [bet.transaction_id for bet in after]
        for bet, first in zip(before, known, strict=True):
            wallet.replayed(bet, first)
        for bet in after:
            wallet.applied(bet)
        bus.publish(early_event, late_event)
        wait_until(lambda: wallet.main(player) == "1085", what="the late event is applied again")
        assert wallet.main(early) == "7"
        assert transactions_stored(installation, "payments", late.deposit_id) == 1
        wait_until(lambda: len({one.message_id for one in bus.received} - seen) == 6, what="what is new is told of")
    verify(installation)
