"""Migrations beside a service that runs: nobody is held up for longer than the lock timeout, waits are told and end."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from support.database import ROOT, Installation
from support.migrations import copy_migrations, names_of_migrations, of_first_cell
from support.waiting import BUSY_S, wait_until

from wallet_grpc.store.operator.migrate import Waiting, migrate
from wallet_grpc.store.operator.migration_files import MigrationError
from wallet_grpc.store.operator.migration_locks import Patience

LOCK_TIMEOUT_MS = 1_500
PATIENCE = Patience(lock_timeout_ms=LOCK_TIMEOUT_MS, tries_max=50, pause_s=0.3, other_migrate_s=60)
HURRY = Patience(lock_timeout_ms=100, tries_max=2, pause_s=0.05, concurrent_lock_timeout_ms=300, other_migrate_s=0.3)
TWO_TABLES = "ALTER TABLE players ADD COLUMN a INT; ALTER TABLE account_balances ADD COLUMN b INT;"
NEXT, INDEXED = [of_first_cell("9999_next")], [of_first_cell("9999_index")]


@contextmanager
def reader(installation: Installation) -> Iterator[psycopg.Connection]:
    """Have somebody look at balances in a transaction that stays open."""
    with psycopg.connect(make_conninfo(installation.admin_dsn, application_name="long-report")) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM account_balances")
        yield connection


class Writer(threading.Thread):
    """Writes to balances all the time, as bets do, and measures how long each write takes."""

    def __init__(self, installation: Installation) -> None:
        super().__init__(daemon=True)
        self._dsn = installation.admin_dsn
        self._stop_asked = threading.Event()
        self.longest_s = 0.0
        self.writes = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._stop_asked.is_set():
                began = time.monotonic()
                connection.execute(
                    "INSERT INTO account_balances (account_id, balance_minor, version) "
                    "SELECT min(account_id), 0, 1 FROM accounts "
                    "ON CONFLICT (account_id) DO UPDATE SET version = account_balances.version + 1"
                )
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.writes += 1
                time.sleep(0.002)


def test_a_long_reader_does_not_make_a_migration_hold_up_bets(own_ledger: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path, _9999_next=TWO_TABLES)
    told: list[Waiting] = []
    with Writer(own_ledger) as writer, reader(own_ledger) as held:
        pid = held.info.backend_pid

        def on_wait(waiting: Waiting) -> None:
            told.append(waiting)
            if waiting.attempt >= 2:
                held.rollback()

        assert migrate(own_ledger.admin_dsn, "TEST", folder=folder, patience=PATIENCE, on_wait=on_wait) == NEXT
    assert {waiting.attempt for waiting in told} >= {1, 2}
    assert str(told[0]).startswith("cell_0/9999_next: try 1 of 50 waits for")
    assert f"pid {pid} (long-report" in " ".join(map(str, told))
    assert writer.writes > 0
    assert writer.longest_s < 3 * LOCK_TIMEOUT_MS / 1000 + BUSY_S


def test_a_reader_that_never_ends_is_named_and_nothing_is_half_done(own_ledger: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path, _9999_next=TWO_TABLES)
    patience = Patience(lock_timeout_ms=1_500, tries_max=2, pause_s=0.05)
    with reader(own_ledger), pytest.raises(MigrationError, match=r"9999_next could not .* in 2 tries.*long-report"):
        migrate(own_ledger.admin_dsn, "TEST", folder=folder, patience=patience)
    columns = "SELECT 1 FROM information_schema.columns WHERE table_name = 'players' AND column_name = 'a'"
    assert own_ledger.rows(columns) == []
    assert migrate(own_ledger.admin_dsn, "TEST", folder=folder) == NEXT


INDEX = """-- wallet: no transaction
-- What the report looks up.
CREATE INDEX CONCURRENTLY balances_first_idx ON account_balances (version);
CREATE INDEX CONCURRENTLY balances_second_idx ON account_balances (version, owner_id);
"""
_VALID = """
    SELECT indexrelid::REGCLASS::TEXT, indisvalid FROM pg_index
    WHERE indrelid = 'account_balances'::REGCLASS ORDER BY 1
