"""Transactions as operators find them: by whatever fits them, newest first.

Which index a search walks through follows from what is asked: a player's own, a round's, that of the rare kinds, or the
ids of all. What the index does not tell is looked at row by row, as many as a search may look at; then the next page
goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.identifiers import (
    FIRST_UUID,
    LAST_UUID,
    CurrencyNetworkId,
    Key,
    PlayerId,
    Source,
    first_id_at,
    round_key,
)
from wallet_grpc.domain.transactions import Details, Kind, Posting
from wallet_grpc.store.batch.columns import int_or_none, key_of
from wallet_grpc.store.batch.transactions import LoadedTransaction, transaction_of
from wallet_grpc.store.connection.pool import Connection, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.players import TransactionRecord
from wallet_grpc.store.reads.rows import rows_of

from .slices import CellSlice, Placed, Slice, read_by_key, slice_of, with_rows

_SQL = statements(__package__, "transactions.sql")

RARE_KINDS = frozenset(
    {
        Kind.WITHDRAWAL_RESERVATION,
        Kind.WITHDRAWAL_SETTLEMENT,
        Kind.WITHDRAWAL_FAILURE,
        Kind.DEPOSIT,
        Kind.ADJUSTMENT,
        Kind.PLAYER_STATE,
        Kind.LEDGER_CREATION,
        Kind.JOURNAL_ENTRY,
    }
)
"""Those of `ledger_transactions_rare_idx`."""

POSTINGS_MAX = 20
"""Of a transaction in a list or a chain; GetTransaction tells all."""
_LAST_VERSION = 2**63 - 1
_SPARE = timedelta(minutes=2)
"""What the database's clock may have gone back by: ids never do."""

