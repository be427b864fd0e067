"""The backlog: what is admitted and no lane has taken yet. All lanes of a process take from it.

Two rules decide who takes what. Commands of one owner stay in the order in which they came, so those of an owner whom a
lane is working on wait for that lane. And small batches are taken by one lane at a time: two with half of the commands
each commit twice as often, which costs more processor time than working side by side saves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from wallet_grpc.domain.identifiers import OwnerId

from .tickets import Job

_WORTH_COMPANY = 64
"""From how many waiting commands on another lane joins those that work."""
_SCANNED_PER_TAKEN = 4
"""How far to look past commands that must wait, for each that may be taken: a bound for one turn of the event loop."""


class Backlog:
    """The queue of a process. Belongs to one event loop."""

    def __init__(self, *, batch_operations_max: int) -> None:
        self._batch_operations_max = batch_operations_max
        self._worth_company = min(_WORTH_COMPANY, batch_operations_max)
        self._jobs: deque[Job] = deque()
        self._busy: set[OwnerId] = set()  # whom lanes work on; empty if none works
        self._idle: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: Job) -> None:
        """Queue a job; whether there is room is the engine's to say."""
        self._jobs.append(job)
        self._wake()

    def take(self) -> list[Job]:
        """Take what waits, up to a batch, for a lane that calls `done` in the end; empty if there is nothing for it."""
        if not self._worth_taking():
            return []
        batch: list[Job] = []
        waiting: list[Job] = []
        jobs, limit = self._jobs, self._batch_operations_max
        while jobs and len(batch) < limit and len(waiting) < limit * _SCANNED_PER_TAKEN:
            job = jobs.popleft()
            (waiting if job.owner_id in self._busy else batch).append(job)
        jobs.extendleft(reversed(waiting))
        if batch:
            self._busy.update([job.owner_id for job in batch])
            self._wake()
        return batch

    def done(self, batch: Sequence[Job]) -> None:
        """Note that a batch that was taken is answered. Its lane looks again itself, so it wakes nobody."""
        self._busy.difference_update([job.owner_id for job in batch])

    async def changed(self) -> None:
        """Wait until there may be something to take."""
        future = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        await future

    def _worth_taking(self) -> bool:
        return bool(self._jobs) and (not self._busy or len(self._jobs) >= self._worth_company)

    def _wake(self) -> None:
        """Wake one idle lane, if it would find something."""
        while self._idle and self._worth_taking():
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
                return
