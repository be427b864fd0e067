"""The wallet's server as a process: started by its command, ready when its health says so, stopped by a signal."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.database import ROOT, Installation
from support.wallet import CHANNEL_OPTIONS, Wallet

SERVICE = "wallet.v1.WalletService"
_READY_WITHIN_S = 30.0
_STOPPED_WITHIN_S = 40.0
_POLL_INTERVAL_S = 0.02


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], *, what: str, timeout_s: float = _READY_WITHIN_S) -> None:
    """Wait until a condition holds; bounded."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(_POLL_INTERVAL_S)


class WalletServer:
    """One `wallet serve` on a free port of this machine."""

    def __init__(
        self,
        installation: Installation,
        *arguments: str,
        credentials: grpc.ChannelCredentials | None = None,
        **settings: str,
    ) -> None:
        self.installation = installation
        self.target = f"127.0.0.1:{free_port()}"
        self._arguments = arguments
        self._credentials = credentials
        self._settings = installation.settings() | {"WALLET_GRPC_ADDRESS": self.target} | settings
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 it has no name, and goes with this object
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def log(self) -> str:
        """What the server wrote until now."""
        written = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return written.decode(errors="replace")

    def check_log_holds_no_secrets(self) -> None:
        """Assert that neither keys nor passwords were written."""
        cluster, written = self.installation.cluster, self.log
        given = {*self.installation.keys.values(), cluster.service_password, cluster.admin_password}
        leaked = [secret for secret in given if secret and secret in written]
        assert not leaked, [line for line in written.splitlines() if any(secret in line for secret in leaked)][:3]

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for it."""
        command = [sys.executable, "-m", "wallet_grpc", "serve", *self._arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self._settings, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        return self.process

    def start(self) -> None:
        """Start the process and wait until it serves."""
        process = self.launch()
        with self.channel() as channel:
            wait_until(
                lambda: process.poll() is not None or self.health(channel) == "SERVING", what=f"serving\n{self.log}"
            )
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{self.log}"

    def channel(self) -> grpc.Channel:
        if self._credentials is None:
            return grpc.insecure_channel(self.target, options=CHANNEL_OPTIONS)
        return grpc.secure_channel(self.target, self._credentials, options=CHANNEL_OPTIONS)

    def health(self, channel: grpc.Channel, service: str = SERVICE) -> str:
        """Return what the health service says of a service, or the status of its refusal."""
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=2)
        except grpc.RpcError as error:
            return str(error.code().name)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    def terminate(self) -> None:
        """Ask the server to stop."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until the server has ended, and return its exit status."""
        assert self.process is not None
        return self.process.wait(timeout=_STOPPED_WITHIN_S)

    def stop(self) -> int:
        self.terminate()
        return self.wait()

    def end(self) -> None:
        """Stop the server, with force if it does not stop by itself."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wallet(self) -> Wallet:
        """Return a client of this server with all keys of its installation."""
        return Wallet(self.target, self.installation.keys, credentials=self._credentials)
