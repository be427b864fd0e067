"""Withdrawals as operators list them: by when they were reserved, those that wait longest or the newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.changes import WithdrawalState
from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.store.connection.pool import Connection, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of

from .slices import CellSlice, Placed, Slice, read_by_key, slice_of, with_rows

_SQL = statements(__package__, "withdrawals.sql")

UNDER_WAY = (WithdrawalState.RESERVED, WithdrawalState.BROADCASTED)
"""States of those that have not ended."""
_FIRST_PLACE = (datetime(1970, 1, 1, tzinfo=UTC), "")
_LAST_PLACE = (datetime(9999, 1, 1, tzinfo=UTC), "")

WithdrawalPlace = tuple[datetime, str]
"""When it was reserved, and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWithdrawal:
    """A withdrawal."""

    withdrawal_id: str
    player_id: int
    currency_network_id: int
    amount_minor: int
    state: WithdrawalState
    reserved_at: datetime
    changed_at: datetime
    age_s: int
    """How long ago it was reserved."""
    reservation_tx_id: str | None
    ending_tx_id: str | None
    """None while it is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalFilter:
    """Which withdrawals are looked for: those that fit everything."""

    states: Collection[WithdrawalState] = tuple(WithdrawalState)
    older_than: timedelta = timedelta(0)
    player_id: PlayerId | None = None
    newest_first: bool = False


class WithdrawalLookup:
    """Looks withdrawals up. Every method raises DatabaseUnavailableError where a cell does not answer."""

    def __init__(self, pools: ByCell[Pool]) -> None:
        self._pools = pools

    async def page(
        self, wanted: WithdrawalFilter, after: WithdrawalPlace | None, rows_max: int
    ) -> Slice[WithdrawalPlace, FoundWithdrawal]:
        """Give the next withdrawals that fit, at most so many."""
        return await with_rows(await self.walk(wanted, after, rows_max), self.read)

    async def walk(
        self, wanted: WithdrawalFilter, after: WithdrawalPlace | None, rows_max: int
    ) -> Slice[WithdrawalPlace, str]:
        """Find the next withdrawals that fit, at most so many; their ids are given."""
        pools = self._pools
        if wanted.player_id is not None:
            pools = pools.only(pools.cells.of(wanted.player_id))
        return await slice_of(
            pools, partial(self._of_cell, wanted, after), rows_max=rows_max, newest_first=wanted.newest_first
        )

    async def read(self, wanted: Sequence[tuple[Cell, str]]) -> list[FoundWithdrawal]:
        """Read withdrawals by their ids, each of which is in its cell."""
        return await read_by_key(self._pools, wanted, _by_id)

    async def one(self, withdrawal_id: str) -> FoundWithdrawal | None:
        """Give a withdrawal; None if none was reserved under this id."""
        for pool in self._pools:
            async with pool.connection() as connection:
                found = await _records(connection, [withdrawal_id])
            if found:
                return found[0]
        return None

    async def _of_cell(
        self, wanted: WithdrawalFilter, after: WithdrawalPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[WithdrawalPlace, str]:
        order = "newest_first" if wanted.newest_first else "oldest_first"
        walk = order if wanted.player_id is None else f"of_player_{order}"
        after_time, after_id = after or (_LAST_PLACE if wanted.newest_first else _FIRST_PLACE)
        parameters = {
            "states": [state.value for state in wanted.states],
            "player_id": wanted.player_id,
            "older_than": wanted.older_than,
            "after_time": after_time,
            "after_id": after_id,
            "rows_max": rows_max,
        }
        async with pool.connection() as connection:
            found = await rows_of(connection, _SQL[walk], parameters)
        rows: list[Placed[WithdrawalPlace, str]] = [
            Placed(place=(row.reserved_at, row.withdrawal_id), row=row.withdrawal_id) for row in found
        ]
        return CellSlice(cell=cell, rows=rows, looked_to=rows[-1].place if len(rows) == rows_max else None)


async def _by_id(connection: Connection, withdrawal_ids: Sequence[str]) -> dict[str, FoundWithdrawal]:
    return {found.withdrawal_id: found for found in await _records(connection, withdrawal_ids)}


async def _records(connection: Connection, withdrawal_ids: Sequence[str]) -> list[FoundWithdrawal]:
    return list(map(_found, await rows_of(connection, _SQL["records"], {"withdrawal_ids": list(withdrawal_ids)})))


def _found(row: Any) -> FoundWithdrawal:
    return FoundWithdrawal(
        withdrawal_id=row.withdrawal_id,
        player_id=row.owner_id,
        currency_network_id=row.currency_network_id,
        amount_minor=int(row.amount_minor),
        state=WithdrawalState(row.state),
        reserved_at=row.reserved_at,
        changed_at=row.changed_at,
        age_s=max(0, int((row.as_of - row.reserved_at).total_seconds())),
        reservation_tx_id=row.reservation_tx_id,
        ending_tx_id=row.ending_tx_id,
    )
