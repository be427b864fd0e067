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
the past knows for whom to wait (see moments.py).

Lock order: none is needed. Locks are tried, or a single one is waited for by who holds no other. Rows are written in
the sorted order of their keys.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, LiteralString, NamedTuple

import psycopg

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.book import Account, Book, Owner
from wallet_grpc.domain.credit.needs import CreditNeeds
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, OwnerId, Source
from wallet_grpc.domain.ledgers.needs import LedgerNeeds
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.receipts import KnownReceipt, ReceiptState
from wallet_grpc.domain.sessions.needs import SessionNeeds
from wallet_grpc.domain.sessions.state import Rail, SessionId, SessionRound
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.arrays import literal, separated
from wallet_grpc.store.connection.kinds import ConnectionKind, connect_async
from wallet_grpc.store.connection.pipeline import Answer, Pipeline, RoundTrip
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.connection.sqlstates import LOCK_NOT_AVAILABLE, RACES_LOST, is_outage, is_wrong_server
from wallet_grpc.store.connection.standby import Commits, UnconfirmedError
from wallet_grpc.store.connection.statements import Positional, positional, statements
from wallet_grpc.store.reads.moments import CLOCK_CLASS, CLOCK_KEY_MAX
from wallet_grpc.store.reads.networks import NetworkDirectory

from .credit_rows import (
    read_journal_accounts,
    read_journal_legs,
    read_ledgers,
    read_reservations,
    read_wallet_entries,
    read_wallets,
)
from .rows import LoadedTransaction, key_of, rollback_of, transaction_of
from .session_rows import LoadedEntry, LoadedSession, read_entry, read_session
from .steps import steps_of

_SQL = (
    statements(__package__, "players.sql")
    | statements(__package__, "sessions.sql")
    | statements(__package__, "credit.sql")
)

_LOCK_OWNERS = positional(_SQL["lock_owners"])
_LOAD_OWNERS = positional(_SQL["load_owners"])
_LOAD_ACCOUNTS = positional(_SQL["load_accounts"])
_LOAD_ALL_ACCOUNTS = positional(_SQL["load_all_accounts"])
_LOAD_TRANSACTIONS = positional(_SQL["load_transactions"])
_LOAD_ROUNDS = positional(_SQL["load_rounds"])
_LOAD_DEPOSIT_OUTPUTS = positional(_SQL["load_deposit_outputs"])
_LOAD_RECEIPTS = positional(_SQL["load_receipts"])
_LOAD_SESSIONS = positional(_SQL["load_sessions"])
_LOAD_SESSION_ENTRIES = positional(_SQL["load_session_entries"])
_LOAD_SESSION_ROUNDS = positional(_SQL["load_session_rounds"])
_LOAD_RAILS = positional(_SQL["load_rails"])
_LOAD_WALLETS = positional(_SQL["load_wallets"])
_LOAD_WALLET_ENTRIES = positional(_SQL["load_wallet_entries"])
_LOAD_RESERVATIONS = positional(_SQL["load_reservations"])
_LOAD_LEDGERS = positional(_SQL["load_ledgers"])
_LOAD_JOURNAL_ACCOUNTS = positional(_SQL["load_journal_accounts"])
_LOAD_JOURNAL_LEGS = positional(_SQL["load_journal_legs"])
_RESERVE_ACCOUNT_IDS = positional(_SQL["reserve_account_ids"])

_BEGIN = positional("BEGIN")
_BEGIN_SNAPSHOT = positional("BEGIN ISOLATION LEVEL REPEATABLE READ")
_COMMIT_AND_BEGIN = positional("COMMIT AND CHAIN")
_COMMIT = positional("COMMIT")
_ROLLBACK = positional("ROLLBACK")

_STRIPE_CLASS = 0x57414C4C
"""The class of the stripes' advisory locks; owners use the other, 64-bit space."""
_SPARE_STRIPES = 1_024
"""How many stripes there are beyond those of the settings, for lanes that find none of them free."""


class Locking(StrEnum):
    """How a load takes its owners' locks."""

    TRY = "TRY"
    """Those that are free at once; the others are left out."""
    WAIT = "WAIT"
    """All, up to the lock timeout. For one owner alone: nobody else waits with it."""
    NONE = "NONE"
    """None, over one snapshot: for an owner whose lock somebody holds and does not let go. What comes of it is stored
    only if nobody changed the owner since, as always."""


