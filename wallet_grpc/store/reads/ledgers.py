"""Reads of ledgers: a ledger, its direct entries and accounts, as they are committed; and those a process knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, Source
from wallet_grpc.domain.ledgers.rules import LEDGER_NOT_FOUND
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId, Leg
from wallet_grpc.store.connection.arrays import SEPARATOR
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

from .moments import Moments
from .rows import rows_of

_SQL = statements(__package__, "ledgers.sql")
_LEDGERS_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntryRow:
    """A direct entry of a ledger."""

    tx_id: str
    source: str
    transaction_id: str
    legs: tuple[Leg, ...]
    metadata: Mapping[str, str]
    created_at: datetime


class LedgerReader:
    """Reads ledgers. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._moments = Moments(self._ask, pool.cell)

    async def ledger(self, ledger_id: LedgerId) -> Ledger | None:
        """Give a ledger."""
        found = await self._rows("ledger", {"ledger_id": ledger_id})
        return _ledger(found[0]) if found else None

    async def ledgers(self, source: Source | None, after: str, limit: int) -> list[Ledger]:
        """Give the ledgers of a source, or everybody's, after one, in the order in which they were created."""
        rows = await self._rows("list_ledgers", {"source": source, "after": after, "rows_max": limit})
        return [_ledger(row) for row in rows]

    async def journal_entry(self, ledger_id: LedgerId, *, tx_id: str | None, key: Key | None) -> JournalEntryRow | None:
        """Give a direct entry of a ledger, by the wallet's id of it or by its caller's."""
        found = await self._rows("journal_entry", {"ledger_id": ledger_id, "tx_id": tx_id, "key": key})
        if not found:
            return None
        row = found[0]
        return JournalEntryRow(
            tx_id=row.tx_id,
            source=row.source,
            transaction_id=row.reference,
            legs=tuple(Leg(code, int(amount)) for code, _, amount in (leg.partition(SEPARATOR) for leg in row.legs)),
            metadata=row.metadata or {},
            created_at=row.created_at,
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
        found = await self._rows("ledger_account", {"ledger_id": ledger_id, "account_code": account_code, "at": at})
        if not found:
            return 0
        row = found[0]
        return int(row.balance_minor if at is None else row.balance_then_minor or 0)

    async def _ask(self, statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def _rows(self, name: str, parameters: dict[str, object]) -> list[Any]:
        async with self._pool.connection() as connection:
            return await rows_of(connection, _SQL[name], parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReaders:
    """What reads ledgers where there are several cells: all share the list of ledgers, each keeps its own entries."""

    shared: LedgerReader
    of_cells: ByCell[LedgerReader]
    """By the ledger's owner."""


class LedgerDirectory:
    """The ledgers that were asked for, kept in memory: they are created, never changed."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._ledgers: dict[LedgerId, Ledger] = {}

    def known(self, ledger_id: LedgerId) -> Ledger | None:
        """Give a ledger that was asked for before, whoever may use it."""
        return self._ledgers.get(ledger_id)

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


def _ledger(row: Any) -> Ledger:
    return Ledger(
        ledger_id=LedgerId(row.ledger_id),
        owner_id=OwnerId(row.owner_id),
        source=Source(row.source),
        name=row.name,
        currency_network_id=CurrencyNetworkId(row.currency_network_id),
        created_at=row.created_at,
    )
