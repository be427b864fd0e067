"""One RabbitMQ for all processes of a run: whoever comes first has it started, and it ends when the last has gone.

A node's start takes the processor for five seconds, and each test module has a virtual host of its own, which knows
nothing of the others. The node belongs to a keeper, a process that outlives whoever began it. Users hold a lock
together for as long as they live, however they end; the keeper waits to have it alone.

This file is both ends: imported by tests, it joins the run's node; run, it is the keeper.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from devstack.servers.rabbitmq import RabbitNode
from devstack.servers.rabbitmq_programs import find_or_install

ROOT = Path(__file__).resolve().parents[2]
_READY = b"ready\n"


@contextmanager
def joined_node(folder: Path) -> Iterator[RabbitNode]:
    """Give the node of a folder for the time of the block, running; nobody may stop it.

    Raises:
        BrokerUnavailableError: Its programs are not here, and cannot be installed.
    """
    programs = find_or_install()
    with _locked_with_others(folder / "users"):
        with (folder / "begun").open("ab") as begun:
            fcntl.flock(begun, fcntl.LOCK_EX)  # one begins it, the others wait until it runs
            if os.fstat(begun.fileno()).st_size == 0:
                _start_keeper(folder)
                begun.write(_READY)
        yield RabbitNode.create_or_open(folder / "node", programs=programs)


@contextmanager
def _locked_with_others(path: Path) -> Iterator[None]:
    while True:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            held = path.open("ab")
        except FileNotFoundError:
            continue  # a keeper has just removed the folder
        with held:
            fcntl.flock(held, fcntl.LOCK_SH)
            if _is_at(held, path):
                yield
                return


def _is_at(held: BinaryIO, path: Path) -> bool:
    """Tell whether a file that was opened is still the one of its path: not if a keeper has removed the folder."""
    try:
        return os.path.samestat(os.fstat(held.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _start_keeper(folder: Path) -> None:
    with (folder / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.kept_broker", str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a Ctrl-C in the terminal must not end it before its users
        )
    assert keeper.stdout is not None
    told = keeper.stdout.readline()
    keeper.stdout.close()
    assert told == _READY, (folder / "keeper.log").read_text()


def main() -> None:
    """Keep a node until it has no users, and remove what it leaves."""
    folder = Path(sys.argv[1])
    try:
        with (folder / "users").open("ab") as users, RabbitNode.create_or_open(folder / "node"):
            sys.stdout.buffer.write(_READY)
            sys.stdout.flush()
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