_CLOCK_IS_LOST: LiteralString = """WHEN pg_try_advisory_xact_lock(%(clock_class)s::INTEGER, %(clock_key)s::INTEGER)
THEN raise_lost_race('clock')"""
"""The store can have the lane's lock of the clock only if the first connection has lost it: then whoever answers about
the past would not know of this batch (store/moments.py)."""


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
    stripes: int
    """Over how many rows a house account is spread; should be as many as there are lanes in all processes."""
    batch_operations_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a batch is decided over."""

    book: Book
    now: datetime
    """The database's time, taken after the locks."""
    held: Collection[OwnerId]
    """Those whose locks others hold: nothing may be decided for them."""
    stripe: int
    """The stripe of the house accounts that is this lane's until the batch ends."""
    is_spare_stripe: bool
    """Whether others hold all stripes of the settings."""
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
        self._stripes = self._shuffled_stripes()
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
        steps, parameters = steps_of(loaded, self._networks, self._take_account_id)
        parameters |= {"clock_class": CLOCK_CLASS, "clock_key": self._clock_key}
        assert self._ledger is not None
        try:
            await self._ledger.commit(_store_statement(steps), parameters)
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

    async def _load(self, needs: Needs, locking: Locking) -> Loaded:  # noqa: C901, PLR0912, PLR0915 - one step for each thing that is needed
        locks = await self._connected()
        settings = self._settings
        owner_ids = literal(needs.owner_ids)
        pairs = needs.balances
        trip = RoundTrip()
        await self._begin(locks, trip, locking)
        locked = trip.ask(
            _LOCK_OWNERS,
            {
                "owner_ids": owner_ids,
                "locking": locking.value,
                "stripes": self._stripes,
                "stripe_class": _STRIPE_CLASS,
                "spare_from": settings.stripes,
                "spare_to": settings.stripes + _SPARE_STRIPES - 1,
                "clock_class": CLOCK_CLASS,
                "clock_key": self._clock_key,
            },
        )
        owners = accounts = found = rounds = whole = outputs = receipts = sessions = reserved = None
        credit = ledgers = None
        if needs.known_owner_ids:
            owners = trip.ask(_LOAD_OWNERS, {"owner_ids": literal(needs.known_owner_ids)})
        if pairs:
            accounts = trip.ask(
                _LOAD_ACCOUNTS,
                {
                    "owner_ids": literal([pair[0] for pair in pairs]),
                    "network_ids": literal([pair[1] for pair in pairs]),
                    "gains": literal([pair in needs.gaining for pair in pairs]),
                },
            )
        if needs.keys:
            found = trip.ask(
                _LOAD_TRANSACTIONS,
                {"keys": literal(needs.keys), "standing_wins_max": settings.batch_operations_max + 1},
            )
        if needs.players.round_keys:
            rounds = trip.ask(
                _LOAD_ROUNDS,
                {"round_keys": literal(needs.players.round_keys), "closers_max": settings.batch_operations_max + 1},
            )
        if needs.whole_owner_ids:
            whole = trip.ask(_LOAD_ALL_ACCOUNTS, {"owner_ids": literal(needs.whole_owner_ids)})
        if needs.players.output_keys:
            outputs = trip.ask(_LOAD_DEPOSIT_OUTPUTS, {"output_keys": literal(needs.players.output_keys)})
        if needs.receipt_keys:
            receipts = trip.ask(_LOAD_RECEIPTS, {"receipt_keys": literal(needs.receipt_keys)})
        if needs.sessions is not None:
            sessions = self._ask_sessions(trip, needs.sessions)
        if needs.credit is not None:
            credit = _ask_wallets(trip, needs.credit)
        if needs.ledgers is not None:
            ledgers = _ask_ledgers(trip, needs.ledgers)
        named = len(needs.ledgers.accounts) if needs.ledgers is not None else 0
        if len(self._account_ids) < 2 * settings.batch_operations_max + named:  # others open two at most
            reserved = trip.ask(_RESERVE_ACCOUNT_IDS, {"count": 4 * settings.batch_operations_max + named})
        await locks.make(trip)
        ((clocked, held, stripe, now, has_standby),) = locked.rows
        if not clocked:
            self._clock_key = _new_clock_key()
            raise psycopg.errors.LockNotAvailable("another lane has this key of the clock")
        book = Book()
        book.ask(needs)
        if owners is not None:
            for owner_id, version, state in owners.rows:
                book.owners[owner_id] = Owner(version=version, state=PlayerState(state or PlayerState.ACTIVE))
        for answer in (accounts, whole):
            if answer is not None:
                _read_accounts(book, answer.rows)
        if found is not None:
            for row in found.rows:
                _read_transaction(book, LoadedTransaction._make(row), needs)
        if rounds is not None:
            for position, closers in rounds.rows:
                book.players.closers[needs.players.round_keys[position - 1]] = closers
        if outputs is not None:
            book.players.deposit_outputs.update((needs.players.output_keys[row[0] - 1], 1) for row in outputs.rows)
        if receipts is not None:
            for position, body_hash, state in receipts.rows:
                book.inbox.receipts[needs.receipt_keys[position - 1]] = KnownReceipt(
                    body_key=key_of(body_hash), state=ReceiptState(state)
                )
        if sessions is not None:
            assert needs.sessions is not None
            _read_sessions(book, sessions, needs.sessions)
        if credit is not None:
            assert needs.credit is not None
            _read_credit(book, credit, needs.credit)
        if ledgers is not None:
            _read_ledgers(book, ledgers)
        if reserved is not None:
            self._account_ids.extend(AccountId(row[0]) for row in reserved.rows)
        return Loaded(
            book=book,
            now=now,
            held=frozenset(map(OwnerId, held or ())),
            stripe=stripe,
            is_spare_stripe=stripe >= settings.stripes,
            has_standby=has_standby,
        )

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

    def _ask_sessions(self, trip: RoundTrip, needs: SessionNeeds) -> _SessionRows:
        """Ask for what loads sessions; the answers are there when the trip is made."""
        bound = self._settings.batch_operations_max + 1
        sessions = trip.ask(
            _LOAD_SESSIONS,
            {"session_ids": literal(needs.session_ids), "opening_keys": literal(needs.opening_keys)},
        )
        entries = rounds = rails = None
        if needs.entry_keys:
            entries = trip.ask(
                _LOAD_SESSION_ENTRIES,
                {
                    "entry_keys": literal(needs.entry_keys),
                    "standing_max": bound,
                    "bets_max": needs.rollbacks + 1,
                },
            )
        if needs.round_keys:
            rounds = trip.ask(
                _LOAD_SESSION_ROUNDS,
                {
                    "session_round_keys": literal(needs.round_keys),
                    "closers_max": bound,
                    "bets_max": needs.rollbacks + 1,
                },
            )
        if needs.rails:
            rails = trip.ask(
                _LOAD_RAILS,
                {
                    "rail_sources": separated([rail[0] for rail in needs.rails]),
                    "rail_network_ids": literal([rail[1] for rail in needs.rails]),
                },
            )
        return _SessionRows(sessions, entries, rounds, rails)

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
            self._stripes = self._shuffled_stripes()
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

    def _take_account_id(self) -> AccountId:
        return self._account_ids.pop()

    def _shuffled_stripes(self) -> str:
        """Order the stripes anew: a lane goes on with the first of them as long as it is free."""
        order = list(range(self._settings.stripes))
        random.shuffle(order)
        return literal(order)


