"""Figures of finance, over all cells: what accounts hold, what games earned. From closed days, and the open day live.

A closed day's figures are read as they were closed, the same for ever. The open day is what is counted of it and what
has come since, which is counted while it is asked for: in one snapshot of each cell, so that what accounts hold still
sums to zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.days import DAY_LENGTH, BusinessDay
from wallet_grpc.store.connection.pool import Connection, Pool, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.tasks import a_turn

from .open_day import (
    DaysBehindError,
    FigureMark,
    OpenAccounts,
    OpenRevenue,
    add_part,
    add_rows,
    mark_of,
    open_accounts,
    open_revenue,
    rows_named,
)
from .revenue import FOREVER, NO_DAY, Revenue, RevenueKey, RevenueSplit

Read = TypeVar("Read")

_SQL = statements(__package__, "figures.sql")
_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
"""No business day began before it."""
_AN_INSTANT = timedelta(microseconds=1)


class FutureDayError(Exception):
    """The moment is yet to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """As of when figures are."""

    as_of: datetime
    closed_until: datetime | None
    """The end of the last closed day that is in them."""
    open_day_as_of: datetime | None
    """When the open day was counted; None: it is not in them."""


class AccountFigure(NamedTuple):
    """What all accounts of a type were debited and credited, in minor units."""

    currency_network_id: int
    account_type: str
    debits_minor: int
    credits_minor: int

    @property
    def balance_minor(self) -> int:
        """Credits less debits."""
        return self.credits_minor - self.debits_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """What accounts hold, by currency network and type."""

    basis: Basis
    accounts: Sequence[AccountFigure]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenuePage:
    """Some parts of revenue, in their order."""

    basis: Basis
    parts: Sequence[tuple[RevenueKey, Revenue, bool]]
    """Each with whether the open day is in it."""
    more: bool
    counts_from: datetime | None
    """When the first business day begins that was asked for; None: there is no first one."""
    counts_to: datetime | None
    """When the last one ends; None: there is no last one."""


