"""The wallet's commands that run beside the server for as long as the stack does: started again if they end.

One that ends waits before it is started again, twice as long each time, up to a bound; one that has lived for a while
begins anew with the short wait.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack.servers import process
from devstack.servers.process import ProcessId
from devstack.wallet_command import WalletCommand

_FIRST_PAUSE_S = 0.5
_PAUSE_MAX_S = 30.0
_HEALTHY_AFTER_S = 60.0
_STOP_TIMEOUT_S = 30.0


@dataclass(slots=True, kw_only=True)
class _Service:
    """One command, its process if it runs, and when it may be started again if not."""

    name: str
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    guardian: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    pause_s: float = field(default=_FIRST_PAUSE_S)


class Services:
    """Commands such as `wallet relay`. Blocking; `tend` is to be called every moment."""

    def __init__(
        self, *, wallet: WalletCommand, commands: Sequence[str], log_dir: Path, say: Callable[[str], None]
    ) -> None:
        self._wallet = wallet
        self._say = say
        self._services = [_Service(name=name, log_path=log_dir / f"{name}.log") for name in commands]

    def tend(self) -> None:
        """Start what does not run, unless it ended a moment ago; say in one line when something begins to fail."""
        for service in self._services:
            if service.process is not None and service.process.poll() is not None:
                self._note_end(service, service.process.returncode)
            if service.process is None and time.monotonic() >= service.due_at:
                self._start(service)

    def stop(self) -> None:
        """Stop all of them at once; by force what has not ended when the time is up."""
        running = [service.process for service in self._services if service.process is not None]
        for process_ in running:
            process_.terminate()
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        for process_ in running:
            try:
                process_.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process_.kill()
                process_.wait()
        for service in self._services:
            _forget(service)

    def _start(self, service: _Service) -> None:
        with service.log_path.open("ab") as log:
            service.log_path.chmod(0o600)
            service.process = self._wallet.start(service.name, log=log.fileno())
        service.started_at = time.monotonic()
        ward = ProcessId.of(service.process.pid)
        if ward is not None:
            service.guardian = process.guard(ward, signal_name="SIGTERM", grace_s=_STOP_TIMEOUT_S)

    def _note_end(self, service: _Service, status: int) -> None:
        now = time.monotonic()
        if now - service.started_at > _HEALTHY_AFTER_S:
            service.pause_s = _FIRST_PAUSE_S
        if service.pause_s == _FIRST_PAUSE_S:
            self._say(f"`wallet {service.name}` ended (status {status}) and is started again; see {service.log_path}")
        service.due_at = now + service.pause_s
        service.pause_s = min(2 * service.pause_s, _PAUSE_MAX_S)
        _forget(service)


def _forget(service: _Service) -> None:
    if service.guardian is not None:
        service.guardian.kill()
        service.guardian.wait()
    service.process = service.guardian = None
