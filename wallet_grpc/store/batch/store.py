"""A lane's batch in PostgreSQL: lock and load on one connection, store on another.

Cost of a batch, however many commands it holds: one pipelined round trip to lock and load, one statement to store it,
and a COMMIT that frees the owners, sent with the next load where there is one.

Why it is right. Every decision reads state of the batch's owners, and facts that never change. `load` reads under the
owners' advisory locks, in statements of their own after the one that took them (a statement's snapshot is older than
what it does), READ COMMITTED. `store` is one SERIALIZABLE statement, an implicit transaction of its own, and it

- raises each owner's version from exactly the one that was loaded, and
- inserts each key where it is unique,

or it raises and nothing of it is kept. Whoever wrote to one of these owners after the load also raised that version;
who took one of these keys for another owner holds it in the unique index. So a lost lock, a stale load or a second
process ends in an abort, never in a wrong posting: the locks are for speed, the store is for truth. And since the
SERIALIZABLE statement reads next to nothing, it cannot be the pivot of a conflict: lanes do not abort each other.

So nobody depends on who holds a lock. A batch tries its owners' locks and goes on without the owners whose locks it did
not get; such an owner is loaded alone, after a wait for its lock. If even that is in vain, because a process froze or
somebody took the lock by hand, its load goes without: then it reads one snapshot (REPEATABLE READ), so that a refusal,
which no store guards, is true of one moment as well.

Its time is taken under a lock of the clock, which the store sees to be held still: so whoever answers about a moment of
the past knows for whom to wait (see store/reads/moments.py).

Lock order: of advisory locks none is needed, since they are tried, or a single one is waited for by who holds no other.
Rows that two batches may both write, because a lock was lost, are written in the sorted order of their keys: versions,
and keys. What else is written belongs to one of those, or is appended: what a batch adds to house accounts, which every
bet posts to, becomes rows of its own (store/background/house_postings.py folds them into balances).

Long because the proof, and what each failure means for a batch, stand beside the code that they are about.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import psycopg

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import AccountId, OwnerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.arrays import literal
from wallet_grpc.store.connection.kinds import ConnectionKind, connect_async
from wallet_grpc.store.connection.pipeline import Answer, Pipeline, RoundTrip
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.connection.sqlstates import LOCK_NOT_AVAILABLE, RACES_LOST, is_outage, is_wrong_server
from wallet_grpc.store.connection.standby import Commits, UnconfirmedError
from wallet_grpc.store.connection.statements import positional, statements
from wallet_grpc.store.reads.moments import CLOCK_CLASS, CLOCK_KEY_MAX
from wallet_grpc.store.reads.networks import NetworkDirectory

from .part import Decided, Query
from .steps import PARTS, steps_of

_SQL = statements(__package__, "store.sql")

_BEGIN = positional("BEGIN")
_BEGIN_SNAPSHOT = positional("BEGIN ISOLATION LEVEL REPEATABLE READ")
_COMMIT_AND_BEGIN = positional("COMMIT AND CHAIN")
_COMMIT = positional("COMMIT")
_ROLLBACK = positional("ROLLBACK")


class LockedOwners(NamedTuple):
    """The row of `lock_owners`."""

    clocked: bool
    held: list[int] | None
    now: datetime
    has_standby: bool


class ReservedAccountId(NamedTuple):
    """A row of `reserve_account_ids`."""

    account_id: int


LOCK_OWNERS = Query(_SQL["lock_owners"], LockedOwners)
RESERVE_ACCOUNT_IDS = Query(_SQL["reserve_account_ids"], ReservedAccountId)


class Locking(StrEnum):
    """How a load takes its owners' locks."""

    TRY = "TRY"
    """Those that are free at once; the others are left out."""
    WAIT = "WAIT"
    """All, up to the lock timeout. For one owner alone: nobody else waits with it."""
    NONE = "NONE"
    """None, over one snapshot: for an owner whose lock somebody holds and does not let go. What comes of it is stored
    only if nobody changed the owner since, as always."""


class LostRaceError(Exception):
    """Nothing was stored, because others changed or held the same rows; load and decide again."""

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out
        """Whether it is a lock that could not be had in time."""


class OutcomeUnknownError(Exception):
    """The database went away while it stored: the batch is stored whole, or not at all."""


class CommitUnderWayError(DatabaseUnavailableError):
    """An earlier commit, of this lane or another, has not ended, so nothing was tried. What was asked may be in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Bounds of a lane's conversation with the database."""

    database_url: str
    timeout_ms: int
    """For one round trip, and for connecting."""
    lock_timeout_ms: int
    """For the owners' locks."""
    batch_operations_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a batch is decided over."""

    book: Book
    now: datetime
    """The database's time, taken after the locks."""
    held: Collection[OwnerId]
    """Those whose locks others hold: nothing may be decided for them."""
    has_standby: bool
    """Whether commits wait for a synchronous standby."""


