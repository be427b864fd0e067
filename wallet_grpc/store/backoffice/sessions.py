"""Game sessions as operators list them: in the order in which they were opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.identifiers import FIRST_UUID, LAST_UUID, PlayerId, Source, first_id_at
from wallet_grpc.domain.sessions.state import SessionAddress, SessionState, session_token
from wallet_grpc.store.connection.pool import Connection, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of

from .slices import CellSlice, Placed, Slice, read_by_key, slice_of, with_rows

_SQL = statements(__package__, "sessions.sql")

SessionPlace = tuple[str]
"""A session's id."""


class SessionStatus(StrEnum):
    """Where a session stands, as callers are told."""

    OPEN = "OPEN"
    EXPIRED = "EXPIRED"
    SETTLED = "SETTLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSession:
    """A session."""

    session_token: str
    session_id: str
    source: str
    player_id: int
    currency_network_id: int
    game_code: str
    lock_amount_minor: int
    balance_minor: int
    """What can be bet now; once settled, the payout."""
    net_minor: int | None
    """Payout - lock; None until it is settled."""
    open_rounds: int
    status: SessionStatus
    rail: str
    opened_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    age_s: int
    settlement_tx_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are looked for: those that fit all that is not None."""

    player_id: PlayerId | None = None
    source: Source | None = None
    status: SessionStatus | None = None
    older_than: timedelta | None = None
    unsettled: bool = False
    """Only those that are not settled, OPEN or EXPIRED."""
    oldest_first: bool = False

    @property
    def index(self) -> str:
        """The index to walk through: the one that leads past the fewest others."""
        is_open = self.unsettled or self.status in {SessionStatus.OPEN, SessionStatus.EXPIRED}
        if self.player_id is not None:
            index = "open_of_player" if is_open else "of_player"
        elif is_open:
            index = "open"
        elif self.source is not None:
            index = "of_source"
        else:
            index = "all"
        return f"{index}_{'oldest' if self.oldest_first else 'newest'}_first"


class SessionLookup:
    """Looks sessions up. Every method raises DatabaseUnavailableError where a cell does not answer."""

    def __init__(self, pools: ByCell[Pool], *, scan_rows_max: int) -> None:
        self._pools = pools
        self._scan_rows_max = scan_rows_max

    async def page(
        self, wanted: SessionFilter, after: SessionPlace | None, rows_max: int
    ) -> Slice[SessionPlace, FoundSession]:
        """Give the next sessions that fit, at most so many."""
        return await with_rows(await self.walk(wanted, after, rows_max), self.read)

    async def walk(self, wanted: SessionFilter, after: SessionPlace | None, rows_max: int) -> Slice[SessionPlace, str]:
        """Find the next sessions that fit, at most so many; their ids are given."""
        pools = self._pools
        if wanted.player_id is not None:
            pools = pools.only(pools.cells.of(wanted.player_id))
        return await slice_of(
            pools, partial(self._of_cell, wanted, after), rows_max=rows_max, newest_first=not wanted.oldest_first
        )

    async def read(self, wanted: Sequence[tuple[Cell, str]]) -> list[FoundSession]:
        """Read sessions by their ids, each of which is in its cell."""
        return await read_by_key(self._pools, wanted, _by_id)

    async def one(self, address: SessionAddress) -> FoundSession | None:
        """Give a session; None if there is none of this address."""
        async with self._pools.of(address.player_id).connection() as connection:
            found = await _records(connection, [address.session_id])
        token = session_token(address.session_id, address.player_id, address.currency_network_id)
        return next((it for it in found if it.session_token == token), None)

    async def _of_cell(
        self, wanted: SessionFilter, after: SessionPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[SessionPlace, str]:
        first_id_after = LAST_UUID
        if wanted.older_than is not None:
            first_id_after = first_id_at(datetime.now(UTC), -wanted.older_than)
        parameters = {
            "player_id": wanted.player_id,
            "source": wanted.source,
            "status": wanted.status,
            "after_id": after[0] if after else FIRST_UUID if wanted.oldest_first else LAST_UUID,
            "first_id_after": first_id_after,
            "scan_rows_max": self._scan_rows_max,
            "rows_max": rows_max,
        }
        async with pool.connection() as connection:
            walked = await rows_of(connection, _SQL[wanted.index], parameters)
        is_cut = len(walked) == rows_max or any(row.is_last_place for row in walked)
        return CellSlice(
            cell=cell,
            rows=[Placed(place=(row.session_id,), row=row.session_id) for row in walked if row.is_wanted],
            looked_to=(walked[-1].session_id,) if is_cut else None,
        )


async def _by_id(connection: Connection, session_ids: Sequence[str]) -> dict[str, FoundSession]:
    return {found.session_id: found for found in await _records(connection, session_ids)}


async def _records(connection: Connection, session_ids: Sequence[str]) -> list[FoundSession]:
    return list(map(_found, await rows_of(connection, _SQL["records"], {"session_ids": list(session_ids)})))


def _found(row: Any) -> FoundSession:
    is_settled = row.state == SessionState.SETTLED
    status = SessionStatus.EXPIRED if row.as_of >= row.expires_at else SessionStatus.OPEN
    return FoundSession(
        session_token=session_token(row.session_id, row.owner_id, row.currency_network_id),
        session_id=row.session_id,
        source=row.source,
        player_id=row.owner_id,
        currency_network_id=row.currency_network_id,
        game_code=row.game_code,
        lock_amount_minor=int(row.lock_amount_minor),
        balance_minor=int(row.balance_minor),
        net_minor=int(row.balance_minor) - int(row.lock_amount_minor) if is_settled else None,
        open_rounds=row.open_rounds,
        status=SessionStatus.SETTLED if is_settled else status,
        rail=row.rail,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        settled_at=row.settled_at,
        age_s=max(0, int((row.as_of - row.opened_at).total_seconds())),
        settlement_tx_id=row.settlement_tx_id,
    )