class _SessionRows(NamedTuple):
    """The answers to what was asked of sessions."""

    sessions: Answer
    entries: Answer | None
    rounds: Answer | None
    rails: Answer | None


def _read_sessions(book: Book, rows: _SessionRows, needs: SessionNeeds) -> None:
    for row in rows.sessions.rows:
        read_session(book, LoadedSession._make(row))
    if rows.rounds is not None:
        for position, session_id, bets, closers in rows.rounds.rows:
            session = book.sessions.by_id[SessionId(session_id)]
            session.rounds[needs.round_keys[position - 1]] = SessionRound(standing_bets=bets, closers=closers)
    if rows.entries is not None:
        for row in rows.entries.rows:
            read_entry(book, LoadedEntry._make(row))
    if rows.rails is not None:
        for source, network_id, rail in rows.rails.rows:
            if rail is not None:
                book.sessions.rails[Source(source), CurrencyNetworkId(network_id)] = Rail(rail)


class _CreditRows(NamedTuple):
    """The answers to what was asked of credit wallets."""

    wallets: Answer
    entries: Answer | None
    reservations: Answer | None


def _ask_wallets(trip: RoundTrip, needs: CreditNeeds) -> _CreditRows:
    """Send what loads wallets. Their clock is read first, so nothing that is loaded later is older than it."""
    wallets = trip.ask(_LOAD_WALLETS, {"wallet_ids": literal(needs.wallets)})
    entries = reservations = None
    if needs.entry_keys:
        entries = trip.ask(_LOAD_WALLET_ENTRIES, {"wallet_entry_keys": literal(needs.entry_keys)})
    if needs.reservation_keys:
        reservations = trip.ask(_LOAD_RESERVATIONS, {"reservation_keys": literal(needs.reservation_keys)})
    return _CreditRows(wallets, entries, reservations)