class BatchStore:
    """The two connections of one lane. Not for use by two tasks at once."""

    def __init__(self, settings: StoreSettings, networks: NetworkDirectory) -> None:
        self._settings = settings
        self._networks = networks
        self._locks: Pipeline | None = None
        self._ledger: Commits | None = None
        self._holds_locks = False
        self._reads_snapshot = False
        self._account_ids: list[AccountId] = []
        self._clock_key = _new_clock_key()

    @property
    def holds_locks(self) -> bool:
        """Whether owners of an earlier batch are still locked: they are freed by the next load, or by `release`."""
        return self._holds_locks

    async def load(self, needs: Needs, locking: Locking = Locking.TRY) -> Loaded:
        """Lock the owners and load what the batch needs.

        Raises:
            LostRaceError: The lock that was waited for could not be had in time.
            CommitUnderWayError: The lane's last store still waits for a synchronous standby.
            DatabaseUnavailableError: The database does not answer.
        """
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                await self._look_after_the_last_commit()
                return await self._load(needs, locking)
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise await self._failed(error, stored=False) from error

    async def store(self, loaded: Loaded) -> None:
        """Store the book's changes: all of them, durably, or none.

        Raises:
            LostRaceError: Others were first; nothing was stored.
            CommitUnderWayError: Rows are held by another commit that does not end; nothing was stored.
            OutcomeUnknownError: The database went away in the middle, or a synchronous standby does not confirm it.
            psycopg.Error: Something in the batch breaks a rule of the database; nothing was stored.
        """
        decided = Decided(
            book=loaded.book, now=loaded.now, networks=self._networks, take_account_id=self._account_ids.pop
        )
        statement, parameters = steps_of(decided)
        parameters |= {"clock_class": CLOCK_CLASS, "clock_key": self._clock_key}
        assert self._ledger is not None
        try:
            await self._ledger.commit(statement, parameters)
        except (psycopg.Error, TimeoutError, OSError, UnconfirmedError) as error:
            failure = await self._failed(error, stored=True)
            if loaded.has_standby and isinstance(failure, LostRaceError) and failure.timed_out:
                raise CommitUnderWayError(str(failure)) from error
            raise failure from error

    async def confirm(self, loaded: Loaded) -> None:
        """Wait until all that was loaded is on the synchronous standby, if there is one.

        What a store writes is there later than what it was decided over; answers that store nothing have to wait here.

        Raises:
            OutcomeUnknownError: The standby does not confirm it, or the database went away.
        """
        if not loaded.has_standby:
            return
        assert self._ledger is not None
        try:
            await self._ledger.confirm()
        except (psycopg.Error, TimeoutError, OSError, UnconfirmedError) as error:
            await self._failed(error, stored=True)
            raise OutcomeUnknownError(str(error)) from error

    async def release(self) -> None:
        """Free the owners. A failure here costs the connection, no more: the batch is stored already."""
        if not self._holds_locks or self._locks is None:
            return
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                await self._locks.execute(_COMMIT)
                self._holds_locks = False
        except (psycopg.Error, TimeoutError, OSError):
            await self.close()

    async def close(self) -> None:
        """Close both connections; the server frees the locks with them.

        Reserved account ids go as well: a crash of the database may forget that it gave them, and give them again.
        """
        self._account_ids.clear()
        locks, ledger, self._locks, self._ledger = self._locks, self._ledger, None, None
        self._holds_locks = False
        if locks is not None:
            await locks.close()
        if ledger is not None:
            await ledger.close()

    async def _load(self, needs: Needs, locking: Locking) -> Loaded:
        locks = await self._connected()
        trip = RoundTrip()
        await self._begin(locks, trip, locking)
        lock = trip.ask(LOCK_OWNERS.statement, self._lock_parameters(needs, locking), LockedOwners._make)
        standing_max = self._settings.batch_operations_max + 1
        readings = [reading for part in PARTS for reading in part.ask(trip, needs, standing_max)]
        reserved = self._ask_account_ids(trip, needs)
        await locks.make(trip)
        locked: LockedOwners = lock.rows[0]
        if not locked.clocked:
            self._clock_key = _new_clock_key()
            raise psycopg.errors.LockNotAvailable("another lane has this key of the clock")
        book = Book()
        book.ask(needs)
        for read_into in readings:
            read_into(book)
        if reserved is not None:
            self._account_ids.extend(AccountId(row.account_id) for row in reserved.rows)
        return Loaded(
            book=book,
            now=locked.now,
            held=frozenset(map(OwnerId, locked.held or ())),
            has_standby=locked.has_standby,
        )

    def _lock_parameters(self, needs: Needs, locking: Locking) -> dict[str, object]:
        return {
            "owner_ids": literal(needs.owner_ids),
            "locking": locking.value,
            "clock_class": CLOCK_CLASS,
            "clock_key": self._clock_key,
        }

    def _ask_account_ids(self, trip: RoundTrip, needs: Needs) -> Answer | None:
        """Ask for ids of accounts that may come into being, if there may be too few at hand."""
        named = len(needs.ledgers.accounts) if needs.ledgers is not None else 0
        operations_max = self._settings.batch_operations_max
        if len(self._account_ids) >= 2 * operations_max + named:  # an operation opens two at most, beside those named
            return None
        query = RESERVE_ACCOUNT_IDS
        return trip.ask(query.statement, {"count": 4 * operations_max + named}, query.row._make)

    async def _begin(self, locks: Pipeline, trip: RoundTrip, locking: Locking) -> None:
        """End the transaction of the batch before and begin another, with the trip where that can be."""
        if locking is Locking.NONE:
            # Trips of their own: an isolation level is set before statements are prepared.
            if self._holds_locks:
                await locks.execute(_COMMIT)
            await locks.execute(_BEGIN_SNAPSHOT)
        elif self._holds_locks and not self._reads_snapshot:
            trip.ask(_COMMIT_AND_BEGIN)
        else:
            if self._holds_locks:
                trip.ask(_COMMIT)  # a chained transaction would read a snapshot too
            trip.ask(_BEGIN)
        self._holds_locks = True
        self._reads_snapshot = locking is Locking.NONE

    async def _look_after_the_last_commit(self) -> None:
        """See whether a store that was not answered in time has ended; one that waits for a standby is left in peace.

        Raises:
            CommitUnderWayError: It waits for a synchronous standby.
        """
        if self._ledger is None or not self._ledger.is_under_way:
            return
        if self._locks is not None and await self._ledger.waits_for_standby(self._locks):
            raise CommitUnderWayError("the synchronous standby does not confirm what was stored")
        await self.close()

    async def _connected(self) -> Pipeline:
        """Give the connection that locks, after opening both if they are not open."""
        if self._locks is None or self._ledger is None or not (self._locks.is_open and self._ledger.is_open):
            await self.close()
            timeout_ms, lock_timeout_ms = self._settings.timeout_ms, self._settings.lock_timeout_ms
            # An owner's lock that does not come is told apart from a database that does not answer.
            wait_ms = min(lock_timeout_ms, timeout_ms // 2)
            self._locks = await self._connect(kinds.lane_locks(timeout_ms=timeout_ms, lock_timeout_ms=wait_ms))
            ledger = await self._connect(kinds.lane_ledger(timeout_ms=timeout_ms, lock_timeout_ms=lock_timeout_ms))
            self._ledger = Commits(ledger, timeout_s=self._settings.timeout_ms / 1000)
        return self._locks

    async def _connect(self, kind: ConnectionKind) -> Pipeline:
        return Pipeline(await connect_async(self._settings.database_url, kind))

    async def _failed(self, error: Exception, *, stored: bool) -> Exception:
        """Tell what a failure means for the batch, and leave the connections usable or closed.

        An error that the server reported on a connection that lives on has undone the statement. Without a connection
        nobody can know, unless the store had not been sent. A store that has not ended in time goes on by itself.
        """
        if stored and (isinstance(error, UnconfirmedError) or (self._ledger and self._ledger.is_under_way)):
            await self._roll_back()
            return OutcomeUnknownError(str(error))
        locks, ledger = self._locks, self._ledger
        alive = (
            isinstance(error, psycopg.Error)
            and locks is not None
            and ledger is not None
            and locks.is_open
            and ledger.is_open
        )
        if not alive:
            await self.close()
            if stored:
                return OutcomeUnknownError(str(error))
            return DatabaseUnavailableError(str(error))
        assert isinstance(error, psycopg.Error)
        if is_wrong_server(error):
            await self.close()
        else:
            await self._roll_back()
        if error.sqlstate in RACES_LOST:
            return LostRaceError(f"{error.sqlstate}: {error}", timed_out=error.sqlstate == LOCK_NOT_AVAILABLE)
        if is_outage(error):
            return DatabaseUnavailableError(str(error))
        return error

    async def _roll_back(self) -> None:
        """Undo what the locking connection has open, so that the owners are free; if it cannot, hang up."""
        if self._locks is None:
            return
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                if not self._locks.is_idle:
                    await self._locks.execute(_ROLLBACK)
                self._holds_locks = False
        except (psycopg.Error, TimeoutError, OSError):
            await self.close()


def _new_clock_key() -> int:
    """Draw a key. Not from `random`: programs that were given the same seed would draw each other's."""
    return 1 + secrets.randbelow(CLOCK_KEY_MAX)
