"""Answers tell callers what became of sessions: outcomes and reads become messages."""

from __future__ import annotations

from typing import assert_never

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.sessions.outcomes import SessionFacts, SessionPlayed, Settled
from wallet_grpc.domain.sessions.state import SessionState
from wallet_grpc.domain.transactions import Kind, TransactionStatus
from wallet_grpc.rpc.operations import Answering
from wallet_grpc.rpc.status import status_of
from wallet_grpc.rpc.wire import OUTCOME_STATUSES, STORED_STATUSES, WIN_KIND_NUMBERS, fill_timestamp
from wallet_grpc.store.reads.sessions import SessionJournalRow

_KINDS = {
    Kind.BET: wallet_pb2.TRANSACTION_KIND_BET,
    Kind.WIN: wallet_pb2.TRANSACTION_KIND_WIN,
    Kind.ROLLBACK: wallet_pb2.TRANSACTION_KIND_ROLLBACK,
    Kind.TOMBSTONE: wallet_pb2.TRANSACTION_KIND_TOMBSTONE,
}


def outcome(
    decided: SessionPlayed | SessionFacts | Settled | Refusal, into: pb.SessionOutcome, request_id: str
) -> pb.SessionOutcome:
    """Fill the outcome of one operation of a batch or a stream into a message."""
    match decided:
        case SessionPlayed():
            result(decided, into.result)
        case SessionFacts():
            session(decided, into.session)
        case Settled():
            settlement(decided, into.settlement)
        case Refusal():
            into.error.CopyFrom(status_of(decided, request_id))
        case _:
            assert_never(decided)
    return into


def result(played: SessionPlayed, into: pb.SessionResult) -> pb.SessionResult:
    """Fill the answer of a bet, win or rollback into a message."""
    into.transaction_id = played.transaction_id
    into.status = OUTCOME_STATUSES[played.status]
    into.replayed = played.replayed
    into.balance_after_minor = str(played.balance_after_minor)
    into.current_balance_minor = str(played.current_balance_minor)
    into.late = played.late
    return into


def session(facts: SessionFacts, into: pb.Session) -> pb.Session:
    """Fill a session into a message."""
    into.session_token = facts.session_token
    into.player_id = facts.player_id
    into.currency_network_id = facts.currency_network_id
    into.game_code = facts.game_code
    into.locked_balance_minor = str(facts.lock_amount_minor)
    into.balance_minor = str(facts.balance_minor)
    match facts.state:
        case SessionState.SETTLED:
            into.status = pb.SESSION_STATUS_SETTLED
        case SessionState.OPEN:
            into.status = pb.SESSION_STATUS_EXPIRED if facts.expired else pb.SESSION_STATUS_OPEN
        case _:
            assert_never(facts.state)
    fill_timestamp(facts.opened_at, into.opened_at)
    fill_timestamp(facts.expires_at, into.expires_at)
    into.replayed = facts.replayed
    return into


def settlement(settled: Settled, into: pb.SettleSessionResponse) -> pb.SettleSessionResponse:
    """Fill what a settlement came to into a message."""
    into.payout_minor = str(settled.payout_minor)
    into.net_minor = str(settled.net_minor)
    into.open_rounds = settled.open_rounds
    into.tx_id = settled.tx_id
    into.replayed = settled.replayed
    return into


SESSION = Answering(SessionFacts, pb.Session, session)
RESULT = Answering(SessionPlayed, pb.SessionResult, result)
SETTLEMENT = Answering(Settled, pb.SettleSessionResponse, settlement)


def journal_row(row: SessionJournalRow, into: pb.SessionTransaction) -> pb.SessionTransaction:
    """Fill a row of the journal into a message."""
    entry = row.entry
    into.transaction_id = entry.transaction_id
    into.kind = _KINDS[entry.kind]
    into.status = STORED_STATUSES[entry.status]
    into.amount_minor = str(entry.amount_minor)
    into.change_minor = str(entry.change_minor)
    if entry.status is not TransactionStatus.TOMBSTONE:  # it leaves nothing behind, not even a balance
        into.balance_after_minor = str(entry.balance_after_minor)
    into.round_id = entry.round_id or ""
    into.round_closed = entry.closes_round
    into.reference_transaction_id = entry.reference_transaction_id or ""
    into.reversed_by_transaction_id = row.reversed_by_transaction_id or ""
    if entry.win_kind is not None:
        into.win_kind = WIN_KIND_NUMBERS[entry.win_kind]
    into.late = entry.moved_main
    into.tx_id = entry.tx_id or ""
    into.metadata.update(entry.metadata)
    fill_timestamp(entry.created_at, into.created_at)
    return into
