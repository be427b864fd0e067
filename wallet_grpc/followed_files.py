"""Followed files: what is mounted for a process, read again when it is replaced, without a restart.

What was read last stays until the files can be read again. Only the state that was read well is remembered, so a
failure that passes without a change of theirs, as one for want of file descriptors, is mended by the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")

_State = tuple[tuple[int, ...] | None, ...]


class FollowedFiles(Generic[Content]):
    """Files that are read together; their content is `content`, as it was when they were last read well."""

    def __init__(self, files: Iterable[Path], read: Callable[[], Content]) -> None:
        """Read them for the first time; raises what `read` raises."""
        self._files = tuple(files)
        self._read = read
        self._seen = self._state()
        """Taken before they are read, so what changes meanwhile is read once more."""
        self._told: tuple[_State, str] | None = None
        self.content = read()

    def look(self) -> bool:
        """Read them if they are not as they were read last; gives whether there is something new.

        Raises what `read` raises, once for each state of theirs and problem. It is tried again at each look.
        """
        state = self._state()
        if state == self._seen:
            self._told = None
            return False
        try:
            self.content = self._read()
        except Exception as error:
            problem = (state, str(error))
            if problem == self._told:
                return False
            self._told = problem
            raise
        self._seen, self._told = state, None
        return True

    def _state(self) -> _State:
        return tuple(_state_of(file) for file in self._files)


def _state_of(file: Path) -> tuple[int, ...] | None:
    """Tell one state of a file from another; a mounted secret is replaced by a link to another file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
