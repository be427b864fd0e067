"""Statements: what a player's money did in a period, from the player's own rows.

Where the period lies in them is asked once. What accounts had is what they have now, less what moved it since: summed
part by part, of rows that never change, so that no query is longer for who plays much. Each part takes a connection and
gives it back, and one long sum at a time is under way for a cell: other look-ups have the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, LiteralString, NamedTuple

from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.identifiers import PlayerId, first_id_at
from wallet_grpc.store.connection.pool import Connection, Pool, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import Moments, UnsettledMomentError
from wallet_grpc.store.reads.rows import rows_of

_SQL = statements(__package__, "figures.sql")
_POLL_S = 0.05
_POLLS_MAX = 100
"""Looks at a replica that is behind: five seconds."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OUT_OF_ORDER_MAX = timedelta(minutes=2)
"""How far the times of a player's transactions may go back, amply: where a clock is set back, time stands still, and a
minute of it is taken ahead at most (store/reads/moments.py)."""
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_PART = 20_000
"""Transactions that are summed by one query: a tenth of a second's work."""
_SUMMED_MAX = 300_000
"""Transactions that are summed for one statement: some two seconds' work. The console waits five for all of a call."""
_TURN_WAIT_S = 1.5
"""How long a sum of several parts waits for the one before it."""


class StatementTooLongError(Exception):
    """The player did too much since the period began for it to be summed while somebody waits."""


class StatementsBusyError(Exception):
    """Another long statement of that cell is being summed; the same may work later."""


class UnknownPlaceError(Exception):
    """A page is asked for after a transaction that the player has not made."""


