"""Several worker processes on one address. One that dies or hangs is started again; a signal stops them all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc import heartbeat
from wallet_grpc.addresses import AddressInUseError, host_and_port, why
from wallet_grpc.heartbeat import Heartbeat

from . import scrapes
from .probes import show_at
from .scrapes import WorkerLine, WorkerProbes, WorkerScrapes

_log = structlog.get_logger(__name__)

_POLL_S = 0.1
_RESTART_WAIT_MIN_S = 0.2
_RESTART_WAIT_MAX_S = 5.0
_HEALTHY_AFTER_S = 30.0

_STOPPED_WELL = (0, -signal.SIGTERM)
"""A worker that the signal itself ended was still starting: it had accepted nothing."""

CELL_COUNT = "WALLET_CELL_COUNT"
"""Tells supervised workers how many cells the installation has, which their supervisor has looked up."""
WORKER_NUMBER = "WALLET_WORKER_NUMBER"
"""Tells a process that it is a supervised worker, and which."""
SUPERVISOR_PID = "WALLET_SUPERVISOR_PID"
"""Tells a worker whose it is: one that is asked for its parent may have been left alone already."""


def supervise(
    command: Sequence[str],
    workers: int,
    address: str,
    *,
    metrics_address: str | None,
    stop_timeout_s: float,
    hung_after_s: float,
) -> int:
    """Run the workers until a signal; gives 0 if all of them stopped well.

    Args:
        command: What a worker is started with.
        workers: How many.
        address: What they share, `host:port`.
        metrics_address: Where the metrics of all of them are shown, and probes are answered; nowhere if it is None.
        stop_timeout_s: How long they may take to stop.
        hung_after_s: After how long a silence a worker is killed, to be started again.

    Raises:
        AddressInUseError, MetricsAddressError: An address cannot be bound.
    """
    stopped_by: int | None = None

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopped_by
        stopped_by = number

    _on_signals(stop)
    with _held(address):
        running: dict[int, _Worker] = {}
        _show(metrics_address, running)
        running.update((number, _Worker(command, number)) for number in range(workers))
        while stopped_by is None:
            for worker in running.values():
                worker.end_if_hung(hung_after_s)
                worker.keep_running()
            time.sleep(_POLL_S)
        return _stop(list(running.values()), stopped_by, stop_timeout_s)


def _show(metrics_address: str | None, running: Mapping[int, _Worker]) -> None:
    def lines() -> Mapping[int, WorkerLine]:
        return {number: worker.line for number, worker in tuple(running.items())}

    registry = CollectorRegistry()
    WorkerScrapes(lines, registry)
    show_at(metrics_address, registry, WorkerProbes(lines))


class _Worker:
    """One worker process, and how patiently it is started again."""

    def __init__(self, command: Sequence[str], number: int) -> None:
        self.number = number
        self._command = command
        self._wait_s = _RESTART_WAIT_MIN_S
        self._start_at = 0.0
        self._start()

    def end_if_hung(self, hung_after_s: float) -> None:
        """Kill the worker if it lives and its event loop has said nothing for too long."""
        if self.process.poll() is None and self._heartbeat.is_missing(hung_after_s):
            _log.error("worker_hung", worker=self.number, pid=self.process.pid, silent_s=hung_after_s)
            self.process.kill()  # it may be stopped: nothing less would reach it
            self.process.wait()

    def keep_running(self) -> None:
        """Start the worker again if it has died, later each time if it keeps dying."""
        if self.process.poll() is None:
            return
        now = time.monotonic()
        if self._start_at == 0.0:
            _log.error("worker_died", worker=self.number, exit_code=self.process.returncode)
            self._start_later(now, lived_well=now - self._started_at > _HEALTHY_AFTER_S)
        elif now >= self._start_at:
            before = self._heartbeat, self.line
            try:
                self._start()
            except OSError as error:  # for want of memory, processes or descriptors; the others serve meanwhile
                _log.error("worker_not_started", worker=self.number, problem=error.strerror)
                self._start_later(now, lived_well=False)
                return
            self._start_at = 0.0
            for told_by in before:
                told_by.close()

    def _start_later(self, now: float, *, lived_well: bool) -> None:
        self._wait_s = _RESTART_WAIT_MIN_S if lived_well else min(self._wait_s * 2, _RESTART_WAIT_MAX_S)
        self._start_at = now + self._wait_s

    def _start(self) -> None:
        """Start the process; where that fails, all is as it was.

        Raises:
            OSError: It cannot be started now.
        """
        with ExitStack() as undone, ExitStack() as handed_on:
            pulse = Heartbeat()
            undone.callback(pulse.close)
            handed_on.callback(pulse.worker_has_it)
            line = WorkerLine()
            undone.callback(line.close)
            handed_on.callback(line.worker_has_it)
            process = self._spawned(pulse, line)
            undone.pop_all()
        self._started_at = time.monotonic()
        self._heartbeat, self.line, self.process = pulse, line, process

    def _spawned(self, pulse: Heartbeat, line: WorkerLine) -> subprocess.Popen[bytes]:
        inherited = pulse.writing, line.answering.fileno()
        environment = {
            **os.environ,
            "WALLET_WORKERS": "1",
            WORKER_NUMBER: str(self.number),
            SUPERVISOR_PID: str(os.getpid()),
            heartbeat.FILE_DESCRIPTOR: str(inherited[0]),
            scrapes.FILE_DESCRIPTOR: str(inherited[1]),
        }
        return subprocess.Popen(self._command, env=environment, pass_fds=inherited)  # noqa: S603 - this very program


def _on_signals(handle: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def _stop(workers: list[_Worker], stopped_by: int, timeout_s: float) -> int:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        """Tell the workers what was told here: another signal means that somebody does not want to wait."""
        for worker in workers:
            worker.process.terminate()  # first, whatever it was: a worker that is still starting ends well by it
            if number != signal.SIGTERM:
                worker.process.send_signal(number)

    _on_signals(pass_on)
    pass_on(stopped_by, None)
    deadline = time.monotonic() + timeout_s
    codes = []
    for worker in workers:
        try:
            codes.append(worker.process.wait(max(0.1, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            codes.append(1)
    return 0 if all(code in _STOPPED_WELL for code in codes) else 1


@contextmanager
def _held(address: str) -> Iterator[None]:
    """Hold the address without listening, so that nobody else takes it while workers come and go."""
    target = host, port = host_and_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:  # sharing would let a stranger's server in unnoticed
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(
                target
            )  # not to listen: callers that wait for a server would come in, and keep the address taken
    except OSError as error:
        raise AddressInUseError(f"{address} cannot be bound: {why(error, port=port)}") from error
    with socket.socket(family) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(target)
        yield
