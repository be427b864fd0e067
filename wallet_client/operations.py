"""Operations of sessions: how requests are put into batches and streams, and answers taken out of them."""

from __future__ import annotations

import uuid
from typing import Any

from wallet.v1 import session_pb2

from .errors import WalletError, error_of_status

SessionRequest = (
    session_pb2.OpenSessionRequest
    | session_pb2.SessionBetRequest
    | session_pb2.SessionWinRequest
    | session_pb2.SessionRollbackRequest
    | session_pb2.SettleSessionRequest
)
SessionAnswer = session_pb2.SessionResult | session_pb2.Session | session_pb2.SettleSessionResponse | WalletError

SESSION_CALLS = {
    session_pb2.OpenSessionRequest: "OpenSession",
    session_pb2.SessionBetRequest: "Bet",
    session_pb2.SessionWinRequest: "Win",
    session_pb2.SessionRollbackRequest: "Rollback",
    session_pb2.SettleSessionRequest: "SettleSession",
}


def operation(request: SessionRequest) -> session_pb2.SessionOperation:
    """Put a request into a batch or stream.

    Raises:
        TypeError: It is none of a session.
    """
    match request:
        case session_pb2.OpenSessionRequest():
            return session_pb2.SessionOperation(open_session=request)
        case session_pb2.SessionBetRequest():
            return session_pb2.SessionOperation(bet=request)
        case session_pb2.SessionWinRequest():
            return session_pb2.SessionOperation(win=request)
        case session_pb2.SessionRollbackRequest():
            return session_pb2.SessionOperation(rollback=request)
        case session_pb2.SettleSessionRequest():
            return session_pb2.SessionOperation(settle_session=request)
    raise TypeError(f"no request of a session: {type(request).__name__}")


def answer_of(request: SessionRequest, outcome: session_pb2.SessionOutcome) -> SessionAnswer:
    """Take the answer to a request out of a batch or stream."""
    match outcome.WhichOneof("outcome"):
        case "result":
            return outcome.result
        case "session":
            return outcome.session
        case "settlement":
            return outcome.settlement
        case _:
            return error_of_status(outcome.error).with_transaction_id(id_of(request))


def id_of(request: Any) -> str | None:
    """Give the transaction_id that a request is sent with, if it has one."""
    return getattr(request, "transaction_id", None) or None


def new_id() -> str:
    """Make a transaction_id that nobody used before."""
    return uuid.uuid4().hex
