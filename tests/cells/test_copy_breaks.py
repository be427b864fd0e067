"""`wallet copy` under load, broken off, and over what somebody changed: nothing is lost, doubled or passed over."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from support.contests import player_of
from support.copies import ROOT, original
from support.copying import SETTINGS, copy_to, new_target, try_to_copy
from support.database import Cluster, Installation, create_template, drop_database, own_installation
from support.ledger import verify
from support.load import Load
from support.requests import CELLS
from support.server import WalletServer
from support.sessions import sessions_of

from wallet_grpc.store.copying.copy import copy
from wallet_grpc.store.copying.transfer import CopyError, Marks
from wallet_grpc.store.operator.freeze import lift

_KILLED_AFTER_S = (0.3, 0.7, 1.1, 1.6)


@pytest.fixture(scope="module")
def template_of_two(cluster: Cluster) -> Iterator[Installation]:
    made = create_template(cluster, cells=2)
    yield made
    drop_database(made)


@pytest.fixture
def source(template_of_two: Installation) -> Iterator[Installation]:
    with own_installation(template_of_two) as made:
        yield made


@pytest.mark.timeout(600)
def test_what_is_acknowledged_while_it_runs_and_is_killed_is_at_the_target(source: Installation) -> None:
    with new_target(source, 2) as target, WalletServer(source, **SETTINGS) as server:
        wallet = server.wallet()
        with Load(wallet, [wallet.player("1000000") for _ in range(6)]) as load:
            for after_s in _KILLED_AFTER_S:
                _kill_a_copy(source, target, after_s)
                load.goes_on()
            copy_to(source, target)
            assert "a copy fills this installation" in target.run("serve").stderr
            load.goes_on()
            finished = copy_to(source, target, "--finish")
        assert finished["is_ready"]
        stored = {id_ for (id_,) in target.rows("SELECT reference FROM ledger_transactions")}
        assert load.answered.keys() <= stored
        assert _events(target) == _events(source)
        verify(target)
        with pytest.raises(AssertionError, match="the target is ready already"):
            copy_to(source, target)


def _kill_a_copy(source: Installation, target: Installation, after_s: float) -> None:
    environment = target.settings() | {"WALLET_COPY_FROM_DATABASE_URL": source.admin_dsn}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        running = original().copy(["copy"], environment=environment, folder=ROOT, out=out, err=err)
        time.sleep(after_s)
        running.kill()
        running.wait(10)


def _events(installation: Installation) -> list[tuple[Any, ...]]:
    return installation.rows("SELECT tx_id, event_no, sequence, owner_id FROM outbox_events ORDER BY 1, 2")


class _BrokenOffError(Exception):
    pass


@pytest.mark.timeout(600)
def test_broken_off_at_each_step_it_goes_on(source: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    with WalletServer(source, **SETTINGS) as server:
        wallet = server.wallet()
        with Load(wallet, [wallet.player("1000000")]) as load:
            load.goes_on()
    put = Marks.put
    broken_off: list[str] = []

    def break_off_once(self: Marks, step: str, facts: object) -> None:
        """Break off where a step is about to be committed, the first time."""
        if step not in broken_off:
            broken_off.append(step)
            raise _BrokenOffError(step)
        put(self, step, facts)

    monkeypatch.setattr(Marks, "put", break_off_once)
    with new_target(source, 2) as target:
        is_ready = False
        while not is_ready:
            with suppress(_BrokenOffError):
                is_ready = copy(source.admin_dsn, target.admin_dsn, finish=True).is_ready
        assert {"copy", "kept", "kept 0", "kept 1", "ledger", "frozen", "queues"} <= set(broken_off)
        assert copy_to(source, target, "--compare")["differences"] == []
        assert _events(target) == _events(source)
        verify(target)


def test_what_differs_is_found_though_it_was_killed_before_it_compared(
    source: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WalletServer(source, **SETTINGS) as server:
        wallet = server.wallet()
        games = sessions_of(wallet)
        games.applied(games.open(wallet.player("100"), "50").bet("5"))

    def break_off(*_: object) -> None:
        raise _BrokenOffError

    with new_target(source, 2) as target:
        with monkeypatch.context() as patched:
            patched.setattr("wallet_grpc.store.copying.copy.compare_journal", break_off)
            with pytest.raises(_BrokenOffError):
                copy(source.admin_dsn, target.admin_dsn, finish=True)
        with target.connect() as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            for cell in range(2):
                connection.execute(f"UPDATE cell_{cell}.subledger_entries SET round_id = round_id || 'x'")  # type: ignore[arg-type]
        for _ in range(2):  # nor is it forgotten by the run that found it
            with pytest.raises(CopyError, match="subledger_entries"):
                copy(source.admin_dsn, target.admin_dsn, finish=True)


@pytest.mark.timeout(300)
def test_over_another_freeze_it_does_not_go_on(source: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    with WalletServer(source, **SETTINGS) as server:
        player = server.wallet().player("5")
        with new_target(source, 3) as target:
            put = Marks.put

            def put_until_the_queues(self: Marks, step: str, facts: object) -> None:
                if step == "queues":
                    raise _BrokenOffError(step)
                put(self, step, facts)

            with monkeypatch.context() as patched:
                patched.setattr(Marks, "put", put_until_the_queues)
                with pytest.raises(_BrokenOffError):
                    copy(source.admin_dsn, target.admin_dsn, finish=True)
            with psycopg.connect(source.admin_dsn, autocommit=True) as connection:
                assert lift(connection, reason="we stay")
            server.wallet().fund(player, "3")
            with pytest.raises(CopyError, match="the freeze was lifted after the rest had been copied"):
                copy(source.admin_dsn, target.admin_dsn, finish=True)
            with psycopg.connect(source.admin_dsn, autocommit=True) as connection:
                lift(connection, reason="we stay")
        with new_target(source, 3) as another:
            assert copy_to(source, another, "--finish")["is_ready"]
            verify(another)


def test_what_was_changed_at_the_target_is_named(source: Installation) -> None:
    with WalletServer(source, **SETTINGS) as server:
        player = server.wallet().player("500")
    with new_target(source, 3) as target:
        copy_to(source, target, "--finish")
        ((last,),) = source.rows("SELECT max(created_at) FROM ledger_transactions")
        with target.connect() as connection:
            for cell in range(3):
                marks = connection.execute(f"SELECT counting_until FROM cell_{cell}.day_marks").fetchall()  # type: ignore[arg-type]
                assert marks[0][0] > last, "the target could give out a time that the source gave out"
                connection.execute(f"SET search_path = cell_{cell}, public")
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute("UPDATE account_balances SET balance_minor = 499 WHERE owner_id > 0")
                connection.execute("DELETE FROM outbox_events")
                connection.execute("UPDATE ledger_entries SET amount_minor = 499 WHERE amount_minor = 500")
            connection.execute("UPDATE api_keys SET revoked_at = now() WHERE source = 'games'")
        done = try_to_copy(source, target, "--compare")
        assert done.returncode == 1
        for named in (
            "account_balances (account_id) = (",
            "ledger_entries (tx_id, entry_no) = (",
            "api_keys (key_id) = (",
            "outbox_events (tx_id, event_no) = (",
            "MAIN: 500 in the source, 499 in the target",
        ):
            assert named in done.stdout, named
        assert player.player_id


def test_players_of_one_id_do_not_come_to_one_cell(new_installation: Callable[..., Installation]) -> None:
    source = new_installation(cells=CELLS)
    with WalletServer(source, **SETTINGS) as server:
        wallet = server.wallet()
        one, other = (wallet.fund(player_of(cell), "500") for cell in (0, 1))
        bet = one.bet("1")
        wallet.applied(bet)
        wallet.applied(other.bet("1", transaction_id=bet.transaction_id))
    with new_target(source, 1) as target:
        done = try_to_copy(source, target, "--finish")
        assert done.returncode == 1
        assert "a source used one id for players of two cells" in done.stderr
    with new_target(source, 2 * CELLS) as multiple:
        assert copy_to(source, multiple, "--finish")["is_ready"]
