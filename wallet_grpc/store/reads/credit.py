"""Reads of credit wallets: a wallet, its journal and its postings, as they are committed right now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wallet_grpc.domain.credit.state import WalletEntryKind, WalletId
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.store.batch.columns import key_of
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

from .rows import rows_of

_SQL = statements(__package__, "credit.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFacts:
    """A credit wallet as it stands."""

    balance_minor: int
    held_minor: int
    """By reservations that are live at this instant."""
    entries: int
    posted_entries: int
    """How many of its entries the general ledger covers."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletEntryRow:
    """An entry of a wallet's journal."""

    entry_no: int
    kind: WalletEntryKind
    transaction_id: str
    key: Key
    amount_minor: int
    change_minor: int
    balance_after_minor: int
    reservation_key: Key | None
    source: str
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPostingRow:
    """A posting of a wallet: the entries that it covers, and their sum."""

    tx_id: str
    first_entry_no: int
    last_entry_no: int
    amount_minor: int
    created_at: datetime


class CreditReader:
    """Reads credit wallets. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def wallet(self, wallet_id: WalletId) -> WalletFacts | None:
        """Give a wallet; None if nothing was ever written to it."""
        found = await self._rows("wallet", {"wallet_id": wallet_id})
        if not found:
            return None
        (row,) = found
        return WalletFacts(
            balance_minor=int(row.balance_minor),
            held_minor=int(row.held_minor),
            entries=row.entry_count,
            posted_entries=row.posted_entries,
            created_at=row.created_at,
        )

    async def entries(self, wallet_id: WalletId, after: int, limit: int) -> list[WalletEntryRow]:
        """Give a wallet's entries after a number, oldest first."""
        rows = await self._rows("entries", {"wallet_id": wallet_id, "after": after, "rows_max": limit})
        return [
            WalletEntryRow(
                entry_no=row.entry_no,
                kind=WalletEntryKind(row.kind),
                transaction_id=row.transaction_id,
                key=key_of(row.key_hash),
                amount_minor=int(row.amount_minor),
                change_minor=int(row.change_minor),
                balance_after_minor=int(row.balance_after_minor),
                reservation_key=None if row.reference_key is None else key_of(row.reference_key),
                source=row.source,
                metadata=row.metadata or {},
                created_at=row.created_at,
            )
            for row in rows
        ]

    async def postings(self, wallet_id: WalletId, after: int, limit: int) -> list[WalletPostingRow]:
        """Give a wallet's postings that go beyond an entry, oldest first."""
        rows = await self._rows("postings", {"wallet_id": wallet_id, "after": after, "rows_max": limit})
        return [
            WalletPostingRow(
                tx_id=row.tx_id,
                first_entry_no=row.first_entry_no,
                last_entry_no=row.last_entry_no,
                amount_minor=int(row.amount_minor),
                created_at=row.created_at,
            )
            for row in rows
        ]

    async def _rows(self, name: str, parameters: dict[str, object]) -> list[Any]:
        async with self._pool.connection() as connection:
            return await rows_of(connection, _SQL[name], parameters)
