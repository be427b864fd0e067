"""Reads of players' money: balances, transactions and rounds, as they are committed right now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec.structs import replace
from psycopg import AsyncRawCursor
from psycopg.rows import args_row, class_row

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cell, CellElsewhereError, cell_in_id
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, PlayerId, Source
from wallet_grpc.domain.transactions import Details, Kind, Posting, Transaction
from wallet_grpc.store.batch.columns import int_or_none, key_of
from wallet_grpc.store.batch.transactions import LOAD_TRANSACTIONS, LoadedTransaction, transaction_of
from wallet_grpc.store.connection.dialing import together
from wallet_grpc.store.connection.pool import CellsSilentError, ConnectionsBusyError, DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.tasks import end

from .rows import rows_of

_SQL = statements(__package__, "players.sql")
_ANSWERS_WITHIN_S = 2.0
"""How long a look-up in all cells waits for one that says nothing."""
_LOAD = LOAD_TRANSACTIONS.statement
"""A transaction's facts are read as a lane reads them: with what reversed it, and without its postings and notes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerBalances:
    """A player's balances in one currency network, in minor units."""

    held: Mapping[AccountType, int]
    """By type of account; one that the player never had is not there."""
    state: PlayerState

    def of(self, account_type: AccountType) -> int:
        """Give what is in the account of a type; in one that the player never had there is nothing."""
        return self.held.get(account_type, 0)

    @property
    def total_minor(self) -> int:
        """Everything that is the player's."""
        return sum(self.held.values())


class TransactionHead(NamedTuple):
    """What decides who may read a transaction."""

    kind: Kind
    source: Source
    ledger_source: Source | None
    """Whose ledger it is the creation or an entry of; None for all others."""


Sees = Callable[[TransactionHead], bool]
"""Tells whether a caller may read a transaction; what it may not read is as if it were not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """A stored transaction with its postings, and what reversed it."""

    transaction: Transaction
    reversed_by_tx_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTotals:
    """A round's gross totals in minor units; what was rolled back is counted beside them (rule 4)."""

    closed: bool
    bets_minor: int
    wins_minor: int
    rolled_back_bets_minor: int
    rolled_back_wins_minor: int
    transactions: int


