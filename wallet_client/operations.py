"""Operations of sessions: how requests are put into batches and streams, and answers taken out of them."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterator
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
    """Put a request into a batch or stream."""
    match request:
        case session_pb2.OpenSessionRequest():
            return session_pb2.SessionOperation(open_session=request)
        case session_pb2.SessionBetRequest():
            return session_pb2.SessionOperation(bet=request)
        case session_pb2.SessionWinRequest():
            return session_pb2.SessionOperation(win=request)
        case session_pb2.SessionRollbackRequest():
            return session_pb2.SessionOperation(rollback=request)
        case _:
            return session_pb2.SessionOperation(settle_session=request)


def answer_of(outcome: session_pb2.SessionOutcome) -> SessionAnswer:
    """Take an answer out of a batch or stream."""
    match outcome.WhichOneof("outcome"):
        case "result":
            return outcome.result
        case "session":
            return outcome.session
        case "settlement":
            return outcome.settlement
        case _:
            return error_of_status(outcome.error)


async def write(
    call: Any, source: Iterator[SessionRequest], unanswered: deque[SessionRequest], room: asyncio.Semaphore
) -> None:
    """Write what has no answer yet, then go on with the source; read no further than answers keep up."""
    for request in tuple(unanswered):
        await call.write(operation(request))
    while True:
        await room.acquire()
        try:
            following = next(source)  # taken once there is room: what is taken is never lost to a cancellation
        except StopIteration:
            room.release()
            break
        unanswered.append(following)
        await call.write(operation(following))
    await call.done_writing()


def new_id() -> str:
    """Make a transaction_id that nobody used before."""
    return uuid.uuid4().hex
