"""Sessions begin and end: MAIN -> SESSION_HOLD, and back with the net against HOUSE:WAGER.

What happens in between is `session_play`'s. The rules: docs/rules.md, Sessions.
"""

from __future__ import annotations

from datetime import timedelta

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, Journaled
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import PLAYER_BLOCKED, Decision, Moment, insufficient_funds, post
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.idempotency import id_reused, refuse_reuse
from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import NO_METADATA, Details, Kind, Transaction, TransactionStatus

from .commands import OpenSession, SessionCommand, SettleSession
from .outcomes import SessionFacts, Settled
from .state import Session, SessionId, SessionState, settlement_key

SESSION_NOT_FOUND = Refusal(
    reason=Reason.SESSION_NOT_FOUND, message="this source has no session with this session_token"
)
_NO_RAIL = Refusal(
    reason=Reason.SETTLEMENT_RAIL_NOT_CONFIGURED,
    message="a LIVE session needs a settlement rail for this source and currency network; see `wallet rails set`",
)


def find_session(book: Book, command: SessionCommand) -> Session | None:
    """Give the session that a command names; a token belongs to its source, and each of its parts must be right."""
    session = book.sessions.by_id.get(command.session_id)
    if (
        session is None
        or session.source != command.source
        or session.owner_id != owner_of(command)
        or session.currency_network_id != command.currency_network_id
    ):
        return None
    return session


def decide_opening(book: Book, command: OpenSession, moment: Moment) -> Decision:
    """Decide a session's opening."""
    stored = book.transactions.get(command.key)
    if stored is not None:
        refusal = refuse_reuse(command, stored)
        if refusal is not None:
            return Decision(refusal)
        session = book.sessions.by_id[SessionId(stored.tx_id)]
        if session.ttl_asked_s != command.ttl_asked_s:
            return Decision(id_reused(stored.reference, "ttl_seconds"))
        return Decision(session_facts(session, moment, replayed=True))
    owner_id = owner_of(command)
    network = command.currency_network_id
    rail = book.sessions.rails.get((command.source, network))
    if rail is None:
        return Decision(_NO_RAIL)
    if not book.owners[owner_id].state.may_play:
        return Decision(PLAYER_BLOCKED)
    balance = book.balance(owner_id, network, AccountType.MAIN)
    lock = command.lock_amount_minor
    if balance < lock:
        return Decision(insufficient_funds(balance))
    tx_id = moment.next_tx_id()
    session = Session(
        session_id=SessionId(tx_id),
        owner_id=owner_id,
        source=command.source,
        currency_network_id=network,
        game_code=command.game_code,
        lock_amount_minor=lock,
        rail=rail,
        ttl_asked_s=command.ttl_asked_s,
        opened_at=moment.now,
        expires_at=moment.now + timedelta(seconds=command.ttl_s),
        balance_minor=lock,
    )
    transaction = Transaction(
        tx_id=tx_id,
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.SESSION_OPENING,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=lock,
        game_code=command.game_code,
        main_balance_after_minor=balance - lock,
        metadata=NO_METADATA,
        details=Details(session_token=session.token, rail=rail),
        created_at=moment.now,
        postings=post(book, owner_id, network, (AccountType.MAIN, -lock), (AccountType.SESSION_HOLD, lock)),
    )
    event = _event(book, transaction, EventType.SESSION_OPENED, amount_minor=lock, main_postings=1)
    return Decision(
        session_facts(session, moment),
        Change(owner_id=owner_id, transactions=(transaction,), events=(event,), journaled=Journaled(session=session)),
    )


def decide_settlement(book: Book, command: SettleSession, moment: Moment) -> Decision:
    """Decide a session's end. Its cost is that of one transaction, however much was played."""
    session = find_session(book, command)
    if session is None:
        return Decision(SESSION_NOT_FOUND)
    if session.state is SessionState.SETTLED:
        assert session.settlement_tx_id is not None
        return Decision(_settled(session, session.settlement_tx_id, replayed=True))
    if command.require_closed_rounds and session.open_rounds > 0:
        return Decision(
            Refusal(
                reason=Reason.OPEN_ROUNDS,
                message=f"{session.open_rounds} rounds of the session are open; close them, or settle without",
                metadata={"open_rounds": str(session.open_rounds)},
            )
        )
    owner_id = session.owner_id
    network = session.currency_network_id
    lock, payout = session.lock_amount_minor, session.balance_minor
    token = session.token
    transaction = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=session.source,
        reference=token,
        key=settlement_key(token),
        kind=Kind.SESSION_SETTLEMENT,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=lock,
        win_amount_minor=payout,
        game_code=session.game_code,
        reference_tx_id=TxId(session.session_id),
        main_balance_after_minor=book.balance(owner_id, network, AccountType.MAIN) + payout,
        metadata=NO_METADATA,
        details=Details(session_token=token, rail=session.rail),
        created_at=moment.now,
        postings=post(
            book,
            owner_id,
            network,
            (AccountType.SESSION_HOLD, -lock),
            (AccountType.MAIN, payout),
            (AccountType.HOUSE_WAGER, lock - payout),
        ),
    )
    event = _event(
        book, transaction, EventType.SESSION_SETTLED, amount_minor=payout, main_postings=1 if payout > 0 else 0
    )
    return Decision(
        _settled(session, transaction.tx_id, replayed=False),
        Change(
            owner_id=owner_id,
            transactions=(transaction,),
            events=(event,),
            journaled=Journaled(session=session, settlement=transaction),
        ),
    )


def session_facts(session: Session, moment: Moment, *, replayed: bool = False) -> SessionFacts:
    """Tell of a session as it stands."""
    return SessionFacts(
        session_token=session.token,
        player_id=session.owner_id,
        currency_network_id=session.currency_network_id,
        game_code=session.game_code,
        lock_amount_minor=session.lock_amount_minor,
        balance_minor=session.balance_minor,
        state=session.state,
        expired=session.expired(moment.now),
        opened_at=session.opened_at,
        expires_at=session.expires_at,
        replayed=replayed,
    )


def _settled(session: Session, tx_id: TxId, *, replayed: bool) -> Settled:
    return Settled(
        payout_minor=session.balance_minor,
        net_minor=session.balance_minor - session.lock_amount_minor,
        open_rounds=session.open_rounds,
        tx_id=tx_id,
        replayed=replayed,
    )


def _event(
    book: Book, transaction: Transaction, event_type: EventType, *, amount_minor: int, main_postings: int
) -> Event:
    assert transaction.currency_network_id is not None
    version = book.version(transaction.owner_id, transaction.currency_network_id, AccountType.MAIN)
    return Event(
        event_type=event_type,
        transaction=transaction,
        amount_minor=amount_minor,
        balance_after_minor=transaction.main_balance_after_minor,
        sequence=version + main_postings,
    )