class PlayerReader:
    """Reads balances, transactions and rounds.

    Every method raises DatabaseUnavailableError where the database does not answer.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def balances(self, player_id: PlayerId, currency_network_id: CurrencyNetworkId) -> PlayerBalances:
        """Give a player's balances; a player never seen has zeroes and is ACTIVE."""
        async with self._pool.connection() as connection:
            named = {"player_id": player_id, "currency_network_id": currency_network_id}
            rows = await rows_of(connection, _SQL["balances"], named)
        state = PlayerState(rows[0].state or PlayerState.ACTIVE)
        held = {AccountType(row.account_type): int(row.balance_minor) for row in rows if row.account_type}
        return PlayerBalances(held=held, state=state)

    async def transaction_by_tx_id(self, tx_id: str, sees: Sees) -> TransactionRecord | None:
        """Give a transaction by the wallet's own id, of any source."""
        return await self._record("transaction_by_tx_id", {"tx_id": tx_id}, sees)

    async def transaction_by_keys(self, keys: list[Key], sees: Sees) -> TransactionRecord | None:
        """Give the transaction of the first of the keys that has one for this caller."""
        return await self._record("transaction_by_keys", {"keys": keys}, sees)

    async def round_totals(self, round_key: Key) -> RoundTotals | None:
        """Give a round's totals, or None if nothing ever happened in it."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(RoundRow))
            row = await (await cursor.execute(_SQL["round_totals"], {"round_key": round_key})).fetchone()
        assert row is not None
        return row.totals()

    async def _record(self, name: str, parameters: dict[str, object], sees: Sees) -> TransactionRecord | None:
        async with self._pool.connection() as connection:
            for found in await rows_of(connection, _SQL[name], parameters):
                if sees(TransactionHead(Kind(found.kind), Source(found.source), found.ledger_source)):
                    break
            else:
                return None
            async with together(connection, 2):
                facts = AsyncRawCursor(connection, row_factory=args_row(LoadedTransaction))
                await facts.execute(_LOAD.text, _LOAD.values({"keys": [found.key_hash], "standing_wins_max": 0}))
                posted = connection.cursor(row_factory=args_row(_posting))
                await posted.execute(_SQL["postings"], {"tx_id": found.tx_id})
                (loaded,) = await facts.fetchall()
                postings = tuple(await posted.fetchall())
        return TransactionRecord(
            transaction=replace(
                transaction_of(loaded, key_of(found.key_hash)),
                metadata=found.metadata or {},
                details=None if found.details is None else Details(**found.details),
                postings=postings,
            ),
            reversed_by_tx_id=loaded.rollback_tx_id,
        )


_Read = Coroutine[Any, Any, TransactionRecord | None]


class TransactionFinder:
    """Finds transactions whose owner nobody has told, in whichever cell they are."""

    def __init__(self, readers: ByCell[PlayerReader]) -> None:
        self._readers = readers
        self._ending: set[asyncio.Task[None]] = set()

    async def by_tx_id(self, tx_id: str, sees: Sees) -> TransactionRecord | None:
        """Give a transaction by the wallet's own id, of any source. Its id tells where it is looked for first.

        Raises:
            CellsSilentError: Cells that may have it do not answer.
            CellElsewhereError: It is in none of the cells that this process serves, and there are others.
        """
        first = ONLY_CELL if self._readers.cells.count == 1 else cell_in_id(tx_id)
        if first in self._readers.cells.served:
            found = await self._readers.at(first).transaction_by_tx_id(tx_id, sees)
            if found is not None:
                return found
        return await self._only(
            {cell: reader.transaction_by_tx_id(tx_id, sees) for cell, reader in self._readers.items() if cell != first}
        )

    async def by_unique_key(self, key: Key, sees: Sees) -> TransactionRecord | None:
        """Give the transaction of a key that no two cells have, of a deposit or a withdrawal, as soon as it is found.

        Raises as `by_tx_id` does.
        """
        return await self._only(
            {cell: reader.transaction_by_keys([key], sees) for cell, reader in self._readers.items()}
        )

    async def by_keys(self, keys: list[Key], sees: Sees) -> TransactionRecord | None:
        """Give the transaction of the first of the keys that has one for this caller; of several cells, the oldest.

        A cell that says nothing is waited for a while, and where another one has it that is given. Raises as `by_tx_id`
        does.
        """
        reads = {cell: reader.transaction_by_keys(keys, sees) for cell, reader in self._readers.items()}
        found = await self._found(reads, enough=len(reads))
        return min(found, key=lambda one: (keys.index(one.transaction.key), one.transaction.tx_id), default=None)

    async def _only(self, reads: Mapping[Cell, _Read]) -> TransactionRecord | None:
        """Give what one of the reads finds at most, without waiting for the others: their cells may hang."""
        return next(iter(await self._found(reads, enough=1)), None)

    async def _found(self, reads: Mapping[Cell, _Read], *, enough: int) -> list[TransactionRecord]:
        """Give what the reads find, as soon as so many have, or all of them were answered or had their time.

        Raises as `by_tx_id` does, where nothing is found.
        """
        asked = {asyncio.create_task(read): cell for cell, read in reads.items()}
        found: list[TransactionRecord] = []
        failed: dict[Cell, BaseException] = {}
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                waiting = set(asked)
                while waiting and len(found) < enough:
                    answered, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    for read in answered:
                        error = read.exception()
                        if error is not None:
                            failed[asked.pop(read)] = error
                        elif (record := read.result()) is not None:
                            found.append(record)
        except TimeoutError:
            failed |= {cell: TimeoutError() for read, cell in asked.items() if not read.done()}
        finally:
            self._end(list(asked))
        if not found:
            self._refuse_unless_told(failed)
        return found

    def _end(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Have reads end that nobody waits for: what they ask the database is cancelled, which takes a moment."""
        ending = asyncio.create_task(end(tasks))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _refuse_unless_told(self, failed: Mapping[Cell, BaseException]) -> None:
        """Refuse to tell that it is nowhere, where a cell that may have it failed or was not asked."""
        cells = self._readers.cells
        for error in failed.values():
            is_silent = isinstance(error, DatabaseUnavailableError | TimeoutError)
            if cells.count == 1 or not is_silent or isinstance(error, ConnectionsBusyError):
                raise error
        if failed:
            raise CellsSilentError(sorted(failed))
        for number in range(cells.count):
            if number not in cells.served:
                raise CellElsewhereError(Cell(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRow:
    """A row of `round_totals`, of a player's rounds or a session's."""

    closed: bool
    bets_minor: str
    wins_minor: str
    rolled_back_bets_minor: str
    rolled_back_wins_minor: str
    transactions: int

    def totals(self) -> RoundTotals | None:
        """Give a round's totals, or None if nothing ever happened in it."""
        if self.transactions == 0:
            return None
        return RoundTotals(
            closed=self.closed,
            bets_minor=int(self.bets_minor),
            wins_minor=int(self.wins_minor),
            rolled_back_bets_minor=int(self.rolled_back_bets_minor),
            rolled_back_wins_minor=int(self.rolled_back_wins_minor),
            transactions=self.transactions,
        )


def _posting(account_type: str, amount_minor: str, balance_after: str | None) -> Posting:
    """Read a row of `postings`."""
    return Posting(
        account_type=AccountType(account_type),
        amount_minor=int(amount_minor),
        balance_after_minor=int_or_none(balance_after),
    )
