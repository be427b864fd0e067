"""How much of a process's queue each source holds, and who is let in: who floods it takes nothing from the others.

While nobody else waits a source may fill the queue. While others wait, it gets no more than its share; and each of them
is let in up to an equal part, however full the queue is with what one alone had put there before. Whoever comes, the
queue never holds more than twice its bound, and that only until it is worked off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.refusals import Reason, Refusal

from .tickets import Job

QUEUE_FULL = Refusal(
    reason=Reason.QUEUE_FULL,
    message="too much waits; nothing was changed, send it again a little later",
)
SHARE_HELD = Refusal(
    reason=Reason.RATE_LIMITED,
    message="your source holds its share of the queue while others wait; nothing was changed, send it again a little "
    "later",
    metadata={"limit": "share"},
)

_OVERFULL = 2
"""How often the queue's bound fits into what it holds at the very most: many sources, each with a large batch."""
_ACTIVE_S = 1.0
"""For how long after its last answer a source counts as a rival for lanes: one that calls now and then never waits."""
_FLOODS_FROM = 32
"""From how many unanswered operations on a source floods, and for `_ACTIVE_S` from then on."""


@dataclass(slots=True)
class _Holding:
    operations: int = 0
    answered_at: float = 0.0
    flooded_at: float = -_ACTIVE_S


class Shares:
    """The admitted operations of a process, by source. None, the wallet's own work, has no share and is no rival."""

    def __init__(
        self, *, operations_max: int, source_share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._operations_max = operations_max
        self._share_operations = max(1, int(operations_max * source_share))
        self._clock = clock
        self._held: dict[Source | None, _Holding] = {}
        self.admitted = 0
        """Operations that are admitted and not answered."""

    def admit(self, source: Source | None, operations: int) -> Refusal | None:
        """Take room for all of a source's operations, or say why there is none: QUEUE_FULL or RATE_LIMITED."""
        held = self._held.get(source)
        if held is None:
            held = self._held[source] = _Holding()
        refusal = self._refusal(source, held.operations, operations)
        if refusal is None:
            held.operations += operations
            self.admitted += operations
            if held.operations >= _FLOODS_FROM:
                held.flooded_at = self._clock()
        return refusal

    def answered(self, source: Source | None, operations: int) -> None:
        """Give back the room of operations that are answered, or will not be executed."""
        held = self._held[source]
        held.operations -= operations
        held.answered_at = self._clock()
        self.admitted -= operations

    def batch_answered(self, batch: Sequence[Job]) -> None:
        """Give back the room of a batch, whose jobs may be of several sources."""
        now = self._clock()
        for job in batch:
            held = self._held[job.ticket.source]
            held.operations -= 1
            held.answered_at = now
        self.admitted -= len(batch)

    def has_rivals(self, sources: Collection[Source | None]) -> bool:
        """Whether another source than these has something waiting, or had a moment ago."""
        if len(self._held) <= 1:
            return False
        recently = self._clock() - _ACTIVE_S
        silent = []
        for rival, held in self._held.items():
            if not held.operations and held.answered_at <= recently:
                silent.append(rival)
            elif rival is not None and rival not in sources:
                return True
        for rival in silent:  # or who floods alone would pass by everybody who ever called
            del self._held[rival]
        return False

    def floods(self, source: Source | None) -> bool:
        """Whether a source has much waiting, or had a moment ago."""
        held = self._held.get(source)
        return held is not None and self._floods(held, self._clock())

    def floods_beside(self, source: Source | None) -> bool:
        """Whether another source floods, and this one does not."""
        if len(self._held) <= 1:
            return False
        now = self._clock()
        own = self._held.get(source)
        if own is not None and self._floods(own, now):
            return False
        return any(self._floods(held, now) for held in self._held.values())

    def modest_wait(self, now: float) -> bool:
        """Whether something waits of a source that does not flood."""
        return any(
            held.operations > 0 and source is not None and not self._floods(held, now)
            for source, held in self._held.items()
        )

    def _floods(self, held: _Holding, now: float) -> bool:
        return held.operations >= _FLOODS_FROM or held.flooded_at > now - _ACTIVE_S

    def _refusal(self, source: Source | None, held: int, operations: int) -> Refusal | None:
        room = self._operations_max - self.admitted
        rivals = self._waiting_rivals(source) if source is not None and len(self._held) > 1 else 0
        if not rivals:
            return None if operations <= room else QUEUE_FULL
        part = min(self._share_operations, self._operations_max // (rivals + 1))
        if not held or held + operations <= part:  # a batch may be larger than the part, where nothing else is held
            return None if operations <= room + (_OVERFULL - 1) * self._operations_max else QUEUE_FULL
        if held + operations > self._share_operations:
            return SHARE_HELD
        return None if operations <= room else QUEUE_FULL

    def _waiting_rivals(self, source: Source) -> int:
        return sum(held.operations > 0 for rival, held in self._held.items() if rival != source and rival is not None)
