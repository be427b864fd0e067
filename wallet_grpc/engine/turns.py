"""What waits of several sources: they take turns, so that one who asks for much does not delay one who asks for little.

A turn is one command. Commands of one owner keep the order in which they came, whichever sources they are of: where it
is the turn of one, those of its owner that came before are taken with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from wallet_grpc.domain.identifiers import OwnerId, Source

from .tickets import Job


class Turns:
    """The waiting jobs of several sources. Belongs to one event loop."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        """Begin with jobs in the order in which they came."""
        self._queues: dict[Source | None, deque[Job]] = {}
        self._order: deque[Source | None] = deque()
        """The sources that have a queue: whose turn is next comes first."""
        self._owners: dict[OwnerId, deque[Job]] = {}
        self._taken_early: set[Job] = set()
        """Taken with a later command of the same owner: they still stand in the queue of their source."""
        self._waiting = 0
        for job in jobs:
            self.put(job)

    def __len__(self) -> int:
        return self._waiting

    def put(self, job: Job) -> None:
        """Queue a job."""
        source = job.ticket.source
        queue = self._queues.get(source)
        if queue is None:
            queue = self._queues[source] = deque()
            self._order.append(source)
        queue.append(job)
        self._owners.setdefault(job.owner_id, deque()).append(job)
        self._waiting += 1

    def sources(self) -> Sequence[Source | None]:
        """Give those who have a queue."""
        return self._order

    def take(
        self,
        *,
        operations_max: int,
        scanned_max: int,
        busy: AbstractSet[OwnerId],
        floods: Callable[[Source | None], bool],
        floods_wait: Callable[[], bool],
        floods_alone_max: Callable[[], int],
    ) -> list[Job]:
        """Take up to a batch, leaving out owners who are busy.

        Where some of those who wait flood, and others do not, the batch ends when only the former have anything left:
        how much they ask for then delays nobody else. Where the former have to wait as well, it has nothing of them.
        Where all owners of the others are busy, it has as many of the former as a batch of theirs alone may have.
        """
        batch: list[Job] = []
        set_aside: dict[Source | None, list[Job]] = {}
        turns = self._order
        others = [source for source in turns if not floods(source)]
        modest = {source for source in others if self._has_one_not_of(busy, source, scanned_max)}
        if others and not modest:
            operations_max = min(operations_max, floods_alone_max())
        ends_early = 0 < len(modest) < len(turns)
        leaves_floods = ends_early and floods_wait()
        while turns and len(batch) < operations_max and scanned_max > 0:
            if ends_early and batch and not modest:
                break
            source = turns.popleft()
            if leaves_floods and modest and source not in modest:
                turns.append(source)
                continue
            queue = self._queues[source]
            while queue and scanned_max > 0:
                job = queue.popleft()
                if job in self._taken_early:
                    self._taken_early.discard(job)
                    continue
                scanned_max -= 1
                if job.owner_id in busy:
                    set_aside.setdefault(source, []).append(job)
                    continue
                if not self._take_up_to(job, batch, operations_max):
                    queue.appendleft(job)
                break
            if queue:
                turns.append(source)
            else:
                modest.discard(source)
        self._put_back(set_aside)
        self._waiting -= len(batch)
        return batch

    def _has_one_not_of(self, busy: AbstractSet[OwnerId], source: Source | None, scanned_max: int) -> bool:
        """Whether a source has something for a batch, as far as one looks."""
        queue, taken = self._queues[source], self._taken_early
        return any(job.owner_id not in busy and job not in taken for job in islice(queue, scanned_max))

    def _take_up_to(self, job: Job, batch: list[Job], operations_max: int) -> bool:
        """Take a job and those of its owner that came before; False if the batch is full before its own turn."""
        owned = self._owners[job.owner_id]
        while len(batch) < operations_max:
            first = owned.popleft()
            batch.append(first)
            if first is job:
                if not owned:
                    del self._owners[job.owner_id]
                return True
            self._taken_early.add(first)
        return False

    def _put_back(self, set_aside: dict[Source | None, list[Job]]) -> None:
        """Return what must wait to the front of its queue, and forget sources of whom nothing waits."""
        for source, jobs in set_aside.items():
            self._queues[source].extendleft(reversed(jobs))
        for source in [source for source, queue in self._queues.items() if not queue]:
            del self._queues[source]
        in_order = [source for source in self._order if source in self._queues]
        self._order = deque([*in_order, *(source for source in self._queues if source not in in_order)])