"""
_BUILT = [("account_balances_pkey", True), ("balances_first_idx", True), ("balances_second_idx", True)]


def test_an_index_of_a_hot_table_is_built_beside_its_writers(own_ledger: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path, _9999_index=INDEX)
    with Writer(own_ledger) as writer, reader(own_ledger) as held:
        ending = threading.Timer(1.5, held.rollback)
        ending.start()
        assert migrate(own_ledger.admin_dsn, "TEST", folder=folder) == INDEXED
        ending.join()
    assert own_ledger.rows(_VALID) == _BUILT
    assert writer.longest_s < 1.0 + BUSY_S


def test_killed_in_the_middle_an_index_is_removed_and_built_anew(own_ledger: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path, _9999_index=INDEX)
    code = "import sys, pathlib; from wallet_grpc.store.operator.migrate import migrate; "
    code += "migrate(sys.argv[1], 'TEST', folder=pathlib.Path(sys.argv[2]))"
    with reader(own_ledger):
        process = subprocess.Popen([sys.executable, "-c", code, own_ledger.admin_dsn, str(folder)], cwd=ROOT)
        waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'wallet-migrate' AND wait_event = 'virtualxid'"
        wait_until(lambda: process.poll() is not None or own_ledger.rows(waits), what="it waits for the reader")
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        gone = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'wallet-migrate'"
        wait_until(lambda: not own_ledger.rows(gone), what="its session is gone")
    assert ("balances_first_idx", False) in own_ledger.rows(_VALID)
    assert migrate(own_ledger.admin_dsn, "TEST", folder=folder) == INDEXED
    assert own_ledger.rows(_VALID) == _BUILT
    assert migrate(own_ledger.admin_dsn, "TEST", folder=folder) == []


def test_an_index_that_cannot_be_built_is_told_and_can_be_tried_again(own_ledger: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path, _9999_index=INDEX)
    with reader(own_ledger), pytest.raises(MigrationError, match="9999_index could not have its locks in 2 tries"):
        migrate(own_ledger.admin_dsn, "TEST", folder=folder, patience=HURRY)
    assert migrate(own_ledger.admin_dsn, "TEST", folder=folder) == INDEXED
    assert own_ledger.rows(_VALID) == _BUILT


def test_another_migrate_is_waited_for_and_not_for_ever(own_ledger: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path, _9999_next="CREATE TABLE next_one (n INT);")
    with own_ledger.connect(autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, 0)", [0x57414C4D])
        with pytest.raises(MigrationError, match=f"another `wallet migrate`.*pid {other.info.backend_pid}"):
            migrate(own_ledger.admin_dsn, "TEST", folder=folder, patience=HURRY)
        told: list[Waiting] = []

        def on_wait(waiting: Waiting) -> None:
            told.append(waiting)
            other.execute("SELECT pg_advisory_unlock_all()")

        assert migrate(own_ledger.admin_dsn, "TEST", folder=folder, patience=PATIENCE, on_wait=on_wait) == NEXT
    assert len(told) == 1


def test_no_owner_has_the_lock_of_who_migrates(own_ledger: Installation, tmp_path: Path) -> None:
    """Every number is some player's id."""
    folder = copy_migrations(tmp_path, _9999_next="CREATE TABLE next_one (n INT);")
    with own_ledger.connect(autocommit=True) as player:
        for player_id in (0x57414C4D, 0x57414C4D << 32):
            player.execute("SELECT pg_advisory_lock(%s)", [player_id])
        assert migrate(own_ledger.admin_dsn, "TEST", folder=folder, patience=HURRY) == NEXT


def test_a_dry_run_tells_and_changes_nothing(empty: Installation) -> None:
    done = empty.run("migrate", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"would apply {name}" for name in names_of_migrations()]
    assert empty.rows("SELECT to_regclass('schema_migrations'), to_regclass('accounts')") == [(None, None)]


def test_the_owners_dsn_is_all_that_it_needs(empty: Installation) -> None:
    environment = {name: value for name, value in empty.settings().items() if name != "WALLET_DATABASE_URL"}
    command = [sys.executable, "-m", "wallet_cli", "migrate", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    del environment["WALLET_ADMIN_DATABASE_URL"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert "WALLET_ADMIN_DATABASE_URL is required" in done.stderr


def test_the_services_login_is_told_whose_dsn_it_needs(own_ledger: Installation) -> None:
    with own_ledger.connect() as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = '0004_credit'")
    done = own_ledger.run("migrate", WALLET_ADMIN_DATABASE_URL=own_ledger.service_dsn)
    assert done.returncode != 0
    assert "migrate needs the login that owns the schema: WALLET_ADMIN_DATABASE_URL" in done.stderr
