"""`make run` and `make demo` as a person has them: processes, a data folder, signals and exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from support.console import Browser as ConsoleBrowser
from support.console import path_of

from devstack.servers.ports import free_port

ROOT = Path(__file__).parents[2]
_READY_WITHIN_S = 180.0
_DONE_WITHIN_S = 60.0
_POLL_INTERVAL_S = 0.05
TOLD = (
    "APPLIED, replayed",
    "IDEMPOTENCY_KEY_REUSED",
    "field amount_minor",
    "VOIDED",
    "TRANSACTION_VOIDED",
    "BET_ALREADY_SETTLED",
    "ALREADY_ROLLED_BACK",
    "INSUFFICIENT_FUNDS",
    "balance_minor 96000000",
    "SettleWithdrawal",
    "HOUSE:FEES",
    "200 sessions settled, nets sum to 0",
    "deposit.applied",
    "after both",
    "the ledger is whole",
    "Everything came out as told.",
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A stack of the test's own; nothing that the caller's shell says of a wallet comes in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")}
    ports = {f"WALLET_{name}_PORT": str(free_port()) for name in ("GRPC", "HTTP", "CONSOLE", "GATEWAY")}
    return {**kept, **ports, "WALLET_DATA_DIR": str(tmp_path / "wallet")}


@pytest.mark.slow
def test_the_demo_comes_out_as_told_and_the_next_run_finds_the_same_keys(environment: dict[str, str]) -> None:
    with running_stack(environment) as first:
        told = demo(environment)
        assert told.returncode == 0, told.stdout + told.stderr
        assert [phrase for phrase in TOLD if phrase not in told.stdout] == []
        assert not [key for key in first["keys"].values() if key in told.stdout]
        assert max(map(len, told.stdout.splitlines())) <= 100
        assert first["http_address"] == f"127.0.0.1:{environment['WALLET_HTTP_PORT']}"
        assert balances_over_http(first, cookie=token(environment)) == 5
        assert balance_through_gateway(first, port=environment["WALLET_GATEWAY_PORT"])["state"] == "PLAYER_STATE_ACTIVE"
        assert now_in_console(first, link=console_link(environment)) == "Now"
    with running_stack(environment) as second:
        assert second["keys"] == first["keys"]
        assert second["cookie_secret"] == first["cookie_secret"]


def test_the_demo_says_what_to_do_when_nothing_runs(environment: dict[str, str]) -> None:
    told = demo(environment)
    assert told.returncode == 1
    assert "make run" in told.stderr
    assert "Traceback" not in told.stderr


def token(environment: dict[str, str]) -> str:
    """Print a cookie as a person would, beside a running stack."""
    command = [sys.executable, "-m", "wallet_cli", "token", "--player", "42"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=_DONE_WITHIN_S
    )
    return done.stdout.strip()


def console_link(environment: dict[str, str]) -> str:
    """Print a link into the console as a person would."""
    command = [sys.executable, "-m", "wallet_cli", "token", "--operator", "carla"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=_DONE_WITHIN_S
    )
    return done.stdout.strip()


def now_in_console(dev: dict[str, Any], *, link: str) -> str:
    """Log in by a link, and return the title of the first page."""
    assert link.startswith(f"http://{dev['console_address']}/login/link?token=")
    browser = ConsoleBrowser(dev["console_address"])
    assert browser.get(path_of(link)).status == 303
    return browser.get("/").title


def balance_through_gateway(dev: dict[str, Any], *, port: str) -> dict[str, str]:
    """Ask for a balance by HTTP, under the demo game's key."""
    assert dev["gateway_address"] == f"127.0.0.1:{port}"
    connection = HTTPConnection(dev["gateway_address"], timeout=10)
    headers = {"content-type": "application/json", "authorization": f"Bearer {dev['keys']['game']}"}
    asked = json.dumps({"playerId": "42", "currencyNetworkId": 1})
    connection.request("POST", "/wallet.v1.WalletService/GetBalance", body=asked, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    told: dict[str, str] = json.loads(answer.read())
    return told


def balances_over_http(dev: dict[str, Any], *, cookie: str) -> int:
    """Return how many currency networks the HTTP API shows."""
    connection = HTTPConnection(dev["http_address"], timeout=10)
    connection.request("GET", "/api/wallet/balances", headers={"cookie": cookie})
    answer = connection.getresponse()
    assert answer.status == 200
    return len(json.loads(answer.read())["balances"])


def demo(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devstack", "demo"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=_DONE_WITHIN_S
    )


@contextmanager
def running_stack(environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Run the body of `make run` while the block runs, give its dev.json, and expect it to stop well on SIGTERM."""
    command = [sys.executable, "-m", "devstack", "run"]
    dev_json = Path(environment["WALLET_DATA_DIR"]) / "dev.json"
    log = Path(environment["WALLET_DATA_DIR"]).with_suffix(".out")
    with log.open("wb") as out:
        stack = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not dev_json.exists():
            assert stack.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"not ready within {_READY_WITHIN_S} s:\n{log.read_text()}"
            time.sleep(_POLL_INTERVAL_S)
        yield json.loads(dev_json.read_text())
        stack.send_signal(signal.SIGTERM)
        assert stack.wait(_DONE_WITHIN_S) == 0, log.read_text()
        assert not dev_json.exists()
    finally:
        if stack.poll() is None:
            stack.terminate()
            stack.wait(_DONE_WITHIN_S)
