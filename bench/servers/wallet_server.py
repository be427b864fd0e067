"""The wallet under load: `wallet serve` as a process of its own, its settings, its counters, and its other commands."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from bench.servers.revision import Revision
from devstack.servers import process
from devstack.servers.ports import free_port
from devstack.servers.process import ProcessId
from devstack.stack_settings import StackError
from devstack.wallet_command import WalletCommand
from wallet_grpc.settings import Settings

TUNABLE = (
    "lanes", "batch_operations_max", "queue_operations_max", "stream_window_operations", "backoff_ms",
    "consumer_prefetch", "relay_round_events_max", "relay_in_flight_max", "relay_poll_ms",
)  # fmt: skip
"""Settings that may come from the environment, to see what they do: `WALLET_LANES=4 make bench-quick`. They are written
into the results; every other WALLET_ and PG variable is kept from the servers, so that none makes a result differ."""

_READY_WITHIN_S = 30.0
_POLL_S = 0.05
_STOP_WITHIN_S = 45.0
_SCRAPE_TIMEOUT_S = 5.0
_LOG_BYTES_SHOWN = 4000
_WORKER_LABEL = "worker_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchCommand(WalletCommand):
    """The `wallet` command with nothing of our own environment but what is to be tuned."""

    extra: Mapping[str, str] = field(default_factory=dict)
    revision: Revision | None = None
    """Whose `wallet` command it is; None: that of this very source."""

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that every command gets."""
        allowed = {_variable(name) for name in TUNABLE}
        given = WalletCommand.environment(self)
        ours = {name: given[name] for name in _WANTED}
        kept = {
            name: value for name, value in given.items() if name in allowed or not name.startswith(("WALLET_", "PG"))
        }
        source = {} if self.revision is None else self.revision.environment()
        return kept | ours | source | {"WALLET_LOG_LEVEL": "WARNING"} | dict(self.extra)

    def command_line(self, *arguments: str) -> list[str]:
        """Return the program and its arguments."""
        if self.revision is not None:
            return self.revision.command_line(*arguments)
        return WalletCommand.command_line(self, *arguments)

    def settings_in_use(self) -> dict[str, int]:
        """Return the tunable settings as the server reads them."""
        environment = self.environment()
        defaults = {name: Settings.model_fields[name].default for name in TUNABLE}
        return {name: int(environment.get(_variable(name), default)) for name, default in defaults.items()}


_WANTED = ("WALLET_DATABASE_URL", "WALLET_ADMIN_DATABASE_URL", "WALLET_ENVIRONMENT", "WALLET_GRPC_ADDRESS")


def _variable(setting: str) -> str:
    return f"WALLET_{setting.upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the engine has counted since its start, over all worker processes."""

    batches: float
    operations: float
    retries: float
    batches_by_worker: tuple[float, ...]

    def since(self, before: "Counters") -> "Counters":
        """Return what was counted after an earlier look."""
        pairs = zip(self.batches_by_worker, before.batches_by_worker, strict=True)
        return Counters(
            batches=self.batches - before.batches,
            operations=self.operations - before.operations,
            retries=self.retries - before.retries,
            batches_by_worker=tuple(after - earlier for after, earlier in pairs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWallet:
    """A server that serves."""

    address: str
    metrics_port: int
    workers: int
    pid: int

    def worker_pids(self) -> tuple[int, ...]:
        """Return the processes that serve: the server's own, or its supervisor's children."""
        supervisor = ProcessId.of(self.pid)
        if self.workers == 1 or supervisor is None:
            return (self.pid,)
        return tuple(child.pid for child in process.children_of(supervisor))

    def counters(self) -> Counters:
        """Read the workers' metrics, which their supervisor tells of all at one address.

        Raises:
            KeyError: Some tell nothing yet.
        """
        read = _by_worker(_scrape(self.metrics_port), self.workers)
        batches = tuple(each["wallet_batch_operations_count"] for each in read)
        return Counters(
            batches=sum(batches),
            operations=sum(each["wallet_batch_operations_sum"] for each in read),
            retries=sum(each["wallet_batch_retries_total"] for each in read),
            batches_by_worker=batches,
        )


@contextmanager
def serving(command: BenchCommand, *, workers: int = 1) -> Iterator[RunningWallet]:
    """Serve a database for a block.

    Raises:
        StackError: The server did not come up, or had ended before it was asked to.
    """
    metrics_port = free_port()
    address = command.settings.grpc_address
    extra = {**command.extra, "WALLET_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}"}
    served = replace(command, extra=extra)
    with started(served, "serve", "--workers", str(workers)) as server:
        running = RunningWallet(address=address, metrics_port=metrics_port, workers=workers, pid=server.pid)
        _wait_until_serving(running, server)
        yield running


Part = Literal["relay", "consume"]
"""Of the wallet, beside its server: a command that goes on."""


@contextmanager
def running_part(command: BenchCommand, name: Part, *, amqp_url: str) -> Iterator[int]:
    """Run `wallet relay` or `wallet consume` for a block; gives its pid. It may not be connected yet.

    Raises:
        StackError: It had ended before it was asked to.
    """
    extra = {**command.extra, "WALLET_AMQP_URL": amqp_url}
    part = replace(command, extra=extra)
    with started(part, name) as running:
        yield running.pid


@contextmanager
def started(command: BenchCommand, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that goes on, for a block; its log is told if it fails.

    Raises:
        StackError: It had ended before it was asked to, or the block says that it failed.
    """
    with TemporaryFile() as log:
        server = command.start(*arguments, log=log.fileno())
        ward = ProcessId.of(server.pid)
        guardian = process.guard(ward, signal_name="SIGTERM", grace_s=_STOP_WITHIN_S) if ward else None
        try:
            yield server
            _complain_if_ended(server)
        except StackError as error:
            log.seek(0)
            raise StackError(f"{error}\n{log.read()[-_LOG_BYTES_SHOWN:].decode(errors='replace')}") from error
        finally:
            _stop(server)
            if guardian is not None:
                guardian.kill()
                guardian.wait()


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait_until_serving(running: RunningWallet, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server, and the metrics of each worker, answer."""
    deadline = time.monotonic() + _READY_WITHIN_S
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(running.address, options=options) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined] # the stubs lack what __init__ sets
        while True:
            _complain_if_ended(server)
            if time.monotonic() > deadline:
                raise StackError(f"the wallet did not serve within {_READY_WITHIN_S:.0f} s")
            try:
                answer = check(health_pb2.HealthCheckRequest(), timeout=1)
                running.counters()
            except (grpc.RpcError, OSError, KeyError):
                time.sleep(_POLL_S)
                continue
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def _complain_if_ended(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        raise StackError(f"the wallet ended by itself with status {server.returncode}")


def _scrape(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=_SCRAPE_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _by_worker(text: str, workers: int) -> list[dict[str, float]]:
    """Give what has no label but its worker's number, by name, of each worker; one alone has no number."""
    found: list[dict[str, float]] = [{} for _ in range(workers)]
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.keys() <= {_WORKER_LABEL}:
                found[int(sample.labels.get(_WORKER_LABEL, 0))][sample.name] = sample.value
    return found


def repository() -> Path:
    """Return the folder that holds this package, where `python -m` finds it."""
    return Path(__file__).resolve().parents[2]


def python_environment() -> dict[str, str]:
    """Return the environment of our own processes: the clients and the echo."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("WALLET_", "PG"))}
