"""Players as operators see them: one with all that stands and is under way, and lists of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.identifiers import CurrencyNetworkId, PlayerId
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of

from .slices import CellSlice, Placed, Slice, slice_of

_SQL = statements(__package__, "players.sql")

TODAY_TRANSACTIONS_MAX = 10_000
"""How many of a player's newest transactions the day's totals are made of."""

PlayerPlace = tuple[int]
"""A player's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """What a player did today of one kind."""

    currency_network_id: int
    kind: Kind
    transactions: int
    amount_minor: int
    win_amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlayer:
    """A player: state, balances, the day."""

    player_id: int
    seen: bool
    state: PlayerState
    state_since: datetime | None
    state_source: str
    state_actor: str
    state_reason: str
    last_activity_at: datetime | None
    last_tx_id: str | None
    balances: Mapping[CurrencyNetworkId, Mapping[AccountType, int]]
    today: Sequence[DayTotal]
    today_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPlayer:
    """A player in a list."""

    player_id: int
    state: PlayerState
    last_activity_at: datetime | None


class PlayerLookup:
    """Looks players up. Every method raises DatabaseUnavailableError where a cell does not answer."""

    def __init__(self, pools: ByCell[Pool], *, scan_rows_max: int) -> None:
        self._pools = pools
        self._scan_rows_max = scan_rows_max

    async def one(self, player_id: PlayerId) -> FoundPlayer:
        """Give a player; one never seen is ACTIVE, and has nothing."""
        named = {"player_id": player_id, "scan_rows_max": TODAY_TRANSACTIONS_MAX}
        async with self._pools.of(player_id).connection() as connection:
            (state,) = await rows_of(connection, _SQL["state"], named)
            balances: dict[CurrencyNetworkId, dict[AccountType, int]] = {}
            for row in await rows_of(connection, _SQL["balances"], named):
                held = balances.setdefault(CurrencyNetworkId(row.currency_network_id), {})
                held[AccountType(row.account_type)] = int(row.balance_minor)
            today = [
                DayTotal(
                    currency_network_id=row.currency_network_id,
                    kind=Kind(row.kind),
                    transactions=row.transactions,
                    amount_minor=int(row.amount_minor),
                    win_amount_minor=int(row.win_amount_minor),
                )
                for row in await rows_of(connection, _SQL["today"], named)
            ]
        details = state.details or {}
        return FoundPlayer(
            player_id=player_id,
            seen=state.seen,
            state=PlayerState(state.state),
            state_since=state.since,
            state_source=state.source or "",
            state_actor=details.get("actor", ""),
            state_reason=details.get("reason", ""),
            last_activity_at=state.last_activity_at,
            last_tx_id=state.last_tx_id,
            balances=balances,
            today=today,
            today_truncated=sum(total.transactions for total in today) >= TODAY_TRANSACTIONS_MAX,
        )

    async def page(
        self, state: PlayerState | None, after: PlayerPlace | None, rows_max: int
    ) -> Slice[PlayerPlace, ListedPlayer]:
        """Give the next players, of a state or all, by their ids, at most so many."""
        return await slice_of(self._pools, partial(self._of_cell, state, after), rows_max=rows_max, newest_first=False)

    async def _of_cell(
        self, state: PlayerState | None, after: PlayerPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[PlayerPlace, ListedPlayer]:
        walk = "walk_all" if state in {None, PlayerState.ACTIVE} else "walk_state"
        parameters = {
            "state": state,
            "after_player_id": after[0] if after else 0,
            "scan_rows_max": self._scan_rows_max,
            "rows_max": rows_max,
        }
        async with pool.connection() as connection:
            rows = await rows_of(connection, _SQL[walk], parameters)
        is_cut = len(rows) == rows_max or any(row.is_last_place for row in rows)
        return CellSlice(
            cell=cell,
            rows=[
                Placed(
                    place=(row.player_id,),
                    row=ListedPlayer(
                        player_id=row.player_id, state=PlayerState(row.state), last_activity_at=row.last_activity_at
                    ),
                )
                for row in rows
                if row.is_wanted
            ],
            looked_to=(rows[-1].player_id,) if is_cut else None,
        )
