"""Reads of credit wallets and ledgers, as they are committed right now; and the ledgers that a process knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.credit.state import WalletEntryKind, WalletId
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, Source, TxIdSequence, caller_key
from wallet_grpc.domain.ledgers.rules import LEDGER_NOT_FOUND
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId, Leg, new_ledger_owner
from wallet_grpc.store.batch.rows import key_of
from wallet_grpc.store.connection.arrays import SEPARATOR
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

from .moments import Moments

_SQL = statements(__package__, "credit.sql")

FIRST_UUID = "00000000-0000-0000-0000-000000000000"
_LEDGERS_KEPT = 10_000


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
class JournalRow:
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
class PostingRow:
    """A posting of a wallet: the entries that it covers, and their sum."""

    tx_id: str
    first_entry_no: int
    last_entry_no: int
    amount_minor: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntryRow:
    """A direct entry of a ledger."""

    tx_id: str
    source: str
    transaction_id: str
    legs: tuple[Leg, ...]
    metadata: Mapping[str, str]
    created_at: datetime


class CreditReader:
    """Reads wallets and ledgers. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._moments = Moments(self._ask)

    async def wallet(self, wallet_id: WalletId) -> WalletFacts | None:
        """Give a wallet; None if nothing was ever written to it."""
        row = await self._row("wallet", {"wallet_id": wallet_id})
        if row is None:
            return None
        balance, entries, created_at, held, posted = row
        return WalletFacts(
            balance_minor=int(balance),
            held_minor=int(held),
            entries=entries,
            posted_entries=posted,
            created_at=created_at,
        )

    async def entries(self, wallet_id: WalletId, after: int, limit: int) -> list[JournalRow]:
        """Give a wallet's entries after a number, oldest first."""
        rows = await self._rows("entries", {"wallet_id": wallet_id, "after": after, "rows_max": limit})
        return [
            JournalRow(
                entry_no=entry_no,
                kind=WalletEntryKind(kind),
                transaction_id=transaction_id,
                key=key_of(key),
                amount_minor=int(amount),
                change_minor=int(change),
                balance_after_minor=int(balance),
                reservation_key=None if reservation is None else key_of(reservation),
                source=source,
                metadata=metadata or {},
                created_at=created_at,
            )
            for (
                entry_no, kind, transaction_id, key, amount, change, balance, reservation, source, metadata, created_at
            ) in rows
        ]  # fmt: skip

    async def postings(self, wallet_id: WalletId, after: int, limit: int) -> list[PostingRow]:
        """Give a wallet's postings that go beyond an entry, oldest first."""
        rows = await self._rows("postings", {"wallet_id": wallet_id, "after": after, "rows_max": limit})
        return [
            PostingRow(
                tx_id=tx_id,
                first_entry_no=first,
                last_entry_no=last,
                amount_minor=int(amount),
                created_at=created_at,
            )
            for tx_id, first, last, amount, created_at in rows
        ]

    async def ledger(self, ledger_id: LedgerId) -> Ledger | None:
        """Give a ledger."""
        row = await self._row("ledger", {"ledger_id": ledger_id})
        return None if row is None else _ledger(row)

    async def ledgers(self, source: Source | None, after: str, limit: int) -> list[Ledger]:
        """Give the ledgers of a source, or everybody's, after one, in the order in which they were created."""
        rows = await self._rows("list_ledgers", {"source": source, "after": after, "rows_max": limit})
        return [_ledger(row) for row in rows]

    async def journal_entry(self, ledger_id: LedgerId, *, tx_id: str | None, key: Key | None) -> JournalEntryRow | None:
        """Give a direct entry of a ledger, by the wallet's id of it or by its caller's."""
        row = await self._row("journal_entry", {"ledger_id": ledger_id, "tx_id": tx_id, "key": key})
        if row is None:
            return None
        found_id, source, transaction_id, metadata, created_at, legs = row
        return JournalEntryRow(
            tx_id=found_id,
            source=source,
            transaction_id=transaction_id,
            legs=tuple(Leg(code, int(amount)) for code, _, amount in (leg.partition(SEPARATOR) for leg in legs)),
            metadata=metadata or {},
            created_at=created_at,
        )

    async def account_balance(self, ledger_id: LedgerId, account_code: str, at: datetime | None) -> int:
        """Give the balance of an account, now or at a time; an account that was never used has 0.

        Raises:
            FutureMomentError: The time is yet to come.
            UnsettledMomentError: What happened until then is still being stored.
            DatabaseUnavailableError: Nobody can tell now.
        """
        if at is not None:
            await self._moments.settle(at)
        row = await self._row("ledger_account", {"ledger_id": ledger_id, "account_code": account_code, "at": at})
        if row is None:
            return 0
        now_minor, then_minor = row
        return int(now_minor if at is None else then_minor or 0)

    async def _ask(self, statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def _row(self, name: str, parameters: dict[str, object]) -> Any:
        async with self._pool.connection() as connection:
            return await (await connection.execute(_SQL[name], parameters)).fetchone()

    async def _rows(self, name: str, parameters: dict[str, object]) -> list[Any]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(_SQL[name], parameters)).fetchall()


