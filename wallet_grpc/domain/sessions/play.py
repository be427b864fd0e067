"""Play inside a session: bets, wins and rollbacks against its balance, by rules 1 to 6 and 9.

Ids and rounds are known per session. What comes after the settlement is late: the same rules, straight on MAIN.
"""

from __future__ import annotations

from functools import partial
from typing import assert_never

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, Journaled
from wallet_grpc.domain.decisions import Decision, Moment, insufficient_funds
from wallet_grpc.domain.events import Event
from wallet_grpc.domain.idempotency import refuse_other_play
from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import (
    NO_METADATA,
    Details,
    GameFacts,
    Kind,
    OutcomeStatus,
    Transaction,
    TransactionStatus,
    WinKind,
)
from wallet_grpc.domain.wagers import refuse_bet, refuse_rollback, refuse_win

from .commands import SessionBet, SessionPlay, SessionRollback, SessionWin
from .opening import SESSION_NOT_FOUND, find_session
from .outcomes import SessionPlayed
from .state import Entry, Session, SessionState, late_key

_SESSION_CLOSED = Refusal(
    reason=Reason.SESSION_CLOSED, message="the session is settled or its time is over; open another one"
)


def decide_play(book: Book, command: SessionPlay, moment: Moment) -> Decision:
    """Decide a bet, win or rollback of a session."""
    session = find_session(book, command)
    if session is None:
        return Decision(SESSION_NOT_FOUND)
    stored = session.entries.find(command.key)
    if stored is not None:
        refusal = refuse_other_play(command, stored)
        return Decision(_replayed(book, session, stored) if refusal is None else refusal)
    match command:
        case SessionBet():
            return _decide_bet(book, session, command, moment)
        case SessionWin():
            return _decide_win(book, session, command, moment)
        case SessionRollback():
            return _decide_rollback(book, session, command, moment)
        case _:
            assert_never(command)


def _decide_bet(book: Book, session: Session, command: SessionBet, moment: Moment) -> Decision:
    if session.state is not SessionState.OPEN or session.expired(moment.now):
        return Decision(_SESSION_CLOSED)
    amount = command.amount_minor
    balance = session.balance_minor
    refusal = refuse_bet(
        session,
        book.owner(session.owner_id),
        round_key=command.round_key,
        amount_minor=amount,
        balance_minor=balance,
    )
    if refusal is not None:
        return Decision(refusal)
    return _play(
        session,
        Entry(
            session_id=session.session_id,
            entry_no=session.last_entry_no + 1,
            owner_id=session.owner_id,
            kind=Kind.BET,
            status=TransactionStatus.APPLIED,
            transaction_id=command.transaction_id,
            key=command.key,
            amount_minor=amount,
            change_minor=-amount,
            balance_after_minor=balance - amount,
            round_id=command.round_id,
            round_key=command.round_key,
            closes_round=command.round_closed,
            metadata=command.metadata,
            created_at=moment.now,
        ),
    )


def _decide_win(book: Book, session: Session, command: SessionWin, moment: Moment) -> Decision:
    bet: Entry | None = None
    if command.win_kind is WinKind.REGULAR:
        assert command.reference_key is not None
        assert command.round_key is not None
        bet = session.entries.find(command.reference_key)
        refusal = refuse_win(session, bet, round_key=command.round_key, whose=None)
        if refusal is not None:
            return Decision(refusal)
    late = session.state is SessionState.SETTLED
    amount = command.amount_minor
    moves_main = late and amount > 0
    entry = Entry(
        session_id=session.session_id,
        entry_no=session.last_entry_no + 1,
        owner_id=session.owner_id,
        kind=Kind.WIN,
        status=TransactionStatus.APPLIED,
        transaction_id=command.transaction_id,
        key=command.key,
        amount_minor=amount,
        change_minor=amount,
        balance_after_minor=_balance(book, session, late=late) + amount,
        round_id=command.round_id or None,
        round_key=command.round_key,
        closes_round=command.round_closed and bet is not None,
        reference_transaction_id=command.reference_transaction_id or None,
        reference_key=bet.key if bet is not None else None,
        win_kind=command.win_kind,
        late=late,
        tx_id=moment.next_tx_id() if moves_main else None,
        metadata=command.metadata,
        created_at=moment.now,
    )
    return _play_on_main(book, session, entry, None, moment) if moves_main else _play(session, entry)


def _decide_rollback(book: Book, session: Session, command: SessionRollback, moment: Moment) -> Decision:
    """Decide a rollback whose id is new in the session. What is returned is what was taken."""
    target = session.entries.find(command.reference_key)
    late = session.state is SessionState.SETTLED
    if target is None:
        return _void(book, session, command, moment, late=late)
    if target.status is TransactionStatus.TOMBSTONE:
        return Decision(_voided(book, session, command, late=late))
    refusal = refuse_rollback(session, target, whose=None)
    if refusal is not None:
        return Decision(refusal)
    first = session.reversal_of(target)
    if first is not None:
        return Decision(_already_rolled_back(book, session, command, first))
    gain = -target.change_minor
    moves_main = late and gain != 0
    balance = _balance(book, session, late=late)
    if balance + gain < 0:
        return Decision(insufficient_funds(balance))
    entry = Entry(
        session_id=session.session_id,
        entry_no=session.last_entry_no + 1,
        owner_id=session.owner_id,
        kind=Kind.ROLLBACK,
        status=TransactionStatus.APPLIED,
        transaction_id=command.transaction_id,
        key=command.key,
        amount_minor=target.amount_minor,
        change_minor=gain,
        balance_after_minor=balance + gain,
        round_id=target.round_id,
        round_key=target.round_key,
        closes_round=command.round_closed and target.is_of_a_bet,
        reference_transaction_id=command.reference_transaction_id,
        reverses_key=target.key,
        late=late,
        tx_id=moment.next_tx_id() if moves_main else None,
        metadata=command.metadata,
        created_at=moment.now,
    )
    return _play_on_main(book, session, entry, target, moment) if moves_main else _play(session, entry, target)


