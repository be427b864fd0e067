"""A private server in a folder: what PostgreSQL's and RabbitMQ's have in common.

One process owns the folder at a time; what the server prints goes into a log there; a block starts and stops it.
"""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devstack.servers.folder_lock import FolderLock

_LOG_BYTES_MAX = 64 * 1024 * 1024


class PrivateServer(ABC):
    """A server that is started and stopped in its folder."""

    def __init__(self, folder: Path, *, log_name: str) -> None:
        self._folder = folder
        self._log_name = log_name
        self._lock: FolderLock | None = None

    @abstractmethod
    def start(self) -> None:
        """Start the server and return when it answers; does nothing if it runs already."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server and let go of the folder; does nothing if it does not run."""

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self._folder / self._log_name

    def _take_lock(self) -> None:
        """Own the folder.

        Raises:
            FolderInUseError: Another living process does.
        """
        if self._lock is None:
            self._lock = FolderLock.acquire(self._folder)

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def _spawn(
        self, command: Sequence[Path | str], *, environment: Mapping[str, str], cwd: Path, **of_account: Any
    ) -> subprocess.Popen[bytes]:
        """Start a process that prints into the log; `of_account`: what Popen is told of another account."""
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            self.log_path.chmod(0o600)
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=cwd,
                start_new_session=True,  # a Ctrl-C in the terminal must not stop it before its clients
                **of_account,
            )
