"""Who owns a folder: one living process at a time, by a lock that the kernel lets go of when that process ends."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


class FolderInUseError(Exception):
    """Another living process owns the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLock:
    """The ownership of a folder, until `release` or the end of the process."""

    descriptor: int

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Become the owner of a folder, at once or not at all.

        Raises:
            FolderInUseError: It has an owner already, who is named.
        """
        path = folder / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            owner = path.read_text().strip() or "unknown"
            raise FolderInUseError(f"{folder} is in use by process {owner}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor=descriptor)

    def release(self) -> None:
        """Let go of the folder; once."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        """Own the folder for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of the folder."""
        self.release()
