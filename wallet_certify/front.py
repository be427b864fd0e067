"""The front that a caller plays against: a gRPC server that hands calls on to the wallet, and does its mishaps to them.

Calls with one operation are looked at; reads and the like are handed on as they are. Batches and streams are refused,
since what one of their operations meets cannot be told from what the others do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from wallet.v1 import session_pb2, wallet_pb2

from .operations import CALLS, Call, Operation, read
from .script import UNREACHABLE_TRIES, Mishap, Script
from .sightings import SIGHTINGS_MAX, Sending, Sighting, Sightings, Told

BUSY_FOR_S = 0.3
_SLOW_S = 0.5
_LATE_MAX_S = 5.0
"""How long a late answer is waited with for a caller without a deadline, or with a long one."""
_TIMEOUT_S = 10.0
_DETAILS_KEY = "grpc-status-details-bin"
_PUSHBACK_KEY = "grpc-retry-pushback-ms"
_HANDED_ON = frozenset({"authorization", "x-request-id", "traceparent"})
_LIVE = "sk_live_"
_MS_PER_S = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class Front(grpc.GenericRpcHandler):
    """Handles every call there is."""

    def __init__(self, wallet: grpc.aio.Channel) -> None:
        self._wallet = wallet
        self._script = Script()
        self.sightings = Sightings()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Give the handler of a call."""
        path: str = handler_call_details.method
        call = CALLS.get(path)

        async def answer(raw: bytes, context: Context) -> bytes:
            if path.endswith(("/ExecuteBatch", "/Execute")):
                await context.abort(
                    grpc.StatusCode.UNIMPLEMENTED, "`wallet certify` takes operations in calls of their own"
                )
            if call is None:
                return await self._handed_on(path, raw, context)
            return await self._played(path, call, raw, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    async def _handed_on(self, path: str, raw: bytes, context: Context) -> bytes:
        try:
            return await self._ask(path, raw, context)
        except grpc.aio.AioRpcError as error:
            await _abort_as(context, error)
            raise

    async def _played(self, path: str, call: Call, raw: bytes, context: Context) -> bytes:
        try:
            operation = read(call.kind, call.request.FromString(raw))
        except DecodeError:
            return await self._handed_on(path, raw, context)
        sighting, sending = await self._see(operation, context)
        mishap = _mishap_of(sighting)

        async def ask() -> bytes:
            try:
                answer = await self._ask(path, raw, context)
            except grpc.aio.AioRpcError as error:
                _note_refusal(sending, error)
                raise
            sighting.is_applied |= _is_applied(call.response.FromString(answer))
            return answer

        try:
            answer = await _met(mishap, ask, sighting, context)
        except _ScriptedError as scripted:
            _tell(sending, scripted.told, scripted.reason, come_again_after_s=scripted.come_again_after_s)
            await context.abort(scripted.code, scripted.message, trailing_metadata=scripted.trailers)
            raise
        except grpc.aio.AioRpcError as error:
            sending.told_at = time.monotonic()
            await _abort_as(context, error)
            raise
        _tell(sending, Told.DONE, "")
        return answer

    async def _see(self, operation: Operation, context: Context) -> tuple[Sighting, Sending]:
        sighting = self.sightings.by_key.get(operation.key)
        if sighting is None:
            if len(self.sightings) >= SIGHTINGS_MAX:
                await context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, "this run has seen as many operations as it may"
                )
            sighting = Sighting(first=operation, mishap=self._script.next(operation.kind))
            self.sightings.by_key[operation.key] = sighting
        sending = Sending(operation=operation, sent_at=time.monotonic(), has_deadline=_left_s(context) is not None)
        sighting.sendings.append(sending)
        return sighting, sending

    async def _ask(self, path: str, raw: bytes, context: Context) -> bytes:
        metadata = [(key, value) for key, value in context.invocation_metadata() or () if key in _HANDED_ON]
        if any(key == "authorization" and _LIVE in str(value) for key, value in metadata):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "`wallet certify` is for TEST: it takes no key of LIVE"
            )
        call: Callable[..., Awaitable[bytes]] = self._wallet.unary_unary(path)
        return await call(raw, metadata=metadata, timeout=_TIMEOUT_S)


class _ScriptedError(Exception):
    """Ends a call as the script has it."""

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
        self.code, self.message, self.told = code, message, told
        self.reason = "" if info is None else info.reason
        self.come_again_after_s = come_again_after_s
        self.trailers: tuple[tuple[str, str | bytes], ...] = ()
        if info is None:
            return
        status = status_pb2.Status(code=code.value[0], message=message)
        _add(status, info)
        if come_again_after_s:
            delay = Duration()
            delay.FromMilliseconds(int(come_again_after_s * _MS_PER_S))
            _add(status, error_details_pb2.RetryInfo(retry_delay=delay))
            self.trailers = ((_PUSHBACK_KEY, str(int(come_again_after_s * _MS_PER_S))),)
        self.trailers = ((_DETAILS_KEY, status.SerializeToString()), *self.trailers)


