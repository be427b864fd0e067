"""An upgrade under load: two releases side by side, the schema changing below them, and a reader that holds on.

The next release is a copy of this one with migrations of its own; that it knows them is all that it does differently:
it does not start before they are there, and this release runs on with them.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Self

import grpc
import psycopg
import pytest
from support.copies import ROOT
from support.database import Installation
from support.ledger import transactions_stored, verify
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import CHANNEL_OPTIONS, Caller

from wallet_client.policy import RETRY_POLICY
from wallet_grpc.store.operator.migrate import Patience, Waiting, migrate

New = Callable[..., Installation]

GAP_MAX_S = float(os.environ.get("WALLET_TEST_PAUSE_MAX_S", "8"))
"""1 is what is promised; a machine that runs other tests beside this one adds to it."""
CALLS_PER_S = 100
SENDERS = 10
DEADLINE_S = 30.0
PACKAGES = ("wallet", "wallet_api", "wallet_cli", "wallet_client", "wallet_console", "wallet_grpc", "migrations")

EXPAND = """
ALTER TABLE players ADD COLUMN next_note TEXT;
ALTER TABLE account_balances ADD COLUMN next_amount BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_balances ADD CONSTRAINT account_balances_next_check CHECK (next_amount >= 0) NOT VALID;
"""
INDEX = """-- wallet: no transaction
CREATE INDEX CONCURRENTLY account_balances_next_idx ON account_balances (next_amount);
ALTER TABLE account_balances VALIDATE CONSTRAINT account_balances_next_check;
"""


class NextRelease(WalletServer):
    """`wallet serve` of the next release."""

    program = (sys.executable, "-m", "wallet_cli")
    stopped_within_s = 120.0  # it starts from nothing


class Traffic:
    """Bets at a steady pace over all servers, with the documented retry policy, and nothing else."""

    def __init__(self, servers: list[str], key: str, players: list[Player]) -> None:
        options = (
            *CHANNEL_OPTIONS,
            ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]} | RETRY_POLICY)),
        )
        self._channel = grpc.insecure_channel(f"ipv4:{','.join(servers)}", options=options)
        self._caller = Caller(self._channel, key)
        self._players = players
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(player,), daemon=True) for player in players]
        self.answered: dict[str, float] = {}
        self.failed: list[grpc.RpcError] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=DEADLINE_S + 5)
        self._channel.close()

    def goes_on(self) -> None:
        """Wait until a hundred more were answered."""
        enough = len(self.answered) + 100
        wait_until(lambda: len(self.answered) >= enough, what="it goes on")

    @property
    def longest_gap_s(self) -> float:
        """The longest time in which nobody was answered."""
        times = sorted(self.answered.values())
        return max(after - before for before, after in pairwise(times))

    def _send(self, player: Player) -> None:
        while not self._over.wait(SENDERS / CALLS_PER_S):
            bet = player.bet("1")
            try:
                self._caller.call_once(bet, timeout_s=DEADLINE_S)
                self.answered[bet.transaction_id] = time.monotonic()
            except grpc.RpcError as error:
                self.failed.append(error)


@pytest.mark.faults
def test_an_upgrade_under_load_is_not_noticed(new_installation: New, tmp_path: Path) -> None:
    installation = new_installation()
    copy = next_release(tmp_path)
    first, second = WalletServer(installation), WalletServer(installation)
    with ExitStack() as running:
        for server in (first, second):
            running.enter_context(server)
        targets = [first.target, second.target]
        wallet = first.wallet()
        players = [wallet.player("1000000") for _ in range(SENDERS)]
        with Traffic(targets, installation.keys["games"], players) as traffic:
            traffic.goes_on()
            behind = NextRelease(installation)
            behind.folder = copy
            behind.launch()
            assert behind.wait() != 0
            assert "migrations are behind: " in behind.log

            migrate_beside_a_reader(installation, copy / "migrations")
            traffic.goes_on()  # this release on the next one's schema
            for old, target in zip((first, second), targets, strict=True):
                assert old.stop() == 0
                new = NextRelease(installation, WALLET_GRPC_ADDRESS=target)
                new.folder, new.target = copy, target
                running.enter_context(new)
                traffic.goes_on()
        assert not traffic.failed, traffic.failed[:3]
        assert transactions_stored(installation, "games", *traffic.answered) == len(traffic.answered)
        assert traffic.longest_gap_s < GAP_MAX_S, f"{len(traffic.answered)} bets, {traffic.longest_gap_s:.3f} s"
    verify(installation)


def migrate_beside_a_reader(installation: Installation, folder: Path) -> None:
    """Apply the next release's migrations while somebody holds on to what they change, until the third try."""
    told: list[Waiting] = []
    with psycopg.connect(installation.admin_dsn) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM account_balances")

        def on_wait(waiting: Waiting) -> None:
            told.append(waiting)
            if waiting.attempt >= 3:
                reader.rollback()

        patience = Patience(pause_s=0.3)
        applied = migrate(installation.admin_dsn, "TEST", folder=folder, patience=patience, on_wait=on_wait)
    assert applied == ["cell_0/9998_expand", "cell_0/9999_index"]
    assert {waiting.attempt for waiting in told} >= {1, 2, 3}


def next_release(folder: Path) -> Path:
    """Copy this release, with migrations that it does not have."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, symlinks=True, ignore=ignored)
    (folder / "migrations" / "cell" / "9998_expand.sql").write_text(EXPAND)
    (folder / "migrations" / "cell" / "9999_index.sql").write_text(INDEX)
    return folder
