"""A limit of time for what a call waits for: `asyncio.timeout` with less around it, since each call has two of them."""

from __future__ import annotations

import asyncio
from types import TracebackType


class TimeLimit:
    """Ends a block of the running task that takes too long, with TimeoutError. Of use once.

    As `asyncio.timeout` does it: the task is cancelled, and where nobody else cancelled it, that becomes the error.
    """

    __slots__ = ("_cancelled_before", "_is_over", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        """Limit the block to so many seconds; one that has none left ends at its first wait."""
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "only a task can be cancelled"
        self._task = task
        self._cancelled_before = task.cancelling()
        self._timer = loop.call_later(self._seconds, self._end)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End.

        Raises:
            TimeoutError: The time was over before.
        """
        self._timer.cancel()
        if self._is_over and self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()
