"""A lane's batch in PostgreSQL: lock and load on one connection, store on another.

Cost of a batch, however many commands it holds: one pipelined round trip to lock and load, one statement to store it,
and a COMMIT that frees the owners, sent with the next load where there is one.

Why it is right. Every decision reads state of the batch's owners, and facts that never change. `load` reads under the
owners' advisory locks, in statements of their own after the one that took them (a statement's snapshot is older than
what it does), READ COMMITTED. `store` is one SERIALIZABLE statement, an implicit transaction of its own, and it

- gives each transaction the number that follows the last one of its owner that was loaded, where it is unique, and
- inserts each key where it is unique,

or it raises and nothing of it is kept. Whoever wrote to one of these owners after the load took that number; who took
one of these keys for another owner holds it in the unique index. So a lost lock, a stale load or a second
process ends in an abort, never in a wrong posting: the locks are for speed, the store is for truth. And since the
SERIALIZABLE statement reads next to nothing, it cannot be the pivot of a conflict: lanes do not abort each other.

So nobody depends on who holds a lock. A batch tries its owners' locks and goes on without the owners whose locks it did
not get; such an owner is loaded alone, after a wait for its lock. If even that is in vain, because a process froze or
somebody took the lock by hand, its load goes without: then it reads one snapshot (REPEATABLE READ), so that a refusal,
which no store guards, is true of one moment as well.

A refusal is not stored, so it loses no race. What guards it is the order in which a load asks (see steps.py), and
before it is told a look for commits that were given up.

Its time is taken under a lock of the clock, which the store sees to be held still: so whoever answers about a moment of
the past knows for whom to wait (see store/reads/moments.py).

Lock order: of advisory locks none is needed, since they are tried, or a single one is waited for by who holds no other.
Rows that two batches may both write, because a lock was lost, are written in the sorted order of their keys: balances,
then transactions by key. What else is written belongs to one of those, or is appended: what a batch adds to house
accounts, which every bet posts to, becomes rows of its own, which store/background/house_postings.py folds.

Long because the proof, and what each failure means for a batch, stand beside the code that they are about.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain, repeat
from typing import NamedTuple

import psycopg

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.cells import ONLY_CELL, Cell, Cells, schema_of
from wallet_grpc.domain.identifiers import AccountId, Key, OwnerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.arrays import literal, uuids
from wallet_grpc.store.connection.kinds import ConnectionKind, connect_async
from wallet_grpc.store.connection.pipeline import BEGIN, COMMIT, ROLLBACK, Answer, Pipeline, RoundTrip
from wallet_grpc.store.connection.placement import (
    EPOCH,
    HOLD_CELL,
    MOVED_SQLSTATES,
    WHERE_TO,
    CellMovedError,
    forget_relations,
    note_place,
)
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.connection.sqlstates import (
    LOCK_NOT_AVAILABLE,
    RACES_LOST,
    is_of_other_node,
    is_outage,
    is_wrong_server,
)
from wallet_grpc.store.connection.standby import Commits, NotCommittedError, StepApart, UnconfirmedError
from wallet_grpc.store.connection.statements import Positional, positional, statements
from wallet_grpc.store.reads.moments import CLOCK_KEY_MAX, ClockAheadError, check_clock, clock_class_of, own_clock

from .part import Decided, Query
from .shared_writes import TRY_MS, OtherNodeAwayError, SharedWrites
from .steps import PARTS, PARTS_OF_SEVERAL_CELLS, in_loading_order, steps_of

_SQL = statements(__package__, "store.sql")

_MOVE_LOOKED_AFTER_MS = (0, 10, 20, 50, 100)
"""When a cell that has moved is looked for again; the last goes on until the load's time is up. Nodes learn of a move
one after the other, so for a moment none of them may have it.
"""
_BEGIN_SNAPSHOT = positional("BEGIN ISOLATION LEVEL REPEATABLE READ")
_COMMIT_AND_BEGIN = positional("COMMIT AND CHAIN")


class LockedOwners(NamedTuple):
    """The row of `lock_owners`."""

    clocked: bool
    held: list[int] | None
    now: datetime
    has_standby: bool


class ReservedAccountId(NamedTuple):
    """A row of `reserve_account_ids`."""

    account_id: int


class CommitGivenUp(NamedTuple):
    """The row of `commit_given_up`."""

    is_at_work: bool


class MarkStands(NamedTuple):
    """The row of `mark_stands`."""

    stands: bool


class KeysStand(NamedTuple):
    """The row of `keys_stand`."""

    stand: bool


LOCK_OWNERS = Query(_SQL["lock_owners"], LockedOwners)
RESERVE_ACCOUNT_IDS = Query(_SQL["reserve_account_ids"], ReservedAccountId)
COMMIT_GIVEN_UP = Query(_SQL["commit_given_up"], CommitGivenUp)
MARK_STANDS = Query(_SQL["mark_stands"], MarkStands)
KEYS_STAND = Query(_SQL["keys_stand"], KeysStand)


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


class StoredMeanwhileError(LostRaceError):
    """What a command asks for was stored after its load, by an earlier try of the same; load and decide again."""

    def __init__(self) -> None:
        super().__init__("a commit of the same has ended meanwhile", timed_out=False)


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


class Mark(NamedTuple):
    """What tells of a batch whether it is stored: a row of its own, under a key that is used once, at its very time."""

    key: Key
    created_at: datetime


def mark_of(loaded: Loaded) -> Mark | None:
    """Give the mark of a batch that was decided; None if all that it stores are receipts of events."""
    for change in loaded.book.changes:
        if change.transactions:
            return Mark(change.transactions[0].key, loaded.now)
        if change.journaled is not None and change.journaled.entries:
            return Mark(change.journaled.entries[0].key, loaded.now)
        if change.credited is not None:
            return Mark(change.credited.entry.key, loaded.now)
    return None


class BatchStore:
    """The two connections of one lane, which works for one cell. Not for use by two tasks at once."""

    def __init__(
        self,
        settings: StoreSettings,
        cells: Cells | None = None,
        cell: Cell = ONLY_CELL,
        *,
        shared_writes: SharedWrites | None = None,
        following: asyncio.Lock | None = None,
        own_clock: Callable[[], datetime] = own_clock,
    ) -> None:
        """Make a lane's store; `following` is that of all of a cell's lanes: one of them at a time follows a move."""
        self._own_clock = own_clock
        self._settings = settings
        self._cell = cell
        self._shared_writes = shared_writes or SharedWrites()
        self._following = following or asyncio.Lock()
        self._parts = PARTS if cells is None or cells.count == 1 else PARTS_OF_SEVERAL_CELLS
        self._loading = in_loading_order(self._parts)
        self._locks: Pipeline | None = None
        self._ledger: Commits | None = None
        self._holds_locks = False
        self._reads_snapshot = False
        self.may_be_on_citus = True
        """Whether what all cells share may be written on several nodes; known once it has connected."""
        self._account_ids: list[AccountId] = []
        self._clock_class = clock_class_of(cell)
        self._clock_key = _new_clock_key()

    @property
    def _holds_both(self) -> bool:
        return self._locks is not None and self._ledger is not None and self._locks.is_open and self._ledger.is_open

    @property
    def holds_locks(self) -> bool:
        """Whether owners of an earlier batch are still locked: they are freed by the next load, or by `release`."""
        return self._holds_locks

    async def load(self, needs: Needs, locking: Locking = Locking.TRY) -> Loaded:
        """Lock the owners and load what the batch needs.

        Raises:
            LostRaceError: The lock that was waited for could not be had in time.
            CommitUnderWayError: The lane's last store still waits for a synchronous standby.
            ClockAheadError: The database's time cannot be taken; the owners are free.
            DatabaseUnavailableError: The database does not answer.
        """
        try:
            async with asyncio.timeout(self._load_within_s):
                await self._look_after_the_last_commit()
                with suppress(CellMovedError):
                    return await self._load(needs, locking)
                return await self._load_where_it_went(needs, locking)
        except ClockAheadError:
            await self._roll_back()
            raise
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise await self._failed(error, stored=False) from error

    async def store(self, loaded: Loaded) -> None:
        """Store the book's changes: all of them, durably, or none.

        Raises:
            LostRaceError: Others were first; nothing was stored.
            OtherNodeAwayError: Something in the batch is written on all nodes, and one is away; nothing was stored.
            OutcomeUnknownError: The database went away in the middle, or a synchronous standby does not confirm it.
            psycopg.Error: Something in the batch breaks a rule of the database; nothing was stored.
        """
        decided = Decided(book=loaded.book, now=loaded.now, take_account_id=self._account_ids.pop)
        assert self._locks is not None
        place = self._locks.place
        statement, parameters, apart = steps_of(
            decided, self._parts, apart=() if place is None else place.relations.shared
        )
        parameters |= {"clock_class": self._clock_class, "clock_key": self._clock_key}
        if apart:
            with self._shared_writes.attempt() as is_try:
                await self._commit(statement, parameters, apart, limit_ms=TRY_MS if is_try else None)
        else:
            await self._commit(statement, parameters)

    async def _commit(
        self,
        statement: Positional,
        parameters: dict[str, object],
        apart: Sequence[StepApart] = (),
        *,
        limit_ms: int | None = None,
    ) -> None:
        """Commit the statement and the steps apart from it, each of which may take so long; raises as `store` does."""
        assert self._ledger is not None
        try:
            if apart:
                await self._ledger.commit_together(statement, parameters, apart, limit_ms=limit_ms)
            else:
                await self._ledger.commit(statement, parameters)
        except NotCommittedError as error:
            await self.close()
            raise OtherNodeAwayError(str(error)) from error
        except (psycopg.Error, TimeoutError, OSError, UnconfirmedError) as error:
            failure = await self._failed(error, stored=True)
            if isinstance(failure, LostRaceError):
                raise failure from error  # somebody has written the same, or holds it: no node is away for that
            if apart and self._holds_both and (is_outage(error) or is_of_other_node(error)):
                raise OtherNodeAwayError(str(failure)) from error
            raise failure from error

    async def stored(self, marks: Collection[Mark]) -> set[Mark]:
        """Tell which batches are stored, of those whose store was not answered. Asked after a load.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        trip = RoundTrip()
        answers = [(mark, trip.ask(MARK_STANDS.statement, mark._asdict(), MarkStands._make)) for mark in marks]
        await self._ask(trip)
        return {mark for mark, answer in answers if answer.rows[0].stands}

    async def refusals_may_be_wrong(self, unseen: Collection[Key] = (), *, was_held: bool = False) -> bool:
        """Tell whether a commit that may have been given up is still at work: what was loaded may be changed by it.

        Its lane has freed the owners, since who sends again may be faster: what is stored over the same rows loses to
        it, or it to that. A refusal stores nothing, and would stand beside what is applied. Asked after a load, or
        after a store that failed.

        One that has ended since the load is not at work any more: `unseen` are the keys of what would be refused, as
        far as the load has not found them, and they are looked for after that.

        At work counts from half of the time that a round trip may take. A commit whose connection broke earlier is
        given up at once, by a process that others know nothing of; until it has been at work for so long, its retry may
        be refused for what has become of its time alone (a session or reservation that has expired since). Where
        somebody held the rows for as long as one waits for them (`was_held`), whoever is at work for so long may be it.

        Raises:
            StoredMeanwhileError: One of these keys is stored.
            DatabaseUnavailableError: The database does not answer.
        """
        if self._locks is None:
            raise DatabaseUnavailableError("the connection is closed")
        trip = RoundTrip()
        since_ms = self._settings.timeout_ms // 2
        if was_held:
            since_ms = min(since_ms, self._settings.lock_timeout_ms)
        named = {"application_name": kinds.LANE_LEDGER, "since_ms": since_ms}
        given_up = trip.ask(COMMIT_GIVEN_UP.statement, named, CommitGivenUp._make)
        # A load over one snapshot, which is still open, would go on to see what it saw: the other connection looks.
        looking = RoundTrip() if self._holds_locks and self._reads_snapshot else trip
        standing = looking.ask(KEYS_STAND.statement, {"keys": uuids(unseen)}, KeysStand._make)
        await self._ask(trip)
        if looking is not trip:
            await self._ask(looking, on_ledger=True)
        if standing.rows[0].stand:
            raise StoredMeanwhileError
        told: CommitGivenUp = given_up.rows[0]
        return told.is_at_work

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

    async def _ask(self, trip: RoundTrip, *, on_ledger: bool = False) -> None:
        """Ask on the connection that has loaded, or on the other one while it stores nothing."""
        asked = self._ledger if on_ledger else self._locks
        assert asked is not None
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                await asked.make(trip)
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise await self._failed(error, stored=False) from error

    async def release(self) -> None:
        """Free the owners. A failure here costs the connection, no more: the batch is stored already."""
        if not self._holds_locks or self._locks is None:
            return
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                await self._locks.execute(COMMIT)
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
        place = locks.place
        here = None if place is None else (trip.ask(HOLD_CELL, place.named()), trip.ask(EPOCH))
        lock = trip.ask(LOCK_OWNERS.statement, self._lock_parameters(needs, locking), LockedOwners._make)
        standing_max = self._settings.batch_operations_max + 1
        readings = [reading for part in self._loading for reading in part.ask(trip, needs, standing_max)]
        reserved = self._ask_account_ids(trip, needs)
        try:
            await locks.make(trip)
        except psycopg.Error as error:
            if place is not None and error.sqlstate in MOVED_SQLSTATES:
                forget_relations(self._settings.database_url, schema_of(self._cell))
                raise CellMovedError(str(error)) from error
            raise
        if here is not None and not await self._holds_cell(*here, locking):
            raise CellMovedError("the cell was moved")
        locked: LockedOwners = lock.rows[0]
        if not locked.clocked:
            self._clock_key = _new_clock_key()
            raise psycopg.errors.LockNotAvailable("another lane has this key of the clock")
        check_clock(locked.now, self._own_clock())
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

    async def _holds_cell(self, here: Answer, epoch: Answer, locking: Locking) -> bool:
        """Tell whether the cell was here when it was locked, and so is held, and has not been away meanwhile.

        A load over one snapshot saw where it was before the lock was had: the other connection looks again.
        """
        assert self._locks is not None
        assert self._locks.place is not None
        assert self._ledger is not None
        if here.rows[0][0] is not True or epoch.rows[0][0] != self._locks.place.relations.epoch:
            return False
        return locking is not Locking.NONE or await self._ledger.is_at_its_place()

    def _lock_parameters(self, needs: Needs, locking: Locking) -> dict[str, object]:
        return {
            "owner_ids": literal(needs.owner_ids),
            "locking": locking.value,
            "clock_class": self._clock_class,
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
                await locks.execute(COMMIT)
            await locks.execute(_BEGIN_SNAPSHOT)
        elif self._holds_locks and not self._reads_snapshot:
            trip.ask(_COMMIT_AND_BEGIN)
        else:
            if self._holds_locks:
                trip.ask(COMMIT)  # a chained transaction would read a snapshot too
            trip.ask(BEGIN)
        self._holds_locks = True
        self._reads_snapshot = locking is Locking.NONE

    async def _look_after_the_last_commit(self) -> None:
        """See whether a store that was not answered in time has ended; one that waits for a standby is left in peace.

        A connection that is left in a transaction is closed: what is stored inside of it would never be committed.

        Raises:
            CommitUnderWayError: It waits for a synchronous standby.
        """
        if self._ledger is None:
            return
        if not self._ledger.is_under_way:
            if not self._ledger.is_idle:
                await self.close()
            return
        if self._locks is not None and await self._ledger.waits_for_standby(self._locks):
            raise CommitUnderWayError("the synchronous standby does not confirm what was stored")
        await self.close()

    @property
    def _load_within_s(self) -> float:
        """How long a load may take: as a round trip, or as connecting where that comes first."""
        timeout_ms = self._settings.timeout_ms
        if self._locks is not None and self._locks.is_open:
            return timeout_ms / 1000
        return kinds.connecting_s(self._settings.database_url, timeout_ms=timeout_ms)

    async def _connected(self) -> Pipeline:
        """Give the connection that locks, after opening both if they are not open."""
        if self._locks is None or self._ledger is None or not (self._locks.is_open and self._ledger.is_open):
            await self.close()
            timeout_ms, lock_timeout_ms = self._settings.timeout_ms, self._settings.lock_timeout_ms
            # An owner's lock that does not come is told apart from a database that does not answer.
            wait_ms = min(lock_timeout_ms, timeout_ms // 2)
            self._locks, ledger = await self._connect(
                kinds.lane_locks(timeout_ms=timeout_ms, lock_timeout_ms=wait_ms),
                kinds.lane_ledger(timeout_ms=timeout_ms, lock_timeout_ms=lock_timeout_ms),
            )
            self._ledger = Commits(ledger, timeout_s=self._settings.timeout_ms / 1000)
            self.may_be_on_citus = self._locks.place is not None
            if ledger.place != self._locks.place:
                raise CellMovedError("the cell was moved between two connections")
        return self._locks

    async def _connect(self, *connection_kinds: ConnectionKind) -> list[Pipeline]:
        """Open connections at the same time, since after a move all callers of the cell wait for them; all, or none."""
        url = self._settings.database_url
        trying = [connect_async(url, kind.of_cell(self._cell)) for kind in connection_kinds]
        opened = await asyncio.gather(*trying, return_exceptions=True)
        failures = [failure for failure in opened if isinstance(failure, BaseException)]
        made = [connection for connection in opened if not isinstance(connection, BaseException)]
        if failures:
            for connection in made:
                await connection.close()
            raise failures[0]
        return list(map(Pipeline, made))

    async def _load_where_it_went(self, needs: Needs, locking: Locking) -> Loaded:
        """Find the cell's new node and load there; it ends by the load's time.

        The other lanes of the cell wait for the first: to connect and to prepare what a load asks for takes processor
        time, and if all did it at once, callers would wait for the last of them. Whoever waits for an owner there keeps
        none of them waiting: it goes first as far as to connect.
        """
        await self._follow_cell()
        if locking is Locking.TRY:
            async with self._following:
                return await self._load_when_found(needs, locking, nullcontext())
        return await self._load_when_found(needs, locking, self._following)

    async def _load_when_found(
        self, needs: Needs, locking: Locking, connecting: AbstractAsyncContextManager[object]
    ) -> Loaded:
        for pause_ms in chain(_MOVE_LOOKED_AFTER_MS, repeat(_MOVE_LOOKED_AFTER_MS[-1])):
            with suppress(CellMovedError):
                async with connecting:
                    await self._connected()
                return await self._load(needs, locking)
            await self._follow_cell()
            await asyncio.sleep(pause_ms / 1000)
        raise AssertionError("it ends by its time")

    async def _follow_cell(self) -> None:
        """Hang up where the cell was, after asking there where it has gone: it is found anew."""
        if self._locks is not None and self._locks.is_open and self._locks.place is not None:
            with suppress(psycopg.Error, OSError):
                trip = RoundTrip()
                trip.ask(ROLLBACK)
                node = trip.ask(WHERE_TO, self._locks.place.named())
                await self._locks.make(trip)
                for host, port in node.rows:
                    note_place(self._settings.database_url, schema_of(self._cell), host, port)
        await self.close()

    async def _failed(self, error: Exception, *, stored: bool) -> Exception:
        """Tell what a failure means for the batch, and leave the connections usable or closed.

        An error that the server reported on a connection that lives on has undone the statement. Without a connection
        nobody can know, unless the store had not been sent. A store that has not ended in time goes on by itself; on
        Citus the locks are kept meanwhile, since with them goes what keeps the cell from being moved.
        """
        if stored and (isinstance(error, UnconfirmedError) or (self._ledger and self._ledger.is_under_way)):
            if self._locks is None or self._locks.place is None:
                await self._roll_back()
            return OutcomeUnknownError(str(error))
        if not (isinstance(error, psycopg.Error) and self._holds_both):
            await self.close()
            if stored:
                return OutcomeUnknownError(str(error))
            return DatabaseUnavailableError(str(error))
        # The locks were lost, and the cell has left meanwhile; the next load finds it.
        is_moved = stored and bool(self._locks and self._locks.place) and error.sqlstate in MOVED_SQLSTATES
        if is_moved or is_wrong_server(error):
            await self.close()
        else:
            await self._roll_back()
        if is_moved or error.sqlstate in RACES_LOST:
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
                    await self._locks.execute(ROLLBACK)
                self._holds_locks = False
        except (psycopg.Error, TimeoutError, OSError):
            await self.close()


def _new_clock_key() -> int:
    """Draw a key. Not from `random`: programs that were given the same seed would draw each other's."""
    return 1 + secrets.randbelow(CLOCK_KEY_MAX)
