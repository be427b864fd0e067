"""Sessions and their journals: loaded by session, entry and round, with what stands against each, and stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Account, Book, Owner
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, Key, OwnerId, Source, TxId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.sessions.needs import SessionNeeds
from wallet_grpc.domain.sessions.state import Entry, Rail, Session, SessionId, SessionRound, SessionState
from wallet_grpc.domain.transactions import NO_METADATA, Kind, TransactionStatus
from wallet_grpc.domain.values import by_text
from wallet_grpc.store.connection.arrays import literal, separated, uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .accounts import player_state_of
from .columns import (
    BigInt,
    Instant,
    Integer,
    NullableUuid,
    Numeric,
    Text,
    Uuid,
    Word,
    key_of,
)
from .part import Decided, Query, Reading, Step, Steps
from .subledger import SUBLEDGER_ENTRIES, LoadedEntry, SubledgerRow, entry_of, row_of

_SQL = statements(__package__, "sessions.sql")
_RAILS = by_text(Rail)
_SESSION_STATES = by_text(SessionState)


# ---------------------------------------------------------------------------------------------------------------- load


class LoadedSession(NamedTuple):
    """A row of `load_sessions`."""

    session_id: str
    owner_id: int
    source: str
    currency_network_id: int
    game_code: str
    lock_amount_minor: str
    rail: str
    ttl_asked_s: int
    opened_at: datetime
    expires_at: datetime
    state: str
    settlement_tx_id: str | None
    player_state: str | None
    main_account_id: int | None
    main_balance_minor: str | None
    main_version: int | None
    last_entry_no: int
    balance_minor: str
    open_rounds: int


class LoadedSessionRound(NamedTuple):
    """A row of `load_session_rounds`."""

    position: int
    session_id: str
    standing_bets: int
    closers: int


class LoadedRail(NamedTuple):
    """A row of `load_rails`."""

    source: str
    currency_network_id: int
    rail: str | None


LOAD_SESSIONS = Query(_SQL["load_sessions"], LoadedSession)
LOAD_SESSION_ENTRIES = Query(_SQL["load_session_entries"], LoadedEntry)
LOAD_SESSION_ROUNDS = Query(_SQL["load_session_rounds"], LoadedSessionRound)
LOAD_RAILS = Query(_SQL["load_rails"], LoadedRail)


def ask(trip: RoundTrip, needs: Needs, standing_max: int) -> Iterator[Reading]:
    """Ask for sessions first: what is asked for of their journals is put into them."""
    wanted = needs.sessions
    if wanted is None:
        return
    named = {"session_ids": uuids(wanted.session_ids), "opening_keys": uuids(wanted.opening_keys)}
    yield LOAD_SESSIONS.ask(trip, named, _read_session)
    yield from _ask_journals(trip, wanted, standing_max)
    if wanted.rails:
        rails = {
            "sources": separated([source for source, _ in wanted.rails]),
            "network_ids": literal([network for _, network in wanted.rails]),
        }
        yield LOAD_RAILS.ask(trip, rails, _read_rail)


def _ask_journals(trip: RoundTrip, wanted: SessionNeeds, standing_max: int) -> Iterator[Reading]:
    bounds = {"closers_max": standing_max, "bets_max": wanted.rollbacks + 1}
    if wanted.round_keys:
        rounds = {"round_keys": uuids(wanted.round_keys), **bounds}
        yield LOAD_SESSION_ROUNDS.ask(trip, rounds, partial(_read_round, wanted.round_keys))
    if wanted.entry_keys:
        entries = {"entry_keys": uuids(wanted.entry_keys), "wins_max": standing_max, **bounds}
        yield LOAD_SESSION_ENTRIES.ask(trip, entries, _read_entry)


def _read_session(book: Book, row: LoadedSession) -> None:
    """Put a session into the book, with its player's state, and MAIN if it is settled."""
    session = Session(
        session_id=SessionId(row.session_id),
        owner_id=OwnerId(row.owner_id),
        source=Source(row.source),
        currency_network_id=CurrencyNetworkId(row.currency_network_id),
        game_code=row.game_code,
        lock_amount_minor=int(row.lock_amount_minor),
        rail=_RAILS[row.rail],
        ttl_asked_s=row.ttl_asked_s,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        state=_SESSION_STATES[row.state],
        balance_minor=int(row.balance_minor),
        last_entry_no=row.last_entry_no,
        open_rounds=row.open_rounds,
        settlement_tx_id=None if row.settlement_tx_id is None else TxId(row.settlement_tx_id),
    )
    book.sessions.put(session)
    if session.owner_id not in book.owners:
        book.owners[session.owner_id] = Owner(version=None, state=player_state_of(row.player_state))
    if row.main_account_id is not None and row.main_balance_minor is not None and row.main_version is not None:
        book.accounts.setdefault(
            (session.owner_id, session.currency_network_id, AccountType.MAIN),
            Account(
                balance_minor=int(row.main_balance_minor),
                version=row.main_version,
                account_id=AccountId(row.main_account_id),
            ),
        )


