"""Statements: what a player's money did in a period, from the player's own rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, LiteralString, NamedTuple

from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.identifiers import FIRST_UUID, PlayerId, first_id_at
from wallet_grpc.store.connection.pool import Connection, Pool, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import Moments, UnsettledMomentError

_SQL = statements(__package__, "figures.sql")
_POLL_S = 0.05
_POLLS_MAX = 100
"""Looks at a replica that is behind: five seconds."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OUT_OF_ORDER_MAX = timedelta(minutes=2)
"""How far the times of a player's transactions may go back, amply: where a clock is set back, time stands still, and a
minute of it is taken ahead at most (store/reads/moments.py)."""
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class StatementPlace(NamedTuple):
    """A line's place in its statement."""

    tx_id: str
    entry_no: int


BEFORE_ALL = StatementPlace(FIRST_UUID, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPeriod:
    """Whose statement, of when, in which currency network."""

    player_id: PlayerId
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    currency_network_id: int | None = None
    written: str | None = None
    """Up to where a server must have replayed the primary's log to know all of the period; None: as far as it has."""

    @property
    def named(self) -> dict[str, object]:
        """Give it as the statements take it."""
        return {
            "player_id": self.player_id,
            "since_tx_id": first_id_at(max(self.begins_at or _BEGINNING, _BEGINNING) - _OUT_OF_ORDER_MAX),
            "network_id": self.currency_network_id,
            "first_tx_id": first_id_at(max(self.begins_at or _BEGINNING, _BEGINNING)),
            "end_tx_id": first_id_at(max(self.ends_at or _FOREVER, _BEGINNING)),
        }


@dataclass(slots=True, kw_only=True)
class StatementAccount:
    """What an account of the player had, and what moved it, in minor units."""

    currency_network_id: int
    account_type: str
    opening_minor: int
    closing_minor: int
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By kind: how many transactions, and what they moved."""


class StatementLine(NamedTuple):
    """A posting to an account of the player."""

    tx_id: str
    entry_no: int
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


class StatementReader:
    """Reads statements. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pools: ByCell[Pool], primaries: ByCell[Pool]) -> None:
        self._pools = pools
        self._primaries = primaries
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

    async def as_of(self, player_id: PlayerId) -> datetime:
        """Tell how far the server is that is read: the present, or of a replica the last commit that it has."""
        ((now,),) = await _ask(self._pools.of(player_id), _SQL["as_of"], {})
        assert isinstance(now, datetime)
        return now

    async def accounts(self, period: StatementPeriod) -> Sequence[StatementAccount]:
        """Tell what each account had before and after: from what it has now, less what moved it since.

        It looks at all that the player did since the period began.
        """
        async with self._pools.of(period.player_id).connection() as connection:
            await _until_reached(connection, period)
            rows = await (await connection.execute(_SQL["statement_accounts"], period.named)).fetchall()
        accounts: dict[tuple[int, str], StatementAccount] = {}
        for network_id, account_type, balance, kind, is_in_period, transactions, moved in rows:
            account = accounts.setdefault(
                (network_id, account_type),
                StatementAccount(
                    currency_network_id=network_id,
                    account_type=account_type,
                    opening_minor=int(balance),
                    closing_minor=int(balance),
                ),
            )
            if kind is None:
                continue
            account.opening_minor -= int(moved)
            if is_in_period:
                account.totals[kind] = (transactions, int(moved))
            else:
                account.closing_minor -= int(moved)
        return list(accounts.values())

    async def lines(self, period: StatementPeriod, after: StatementPlace, limit: int) -> Sequence[StatementLine]:
        """Give the lines after one, oldest first."""
        named = period.named | {"after_tx_id": after.tx_id, "after_entry_no": after.entry_no, "rows_max": limit}
        async with self._pools.of(period.player_id).connection() as connection:
            await _until_reached(connection, period)
            rows = await (await connection.execute(_SQL["statement_lines"], named)).fetchall()
        return [StatementLine._make(row) for row in rows]


async def _ask(pool: Pool, statement: LiteralString, parameters: Mapping[str, object]) -> Sequence[Any]:
    async with pool.connection() as connection:
        return await (await connection.execute(statement, parameters)).fetchall()


async def _until_reached(connection: Connection, period: StatementPeriod) -> None:
    """Wait until the server knows all of a period that is settled.

    Raises:
        UnsettledMomentError: It is a replica that is behind.
    """
    if period.written is None:
        return
    for _ in range(_POLLS_MAX):
        (has_reached,) = await only_row(connection, _SQL["reached"], {"written": period.written})
        if has_reached:
            return
        await asyncio.sleep(_POLL_S)
    raise UnsettledMomentError("the replica has not come to the end of the period yet")
