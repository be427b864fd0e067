"""A `wallet` command that runs until it is stopped: started, killed, frozen, asked to stop, and what it wrote."""

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from support.copies import Copy, original
from support.database import ROOT
from support.waiting import wait_until

_KILLED_WITHIN_S = 10.0


@contextlib.contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """Let a process open nothing within the block: it has as many file descriptors as it may."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


class WalletProcess:
    """One `wallet` command in an environment of its own; ends with the block, in which it may be started again."""

    stopped_within_s = 40.0
    program: tuple[str, ...] | None = None
    """What to start, instead of a copy of a process that has imported the command."""
    folder: Path = ROOT

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        self._arguments = arguments
        self._environment = environment
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 it has no name, and goes with this object
        self._process: subprocess.Popen[bytes] | Copy | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def process(self) -> subprocess.Popen[bytes] | Copy:
        """The process that was started last."""
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def rss_bytes(self) -> int:
        """How much memory it holds."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    @property
    def ports(self) -> set[int]:
        """The ports of this machine at its end of its connections."""
        return {connection.laddr.port for connection in psutil.Process(self.process.pid).net_connections()}

    @property
    def log(self) -> str:
        """What it wrote until now, in all its lives."""
        written = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return written.decode(errors="replace")

    def launch(self) -> subprocess.Popen[bytes] | Copy:
        """Start the process without waiting for it."""
        if self.program is None:
            self._process = original().copy(
                self._arguments, environment=self._environment, folder=self.folder, out=self._log, err=self._log
            )
        else:
            self._process = subprocess.Popen(
                [*self.program, *self._arguments],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )
        return self._process

    def launch_until(self, ready: Callable[[], bool]) -> None:
        """Start the process and wait until it is ready, which it must live to be."""
        process = self.launch()
        name = f"`wallet {' '.join(self._arguments)}`"
        try:
            wait_until(lambda: process.poll() is not None or ready(), what=f"{name} is ready")
        except AssertionError as error:
            error.add_note(self.log)
            raise
        assert process.poll() is None, f"{name} ended with {process.returncode}:\n{self.log}"

    def start(self) -> None:
        """Start the process; one that serves is waited for."""
        self.launch()

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.terminate()

    def wait(self) -> int:
        """Wait until it has ended, and return its exit status."""
        try:
            return self.process.wait(self.stopped_within_s)
        except subprocess.TimeoutExpired as error:
            error.add_note(self.log)
            raise

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """Kill -9, and see it gone."""
        self.process.kill()
        self.process.wait(_KILLED_WITHIN_S)

    def end(self) -> None:
        """Stop it if it runs, with force if it does not stop by itself."""
        if self.runs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        if self.runs:
            self.kill()

    def freeze(self) -> None:
        psutil.Process(self.process.pid).suspend()

    def thaw(self) -> None:
        psutil.Process(self.process.pid).resume()
