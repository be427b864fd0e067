"""Copies of a process that has imported the commands: they are to tests what a process of its own is."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.copies import ROOT, original
from support.waiting import wait_until

from devstack.servers.ports import free_port, listens


def finished(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end: its exit status, and what it wrote to each stream."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        copy = original().copy(arguments, environment=environment, folder=ROOT, out=out, err=err)
        status = copy.wait(60)
        out.seek(0)
        err.seek(0)
        return status, out.read().decode(), err.read().decode()


def test_it_has_the_arguments_that_it_was_given_and_streams_and_an_end_of_its_own() -> None:
    status, out, err = finished("no-such-command")
    assert (status, out) == (2, "")
    assert "No such command 'no-such-command'" in err
    status, out, err = finished("--version")
    assert (status, err) == (0, "")
    assert out.startswith("wallet ")


def test_it_has_the_environment_that_it_was_given_alone() -> None:
    secret = {"WALLET_COOKIE_SECRET": "x" * 32}
    assert finished("token", "--player", "1", **secret)[0] == 0
    status, _, err = finished("token", "--player", "1", WALLET_DATA_DIR="/nowhere")
    assert status == 1
    assert "there is no secret" in err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)])
def test_it_runs_until_a_signal_ends_it(number: signal.Signals, status: int, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "WALLET_API_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
        "WALLET_COOKIE_SECRET": "x" * 32,
        "WALLET_HTTP_ADDRESS": f"127.0.0.1:{port}",
    }
    with (tmp_path / "log").open("wb") as log:
        copy = original().copy(["api"], environment=environment, folder=ROOT, out=log, err=log)
    wait_until(lambda: listens(port), what="the HTTP API listens")
    with pytest.raises(subprocess.TimeoutExpired):
        copy.wait(0.01)
    assert copy.poll() is None
    os.kill(copy.pid, number)
    assert copy.wait(30) == status
    assert (copy.poll(), copy.returncode) == (status, status)
    copy.kill()  # it is gone already
