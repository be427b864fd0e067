"""When the past is settled: what must have ended before an answer about a moment is the same for ever.

A row's time is taken before its transaction commits, so for a while after a moment rows can still appear that are of
it. Whoever answers about a moment waits for what is under way then, and only for that:

1. Who takes a time holds a lock of the clock from before (a lane an exclusive one with a key of its own, on its first
   connection; the poster and others a shared one) to the end of that transaction. So those that have a time up to a
   moment and are not done hold such a lock after it.
2. Who stores holds the ledger's tables until the commit is through, a wait for a standby included. A lane stores on its
   second connection, and its statement, which holds the tables from its beginning, sees that the lane's lock of the
   clock is still there. So a store whose first connection is lost later holds the tables when that lock is gone; one
   whose first connection was lost before is refused.

So: look at the clock; wait until every lock of the clock that is held then has been given back; then wait until every
transaction that writes to the tables then has ended. Nothing waits for the reader, which takes no lock itself. The
database's clock must not be set back, and a standby's not be behind (docs/decisions/0013).

A clock that ran hours ahead will be set back. So nobody takes a time of it that is more than a minute ahead of the
process's own clock: what is stored goes back by little, and `wallet_grpc/store/backoffice` finds it by halving.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from wallet_grpc.domain.cells import ONLY_CELL, Cell
from wallet_grpc.store.connection.lending import DatabaseUnavailableError
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "moments.sql")

_CLOCK_CLASSES = 0x57430000
CLOCK_KEY_MAX = 2**31 - 1

CLOCK_AHEAD_MAX = timedelta(minutes=1)
"""How far a time may be ahead of the clock of the process that takes it. Clocks that are steered are apart by far less,
also where a machine was paused a moment ago.
"""

WAIT_MAX_S = 5.0
"""How long an answer waits for its moment: to come, and to be settled."""
_POLL_FIRST_S = 0.002
_POLL_MAX_S = 0.05

Ask = Callable[[LiteralString, Mapping[str, object]], Awaitable[Sequence[Any]]]
"""Runs a statement on a primary, in a transaction of its own, and gives its rows."""


def clock_class_of(cell: Cell) -> int:
    """Give the class of the advisory locks of a cell's clock. Key 0 is for those that share it, others for a lane each.

    Each cell has a clock of its own, so that nobody who asks about one waits for a lane that hangs in another.
    """
    return _CLOCK_CLASSES + cell


class ClockAheadError(DatabaseUnavailableError):
    """The database's time is more than a minute ahead of this process's own: one of the two clocks is wrong."""


def own_clock() -> datetime:
    """Give the time by this process's own clock."""
    return datetime.now(UTC)


def check_clock(now: datetime, own: datetime) -> None:
    """See that the database's time can be taken, beside that of the process's own clock.

    Raises:
        ClockAheadError: It is too far ahead.
    """
    if now - own > CLOCK_AHEAD_MAX:
        ahead_s = round((now - own).total_seconds())
        raise ClockAheadError(
            f"the database's clock is {ahead_s} s ahead of this process's own: set the wrong one right"
        )


class UnsettledMomentError(Exception):
    """What happened until the moment is still being stored; the same may work later."""


class FutureMomentError(Exception):
    """The moment is further ahead than an answer waits for."""


class Moments:
    """Knows up to when the past of a cell is settled. Any number may ask; one at a time looks."""

    def __init__(self, ask: Ask, cell: Cell = ONLY_CELL, *, own_clock: Callable[[], datetime] = own_clock) -> None:
        self._ask = ask
        self._own_clock = own_clock
        self._clock_class = clock_class_of(cell)
        self._settled_until: datetime | None = None
        self._looking = asyncio.Lock()

    async def settle(self, moment: datetime) -> None:
        """Wait until no row of a time up to this moment can appear any more.

        Raises:
            FutureMomentError: The moment is further ahead.
            UnsettledMomentError: A transaction of that time does not end.
        """
        ends_at = time.monotonic() + WAIT_MAX_S
        try:
            async with asyncio.timeout(WAIT_MAX_S):
                async with self._looking:
                    if self._settled_until is None or moment > self._settled_until:
                        self._settled_until = await self._look(moment, ends_at)
        except TimeoutError:
            raise UnsettledMomentError("what happened until then is still being stored") from None

    async def now(self) -> datetime:
        """Give the database's time, as far as it can be taken: what is past by it stays past once it is set right."""
        ((now,),) = await self._ask(_SQL["clock"], {})
        assert isinstance(now, datetime)
        return min(now, self._own_clock() + CLOCK_AHEAD_MAX)

    async def _look(self, moment: datetime, ends_at: float) -> datetime:
        """Settle the present, once the moment is past; gives until when all is settled."""
        while (now := await self.now()) <= moment:
            ahead_s = (moment - now) / timedelta(seconds=1)
            if time.monotonic() + ahead_s > ends_at:
                raise FutureMomentError("it is yet to come")
            await asyncio.sleep(ahead_s + _POLL_FIRST_S)
        await self._until_ended("deciding", {"clock_class": self._clock_class})
        await self._until_ended("storing", {})
        return now

    async def _until_ended(self, kind: str, parameters: Mapping[str, object]) -> None:
        """Wait for those that hold such a lock now. One transaction's number is never another's later on."""
        wait_s = _POLL_FIRST_S
        held = await self._holders(kind, parameters)
        while held:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _POLL_MAX_S)
            held &= await self._holders(kind, parameters)

    async def _holders(self, kind: str, parameters: Mapping[str, object]) -> set[str]:
        return {holder for (holder,) in await self._ask(_SQL[kind], parameters)}