class LedgerDirectory:
    """The ledgers that were asked for, kept in memory: they are created, never changed."""

    def __init__(self, reader: CreditReader) -> None:
        self._reader = reader
        self._ledgers: dict[LedgerId, Ledger] = {}

    async def require(self, ledger_id: LedgerId, may_use: Callable[[Ledger], bool]) -> Ledger:
        """Give a ledger that the caller may use: read, or write to.

        For others it is looked up each time, as what is not there: from memory they would be refused sooner, and know.

        Raises:
            MalformedError: There is none for this caller.
            DatabaseUnavailableError: Nobody can tell now.
        """
        known = self._ledgers.get(ledger_id)
        if known is not None and may_use(known):
            return known
        ledger = await self._reader.ledger(ledger_id)
        if ledger is None or not may_use(ledger):
            raise MalformedError(LEDGER_NOT_FOUND)
        if len(self._ledgers) >= _LEDGERS_KEPT:
            self._ledgers.clear()
        self._ledgers[ledger_id] = ledger
        return ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLedger:
    """A ledger as an operator sees it."""

    ledger_id: str
    owner_id: int
    source: str
    name: str
    currency_network_id: int
    created_at: datetime


def list_ledgers(connection: psycopg.Connection[Any]) -> list[ListedLedger]:
    """Give all ledgers, oldest first."""
    with connection.cursor(row_factory=class_row(ListedLedger)) as cursor:
        return cursor.execute(_SQL["list_ledgers"], {"source": None, "after": FIRST_UUID, "rows_max": None}).fetchall()


def create_ledger(
    connection: psycopg.Connection[Any], *, source: Source, name: str, currency_network_id: int
) -> str | None:
    """Create a ledger for a source; gives its id, or None if there is no such currency network."""
    row = connection.execute(_SQL["clock"]).fetchone()
    assert row is not None
    ledger_id = TxIdSequence().next(row[0])
    reference = f"wallet:ledger:{ledger_id}"
    made = connection.execute(
        _SQL["create_ledger"],
        {
            "ledger_id": ledger_id,
            "owner_id": new_ledger_owner(source, reference),
            "source": source,
            "reference": reference,
            "key": caller_key(source, reference),
            "name": name,
            "currency_network_id": currency_network_id,
        },
    ).fetchone()
    return None if made is None else ledger_id


def _ledger(row: Any) -> Ledger:
    ledger_id, owner_id, source, name, network_id, created_at = row
    return Ledger(
        ledger_id=LedgerId(ledger_id),
        owner_id=OwnerId(owner_id),
        source=Source(source),
        name=name,
        currency_network_id=CurrencyNetworkId(network_id),
        created_at=created_at,
    )