def _play(
    session: Session,
    entry: Entry,
    target: Entry | None = None,
    transactions: tuple[Transaction, ...] = (),
    events: tuple[Event, ...] = (),
) -> Decision:
    """Journal an entry; of one that moves MAIN also what it posts and tells."""
    return Decision(
        SessionPlayed(
            transaction_id=entry.transaction_id,
            status=OutcomeStatus.APPLIED,
            replayed=False,
            balance_after_minor=entry.balance_after_minor,
            current_balance_minor=entry.balance_after_minor,
            late=entry.moved_main,
        ),
        Change(
            owner_id=session.owner_id,
            transactions=transactions,
            events=events,
            journaled=Journaled(session=session, entries=(entry,), reversed=target),
        ),
    )


def _play_on_main(book: Book, session: Session, entry: Entry, target: Entry | None, moment: Moment) -> Decision:
    """Journal what came after the settlement, and post it to MAIN: both are stored together, and told of.

    What moves no money (a win of 0, its rollback) is journaled alone.
    """
    assert entry.tx_id is not None
    transaction = moved(
        book,
        moment,
        session.currency_network_id,
        (AccountType.HOUSE_WAGER, -entry.change_minor),
        (AccountType.MAIN, entry.change_minor),
        tx_id=entry.tx_id,
        owner_id=session.owner_id,
        source=session.source,
        reference=entry.transaction_id,
        key=late_key(session.session_id, entry.transaction_id),
        kind=entry.kind,
        amount_minor=entry.amount_minor,
        metadata=entry.metadata,
        game=GameFacts(game_code=session.game_code, round_id=entry.round_id or ""),
        reference_transaction_id=entry.reference_transaction_id,
        reference_tx_id=TxId(session.session_id),
        reverses_tx_id=target.tx_id if target is not None else None,
        variant=entry.win_kind,
        details=Details(session_token=session.token),
    )
    return _play(session, entry, target, (transaction,), told(book, transaction))


def _void(book: Book, session: Session, command: SessionRollback, moment: Moment, *, late: bool) -> Decision:
    """Remember a rollback that came before what it rolls back: two entries that change nothing."""
    changeless = partial(
        Entry,
        session_id=session.session_id,
        owner_id=session.owner_id,
        amount_minor=0,
        change_minor=0,
        balance_after_minor=_balance(book, session, late=late),
        late=late,
        created_at=moment.now,
    )
    rollback = changeless(
        entry_no=session.last_entry_no + 1,
        kind=Kind.ROLLBACK,
        status=TransactionStatus.VOIDED,
        transaction_id=command.transaction_id,
        key=command.key,
        reference_transaction_id=command.reference_transaction_id,
        metadata=command.metadata,
    )
    tombstone = changeless(
        entry_no=session.last_entry_no + 2,
        kind=Kind.TOMBSTONE,
        status=TransactionStatus.TOMBSTONE,
        transaction_id=command.reference_transaction_id,
        key=command.reference_key,
        reference_transaction_id=command.transaction_id,
        metadata=NO_METADATA,
    )
    return Decision(
        _voided(book, session, command, late=late),
        Change(owner_id=session.owner_id, journaled=Journaled(session=session, entries=(rollback, tombstone))),
    )


def _voided(book: Book, session: Session, command: SessionRollback, *, late: bool) -> SessionPlayed:
    """Answer VOIDED, the first time or again: nothing moves, and both balances are as they are now."""
    balance = _balance(book, session, late=late)
    return SessionPlayed(
        transaction_id=command.transaction_id,
        status=OutcomeStatus.VOIDED,
        replayed=False,
        balance_after_minor=balance,
        current_balance_minor=balance,
        late=False,
    )


def _already_rolled_back(book: Book, session: Session, command: SessionRollback, first: Entry) -> SessionPlayed:
    """Answer with the first rollback's facts under this one's id, which stays free."""
    return SessionPlayed(
        transaction_id=command.transaction_id,
        status=OutcomeStatus.ALREADY_ROLLED_BACK,
        replayed=False,
        balance_after_minor=first.balance_after_minor,
        current_balance_minor=_balance(book, session, late=first.late),
        late=first.moved_main,
    )


def _replayed(book: Book, session: Session, stored: Entry) -> SessionPlayed:
    """Answer the same request again: with what is stored, and the balance as it is now (rule 1)."""
    return SessionPlayed(
        transaction_id=stored.transaction_id,
        status=OutcomeStatus.VOIDED if stored.status is TransactionStatus.VOIDED else OutcomeStatus.APPLIED,
        replayed=True,
        balance_after_minor=stored.balance_after_minor,
        current_balance_minor=_balance(book, session, late=stored.late),
        late=stored.moved_main,
    )


def _balance(book: Book, session: Session, *, late: bool) -> int:
    """Give the balance that a transaction stands against: the session's, or MAIN after the settlement."""
    if late:
        return book.balance(session.owner_id, session.currency_network_id, AccountType.MAIN)
    return session.balance_minor
