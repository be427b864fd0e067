"""What goes wrong at a first start is told in a line that says what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_folder import PostgresError
from wallet_grpc.addresses import why_not_bound

ROOT = Path(__file__).parents[2]


def run_stack(**settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | settings
    command = [sys.executable, "-m", "devstack", "run"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def check_told(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "\x1b" not in said, "colours are for terminals"
    for part in parts:
        assert part in said


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_told(run_stack(WALLET_DATA_DIR=str(tmp_path / "file" / "data")), "Not a directory", "WALLET_DATA_DIR")


def test_a_number_of_cells_that_cannot_be(tmp_path: Path) -> None:
    told = run_stack(WALLET_DATA_DIR=str(tmp_path / "data"), WALLET_CELLS_AT_CREATION="0")
    check_told(told, "WALLET_CELLS_AT_CREATION=0", "from 1 to 1024")


def test_a_port_that_is_taken(tmp_path: Path, taken_port: int) -> None:
    settings = {"WALLET_DATA_DIR": str(tmp_path / "data"), "WALLET_GRPC_PORT": str(taken_port)}
    check_told(run_stack(**settings), str(taken_port), "another process uses it", "WALLET_GRPC_PORT")


def test_an_address_that_cannot_be_bound_says_why(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "another process" in why_not_bound(f"127.0.0.1:{taken_port}")
    assert "no such address" in why_not_bound("203.0.113.7:50051")

    def refuse(_self: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert "needs root" in why_not_bound("127.0.0.1:443")


def test_data_of_another_postgresql_is_told_once_with_advice(tmp_path: Path) -> None:
    PostgresCluster.create_or_open(tmp_path / "postgres")
    record = tmp_path / "postgres" / "cluster.json"
    pgdata = PostgresCluster.create_or_open(tmp_path / "postgres").pgdata
    (pgdata / "PG_VERSION").write_text("11\n")
    with pytest.raises(PostgresError) as caught:
        PostgresCluster.create_or_open(tmp_path / "postgres")
    said = str(caught.value)
    assert said.count("are of PostgreSQL 11") == 1
    assert "WALLET_DATA_DIR" in said
    assert "FATAL" not in said
    record.write_text("{")
    with pytest.raises(PostgresError, match="damaged"):
        PostgresCluster.create_or_open(tmp_path / "postgres")


def test_make_help_has_no_colour_codes_in_a_pipe() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make run" in done.stdout
    assert "\x1b" not in done.stdout