def _mishap_of(sighting: Sighting) -> Mishap:
    """Give what this sending meets: the first one what the script says; the next ones too while unreachable."""
    tries = len(sighting.sendings)
    if sighting.mishap is Mishap.UNREACHABLE:
        return Mishap.UNREACHABLE if tries <= UNREACHABLE_TRIES else Mishap.NONE
    return sighting.mishap if tries == 1 else Mishap.NONE


async def _met(mishap: Mishap, ask: Callable[[], Awaitable[bytes]], sighting: Sighting, context: Context) -> bytes:
    """Do a mishap to a sending; gives the answer that its caller gets.

    Raises:
        _ScriptedError: It gets none, or a refusal of the script's.
        AioRpcError: The wallet has refused it.
    """
    match mishap:
        case Mishap.NONE | Mishap.SLOW:
            await asyncio.sleep(_SLOW_S if mishap is Mishap.SLOW else 0)
            return await ask()
        case Mishap.DUPLICATE:
            await ask()
            return await ask()
        case Mishap.LOST_REQUEST:
            raise _broken()
        case Mishap.LOST_ANSWER:
            await ask()
            raise _broken()
        case Mishap.UNREACHABLE:
            if len(sighting.sendings) == 1:
                await ask()
            raise _unknown()
        case Mishap.LATE_ANSWER:
            await ask()
            left_s = _left_s(context)
            await asyncio.sleep(_LATE_MAX_S if left_s is None else min(max(left_s, 0.0), _LATE_MAX_S))
            raise _unknown()
        case Mishap.BUSY | Mishap.NO_FUNDS | Mishap.ROUND_CLOSED:
            raise _refusal(mishap)


def _left_s(context: Context) -> float | None:
    """Give what is left of a call's time; None of a call without a deadline, which gRPC's stubs do not know of."""
    left: float | None = context.time_remaining()
    return left


def _refusal(mishap: Mishap) -> _ScriptedError:
    if mishap is Mishap.BUSY:
        return _ScriptedError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "as much waits as may; send it again later",
            Told.BUSY,
            _info("QUEUE_FULL", retry="SAME_REQUEST"),
            come_again_after_s=BUSY_FOR_S,
        )
    if mishap is Mishap.NO_FUNDS:
        return _refused("INSUFFICIENT_FUNDS", "the balance is too little for this", balance_minor="0")
    return _refused("ROUND_CLOSED", "the round is closed")


def _broken() -> _ScriptedError:
    return _ScriptedError(grpc.StatusCode.UNAVAILABLE, "the connection broke", Told.UNKNOWN)


def _unknown() -> _ScriptedError:
    return _ScriptedError(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "nobody can tell whether it was applied",
        Told.UNKNOWN,
        _info("OUTCOME_UNKNOWN", retry="SAME_REQUEST"),
    )


def _refused(reason: str, message: str, **metadata: str) -> _ScriptedError:
    info = _info(reason, retry="AFTER_CHANGE", **metadata)
    return _ScriptedError(grpc.StatusCode.FAILED_PRECONDITION, message, Told.REFUSED, info)


def _info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="wallet", metadata=metadata)


def _is_applied(result: Any) -> bool:
    plays = wallet_pb2.OperationResult | session_pb2.SessionResult
    return not isinstance(result, plays) or result.status == wallet_pb2.OPERATION_STATUS_APPLIED


def _tell(sending: Sending, told: Told, reason: str, *, come_again_after_s: float = 0.0) -> None:
    sending.told, sending.reason, sending.told_at = told, reason, time.monotonic()
    sending.come_again_after_s = come_again_after_s


def _note_refusal(sending: Sending, error: grpc.aio.AioRpcError) -> None:
    info = _info_of(error)
    retry = info.metadata.get("retry", "SAME_REQUEST")
    _tell(sending, Told.UNKNOWN if retry == "SAME_REQUEST" else Told.REFUSED, info.reason)


def _info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            details: Any = status_pb2.Status.FromString(value).details
            any(packed.Unpack(info) for packed in details)
    return info


async def _abort_as(context: Context, error: grpc.aio.AioRpcError) -> None:
    trailers = tuple(
        (key, value) for key, value in error.trailing_metadata() or () if key in {_DETAILS_KEY, _PUSHBACK_KEY}
    )
    await context.abort(error.code(), error.details() or "", trailing_metadata=trailers)


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed: any_pb2.Any = status.details.add()
    packed.Pack(detail)
