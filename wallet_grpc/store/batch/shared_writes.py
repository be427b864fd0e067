"""What all cells share is written on every node of a Citus cluster, one of which may be away or frozen.

A claim that waits for such a node keeps its lane for seconds, and callers send again what was refused. So once a write
was in vain, those of all the process's lanes are refused at once, but for one at a time that tries, shortly and not too
often: lanes have their time for what touches one cell. As soon as one succeeds, all may write again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TRIES_AFTER_S = 2.0
"""How long after a try in vain comes the next one."""
TRY_MS = 500
"""How long a step of a try may take. A node that is there answers in milliseconds."""


class OtherNodeAwayError(Exception):
    """On Citus: another node does not answer, which has a part in what all cells share; nothing was stored."""


class SharedWrites:
    """Whether what all cells share can be written, as the lanes of one process have found."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_vain = False
        self._is_tried = False
        self._tries_at = 0.0

    @contextmanager
    def attempt(self) -> Iterator[bool]:
        """Write in this block; it is told whether it is a try, which is to be short.

        Raises:
            OtherNodeAwayError: The last one was in vain, and it is not to be tried yet.
        """
        is_try = self._in_vain
        if is_try:
            if self._is_tried or self._clock() < self._tries_at:
                raise OtherNodeAwayError("a node was away a moment ago")
            self._is_tried = True
        try:
            yield is_try
        except OtherNodeAwayError:
            self._in_vain = True
            self._tries_at = self._clock() + _TRIES_AFTER_S
            raise
        else:
            self._in_vain = False
        finally:
            if is_try:
                self._is_tried = False
