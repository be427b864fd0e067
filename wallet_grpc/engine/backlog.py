"""The backlog: what is admitted and no lane has taken yet. All lanes of a process take from it.

Three rules decide who takes what. Commands of one owner stay in the order in which they came, so those of an owner whom
a lane is working on wait for that lane. Small batches are taken by one lane at a time: two with half of the commands
each commit twice as often, which costs more processor time than working side by side saves. And where several sources
call, they take turns, and none has more than its share of the lanes: a lane is free for who comes with little.

An owner whose lock another process holds is tried once more, and then set aside for the one lane that waits for locks.
So nobody waits for a lock but who needs it; what comes of that owner later waits behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wallet_grpc.domain.identifiers import OwnerId, Source

from .tickets import Job
from .turns import Turns

_WORTH_COMPANY = 64
"""From how many waiting commands on another lane joins those that work."""
_SCANNED_PER_TAKEN = 4
"""How far to look past commands that must wait, for each that may be taken: a bound for one turn of the event loop."""


def _no_rivals(_source: Source | None) -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class Aside:
    """An owner whose lock others hold, with those of its commands that were taken."""

    owner_id: OwnerId
    jobs: list[Job] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    """On the monotonic clock, in seconds."""


class Backlog:
    """The queue of a process. Belongs to one event loop."""

    def __init__(
        self,
        *,
        batch_operations_max: int,
        lanes_of_a_source: int = 1,
        has_rivals: Callable[[Source | None], bool] = _no_rivals,
    ) -> None:
        """Make an empty backlog.

        Args:
            batch_operations_max: The largest batch that a lane takes.
            lanes_of_a_source: How many lanes work for one source alone while it has rivals.
            has_rivals: Tells whether other sources than this one have called lately.
        """
        self._batch_operations_max = batch_operations_max
        self._worth_company = min(_WORTH_COMPANY, batch_operations_max)
        self._lanes_of_a_source = lanes_of_a_source
        self._has_rivals = has_rivals
        self._jobs: deque[Job] = deque()
        self._source: Source | None = None  # whose jobs these are
        self._turns: Turns | None = None  # in place of the jobs, once several sources wait, until nothing waits
        self._busy: set[OwnerId] = set()  # whom lanes work on, or whose lock others hold
        self._at_work: dict[int, tuple[frozenset[Source | None], int]] = {}  # batches by identity: whose, how large
        self._idle: deque[asyncio.Future[None]] = deque()
        self._again: deque[list[Job]] = deque()  # whose locks were not free once
        self._tried: set[OwnerId] = set()  # the owners of those
        self._aside: asyncio.Queue[Aside] = asyncio.Queue()

    def __len__(self) -> int:
        return len(self._jobs) if self._turns is None else len(self._turns)

    def put(self, job: Job) -> None:
        """Queue a job; whether there is room is the engine's to say."""
        if self._turns is not None:
            self._turns.put(job)
        elif job.ticket.source == self._source:
            self._jobs.append(job)
        elif not self._jobs:
            self._source = job.ticket.source
            self._jobs.append(job)
        else:
            self._turns = Turns([*self._jobs, job])
            self._jobs.clear()
        self._wake()

    def take(self) -> list[Job]:
        """Take what waits, up to a batch, for a lane that calls `done` in the end; empty if there is nothing for it."""
        if self._again:
            batch = self._again.popleft()
            return self._begun(batch, frozenset(job.ticket.source for job in batch))
        if not self._worth_taking():
            return []
        if self._turns is None:
            batch = self._next_of_one_source()
            sources = frozenset((self._source,))
        else:
            batch = self._turns.take(
                operations_max=self._batch_operations_max,
                scanned_max=self._batch_operations_max * (1 + _SCANNED_PER_TAKEN),
                busy=self._busy,
            )
            sources = frozenset(job.ticket.source for job in batch)
            if not self._turns:
                self._turns = None
        if batch:
            self._busy.update([job.owner_id for job in batch])
            self._begun(batch, sources)
            self._wake()
        return batch

    def _begun(self, batch: list[Job], sources: frozenset[Source | None]) -> list[Job]:
        self._at_work[id(batch)] = (sources, len(batch))
        return batch

    def _next_of_one_source(self) -> list[Job]:
        batch: list[Job] = []
        waiting: list[Job] = []
        jobs, limit = self._jobs, self._batch_operations_max
        while jobs and len(batch) < limit and len(waiting) < limit * _SCANNED_PER_TAKEN:
            job = jobs.popleft()
            (waiting if job.owner_id in self._busy else batch).append(job)
        jobs.extendleft(reversed(waiting))
        return batch

    def done(self, batch: Sequence[Job], held: Sequence[Job] = ()) -> None:
        """Note that a batch that was taken is answered. Its lane looks again itself, so it wakes nobody.

        `held` are those of it that are not answered, since others hold their owners' locks.
        """
        del self._at_work[id(batch)]
        if held:
            held_owners = {job.owner_id for job in held}
            answered = [job.owner_id for job in batch if job.owner_id not in held_owners]
            self._put_off(held)
        else:
            answered = [job.owner_id for job in batch]
        self._busy.difference_update(answered)
        if self._tried:
            self._tried.difference_update(answered)

    def _put_off(self, held: Sequence[Job]) -> None:
        """Keep what is held: to be tried with others once more, or aside. Its owners stay busy."""
        aside: dict[OwnerId, Aside] = {}
        again = []
        for job in held:
            if job.owner_id in self._tried:
                aside.setdefault(job.owner_id, Aside(owner_id=job.owner_id)).jobs.append(job)
            else:
                again.append(job)
        self._tried.difference_update(aside)
        self._tried.update([job.owner_id for job in again])
        if again:
            self._again.append(again)
        for one in aside.values():
            self._aside.put_nowait(one)

    async def take_aside(self) -> Aside:
        """Wait until an owner is set aside, and take it, for the lane that calls `done_aside` in the end."""
        return await self._aside.get()

    def done_aside(self, aside: Aside) -> None:
        """Note that what was set aside of an owner is answered."""
        self._busy.discard(aside.owner_id)
        self._wake()

    async def changed(self) -> None:
        """Wait until there may be something to take."""
        future = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        await future

    def _worth_taking(self) -> bool:
        waiting = len(self)
        if not waiting:
            return False
        if not self._at_work:
            return True
        if waiting >= self._worth_company:
            return not self._has_its_share_of_lanes()
        return self.keeps_a_source_waiting()

    def _has_its_share_of_lanes(self) -> bool:
        """Whether all that waits is of one source, and as many lanes as it may have already work for it alone."""
        sources = self._sources()
        if len(sources) > 1 or not self._has_rivals(sources[0]):
            return False
        alone = frozenset(sources)
        return sum(served == alone for served, _ in self._at_work.values()) >= self._lanes_of_a_source

    def keeps_a_source_waiting(self) -> bool:
        """Tell whether no lane works for a source that waits, while those that work have much to do for others."""
        at_work = sum(operations for _, operations in self._at_work.values())
        if at_work < self._worth_company or not len(self):
            return False
        return not all(any(source in served for served, _ in self._at_work.values()) for source in self._sources())

    def _sources(self) -> Sequence[Source | None]:
        """Give those of whom something waits."""
        return (self._source,) if self._turns is None else self._turns.sources()

    def _wake(self) -> None:
        """Wake one idle lane, if it would find something."""
        while self._idle and self._worth_taking():
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
                return
