"""Operations of sessions: how requests are put into batches and streams, and answers taken out of them."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc

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


class SilentError(Exception):
    """A stream owed answers, and none came. Stays within this package."""


async def answers(
    call: Any, *, patience_s: float, owed: Callable[[], bool]
) -> AsyncIterator[session_pb2.SessionOutcome]:
    """Read the outcomes of a stream.

    Raises:
        SilentError: It owed some for as long as this, and none came; or its connection was given up.
        grpc.aio.AioRpcError: It broke.
    """
    while True:
        reading = asyncio.ensure_future(call.read())
        try:
            while not reading.done():
                was_owed = owed()
                await asyncio.wait({reading}, timeout=patience_s)
                if was_owed and not reading.done():
                    raise SilentError(f"no answer within {patience_s:g} s")
            if reading.cancelled():  # not by its reader, whose own cancellation ends the wait above
                raise SilentError("the connection was given up")
            outcome = reading.result()
        finally:
            reading.cancel()
        if outcome is grpc.aio.EOF:
            return
        yield outcome


def new_id() -> str:
    """Make a transaction_id that nobody used before."""
    return uuid.uuid4().hex
