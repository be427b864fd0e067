"""A session ends: what it has left goes to MAIN, the net is HOUSE:WAGER's (docs/rules.md, Sessions)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, Journaled
from wallet_grpc.domain.decisions import Decision, Moment
from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import NO_METADATA, Details, GameFacts, Kind, TransactionStatus

from .commands import SettleSession
from .opening import SESSION_NOT_FOUND, find_session
from .outcomes import Settled
from .state import Entry, Session, SessionState, settlement_entry_key, settlement_key


def decide_session_settlement(book: Book, command: SettleSession, moment: Moment) -> Decision:
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
    lock, payout = session.lock_amount_minor, session.balance_minor
    token = session.token
    transaction = moved(
        book,
        moment,
        session.currency_network_id,
        (AccountType.SESSION_HOLD, -lock),
        (AccountType.MAIN, payout),
        (AccountType.HOUSE_WAGER, lock - payout),
        owner_id=session.owner_id,
        source=session.source,
        reference=token,
        key=settlement_key(token),
        kind=Kind.SESSION_SETTLEMENT,
        amount_minor=lock,
        metadata=NO_METADATA,
        win_amount_minor=payout,
        game=GameFacts(game_code=session.game_code),
        reference_tx_id=TxId(session.session_id),
        details=Details(session_token=token, rail=session.rail),
    )
    entry = Entry(
        session_id=session.session_id,
        entry_no=session.last_entry_no + 1,
        owner_id=session.owner_id,
        kind=Kind.SESSION_SETTLEMENT,
        status=TransactionStatus.APPLIED,
        transaction_id=token,
        key=settlement_entry_key(session.session_id, token),
        amount_minor=0,
        change_minor=0,
        balance_after_minor=payout,
        tx_id=transaction.tx_id,
        metadata=NO_METADATA,
        created_at=moment.now,
    )
    return Decision(
        _settled(session, transaction.tx_id, replayed=False),
        Change(
            owner_id=session.owner_id,
            transactions=(transaction,),
            events=told(book, transaction),
            journaled=Journaled(session=session, entries=(entry,)),
        ),
    )


def _settled(session: Session, tx_id: TxId, *, replayed: bool) -> Settled:
    return Settled(
        payout_minor=session.balance_minor,
        net_minor=session.balance_minor - session.lock_amount_minor,
        open_rounds=session.open_rounds,
        tx_id=tx_id,
        replayed=replayed,
    )
