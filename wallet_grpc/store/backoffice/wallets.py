"""Credit wallets as operators list them, by their callers' keys; and what holds a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.credit.state import WalletAddress, reservation_id_of
from wallet_grpc.domain.identifiers import FIRST_UUID
from wallet_grpc.domain.ledgers.state import LedgerId
from wallet_grpc.store.batch.columns import key_of
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of

from .slices import CellSlice, Placed, Slice, slice_of

_SQL = statements(__package__, "wallets.sql")
_FIRST_PLACE = (datetime(1970, 1, 1, tzinfo=UTC), FIRST_UUID)

WalletPlace = tuple[str]
"""A wallet's caller's key."""
ReservationPlace = tuple[datetime, str]
"""When it expires, and the UUID that stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWallet:
    """A credit wallet."""

    wallet_key: str
    balance_minor: int
    held_minor: int
    """By reservations that are live."""
    entries: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReservation:
    """A reservation that is live."""

    reservation_id: str
    amount_minor: int
    expires_at: datetime
    remaining_s: int


class WalletLookup:
    """Looks credit wallets up. Every method raises DatabaseUnavailableError where a cell does not answer."""

    def __init__(self, pools: ByCell[Pool]) -> None:
        self._pools = pools

    async def page(
        self, ledger_id: LedgerId, after: WalletPlace | None, rows_max: int
    ) -> Slice[WalletPlace, FoundWallet]:
        """Give the next wallets of a ledger, which live in all cells, at most so many."""
        return await slice_of(
            self._pools, partial(self._wallets, ledger_id, after), rows_max=rows_max, newest_first=False
        )

    async def reservations(
        self, address: WalletAddress, after: ReservationPlace | None, rows_max: int
    ) -> Slice[ReservationPlace, FoundReservation]:
        """Give what holds a part of a wallet, the soonest to expire first, at most so many."""
        pools = self._pools.only(self._pools.cells.of(address.owner_id))
        return await slice_of(pools, partial(self._reservations, address, after), rows_max=rows_max, newest_first=False)

    async def _wallets(
        self, ledger_id: LedgerId, after: WalletPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[WalletPlace, FoundWallet]:
        parameters = {"ledger_id": ledger_id, "after_key": after[0] if after else "", "rows_max": rows_max}
        async with pool.connection() as connection:
            found = await rows_of(connection, _SQL["wallets"], parameters)
        rows: list[Placed[WalletPlace, FoundWallet]] = [
            Placed(
                place=(row.caller_key,),
                row=FoundWallet(
                    wallet_key=f"{ledger_id}:{row.caller_key}",
                    balance_minor=int(row.balance_minor),
                    held_minor=int(row.held_minor),
                    entries=row.entry_count,
                    created_at=row.created_at,
                ),
            )
            for row in found
        ]
        return CellSlice(cell=cell, rows=rows, looked_to=rows[-1].place if len(rows) == rows_max else None)

    async def _reservations(
        self, address: WalletAddress, after: ReservationPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[ReservationPlace, FoundReservation]:
        after_time, after_id = after or _FIRST_PLACE
        parameters = {
            "wallet_id": address.wallet_id,
            "after_time": after_time,
            "after_id": after_id,
            "rows_max": rows_max,
        }
        async with pool.connection() as connection:
            found = await rows_of(connection, _SQL["reservations"], parameters)
        rows: list[Placed[ReservationPlace, FoundReservation]] = [
            Placed(
                place=(row.expires_at, row.reservation_id),
                row=FoundReservation(
                    reservation_id=reservation_id_of(key_of(row.reservation_id)),
                    amount_minor=int(row.amount_minor),
                    expires_at=row.expires_at,
                    remaining_s=max(0, int((row.expires_at - row.as_of).total_seconds())),
                ),
            )
            for row in found
        ]
        return CellSlice(cell=cell, rows=rows, looked_to=rows[-1].place if len(rows) == rows_max else None)
