"""The backlog: what is admitted and no lane has taken yet. All lanes of a process take from it, of one cell.

Three rules decide who takes what. Commands of one owner stay in the order in which they came, so those of an owner whom
a lane is working on wait for that lane. Small batches are taken by one lane at a time: two with half of the commands
each commit twice as often, which costs more processor time than working side by side saves. And where several sources
call, they take turns, and those who flood have together no more than a share of the lanes and of their time: a lane is
free for who comes with little, no batch of theirs is begun, or goes on, while such a one waits (see `precedence.py`),
and they work in small batches, with a rest after each, so that the processors and the event loop are free as well.

An owner whose lock another process holds is tried once more, and then set aside for the one lane that waits for locks.
So nobody waits for a lock but who needs it; what comes of that owner later waits behind it.

Long because all that decides who is taken next is over the same few collections.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from wallet_grpc.domain.identifiers import OwnerId, Source
from wallet_grpc.tasks import a_turn

from .tickets import Job
from .turns import Turns

_WORTH_COMPANY = 64
"""From how many waiting commands on another lane joins those that work."""
_BESIDE_OTHERS = 12
_BESIDE_OTHERS_MAX = 8
"""By how much the batches of those who flood are smaller while others call, and how many operations they have at most:
that is what who calls beside them waits for, however large batches are otherwise.
"""
_WORK_COUNTED_S_MAX = 0.1
"""What a batch counts for at most: one that waited for the database has used nothing meanwhile."""
_STALLED_S = 1.0
"""After how long without an end of any batch a backlog is taken to stand still."""
_SCANNED_PER_TAKEN = 4
"""How far to look past commands that must wait, for each that may be taken: a bound for one turn of the event loop."""


class Rivalry(Protocol):
    """What a backlog asks about those who call."""

    def floods(self, source: Source | None) -> bool:
        """Whether a source asks for much."""

    def has_rivals(self, sources: Collection[Source | None]) -> bool:
        """Whether others than these have called lately."""

    def gives_way(self) -> bool:
        """Whether those who flood have to wait now; when they need no longer, the backlog is to look again."""

    async def pause(self) -> None:
        """Wait while those who flood have to."""


class NoRivalry:
    """All are equal."""

    def floods(self, _source: Source | None) -> bool:
        """Nobody does."""
        return False

    def has_rivals(self, _sources: Collection[Source | None]) -> bool:
        """Nobody has."""
        return False

    def gives_way(self) -> bool:
        """Nobody does."""
        return False

    async def pause(self) -> None:
        """Nobody has to."""


@dataclass(slots=True, kw_only=True)
class Aside:
    """An owner whose lock others hold, with those of its commands that were taken."""

    owner_id: OwnerId
    jobs: list[Job] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    """On the monotonic clock, in seconds."""


class _Work(NamedTuple):
    """A batch that a lane works on."""

    sources: frozenset[Source | None]
    operations: int
    begun_at: float


class Backlog:
    """The queue of a process, or of one of the cells that it serves. Belongs to one event loop."""

    def __init__(
        self,
        *,
        batch_operations_max: int,
        lanes_of_a_source: int = 1,
        source_share: float = 1.0,
        rivalry: Rivalry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty backlog.

        Args:
            batch_operations_max: The largest batch that a lane takes.
            lanes_of_a_source: How many lanes work for those who flood while they have rivals.
            source_share: The part of those lanes' time in which they are worked for, if they always want more.
            rivalry: Tells who floods, and whom beside.
            clock: The time in seconds.
        """
        self._batch_operations_max = batch_operations_max
        self._worth_company = min(_WORTH_COMPANY, batch_operations_max)
        self._rest_per_work = (1 - source_share) / source_share
        self._beside_operations_max = (
            max(1, min(batch_operations_max // _BESIDE_OTHERS, _BESIDE_OTHERS_MAX))
            if self._rest_per_work
            else batch_operations_max
        )
        self._lanes_of_a_source = lanes_of_a_source
        self._rivalry: Rivalry = rivalry or NoRivalry()
        self._clock = clock
        self._jobs: deque[Job] = deque()
        self._source: Source | None = None  # whose jobs these are
        self._turns: Turns | None = None  # in place of the jobs, once several sources wait, until nothing waits
        self._busy: set[OwnerId] = set()  # whom lanes work on, or whose lock others hold
        self._at_work: dict[int, _Work] = {}  # batches by identity
        self._held_up: dict[int, _Work] = {}  # those of them that wait for what somebody holds, and are no company
        self._done_at = float("-inf")  # when a batch was last answered
        self._is_worked_for = False  # whether a lane works for the source that was last alone
        self._flood_rests_until = 0.0
        self._looked_at = 0.0  # when it was last asked whether it still rests
        self._idle: deque[asyncio.Future[None]] = deque()
        self._again: deque[list[Job]] = deque()  # whose locks were not free once, or who were kept apart
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
            if self._is_worked_for and len(self._jobs) < self._worth_company:
                return  # most commands come so, and no other lane would take them
        elif not self._jobs:
            self._source = job.ticket.source
            self._jobs.append(job)
            self._look_who_works()
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
            limit = self._batch_limit()
            batch = self._turns.take(
                operations_max=limit,
                scanned_max=limit * (1 + _SCANNED_PER_TAKEN),
                busy=self._busy,
                floods=self._rivalry.floods,
                floods_wait=self._rivalry.gives_way,
                floods_alone_max=self._floods_alone_max,
            )
            sources = frozenset(job.ticket.source for job in batch)
            if not self._turns:
                self._turns = None
        if batch:
            self._busy.update([job.owner_id for job in batch])
            self._begun(batch, sources)
            self._wake()
        return batch

    def keep_apart(self, batch: list[Job], owner_ids: Collection[OwnerId]) -> None:
        """Take these owners out of a batch that was just taken, unless it has no others: they come next, by themselves.

        They stay busy meanwhile; the others are free as soon as `done` says so.
        """
        apart = [job for job in batch if job.owner_id in owner_ids]
        if apart and len(apart) < len(batch):
            batch[:] = [job for job in batch if job.owner_id not in owner_ids]
            self._at_work[id(batch)] = self._at_work[id(batch)]._replace(operations=len(batch))
            self._again.append(apart)

    async def pause(self, batch: Sequence[Job]) -> None:
        """Let others go first, between two parts of a batch that is of those alone who flood."""
        sources = {job.ticket.source for job in batch}
        if all(map(self._rivalry.floods, sources)) and self._rivalry.has_rivals(sources):
            await a_turn()  # who has come meanwhile is seen
            await self._rivalry.pause()

    def _begun(self, batch: list[Job], sources: frozenset[Source | None]) -> list[Job]:
        self._at_work[id(batch)] = _Work(sources, len(batch), self._clock())
        self._look_who_works()
        return batch

    def _look_who_works(self) -> None:
        self._is_worked_for = any(self._source in work.sources for work in self._at_work.values())

    def _next_of_one_source(self) -> list[Job]:
        batch: list[Job] = []
        waiting: list[Job] = []
        jobs, limit = self._jobs, self._batch_limit()
        while jobs and len(batch) < limit and len(waiting) < limit * _SCANNED_PER_TAKEN:
            job = jobs.popleft()
            (waiting if job.owner_id in self._busy else batch).append(job)
        jobs.extendleft(reversed(waiting))
        return batch

    def done(self, batch: Sequence[Job], held: Sequence[Job] = ()) -> None:
        """Note that a batch that was taken is answered. Its lane looks again itself, so it wakes nobody.

        `held` are those of it that are not answered, since others hold their owners' locks.
        """
        work = self._held_up.pop(id(batch), None)
        self._rest_after(self._at_work.pop(id(batch)) if work is None else work)
        self._done_at = self._clock()
        self._look_who_works()
        if held:
            held_owners = {job.owner_id for job in held}
            answered = [job.owner_id for job in batch if job.owner_id not in held_owners]
            self._put_off(held)
        else:
            answered = [job.owner_id for job in batch]
        self._busy.difference_update(answered)
        if self._tried:
            self._tried.difference_update(answered)

    def is_held_up(self, batch: Sequence[Job]) -> None:
        """Note that a batch that was taken waits for what somebody else holds: other lanes do not wait for its end."""
        work = self._at_work.pop(id(batch), None)
        if work is not None:
            self._held_up[id(batch)] = work
            self._look_who_works()
            self._wake()

    @property
    def stands_still(self) -> bool:
        """Whether lanes are at work, and none has come to an end with a batch for a while."""
        at_work = [*self._at_work.values(), *self._held_up.values()]
        if not at_work:
            return False
        begun_at = min(work.begun_at for work in at_work)
        return self._clock() - max(begun_at, self._done_at) > _STALLED_S

    def drain(self) -> list[Job]:
        """Give up all that waits and that no lane has taken, in order."""
        if self._turns is None:
            jobs = list(self._jobs)
            self._jobs.clear()
        else:
            everything, nobody = len(self._turns), NoRivalry()
            jobs = self._turns.take(
                operations_max=everything,
                scanned_max=everything,
                busy=set(),
                floods=nobody.floods,
                floods_wait=nobody.gives_way,
                floods_alone_max=lambda: everything,
            )
            self._turns = None
        return jobs

    def _batch_limit(self) -> int:
        return self._beside_operations_max if self._only_floods_wait_beside_others() else self._batch_operations_max

    def _rest_after(self, work: _Work) -> None:
        """Let those who flood rest after a batch that was full and of them alone, if others have called lately."""
        if not self._rest_per_work or not len(self) or work.operations < self._beside_operations_max:
            return
        if all(map(self._rivalry.floods, work.sources)) and self._rivalry.has_rivals(work.sources):
            now = self._clock()
            worked_s = min(now - work.begun_at, _WORK_COUNTED_S_MAX)
            self._flood_rests_until = now + worked_s * self._rest_per_work

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
        """Wait until there may be something to take, or those who flood have rested. Who let them comes here after."""
        future = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        while self._flood_rests_until > self._looked_at:
            await asyncio.wait([future], timeout=max(0.0, self._flood_rests_until - self._clock()))
            if future.done():
                return
            self._looked_at = self._clock()
            self._wake()
        await future

    def look_again(self) -> None:
        """See whether there is something for an idle lane, since those who flood need no longer give way."""
        self._wake()

    def _worth_taking(self) -> bool:
        waiting = len(self)
        if not waiting:
            return False
        beside_others = self._only_floods_wait_beside_others()
        if beside_others and self._floods_wait():
            return False
        if not self._at_work:
            return True
        if waiting >= self._worth_company:
            return not (beside_others and self._floods_have_their_lanes())
        return self.keeps_a_source_waiting()

    def _only_floods_wait_beside_others(self) -> bool:
        """Whether all that waits is of sources that flood, and others have called lately."""
        rivalry, sources = self._rivalry, self._sources()
        return all(map(rivalry.floods, sources)) and rivalry.has_rivals(sources)

    def _floods_wait(self) -> bool:
        """Whether those who flood rest, or have to give way."""
        if self._flood_rests_until:
            self._looked_at = self._clock()
            if self._flood_rests_until > self._looked_at:
                return True
            self._flood_rests_until = 0.0
        return self._rivalry.gives_way()

    def _floods_alone_max(self) -> int:
        """How large a batch may be now that is of those alone who flood beside others; 0 if none is begun."""
        begins = not (self._floods_wait() or self._floods_have_their_lanes())
        return self._beside_operations_max if begins else 0

    def _floods_have_their_lanes(self) -> bool:
        """Whether as many lanes as they may have work already for those who flood, and for nobody else."""
        floods = self._rivalry.floods
        return sum(all(map(floods, work.sources)) for work in self._at_work.values()) >= self._lanes_of_a_source

    def keeps_a_source_waiting(self) -> bool:
        """Tell whether lanes work, but none of them for a source that waits."""
        if not self._at_work or not len(self):
            return False
        for source in self._sources():  # plain loops: this is asked for each command that comes
            for work in self._at_work.values():
                if source in work.sources:
                    break
            else:
                return True
        return False

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
