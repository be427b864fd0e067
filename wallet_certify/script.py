"""The script: what happens to which operation, in turns, so that the same play meets the same mishaps."""

from __future__ import annotations

from collections import Counter
from enum import Enum

from .operations import Kind


class Mishap(Enum):
    """What a caller meets, at the first sending of an operation unless said otherwise.

    In a batch, what becomes of one operation is told in its place. So it is in a stream, but a connection that breaks
    ends it.
    """

    NONE = "none"
    LOST_REQUEST = "lost_request"
    """The connection breaks before the wallet has it."""
    LOST_ANSWER = "lost_answer"
    """The wallet does it, and the connection breaks before the answer."""
    LATE_ANSWER = "late_answer"
    """The wallet does it, and answers after the caller's deadline."""
    DUPLICATE = "duplicate"
    """It reaches the wallet twice; the second answer, a replay, is told."""
    SLOW = "slow"
    """It takes half a second."""
    BUSY = "busy"
    """QUEUE_FULL, with a time after which to come again."""
    NO_FUNDS = "no_funds"
    """INSUFFICIENT_FUNDS: nothing has moved."""
    ROUND_CLOSED = "round_closed"
    """ROUND_CLOSED: nothing has moved."""
    UNREACHABLE = "unreachable"
    """The wallet does it, and no answer comes for the next tries either."""


UNREACHABLE_TRIES = 6
"""After how many tries an operation that is UNREACHABLE is answered."""

_SCRIPTS: dict[Kind, tuple[Mishap, ...]] = {
    Kind.BET: (
        Mishap.NONE,
        Mishap.LOST_ANSWER,
        Mishap.NO_FUNDS,
        Mishap.DUPLICATE,
        Mishap.LATE_ANSWER,
        Mishap.BUSY,
        Mishap.UNREACHABLE,
        Mishap.LOST_REQUEST,
        Mishap.ROUND_CLOSED,
        Mishap.SLOW,
    ),
    Kind.WIN: (Mishap.NONE, Mishap.LOST_ANSWER, Mishap.DUPLICATE, Mishap.LATE_ANSWER, Mishap.LOST_REQUEST),
    Kind.BET_AND_WIN: (Mishap.NONE, Mishap.LOST_ANSWER, Mishap.NO_FUNDS, Mishap.DUPLICATE, Mishap.UNREACHABLE),
    Kind.ROLLBACK: (Mishap.LOST_ANSWER, Mishap.NONE, Mishap.LOST_REQUEST),
    Kind.OPENING: (Mishap.NONE, Mishap.LOST_ANSWER),
    Kind.SETTLEMENT: (Mishap.LOST_ANSWER, Mishap.NONE),
}


_OF_WHOLE_BATCHES = (
    Mishap.NONE,
    Mishap.LOST_ANSWER,
    Mishap.NONE,
    Mishap.BUSY,
    Mishap.NONE,
    Mishap.LATE_ANSWER,
    Mishap.NONE,
    Mishap.LOST_REQUEST,
)
"""What a batch with something new in it meets; where that is nothing, each of its operations meets its own."""


class Script:
    """Deals mishaps out."""

    def __init__(self) -> None:
        self._dealt: Counter[Kind] = Counter()
        self._batches_dealt = 0

    def next(self, kind: Kind) -> Mishap:
        """Give what the next new operation of a kind meets."""
        mishaps = _SCRIPTS[kind]
        mishap = mishaps[self._dealt[kind] % len(mishaps)]
        self._dealt[kind] += 1
        return mishap

    def next_grouped(self, kind: Kind) -> Mishap:
        """Give what the next new operation of a batch or stream meets: the wallet calls none of them busy alone."""
        mishap = self.next(kind)
        return self.next(kind) if mishap is Mishap.BUSY else mishap

    def next_batch(self) -> Mishap:
        """Give what the next batch with something new in it meets as a whole."""
        mishap = _OF_WHOLE_BATCHES[self._batches_dealt % len(_OF_WHOLE_BATCHES)]
        self._batches_dealt += 1
        return mishap
