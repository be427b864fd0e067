"""The open day of a cell: what is counted of it, and what has come since, which is counted while it is asked for.

What is asked for is summed by the database; the little that has come since is summed here, in turns of the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from wallet_grpc.store.connection.pool import Connection, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.slices import (
    LEDGER_TOTALS,
    MOVEMENTS,
    PLANS,
    SLICES,
    TOTALS,
    Counted,
    Movement,
    MovementKey,
    TimeSlice,
)
from wallet_grpc.tasks import a_turn

from .revenue import FOREVER, NO_DAY, Revenue, RevenueKey, RevenueSplit, revenue_of

_SQL = statements(__package__, "figures.sql")
_ROWS_A_TURN = 1_000
"""Rows that are summed in one turn of the event loop, which lanes share: some milliseconds."""
_LIVE_MAX = timedelta(minutes=2)
"""How much of the open day may be uncounted: more would take too long to count for one answer."""


class DaysBehindError(Exception):
    """Days are not counted far enough yet; the same may work later."""


class FigureMark(NamedTuple):
    """How far a cell's days are; `now` is the database's time."""

    day: date | None
    begins_at: datetime
    ends_at: datetime
    counted_until: datetime
    begins_at_hour: int
    now: datetime
    first_begins_at: datetime | None


class OpenAccounts(NamedTuple):
    """What the open day of one cell moved."""

    begins_at: datetime
    movements: Mapping[MovementKey, Movement]
    now: datetime


class OpenRevenue(NamedTuple):
    """What the open day of one cell earned: the parts of a page, and all that came since it was counted."""

    parts: Mapping[RevenueKey, Revenue]
    now: datetime


async def mark_of(connection: Connection) -> FigureMark:
    """Give how far a cell's days are."""
    mark = FigureMark._make(await only_row(connection, _SQL["mark"]))
    if mark.day is None:
        raise DaysBehindError("no business day has begun yet: a server begins the first one")
    return mark


async def _open_mark(connection: Connection) -> FigureMark:
    """Give the mark of the open day, if what has come since it was counted is little enough."""
    mark = await mark_of(connection)
    behind = mark.now - mark.counted_until
    if behind > _LIVE_MAX:
        raise DaysBehindError(
            f"the open business day is counted up to {mark.counted_until.isoformat()} only, "
            f"{behind.total_seconds():.0f} s ago; ask for closed days, or later"
        )
    return mark


async def open_accounts(connection: Connection) -> OpenAccounts:
    """Give what the open day moved: as it is counted, and what has come since."""
    mark = await _open_mark(connection)
    counted = Counted()
    counted.add_movements(await rows_named(connection, "open_movements", {}))
    counted.add(await _since(connection, mark, MOVEMENTS))
    return OpenAccounts(mark.begins_at, counted.movements, mark.now)


async def open_revenue(connection: Connection, split: RevenueSplit, named: dict[str, Any]) -> OpenRevenue:
    """Give what the open day earned, part by part: what is counted, which the database sums, and what came since."""
    mark = await _open_mark(connection)
    parts: dict[RevenueKey, Revenue] = {}
    if split.holds(mark.begins_at):
        open_day = mark.begins_at if split.by_day else NO_DAY
        add_rows(parts, await rows_named(connection, "open_revenue", named | {"open_day": open_day}))
        since = await _since(connection, mark)
        for looked, (key, total) in enumerate(since.totals.items(), start=1):
            came_to = revenue_of(key, total)
            if came_to is not None:
                add_part(parts, split.part_of(key, mark.begins_at), came_to)
            if looked % _ROWS_A_TURN == 0:
                await a_turn()
    return OpenRevenue(parts, mark.now)


async def _since(connection: Connection, mark: FigureMark, *more: str) -> Counted:
    """Count what has come since the open day was counted."""
    since = Counted()
    await connection.execute(PLANS, prepare=False)
    slice_ = TimeSlice(mark.counted_until, FOREVER)
    for name in TOTALS:
        rows = await (await connection.execute(SLICES[name], slice_.parameters)).fetchall()
        for first in range(0, len(rows), _ROWS_A_TURN):
            since.add_totals(rows[first : first + _ROWS_A_TURN])
            if more and name == LEDGER_TOTALS:
                since.add_bets_and_wins(rows[first : first + _ROWS_A_TURN])
            await a_turn()
    for name in more:
        since.add_movements(await (await connection.execute(SLICES[name], slice_.parameters)).fetchall())
    since.add_play()
    return since


async def rows_named(connection: Connection, name: str, named: dict[str, Any]) -> Sequence[Any]:
    """Run a statement of figures."""
    return await (await connection.execute(_SQL[name], named)).fetchall()


def add_rows(parts: dict[RevenueKey, Revenue], rows: Sequence[Any]) -> None:
    """Add rows of revenue to its parts."""
    for row in rows:
        add_part(parts, RevenueKey(*row[:4]), Revenue(*map(int, row[4:])))


def add_part(parts: dict[RevenueKey, Revenue], part: RevenueKey, came_to: Revenue) -> None:
    """Add to a part."""
    parts[part] = parts.get(part, Revenue()).plus(came_to)