def _read_entry(book: Book, row: LoadedEntry) -> None:
    """Put an entry into its session: its facts, and what stands against it."""
    session = book.sessions.by_id[SessionId(row.session_id)]
    entry = entry_of(row)
    session.entries[entry.key] = entry
    if row.standing_wins:
        session.standing_wins[entry.key] = row.standing_wins
    elif entry.reference_key is not None:
        session.standing_wins.setdefault(entry.reference_key, 0)
    if entry.round_key is not None:
        session.rounds[entry.round_key] = SessionRound(
            standing_bets=row.round_bets or 0, closers=row.round_closers or 0
        )
    if row.rollback_entry_no is not None:
        assert row.rollback_transaction_id is not None
        assert row.rollback_key_hash is not None
        assert row.rollback_balance_after_minor is not None
        session.reversals[entry.key] = Entry(
            session_id=entry.session_id,
            entry_no=row.rollback_entry_no,
            owner_id=entry.owner_id,
            kind=Kind.ROLLBACK,
            status=TransactionStatus.APPLIED,
            transaction_id=row.rollback_transaction_id,
            key=key_of(row.rollback_key_hash),
            amount_minor=entry.amount_minor,
            change_minor=-entry.change_minor,
            balance_after_minor=int(row.rollback_balance_after_minor),
            reverses_key=entry.key,
            late=bool(row.rollback_late),
            tx_id=None if row.rollback_tx_id is None else TxId(row.rollback_tx_id),
            metadata=NO_METADATA,
            created_at=entry.created_at,
        )


def _read_round(round_keys: list[Key], book: Book, row: LoadedSessionRound) -> None:
    session = book.sessions.by_id[SessionId(row.session_id)]
    session.rounds[round_keys[row.position - 1]] = SessionRound(standing_bets=row.standing_bets, closers=row.closers)


def _read_rail(book: Book, row: LoadedRail) -> None:
    if row.rail is not None:
        book.sessions.rails[Source(row.source), CurrencyNetworkId(row.currency_network_id)] = _RAILS[row.rail]


# --------------------------------------------------------------------------------------------------------------- store


class NewSession(Struct, frozen=True, gc=False):
    """A session that comes into being; it was opened at the batch's time."""

    session_id: Uuid
    owner_id: BigInt
    source: Text
    currency_network_id: Integer
    game_code: Text
    lock_amount_minor: Numeric
    rail: Word
    ttl_asked_s: Integer
    expires_at: Instant


class SettledSession(Struct, frozen=True, gc=False):
    """A session that the batch settles, at its time."""

    session_id: Uuid
    payout_minor: Numeric
    open_rounds: BigInt
    settlement_tx_id: NullableUuid


NEW_SESSIONS = Step("new_sessions", _SQL, NewSession, order=lambda row: row.session_id)
SETTLED_SESSIONS = Step("settled_sessions", _SQL, SettledSession, order=lambda row: row.session_id)


def write(decided: Decided, steps: Steps) -> None:
    """Write what was added to the journals of sessions, and the sessions that come into being or are settled."""
    sessions = decided.book.sessions.by_id
    if not sessions:
        return
    new: list[NewSession] = []
    settled: list[SettledSession] = []
    entries: list[SubledgerRow] = []
    for session in sessions.values():
        if session.is_new:
            new.append(_new_session(session))
        for entry, open_rounds in session.added:
            entries.append(row_of(entry, open_rounds))
            if entry.kind is Kind.SESSION_SETTLEMENT:
                settled.append(_settled_session(session))
    steps.add(NEW_SESSIONS, new)
    steps.add(SETTLED_SESSIONS, settled)
    steps.add(SUBLEDGER_ENTRIES, entries)


def _new_session(session: Session) -> NewSession:
    assert not session.added, "nothing can name a session before its opening is told"
    return NewSession(
        session_id=session.session_id,
        owner_id=session.owner_id,
        source=session.source,
        currency_network_id=session.currency_network_id,
        game_code=session.game_code,
        lock_amount_minor=session.lock_amount_minor,
        rail=session.rail,
        ttl_asked_s=session.ttl_asked_s,
        expires_at=session.expires_at,
    )


def _settled_session(session: Session) -> SettledSession:
    return SettledSession(
        session_id=session.session_id,
        payout_minor=session.balance_minor,
        open_rounds=session.open_rounds,
        settlement_tx_id=session.settlement_tx_id,
    )
