"""`wallet` commands as copies of a process that has imported all of them: tests start hundreds of them.

Imports are nearly all that the start of a command costs, half a second of a processor and more. So one process, the
original, imports what the commands use, and forks. A copy has arguments, an environment, a folder, streams, signals and
an end of its own, and runs `wallet_cli` as `python -m wallet_cli` does. What it does not show is that a command starts
from nothing: `tests/packaging`, `tests/devstack` and the workers of a supervisor do.

This file is both ends: imported by tests, it asks for copies; run, it is the original, which lives until its tests
close the socket that they ask by.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parents[2]
_IMPORTED = (
    "uvloop",
    "wallet_api.server",
    "wallet_cli.callers",
    "wallet_cli.events",
    "wallet_certify.run",
    "wallet_cli.certification",
    "wallet_cli.processes",
    "wallet_cli.proofs",
    "wallet_cli.setup",
    "wallet_console.server",
    "wallet_gateway.server",
    "wallet_grpc.app.consumer",
    "wallet_grpc.app.relay",
    "wallet_grpc.app.server",
    "wallet_grpc.app.supervisor",
)
_THREADS = Path("/proc/self/task")
_REQUEST_BYTES_MAX = 128 * 1024
_STREAMS = 3
_NUMBER_BYTES = 8

# ---------------------------------------------------------------------------------------------------- in the tests


class Copy:
    """One copy, for whoever has started it: what tests use of `subprocess.Popen`, and like it."""

    def __init__(self, arguments: Sequence[str], reports: socket.socket) -> None:
        self.args = ["wallet", *arguments]
        self._reports = reports.detach()
        weakref.finalize(self, os.close, self._reports)
        self.pid = _number(os.read(self._reports, _NUMBER_BYTES))

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """Return its exit status, minus the signal's number if one has ended it; None while it runs."""
        return self._status(wait_ms=0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._status(wait_ms=None if timeout is None else round(timeout * 1000))
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _status(self, *, wait_ms: int | None) -> int | None:
        poll = select.poll()
        poll.register(self._reports, select.POLLIN)
        if not poll.poll(wait_ms):
            return None
        with socket.socket(fileno=os.dup(self._reports)) as reports:
            told = reports.recv(_NUMBER_BYTES, socket.MSG_PEEK)  # it stays, for whoever asks next
        return _number(told)


class Original:
    """The process that is copied, and the socket to ask it by."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.copies", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.end)

    def copy(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, out: BinaryIO, err: BinaryIO
    ) -> Copy:
        """Start a command; it reads nothing."""
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, Path(os.devnull).open("rb") as nothing:
            given = [nothing.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
            socket.send_fds(self._requests, [json.dumps(request).encode()], given)
        return Copy(arguments, ours)

    def end(self) -> None:
        """End it; copies go on."""
        self._requests.close()
        self._process.wait()


_originals: list[Original] = []
_one_at_a_time = threading.Lock()


def original() -> Original:
    """Give this process's original, started at the first use."""
    with _one_at_a_time:
        if not _originals:
            _originals.append(Original())
    return _originals[0]


def _number(told: bytes) -> int:
    assert len(told) == _NUMBER_BYTES, "the process that commands are copied from has ended"
    return int.from_bytes(told, signed=True)


# ------------------------------------------------------------------------------------------------- in the original


def main() -> None:
    """Import what commands use, and make copies; in each of these, run its command."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    for module in _IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is never collected is never written to, and stays shared
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the tests' to take
    if _make_copies(requests):
        signal.signal(signal.SIGINT, interrupted)
        runpy.run_module("wallet_cli", run_name="__main__", alter_sys=True)


def _make_copies(requests: socket.socket) -> bool:
    """Fork for each request until nobody can ask any more; true in a copy, false in the original in the end."""
    watched = selectors.DefaultSelector()
    watched.register(requests, selectors.EVENT_READ)
    reports: dict[int, socket.socket] = {}  # by the file descriptor of the copy that they tell of
    while True:
        for key, _ in watched.select():
            if key.fileobj is not requests:
                _report_end(watched, key.fd, key.data, reports.pop(key.fd))
                continue
            request, streams, _, _ = socket.recv_fds(requests, _REQUEST_BYTES_MAX, _STREAMS + 1)
            if not request:
                return False
            assert len([*_THREADS.iterdir()]) == 1, "an import has started a thread, which a copy would lack"
            pid = os.fork()
            if pid == 0:
                for ours in (watched, requests, *reports.values()):
                    ours.close()
                for descriptor in reports:
                    os.close(descriptor)
                _become(json.loads(request), streams)
                return True
            report = socket.socket(fileno=streams.pop())
            for stream in streams:
                os.close(stream)
            report.send(pid.to_bytes(_NUMBER_BYTES))
            ends = os.pidfd_open(pid)
            watched.register(ends, selectors.EVENT_READ, pid)
            reports[ends] = report


def _report_end(watched: selectors.BaseSelector, ends: int, pid: int, report: socket.socket) -> None:
    """Tell the exit status of a copy that has ended, to whoever still wants to know."""
    watched.unregister(ends)
    os.close(ends)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with report, contextlib.suppress(BrokenPipeError):
        report.send(status.to_bytes(_NUMBER_BYTES, signed=True))


def _become(request: dict[str, object], streams: list[int]) -> None:
    """Have the arguments, the environment, the folder and the streams that were asked for, in a copy."""
    for number, stream in enumerate(streams[:_STREAMS]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    arguments, environment, folder = request["arguments"], request["environment"], request["folder"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    assert isinstance(folder, str)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    main()