class StatementPlace(NamedTuple):
    """A line's place in its statement. Servers of 0.1.0 give and take it in tokens as well, so its form stays."""

    tx_id: str
    entry_no: int
    """The line's; 0: before all lines of the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPeriod:
    """Whose statement, of when, in which currency network."""

    player_id: PlayerId
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    currency_network_id: int | None = None
    written: str | None = None
    """Up to where a server must have replayed the primary's log to know all of the period; None: as far as it has."""

    def __post_init__(self) -> None:
        """Be no period that ends before it begins: what its accounts had in the end would be what they had when."""
        assert self.begins_at is None or self.ends_at is None or self.begins_at <= self.ends_at, "it ends before"

    @property
    def named(self) -> dict[str, object]:
        """Give it as the statements take it."""
        return {
            "player_id": self.player_id,
            "since_tx_id": first_id_at(self.begins_at or _BEGINNING, -_OUT_OF_ORDER_MAX),
            "network_id": self.currency_network_id,
            "until_tx_id": first_id_at(self.ends_at or _FOREVER, _OUT_OF_ORDER_MAX),
            "first_tx_id": first_id_at(self.begins_at or _BEGINNING),
            "end_tx_id": first_id_at(self.ends_at or _FOREVER),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """Where a period lies in the player's rows, and what the player's accounts have after the newest of them."""

    as_of: datetime
    """How far the server is that is read: the present, or of a replica the last commit that it has."""
    before_version: int
    """All that is of the period, or after it, comes after this row."""
    end_version: int
    """All that is of the period comes before this row."""
    newest_version: int
    after_version: int | None
    """The transaction that a page is asked for after, if this server has it."""
    is_replica: bool
    balances: Sequence[Any]


@dataclass(slots=True, kw_only=True)
class StatementAccount:
    """What an account of the player had, and what moved it, in minor units."""

    currency_network_id: int
    account_type: str
    opening_minor: int
    closing_minor: int
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By kind: how many transactions, and what they moved."""

    def take_back(self, row: Any) -> None:
        """Go back from now to before some transactions: of one kind, of the period or all after it."""
        moved_minor = int(row.amount_minor)
        self.opening_minor -= moved_minor
        if row.is_in_period:
            transactions, total_minor = self.totals.get(row.kind, (0, 0))
            self.totals[row.kind] = transactions + row.transactions, total_minor + moved_minor
        else:
            self.closing_minor -= moved_minor


class StatementLine(NamedTuple):
    """A posting to an account of the player."""

    entry_no: int
    tx_id: str
    created_at: datetime
    kind: str
    transaction_id: str
    source: str
    currency_network_id: int
    account_type: str
    amount_minor: str
    balance_after_minor: str
    game_code: str
    round_id: str

    @property
    def place(self) -> StatementPlace:
        """Where it stands."""
        return StatementPlace(self.tx_id, self.entry_no)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """Some lines of a statement, oldest first."""

    as_of: datetime
    accounts: Sequence[StatementAccount]
    """Of the first page only."""
    lines: Sequence[StatementLine]
    next_place: StatementPlace | None
    """Where the next page goes on; None: this is the last one."""


class StatementReader:
    """Reads statements. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pools: ByCell[Pool], primaries: ByCell[Pool], *, scan_rows_max: int) -> None:
        """Take what is read, what settles the past, and how many transactions are looked at for a page of lines."""
        self._pools = pools
        self._primaries = primaries
        self._scan_rows_max = scan_rows_max
        self._turns = ByCell(primaries.cells, {cell: asyncio.Lock() for cell, _ in primaries.items()})
        self._moments = ByCell(
            primaries.cells, {cell: Moments(partial(_ask, pool), cell) for cell, pool in primaries.items()}
        )

    async def settled(self, period: StatementPeriod) -> StatementPeriod:
        """Wait until nothing of a period that is past can appear any more; one that goes on stays as it is.

        Raises:
            UnsettledMomentError: What happened until then is still being stored.
        """
        moments = self._moments.of(period.player_id)
        if period.ends_at is None or period.ends_at > await moments.now():
            return period
        await moments.settle(period.ends_at)
        ((written,),) = await _ask(self._primaries.of(period.player_id), _SQL["written"], {})
        return replace(period, written=written)

    async def accounts(self, period: StatementPeriod) -> Sequence[StatementAccount]:
        """Tell what each account had before and after: from what it has now, less what moved it since.

        It looks at all that the player did since the period began.

        Raises:
            StatementTooLongError: That is too much.
            StatementsBusyError: Another long sum does not end.
            UnsettledMomentError: A replica that is asked is behind.
        """
        async with self._reached(period) as (connection, as_of):
            start = await _start(connection, period, as_of)
        return await self._accounts(period, start)

    async def page(
        self, period: StatementPeriod, after: StatementPlace | None, limit: int, *, with_accounts: bool = True
    ) -> StatementPage:
        """Give the lines after one, oldest first; with the first page what `accounts` tells.

        Raises:
            StatementTooLongError: See there.
            StatementsBusyError: See there.
            UnknownPlaceError: There is no such place in what the player did.
            UnsettledMomentError: The replica that is asked has not come to that place yet.
        """
        is_told = with_accounts and after is None
        async with self._reached(period) as (connection, as_of):
            start = await _start(connection, period, as_of, after)
            if is_told:
                _check_length(start)
            from_version, after_entry_no = _page_begins(start, after)
            end_version = min(start.end_version, from_version + self._scan_rows_max)
            named = period.named | {
                "from_version": from_version,
                "after_entry_no": after_entry_no,
                "end_version": end_version,
                "rows_max": limit + 1,
            }
            rows = await (await connection.execute(_SQL["statement_lines"], named)).fetchall()
            lines = [StatementLine._make(row) for row in rows[:limit]]
            next_place = None
            if len(rows) > limit:
                next_place = lines[-1].place
            elif end_version < start.end_version:
                named = {"player_id": period.player_id, "owner_version": end_version}
                (tx_id,) = await only_row(connection, _SQL["statement_made"], named)
                next_place = StatementPlace(tx_id, 0)
        accounts = await self._accounts(period, start) if is_told else ()
        return StatementPage(as_of=start.as_of, accounts=accounts, lines=lines, next_place=next_place)

    @asynccontextmanager
    async def _reached(self, period: StatementPeriod) -> AsyncIterator[tuple[Connection, datetime]]:
        """Lend a connection to a server that knows all of a settled period, and tell how far it is.

        While it does not, nobody holds a connection.
        """
        for _ in range(_POLLS_MAX):
            async with self._pools.of(period.player_id).connection() as connection:
                has_reached, as_of = await only_row(connection, _SQL["reached"], {"written": period.written})
                if has_reached:
                    yield connection, as_of
                    return
            await asyncio.sleep(_POLL_S)
        raise UnsettledMomentError("the replica has not come to the end of the period yet")

    async def _accounts(self, period: StatementPeriod, start: _Start) -> Sequence[StatementAccount]:
        """Sum what moved a player's accounts since a period began, a part of the player's transactions at a time.

        What is short does not wait for what is long.
        """
        _check_length(start)
        if start.newest_version - start.before_version <= _PART:
            return await self._sum(period, start)
        turn = self._turns.of(period.player_id)
        try:
            async with asyncio.timeout(_TURN_WAIT_S):
                await turn.acquire()
        except TimeoutError:
            raise StatementsBusyError("another long statement is being summed") from None
        try:
            return await self._sum(period, start)
        finally:
            turn.release()

    async def _sum(self, period: StatementPeriod, start: _Start) -> Sequence[StatementAccount]:
        """Do so. Parts lie between numbers that the first query has found, and rows never change: so they fit.

        A part may be asked of another server, as one of several replicas; one that does not have all of it is behind.
        """
        accounts = {
            row.account_id: StatementAccount(
                currency_network_id=row.currency_network_id,
                account_type=row.account_type,
                opening_minor=int(row.balance_minor),
                closing_minor=int(row.balance_minor),
            )
            for row in sorted(start.balances, key=lambda row: (row.currency_network_id, row.account_type))
        }
        for after_version in range(start.before_version, start.newest_version, _PART):
            upto_version = min(after_version + _PART, start.newest_version)
            named = period.named | {"after_version": after_version, "upto_version": upto_version}
            last = {"player_id": period.player_id, "owner_version": upto_version}
            async with self._pools.of(period.player_id).connection() as connection:
                if not await rows_of(connection, _SQL["statement_made"], last):
                    raise UnsettledMomentError("the replica is behind the one that was asked first")
                moved = await rows_of(connection, _SQL["statement_moved"], named)
            for row in moved:
                if row.account_id in accounts:
                    accounts[row.account_id].take_back(row)
        for account in accounts.values():
            account.totals = dict(sorted(account.totals.items()))
        return list(accounts.values())