TransactionPlace = tuple[str | int]
"""A tx_id; within a player's transactions the number of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFilter:
    """Which transactions are looked for: those that fit all that is not None."""

    player_id: PlayerId | None = None
    source: Source | None = None
    kinds: Collection[Kind] | None = None
    """None: all but tombstones."""
    currency_network_id: CurrencyNetworkId | None = None
    game_code: str | None = None
    round_id: str | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    """Exclusive."""

    @property
    def round_key(self) -> Key | None:
        """The round that is asked for, if all is told that names one."""
        if (
            self.player_id is None
            or self.source is None
            or self.currency_network_id is None
            or self.game_code is None
            or self.round_id is None
        ):
            return None
        return round_key(self.source, self.player_id, self.currency_network_id, self.game_code, self.round_id)

    def parameters(self) -> dict[str, object]:
        """Give what the walks are told."""
        return {
            "player_id": self.player_id,
            "source": self.source,
            "kinds": None if self.kinds is None else [kind.value for kind in self.kinds],
            "currency_network_id": self.currency_network_id,
            "game_code": self.game_code,
            "round_id": self.round_id,
            "begins_at": self.begins_at,
            "ends_at": self.ends_at,
        }


class TransactionLookup:
    """Looks transactions up. Every method raises DatabaseUnavailableError where a cell does not answer."""

    def __init__(self, pools: ByCell[Pool], *, scan_rows_max: int) -> None:
        self._pools = pools
        self._scan_rows_max = scan_rows_max

    async def page(
        self, wanted: TransactionFilter, after: TransactionPlace | None, rows_max: int
    ) -> Slice[TransactionPlace, TransactionRecord]:
        """Give the next transactions that fit, at most so many."""
        return await with_rows(await self.walk(wanted, after, rows_max), self.read)

    async def walk(
        self, wanted: TransactionFilter, after: TransactionPlace | None, rows_max: int
    ) -> Slice[TransactionPlace, str]:
        """Find the next transactions that fit, at most so many; their ids are given."""
        pools, walk = self._pools, self._walk_all
        if wanted.player_id is not None:
            pools, walk = pools.only(pools.cells.of(wanted.player_id)), self._walk_player
        return await slice_of(pools, partial(walk, wanted, after), rows_max=rows_max, newest_first=True)

    async def read(self, wanted: Sequence[tuple[Cell, str]]) -> list[TransactionRecord]:
        """Read transactions by their ids, each of which is in its cell."""
        return await read_by_key(self._pools, wanted, _by_id)

    async def _walk_all(
        self, wanted: TransactionFilter, after: TransactionPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[TransactionPlace, str]:
        is_rare = wanted.kinds is not None and RARE_KINDS.issuperset(wanted.kinds)
        last = LAST_UUID if after is None else str(after[0])
        if wanted.ends_at is not None:
            last = min(last, first_id_at(wanted.ends_at, _SPARE))
        parameters = wanted.parameters() | {
            "before_tx_id": last,
            "from_tx_id": FIRST_UUID if wanted.begins_at is None else first_id_at(wanted.begins_at, -_SPARE),
            "scan_rows_max": self._scan_rows_max,
            "rows_max": rows_max,
        }
        async with pool.connection() as connection:
            rows = await rows_of(connection, _SQL["walk_rare" if is_rare else "walk_all"], parameters)
        return _walked(cell, rows, rows_max, lambda row: (row.tx_id,))

    async def _walk_player(
        self, wanted: TransactionFilter, after: TransactionPlace | None, cell: Cell, pool: Pool, rows_max: int
    ) -> CellSlice[TransactionPlace, str]:
        before_version = _LAST_VERSION if after is None else int(after[0])
        parameters = wanted.parameters() | {
            "before_version": before_version,
            "scan_rows_max": self._scan_rows_max,
            "rows_max": rows_max,
        }
        async with pool.connection() as connection:
            if wanted.round_key is not None:
                played = await rows_of(connection, _SQL["round"], parameters | {"round_hash": wanted.round_key})
                if len(played) < self._scan_rows_max:
                    rows = [row for row in played if row.is_wanted and row.owner_version < before_version][:rows_max]
                    return CellSlice(
                        cell=cell,
                        rows=[Placed(place=(row.owner_version,), row=row.tx_id) for row in rows],
                        looked_to=None if len(rows) < rows_max else (rows[-1].owner_version,),
                    )
            rows = await rows_of(connection, _SQL["walk_player"], parameters)
        return _walked(cell, rows, rows_max, lambda row: (row.owner_version,))


async def _by_id(connection: Connection, tx_ids: Sequence[str]) -> dict[str, TransactionRecord]:
    return {record.transaction.tx_id: record for record in await records_of(connection, tx_ids)}


async def records_of(connection: Connection, tx_ids: Iterable[str]) -> list[TransactionRecord]:
    """Give transactions of a cell by their ids, in their order: those that are there."""
    parameters = {"tx_ids": list(tx_ids), "postings_max": POSTINGS_MAX}
    return list(map(_record, await rows_of(connection, _SQL["records"], parameters)))


def _record(row: Any) -> TransactionRecord:
    loaded = LoadedTransaction(
        **{name: getattr(row, name) for name in LoadedTransaction._fields if hasattr(row, name)},
        rollback_main_balance_after_minor=None,
        rollback_created_at=None,
        standing_wins=None,
    )
    return TransactionRecord(
        transaction=replace(
            transaction_of(loaded, key_of(row.key_hash)),
            metadata=row.metadata or {},
            details=None if row.details is None else Details(**row.details),
            postings=tuple(
                Posting(
                    account_type=AccountType(account_type),
                    amount_minor=int(amount_minor),
                    balance_after_minor=int_or_none(balance_after),
                )
                for account_type, amount_minor, balance_after in row.postings or ()
            ),
        ),
        reversed_by_tx_id=row.rollback_tx_id,
    )


def _walked(cell: Cell, rows: Sequence[Any], rows_max: int, place_of: Any) -> CellSlice[TransactionPlace, str]:
    """Give what a walk found; where it came to its end, nothing lies behind it."""
    is_cut = len(rows) == rows_max or any(row.is_last_place for row in rows)
    return CellSlice(
        cell=cell,
        rows=[Placed(place=place_of(row), row=row.tx_id) for row in rows if row.is_wanted],
        looked_to=place_of(rows[-1]) if is_cut else None,
    )
