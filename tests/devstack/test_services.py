"""Commands beside the server: started again when they end, slower each time, and stopped with the stack."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devstack import services
from devstack.services import Services
from devstack.stack_settings import StackSettings
from devstack.wallet_command import Databases, WalletCommand

SCRIPT = """
import os, sys, time
print("{name}", os.environ["WALLET_AMQP_URL"], os.environ["WALLET_DATABASE_URL"], flush=True)
{then}
"""
LASTS = "time.sleep(600)"
ENDS = "sys.exit(3)"


class StandIn(WalletCommand):
    """Python in the place of `wallet`: says its name and what it was told; `relay` then lasts, `consume` ends."""

    def command_line(self, *arguments: str) -> list[str]:
        (name,) = arguments
        return [sys.executable, "-c", SCRIPT.format(name=name, then=LASTS if name == "relay" else ENDS)]


@pytest.fixture
def wallet(tmp_path: Path) -> WalletCommand:
    settings = StackSettings(data_dir=tmp_path, environment="test", grpc_port=1, database_url=None)
    databases = Databases.of(admin_url="postgresql://a:b@127.0.0.1/wallet", service_password="c")
    return StandIn(settings=settings, databases=databases, amqp_url="amqp://here/")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def both(wallet: WalletCommand, tmp_path: Path, said: list[str]) -> Iterator[Services]:
    both = Services(wallet=wallet, commands=("consume", "relay"), log_dir=tmp_path, say=said.append)
    yield both
    both.stop()


def tend_until(both: Services, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        both.tend()
        time.sleep(0.02)


def test_what_ends_is_started_again_and_what_lasts_is_left_alone(
    both: Services, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_PAUSE_MAX_S", 0.5)
    consume, relay = tmp_path / "consume.log", tmp_path / "relay.log"
    tend_until(both, lambda: consume.exists() and consume.read_text().count("\n") >= 2 and bool(relay.read_text()))
    assert relay.read_text() == "relay amqp://here/ postgresql://wallet_service:c@127.0.0.1/wallet\n"
    assert said[0] == f"`wallet consume` ended (status 3) and is started again; see {consume}"


def test_it_waits_longer_each_time_and_says_so_once(both: Services, tmp_path: Path, said: list[str]) -> None:
    starts: list[float] = []

    def started_thrice() -> bool:
        log = tmp_path / "consume.log"
        if log.exists() and log.read_text().count("\n") > len(starts):
            starts.append(time.monotonic())
        return len(starts) == 3

    tend_until(both, started_thrice)
    assert starts[1] - starts[0] >= 0.4
    assert starts[2] - starts[1] >= 0.9
    assert len(said) == 1


def test_stop_ends_all_and_their_guardians(both: Services, tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    relay = tmp_path / "relay.log"
    tend_until(both, lambda: relay.exists() and bool(relay.read_text()))
    started = [child for child in psutil.Process().children() if child not in before]
    assert len(started) >= 2  # relay and its guardian
    both.stop()
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
