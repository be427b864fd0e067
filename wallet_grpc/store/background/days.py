"""Days: what was done is counted into the open day, slice by slice, and a day is closed when all of it is counted.

Bets know nothing of it: slices are found by keys that are there anyway (see `store/reads/slices.py`).

Why each row is counted once. A slice's figures and the mark up to which all is counted move in one transaction, which
holds the mark's row. So no two workers count one slice, and whatever is killed, both have moved, or neither.

Why none is left out. A slice is counted when no row of its time can appear any more:

1. First `counting_until` is raised and committed, to a moment that is past. Whoever takes a time takes none before it,
   and a store with such a time that sees it is refused (`store/batch/steps.py`).
2. Then those are waited for that may have taken a time before they could see it: they hold a lock of the clock, or
   already the tables that they write to (`store/reads/moments.py`). A store that did not see it had begun before it was
   committed, so it is among them.
3. Only then slices before it are counted.

So a clock that is set back changes nothing: the time of batches stands still until the clock has passed the mark again.
That would be hours where a server's clock ran hours ahead, and its days would be closed before their time. So two
clocks have to agree on the mark, the server's and this process's own: it is never more than a minute ahead of either.

A day is closed in the transaction that counts its last slice. Its rows are copied to tables that are only appended to,
and a trigger refuses rows of another transaction's time: a closed day's figures never change.

Lock order: the mark's row, taken by who finds it free; then rows that only its holder writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString, NamedTuple

import psycopg
import structlog

from wallet_grpc.domain.days import BusinessDay
from wallet_grpc.store.connection.placement import holding_cell, named_here
from wallet_grpc.store.connection.pool import Connection, DatabaseUnavailableError, Pool, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import CLOCK_AHEAD_MAX, Moments, own_clock
from wallet_grpc.store.reads.slices import (
    LEDGER_TOTALS,
    MOVEMENTS,
    PLANS,
    SLICES,
    TOTALS,
    Counted,
    Movement,
    MovementKey,
    SliceLengths,
    TimeSlice,
    Total,
    TotalKey,
    columns,
)

_log = structlog.get_logger(__name__)

_SQL = statements(__package__, "days.sql")
_LAG_MS = 5_000
"""How far behind the clock days are counted. A batch that is older when it is stored may have to take its time anew;
nobody's time is moved by a clock that is set back by less."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSE = ("close_day", "close_totals", "close_movements", "close_balances", "clear_totals", "clear_movements")
_TOTAL_COLUMNS = (*TotalKey._fields, *Total._fields)
_MOVEMENT_COLUMNS = (*MovementKey._fields, *Movement._fields)


