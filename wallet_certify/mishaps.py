"""Mishaps: what each of them does to a call, and what its caller is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from .script import Mishap
from .sightings import Told

BUSY_FOR_S = 0.3
SLOW_S = 0.5
_LATE_MAX_S = 5.0
"""How long a late answer is waited with for a caller without a deadline, or with a long one."""
DETAILS_KEY = "grpc-status-details-bin"
PUSHBACK_KEY = "grpc-retry-pushback-ms"
_MS_PER_S = 1_000

Context = grpc.aio.ServicerContext[Any, Any]
Answer = TypeVar("Answer")


class ScriptedError(Exception):
    """Ends a call, or an operation of a batch or stream, as the script has it."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        told: Told,
        info: error_details_pb2.ErrorInfo | None = None,
        *,
        come_again_after_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.code, self.told = code, told
        self.reason = "" if info is None else info.reason
        self.come_again_after_s = come_again_after_s
        self.status = status_pb2.Status(code=code.value[0], message=message)
        self.trailers: tuple[tuple[str, str | bytes], ...] = ()
        if info is None:
            return
        _add(self.status, info)
        if come_again_after_s:
            delay = Duration()
            delay.FromMilliseconds(int(come_again_after_s * _MS_PER_S))
            _add(self.status, error_details_pb2.RetryInfo(retry_delay=delay))
            self.trailers = ((PUSHBACK_KEY, str(int(come_again_after_s * _MS_PER_S))),)
        self.trailers = ((DETAILS_KEY, self.status.SerializeToString()), *self.trailers)


async def met(
    mishap: Mishap, ask: Callable[[], Awaitable[Answer]], context: Context, *, is_first_sending: bool
) -> Answer:
    """Do a mishap to a call; gives the answer that its caller gets.

    Raises:
        ScriptedError: It gets none, or a refusal of the script's.
        AioRpcError: The wallet has refused it.
    """
    match mishap:
        case Mishap.NONE | Mishap.SLOW:
            await asyncio.sleep(SLOW_S if mishap is Mishap.SLOW else 0)
            return await ask()
        case Mishap.DUPLICATE:
            await ask()
            return await ask()
        case Mishap.LOST_REQUEST:
            raise broken()
        case Mishap.LOST_ANSWER:
            await ask()
            raise broken()
        case Mishap.UNREACHABLE:
            if is_first_sending:
                await ask()
            raise unknown()
        case Mishap.LATE_ANSWER:
            await ask()
            left_s = left_s_of(context)
            await asyncio.sleep(_LATE_MAX_S if left_s is None else min(max(left_s, 0.0), _LATE_MAX_S))
            raise unknown()
        case Mishap.BUSY | Mishap.NO_FUNDS | Mishap.ROUND_CLOSED:
            raise _refusal(mishap)


def reaches_wallet(mishap: Mishap, *, is_first_sending: bool) -> bool:
    """Whether the wallet gets an operation of a batch or stream that meets this."""
    match mishap:
        case Mishap.NONE | Mishap.SLOW | Mishap.DUPLICATE | Mishap.LOST_ANSWER | Mishap.LATE_ANSWER:
            return True
        case Mishap.UNREACHABLE:
            return is_first_sending
        case Mishap.LOST_REQUEST | Mishap.BUSY | Mishap.NO_FUNDS | Mishap.ROUND_CLOSED:
            return False


def told_in_place(mishap: Mishap) -> ScriptedError | None:
    """Give what stands in the place of an operation that meets this; None where that is the wallet's own outcome."""
    match mishap:
        case Mishap.NONE | Mishap.SLOW | Mishap.DUPLICATE:
            return None
        case Mishap.LOST_REQUEST:
            return _unavailable()
        case Mishap.UNREACHABLE | Mishap.LOST_ANSWER | Mishap.LATE_ANSWER:
            return unknown()
        case Mishap.BUSY | Mishap.NO_FUNDS | Mishap.ROUND_CLOSED:
            return _refusal(mishap)


def left_s_of(context: Context) -> float | None:
    """Give what is left of a call's time; None of a call without a deadline, which gRPC's stubs do not know of."""
    left: float | None = context.time_remaining()
    return left


def _refusal(mishap: Mishap) -> ScriptedError:
    if mishap is Mishap.BUSY:
        return ScriptedError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "as much waits as may; send it again later",
            Told.BUSY,
            _info("QUEUE_FULL", retry="SAME_REQUEST"),
            come_again_after_s=BUSY_FOR_S,
        )
    if mishap is Mishap.NO_FUNDS:
        return _refused("INSUFFICIENT_FUNDS", "the balance is too little for this", balance_minor="0")
    return _refused("ROUND_CLOSED", "the round is closed")


def broken() -> ScriptedError:
    """Give what a caller sees of a connection that breaks."""
    return ScriptedError(grpc.StatusCode.UNAVAILABLE, "the connection broke", Told.UNKNOWN)


def _unavailable() -> ScriptedError:
    info = _info("DATABASE_UNAVAILABLE", retry="SAME_REQUEST")
    return ScriptedError(grpc.StatusCode.UNAVAILABLE, "the database does not answer", Told.UNKNOWN, info)


def unknown() -> ScriptedError:
    """Give what the wallet says where it cannot tell."""
    return ScriptedError(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "nobody can tell whether it was applied",
        Told.UNKNOWN,
        _info("OUTCOME_UNKNOWN", retry="SAME_REQUEST"),
    )


def _refused(reason: str, message: str, **metadata: str) -> ScriptedError:
    info = _info(reason, retry="AFTER_CHANGE", **metadata)
    return ScriptedError(grpc.StatusCode.FAILED_PRECONDITION, message, Told.REFUSED, info)


def _info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="wallet", metadata=metadata)


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed: any_pb2.Any = status.details.add()
    packed.Pack(detail)