def _read_credit(book: Book, rows: _CreditRows, needs: CreditNeeds) -> None:
    read_wallets(book, rows.wallets.rows, needs.wallets)
    if rows.entries is not None:
        read_wallet_entries(book, rows.entries.rows)
    if rows.reservations is not None:
        read_reservations(book, rows.reservations.rows)


class _LedgerRows(NamedTuple):
    """The answers to what was asked of ledgers."""

    created: Answer | None
    accounts: Answer | None
    legs: Answer | None


def _ask_ledgers(trip: RoundTrip, needs: LedgerNeeds) -> _LedgerRows:
    created = accounts = legs = None
    if needs.creation_keys:
        created = trip.ask(_LOAD_LEDGERS, {"creation_keys": literal(needs.creation_keys)})
    if needs.entry_keys:
        accounts = trip.ask(
            _LOAD_JOURNAL_ACCOUNTS,
            {
                "journal_ledger_ids": literal([ledger_id for (ledger_id, _), _ in needs.accounts]),
                "journal_account_codes": separated([code for (_, code), _ in needs.accounts]),
                "journal_network_ids": literal([network_id for _, network_id in needs.accounts]),
            },
        )
        legs = trip.ask(_LOAD_JOURNAL_LEGS, {"journal_keys": literal(needs.entry_keys)})
    return _LedgerRows(created, accounts, legs)


def _read_ledgers(book: Book, rows: _LedgerRows) -> None:
    if rows.created is not None:
        read_ledgers(book, rows.created.rows)
    if rows.accounts is not None:
        read_journal_accounts(book, rows.accounts.rows)
    if rows.legs is not None:
        read_journal_legs(book, rows.legs.rows)


@cache
def _store_statement(steps: tuple[str, ...]) -> Positional:
    """Put the one statement together that stores a batch: a CTE for each step, then the count of each.

    Without its rows a step is left out, which is most of the cost of a batch of one.
    """
    ctes: LiteralString = ",\n".join([f"{step} AS (\n{_SQL['step_' + step]}\n)" for step in steps])
    counts: LiteralString = "\n".join(
        [
            f"WHEN (SELECT count(*) FROM {step}) <> %(count_{step})s::BIGINT THEN raise_lost_race('{step}')"  # noqa: S608 - our own names
            for step in steps
        ]
    )
    return positional("WITH " + ctes + "\nSELECT CASE\n" + _CLOCK_IS_LOST + "\n" + counts + "\nELSE TRUE END")


def _new_clock_key() -> int:
    return random.randint(1, CLOCK_KEY_MAX)  # noqa: S311 - not for secrets


def _read_accounts(book: Book, rows: Sequence[Any]) -> None:
    for owner_id, network_id, account_type, account_id, balance_minor, version, at_play_minor in rows:
        key = (OwnerId(owner_id), CurrencyNetworkId(network_id), AccountType(account_type))
        book.accounts[key] = Account(
            balance_minor=int(balance_minor), version=version, account_id=AccountId(account_id)
        )
        if at_play_minor is not None:
            book.sessions.at_play[key[:2]] = int(at_play_minor)


def _read_transaction(book: Book, row: LoadedTransaction, needs: Needs) -> None:
    transaction = transaction_of(row, needs.keys[row.position - 1])
    book.transactions[transaction.key] = transaction
    if row.standing_wins:
        book.players.standing_wins[transaction.tx_id] = row.standing_wins
    rollback = rollback_of(row, transaction)
    if rollback is not None:
        book.players.reversals[transaction.tx_id] = rollback