class OtherHourError(Exception):
    """The days of this database begin at another hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySettings:
    """How days are counted."""

    begins_at_hour: int
    """When business days begin, UTC. The first one fixes it."""
    interval_ms: int
    """How often more is counted."""
    slices_max: int
    """How many slices one round counts."""


class DayMark(NamedTuple):
    """How far days are counted."""

    counting_until: datetime
    counted_until: datetime | None
    day: date | None
    begins_at: datetime | None
    ends_at: datetime | None
    begins_at_hour: int | None
    now: datetime

    @property
    def lag_s(self) -> float:
        """How long ago that is up to which all is counted, in seconds."""
        return 0.0 if self.counted_until is None else max(0.0, (self.now - self.counted_until).total_seconds())


@dataclass(slots=True, kw_only=True)
class Round:
    """What a round came to."""

    slices: int = 0
    transactions: int = 0
    """Of the ledger, and entries of sessions."""
    days_closed: int = 0
    lag_s: float = 0.0
    full: bool = False
    """Whether there is more that could be counted at once."""
    clock_ahead: bool = False
    """Whether the database's clock is too far ahead of this process's own to count by."""


class DayStore:
    """Counts the days of one cell. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, settings: DaySettings, pool: Pool, *, own_clock: Callable[[], datetime] = own_clock) -> None:
        self._settings = settings
        self._pool = pool
        self._own_clock = own_clock
        self._is_ahead = False
        self._lengths = SliceLengths()

    async def count(self) -> Round:
        """Count what can be counted, up to a number of slices; what another worker is at is left to it.

        Raises:
            OtherHourError: Days begin at another hour than was asked for.
            UnsettledMomentError: A transaction of that time does not end.
        """
        round_ = Round()
        mark = await self._begun()
        self._note_clock(mark)
        if mark.begins_at_hour != self._settings.begins_at_hour:
            raise OtherHourError(
                f"business days begin at {mark.begins_at_hour}:00 UTC here, and WALLET_DAY_BEGINS_AT_HOUR says "
                f"{self._settings.begins_at_hour}: with the first day it was fixed"
            )
        await self._intend()
        until = (await self._mark()).counting_until
        await self._settle()
        while round_.slices < self._settings.slices_max and await self._count_slice(until, round_):
            pass
        mark = await self._mark()
        round_.lag_s = mark.lag_s
        round_.full = round_.slices == self._settings.slices_max
        round_.clock_ahead = self._is_ahead
        return round_

    async def count_until(self, until: datetime) -> int:
        """Count what is before a time, of which it is known that no row can come any more; gives the days closed.

        The first day must have begun. For who fills a cell with rows of another one.
        """
        round_ = Round()
        while await self._count_slice(until, round_):
            pass
        return round_.days_closed

    async def _settle(self) -> None:
        """Wait for whoever is under way now, whatever the clock says."""
        await Moments(self._ask, self._pool.cell).settle(_LONG_AGO)

    async def _begun(self) -> DayMark:
        """Give the mark; the first time the first day is begun.

        It begins no later than the time that is looked at first. Whoever took a time before that is waited for, so the
        first transaction is seen, or it is of a later time: none is left before the first day.
        """
        mark = await self._mark()
        if mark.day is not None:
            return mark
        await self._settle()
        async with self._pool.connection() as connection, holding_cell(connection):
            now = min(mark.now, self._latest())
            (moment,) = await only_row(connection, named_here(connection, _SQL["first_moment"]), {"now": now})
            day = BusinessDay.of(moment, self._settings.begins_at_hour)
            await connection.execute(
                named_here(connection, _SQL["begin"]), _of_day(day) | {"begins_at_hour": self._settings.begins_at_hour}
            )
        return await self._mark()

    async def _mark(self) -> DayMark:
        async with self._pool.connection() as connection:
            return DayMark._make(await only_row(connection, _SQL["mark"]))

    async def _intend(self) -> None:
        async with self._pool.connection() as connection, holding_cell(connection):
            await connection.execute(
                named_here(connection, _SQL["intend"]),
                {"lag_ms": _LAG_MS, "interval_ms": self._settings.interval_ms, "latest": self._latest()},
            )

    def _latest(self) -> datetime:
        """Give what this process takes the time to be at most, whatever the database says."""
        return self._own_clock() + CLOCK_AHEAD_MAX

    def _note_clock(self, mark: DayMark) -> None:
        """Say once when the database's clock is too far ahead to count by, and once when it is not any more."""
        ahead = mark.now - self._own_clock()
        if (ahead > CLOCK_AHEAD_MAX) != self._is_ahead:
            self._is_ahead = not self._is_ahead
            if self._is_ahead:
                _log.error(
                    "database_clock_ahead",
                    cell=self._pool.cell,
                    ahead_s=round(ahead.total_seconds()),
                    advice="this process stores nothing and counts no days until one of the two clocks is set right",
                )
            else:
                _log.info("database_clock_right", cell=self._pool.cell)

    async def _ask(self, statement: LiteralString, parameters: Mapping[str, object]) -> Sequence[Any]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def _count_slice(self, until: datetime, round_: Round) -> bool:
        """Count the next slice before a time; False if there is none, or another worker is at it."""
        slice_: TimeSlice | None = None
        began = time.monotonic()
        try:
            async with self._pool.connection() as connection, connection.transaction(), holding_cell(connection):
                await connection.execute(PLANS, prepare=False)
                cursor = await connection.execute(named_here(connection, _SQL["lock_mark"]))
                row = await cursor.fetchone()
                if row is None:
                    return False
                mark = DayMark._make(row)
                assert mark.counted_until is not None
                assert mark.ends_at is not None
                if mark.counted_until >= until:
                    return False
                slice_ = self._lengths.next(mark.counted_until, min(until, mark.ends_at))
                slice_ = await _of_bounded_size(connection, slice_)
                counted = await _counted(connection, slice_)
                await self._keep(connection, mark, slice_, counted)
        except (psycopg.Error, DatabaseUnavailableError):
            if slice_ is not None:
                self._lengths.took(slice_, time.monotonic() - began)  # perhaps for ever
            raise
        self._lengths.took(slice_, time.monotonic() - began)
        round_.slices += 1
        round_.transactions += counted.transactions
        round_.days_closed += slice_.ends_at == mark.ends_at
        return True

    async def _keep(self, connection: Connection, mark: DayMark, slice_: TimeSlice, counted: Counted) -> None:
        """Add what was counted to the open day; close it with its last slice."""
        if counted.totals:
            totals = columns(counted.totals, _TOTAL_COLUMNS)
            await connection.execute(named_here(connection, _SQL["add_totals"]), totals)
        if counted.movements:
            movements = columns(counted.movements, _MOVEMENT_COLUMNS)
            await connection.execute(named_here(connection, _SQL["add_movements"]), movements)
        if slice_.ends_at != mark.ends_at:
            await connection.execute(named_here(connection, _SQL["move_mark"]), {"counted_until": slice_.ends_at})
            return
        for name in _CLOSE:
            await connection.execute(named_here(connection, _SQL[name]), {"day": mark.day})
        next_day = BusinessDay.of(slice_.ends_at, self._settings.begins_at_hour)
        await connection.execute(named_here(connection, _SQL["next_day"]), _of_day(next_day))


async def _of_bounded_size(connection: Connection, slice_: TimeSlice) -> TimeSlice:
    """Give as much of a slice as holds a bounded number of transactions, about."""
    cursor = await connection.execute(named_here(connection, SLICES["transaction_after"]), slice_.rows_asked)
    found = await cursor.fetchone()
    return slice_ if found is None else slice_.up_to(found[0])


async def _counted(connection: Connection, slice_: TimeSlice) -> Counted:
    counted = Counted()
    for name in TOTALS:
        cursor = await connection.execute(named_here(connection, SLICES[name]), slice_.parameters)
        rows = await cursor.fetchall()
        counted.add_totals(rows)
        if name == LEDGER_TOTALS:
            counted.add_bets_and_wins(rows)
    cursor = await connection.execute(named_here(connection, SLICES[MOVEMENTS]), slice_.parameters)
    counted.add_movements(await cursor.fetchall())
    counted.add_play()
    return counted


def _of_day(day: BusinessDay) -> dict[str, object]:
    return {"day": day.day, "begins_at": day.begins_at, "ends_at": day.ends_at}