async def _start(
    connection: Connection, period: StatementPeriod, as_of: datetime, after: StatementPlace | None = None
) -> _Start:
    """Find where a period and a place lie."""
    named = period.named | {"after_tx_id": None if after is None else after.tx_id}
    rows = await rows_of(connection, _SQL["statement_start"], named)
    return _Start(
        as_of=as_of,
        before_version=rows[0].before_version,
        end_version=rows[0].end_version,
        newest_version=rows[0].newest_version,
        after_version=rows[0].after_version,
        is_replica=rows[0].is_replica,
        balances=[row for row in rows if row.account_id is not None],
    )


def _page_begins(start: _Start, after: StatementPlace | None) -> tuple[int, int]:
    """Give the transaction that a page begins with, and the entry of it after which it does."""
    first = (start.before_version + 1, 0)
    if after is None:
        return first
    if start.after_version is not None:
        return max((start.after_version, after.entry_no), first)
    if start.is_replica:
        raise UnsettledMomentError("the replica has not come to this page yet")
    raise UnknownPlaceError


def _check_length(start: _Start) -> None:
    summed = start.newest_version - start.before_version
    if summed > _SUMMED_MAX:
        raise StatementTooLongError(
            f"the player has made {summed} transactions since then, and at most {_SUMMED_MAX} are summed"
        )


async def _ask(pool: Pool, statement: LiteralString, parameters: Mapping[str, object]) -> Sequence[Any]:
    async with pool.connection() as connection:
        return await (await connection.execute(statement, parameters)).fetchall()
