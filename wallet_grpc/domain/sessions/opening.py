"""A session begins: MAIN -> SESSION_HOLD (docs/rules.md, Sessions). Play is `play.py`'s, the end `settlement.py`'s."""

from __future__ import annotations

from datetime import timedelta

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, Journaled
from wallet_grpc.domain.decisions import Decision, Moment, insufficient_funds
from wallet_grpc.domain.idempotency import refuse_other_opening, refuse_other_ttl
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import NO_METADATA, Details, GameFacts, Kind
from wallet_grpc.domain.wagers import PLAYER_BLOCKED

from .commands import OpenSession, SessionCommand
from .outcomes import SessionFacts
from .state import Session, SessionId

SESSION_NOT_FOUND = Refusal(
    reason=Reason.SESSION_NOT_FOUND, message="this source has no session with this session_token"
)
_NO_RAIL = Refusal(
    reason=Reason.SETTLEMENT_RAIL_NOT_CONFIGURED,
    message="a LIVE session needs a settlement rail for this source and currency network; see `wallet rails set`",
)


def find_session(book: Book, command: SessionCommand) -> Session | None:
    """Give the session that a command names; a token belongs to its source, and each of its parts must be right."""
    session = book.sessions.by_id.find(command.session_id)
    if (
        session is None
        or session.source != command.source
        or session.owner_id != OwnerId(command.player_id)
        or session.currency_network_id != command.currency_network_id
    ):
        return None
    return session


def decide_opening(book: Book, command: OpenSession, moment: Moment) -> Decision:
    """Decide a session's opening."""
    stored = book.transactions.find(command.key)
    if stored is not None:
        refusal = refuse_other_opening(command, stored)
        if refusal is not None:
            return Decision(refusal)
        session = book.sessions.opened_by(command.key, SessionId(stored.tx_id))
        refusal = refuse_other_ttl(command, session)
        if refusal is not None:
            return Decision(refusal)
        return Decision(session_facts(session, moment, replayed=True))
    owner_id = OwnerId(command.player_id)
    network = command.currency_network_id
    rail = book.sessions.rails.find((command.source, network))
    if rail is None:
        return Decision(_NO_RAIL)
    if not book.owner(owner_id).state.may_play:
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
        is_new=True,
    )
    transaction = moved(
        book,
        moment,
        network,
        (AccountType.MAIN, -lock),
        (AccountType.SESSION_HOLD, lock),
        tx_id=tx_id,
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.SESSION_OPENING,
        amount_minor=lock,
        metadata=NO_METADATA,
        game=GameFacts(game_code=command.game_code),
        details=Details(session_token=session.token, rail=rail),
    )
    return Decision(
        session_facts(session, moment),
        Change(
            owner_id=owner_id,
            transactions=(transaction,),
            events=told(book, transaction),
            journaled=Journaled(session=session),
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