class FigureReader:
    """Reads figures.

    Every method raises DaysBehindError where days are not counted far enough, and DatabaseUnavailableError where the
    database does not answer.
    """

    def __init__(self, pools: ByCell[Pool]) -> None:
        """Take a pool of every cell of the installation."""
        self._pools = pools

    async def accounts(self, at: datetime | None) -> AccountFigures:
        """Tell what accounts hold, as of the end of the last day that ended by a moment, or as of now.

        Raises:
            FutureDayError: The moment is yet to come.
        """
        if at is None:
            return await self._live_accounts()
        if at < _FIRST_MOMENT:
            return AccountFigures(basis=Basis(as_of=at, closed_until=None, open_day_as_of=None), accounts=())
        marks = await self._marks()
        if at > max(mark.now for mark in marks):
            raise FutureDayError(at.isoformat())
        until = BusinessDay.of(at, marks[0].begins_at_hour).begins_at
        if any(mark.begins_at < until for mark in marks):
            raise DaysBehindError(f"the business day that ended at {until.isoformat()} is not closed yet")
        day = BusinessDay.of(until - DAY_LENGTH, marks[0].begins_at_hour).day
        rows = await self._each(lambda connection: rows_named(connection, "balances", {"day": day}))
        is_begun = any(mark.first_begins_at is not None and mark.first_begins_at < until for mark in marks)
        basis = Basis(as_of=until, closed_until=until if is_begun else None, open_day_as_of=None)
        return AccountFigures(basis=basis, accounts=_sums(rows))

    async def revenue(self, split: RevenueSplit, after: RevenueKey, limit: int) -> RevenuePage:
        """Give revenue, part by part after one."""
        marks = await self._marks()
        open_from = min(mark.begins_at for mark in marks)
        has_open = split.ends_at is None or open_from < split.ends_at
        counts_from = _day_from(split.begins_at, marks[0].begins_at_hour)
        counts_to = _day_from(split.ends_at, marks[0].begins_at_hour)
        closed_until = open_from if counts_to is None else min(open_from, counts_to)
        named = {
            "begins_at": split.begins_at or NO_DAY,
            "ends_at": split.ends_at or FOREVER,
            "by_day": split.by_day,
            "by_source": split.by_source,
            "by_game": split.by_game,
            "no_day": NO_DAY,
            "after_day": after.begins_at,
            "after_network": after.currency_network_id,
            "after_source": after.source,
            "after_game": after.game_code,
            "rows_max": limit + 1,
        }

        async def read(connection: Connection) -> tuple[Sequence[Any], OpenRevenue | None]:
            rows = await rows_named(connection, "revenue", named)
            return rows, await open_revenue(connection, split, named) if has_open else None

        parts: dict[RevenueKey, Revenue] = {}
        live: set[RevenueKey] = set()
        now = max(mark.now for mark in marks)
        for rows, open_day in await self._each(read):
            add_rows(parts, rows)
            if open_day is not None:
                now = open_day.now
                for part, came_to in open_day.parts.items():
                    if part > after:
                        live.add(part)
                        add_part(parts, part, came_to)
            await a_turn()
        found = sorted(parts)[: limit + 1]
        return RevenuePage(
            basis=Basis(
                as_of=now if has_open else closed_until,
                closed_until=closed_until if any(mark.first_begins_at for mark in marks) else None,
                open_day_as_of=now if has_open else None,
            ),
            parts=[(part, parts[part], part in live) for part in found[:limit]],
            more=len(found) > limit,
            counts_from=counts_from,
            counts_to=counts_to,
        )

    async def _live_accounts(self) -> AccountFigures:
        async def read(connection: Connection) -> tuple[Sequence[Any], OpenAccounts]:
            open_day = await open_accounts(connection)
            mark = FigureMark._make(await only_row(connection, _SQL["mark"]))
            assert mark.day is not None
            return await rows_named(connection, "balances", {"day": mark.day - DAY_LENGTH}), open_day

        found = await self._each(read)
        rows = [closed for closed, _ in found]
        rows += [
            [
                (key.currency_network_id, key.account_type, movement.debits_minor, movement.credits_minor)
                for key, movement in open_day.movements.items()
            ]
            for _, open_day in found
        ]
        now = max(open_day.now for _, open_day in found)
        closed_until = min(open_day.begins_at for _, open_day in found)
        has_closed = any(closed for closed, _ in found)
        basis = Basis(as_of=now, closed_until=closed_until if has_closed else None, open_day_as_of=now)
        return AccountFigures(basis=basis, accounts=_sums(rows))

    async def _marks(self) -> list[FigureMark]:
        marks = await self._each(mark_of)
        if len({mark.begins_at_hour for mark in marks}) != 1:
            raise DaysBehindError("business days begin at another hour in another cell")
        return marks

    async def _each(self, read: Callable[[Connection], Awaitable[Read]]) -> list[Read]:
        """Read in every cell, each over one snapshot."""

        async def in_cell(pool: Pool) -> Read:
            async with pool.connection() as connection, connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", prepare=False)
                return await read(connection)

        return list(await asyncio.gather(*(in_cell(pool) for pool in self._pools)))


def _day_from(moment: datetime | None, begins_at_hour: int) -> datetime | None:
    """Give when the first business day begins that does not begin before a moment."""
    if moment is None:
        return None
    return BusinessDay.of(min(max(moment, _FIRST_MOMENT), FOREVER) - _AN_INSTANT, begins_at_hour).ends_at


def _sums(cells: Sequence[Sequence[Any]]) -> list[AccountFigure]:
    """Sum accounts of a type over cells, and over a day and what came before it."""
    sums: dict[tuple[int, str], tuple[int, int]] = {}
    for rows in cells:
        for network_id, account_type, debits_minor, credits_minor in rows:
            debits, credits_ = sums.get((network_id, account_type), (0, 0))
            sums[network_id, account_type] = debits + int(debits_minor), credits_ + int(credits_minor)
    return [AccountFigure(*key, *values) for key, values in sorted(sums.items())]
