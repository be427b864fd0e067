"""Rows of sessions and their journals to the domain's types. Column order is that of `sql/batch.sql`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Account, Book
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, OwnerId, Source, TxId
from wallet_grpc.domain.sessions.state import Entry, Rail, Session, SessionId, SessionRound, SessionState
from wallet_grpc.domain.transactions import NO_METADATA, Kind, TransactionStatus, WinKind

from .rows import int_or_none, key_of


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
    balance_minor: str
    version: int
    open_rounds: int
    settlement_tx_id: str | None
    settled_at: datetime | None
    main_account_id: int | None
    main_balance_minor: str | None
    main_version: int | None


class LoadedEntry(NamedTuple):
    """A row of `load_session_entries`."""

    session_id: str
    entry_no: int
    owner_id: int
    kind: str
    status: str
    transaction_id: str
    key_hash: str
    amount_minor: str
    change_minor: str
    balance_after_minor: str | None
    round_id: str | None
    round_hash: str | None
    closes_round: bool
    reference_transaction_id: str | None
    reference_key: str | None
    reverses_key: str | None
    variant: str | None
    late: bool
    tx_id: str | None
    created_at: datetime
    rollback_entry_no: int | None
    rollback_transaction_id: str | None
    rollback_key_hash: str | None
    rollback_balance_after_minor: str | None
    rollback_late: bool | None
    rollback_tx_id: str | None
    standing_wins: int | None
    round_bets: int | None
    round_closers: int | None


def read_session(book: Book, row: LoadedSession) -> None:
    """Put a session into the book, and MAIN with it if it is settled."""
    session = Session(
        session_id=SessionId(row.session_id),
        owner_id=OwnerId(row.owner_id),
        source=Source(row.source),
        currency_network_id=CurrencyNetworkId(row.currency_network_id),
        game_code=row.game_code,
        lock_amount_minor=int(row.lock_amount_minor),
        rail=Rail(row.rail),
        ttl_asked_s=row.ttl_asked_s,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        state=SessionState(row.state),
        balance_minor=int(row.balance_minor),
        version=row.version,
        open_rounds=row.open_rounds,
        settlement_tx_id=None if row.settlement_tx_id is None else TxId(row.settlement_tx_id),
        settled_at=row.settled_at,
        loaded_version=row.version,
    )
    book.sessions.put(session)
    if row.main_account_id is not None and row.main_balance_minor is not None and row.main_version is not None:
        book.accounts.setdefault(
            (session.owner_id, session.currency_network_id, AccountType.MAIN),
            Account(
                balance_minor=int(row.main_balance_minor),
                version=row.main_version,
                account_id=AccountId(row.main_account_id),
            ),
        )


def read_entry(book: Book, row: LoadedEntry) -> None:
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
            balance_after_minor=int_or_none(row.rollback_balance_after_minor),
            reverses_key=entry.key,
            late=bool(row.rollback_late),
            tx_id=None if row.rollback_tx_id is None else TxId(row.rollback_tx_id),
            metadata=NO_METADATA,
            created_at=entry.created_at,
        )


def entry_of(row: LoadedEntry) -> Entry:
    """Read a journal row for its facts: without its notes, which no rule reads."""
    return Entry(
        session_id=SessionId(row.session_id),
        entry_no=row.entry_no,
        owner_id=OwnerId(row.owner_id),
        kind=Kind(row.kind),
        status=TransactionStatus(row.status),
        transaction_id=row.transaction_id,
        key=key_of(row.key_hash),
        amount_minor=int(row.amount_minor),
        change_minor=int(row.change_minor),
        balance_after_minor=int_or_none(row.balance_after_minor),
        round_id=row.round_id,
        round_key=None if row.round_hash is None else key_of(row.round_hash),
        closes_round=row.closes_round,
        reference_transaction_id=row.reference_transaction_id,
        reference_key=None if row.reference_key is None else key_of(row.reference_key),
        reverses_key=None if row.reverses_key is None else key_of(row.reverses_key),
        win_kind=None if row.variant is None else WinKind(row.variant),
        late=row.late,
        tx_id=None if row.tx_id is None else TxId(row.tx_id),
        metadata=NO_METADATA,
        created_at=row.created_at,
    )
