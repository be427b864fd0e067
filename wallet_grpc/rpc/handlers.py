"""Handlers lead gRPC to the servicers' methods: a call's key is checked first, then its message is read, within a time.

gRPC's own handlers read and decode a unary call's message before they call anything. Until then a call that sends its
headers alone holds its place, and a stranger's megabytes hold memory. So every method is served as one that takes a
stream, which on the wire is the same: its handler is called at the headers, and asks for each message itself. Of a call
that is not let in, gRPC holds no more than the first window of its stream (server.py), and drops it with the refusal.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, invalid

from .gate import CallGate, Context, GatedStream, GatedUnary
from .metrics import CANCELLED, OVER, CalledMethod, CallMetrics
from .operations import Mutation, Operations
from .status import abort
from .stream import StreamOverError
from .time_limit import TimeLimit

Request = TypeVar("Request", bound=Message)

MESSAGE_WITHIN_S = 20.0
"""How long a unary call may take to send its message whole, once it was let in."""


class Servicer(Protocol):
    """What answers the calls of one service."""

    gate: CallGate
    operations: Operations


def handlers_of(servicer: Servicer, service: ServiceDescriptor) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    """Give gRPC's handler of each method of a service, which the servicer must have, gated."""
    return {method.name: _handler(servicer, method) for method in service.methods}


def handlers_of_parts(
    parts: Iterable[Servicer], service: ServiceDescriptor
) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    """Give gRPC's handler of each method that a part of a service has; gRPC refuses the others as UNIMPLEMENTED."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for part in parts:
        served = {method.name: method for method in service.methods if hasattr(type(part), method.name)}
        assert served, f"{type(part).__name__} has no call of {service.name}"
        assert handlers.keys().isdisjoint(served), f"{sorted(served)}: one of them has another part already"
        handlers |= {name: _handler(part, method) for name, method in served.items()}
    return handlers


def _handler(servicer: Servicer, described: Any) -> grpc.RpcMethodHandler[Any, Any]:
    parse = GetMessageClass(described.input_type).FromString
    serialize = GetMessageClass(described.output_type).SerializeToString
    declared = getattr(type(servicer), described.name)
    if isinstance(declared, Mutation):
        declared = servicer.operations.method(declared, described)
    match declared:
        case GatedUnary():
            assert not described.client_streaming, described.full_name
            assert not described.server_streaming, described.full_name
            answer = _unary(servicer, declared, parse, described)
            return grpc.stream_unary_rpc_method_handler(answer, None, serialize)
        case GatedStream():
            assert described.client_streaming, described.full_name
            assert described.server_streaming, described.full_name
            return grpc.stream_stream_rpc_method_handler(_stream(servicer, declared, parse, described), None, serialize)
        case _:
            raise AssertionError(f"{described.full_name} is no gated method: {declared}")


def _unary(servicer: Servicer, declared: GatedUnary, parse: Callable[[bytes], Message], described: Any) -> Any:
    gate, method, roles = servicer.gate, declared.method, declared.roles
    name, counted = described.full_name, counted_as(described, gate.metrics)

    async def answer(_messages: object, context: Context) -> Any:
        head = gate.head_of(context)
        began_at, call = time.monotonic(), None
        reason: str | None = CANCELLED
        try:
            call = await gate.enter(context, roles, head, lasts=False, is_beside_rate=declared.is_beside_rate)
            gate.watch.begin(call, name)
            if servicer.operations.arrives(call):
                await servicer.operations.turn(call)
            request = await _only_message(context, parse, gate.metrics)
            gate.begin(call)
            answered = await method(servicer, request, call)
            reason = None
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status and no stack trace
            refusal = gate.refusal_of(error, head)
            reason = refusal.reason
            await abort(context, refusal, head.request_id)
        finally:
            counted.ended(reason, time.monotonic() - began_at)
            if call is not None:
                gate.watch.end(call, name, began_at, reason=reason)
        return answered

    return answer


def _stream(servicer: Servicer, declared: GatedStream, parse: Callable[[bytes], Message], described: Any) -> Any:
    gate, method = servicer.gate, declared.method
    counted = counted_as(described, gate.metrics)

    async def answers(_messages: object, context: Context) -> AsyncIterator[Any]:
        head = gate.head_of(context)
        reason: str | None = CANCELLED
        try:
            call = await gate.enter(context, (), head, lasts=True)
            gate.begin(call)
            async for answer in method(servicer, _messages_of(context, parse, gate.metrics), call):
                yield answer
            reason = None
        except Exception as error:  # noqa: BLE001 - as above
            refusal, is_over = gate.refusal_of(error, head), isinstance(error, StreamOverError)
            reason = OVER if is_over else refusal.reason
            await abort(context, refusal, head.request_id, is_over=is_over)
        finally:
            counted.stream_ended(reason)

    return answers


def counted_as(described: Any, metrics: CallMetrics) -> CalledMethod:
    """Give what counts the calls of a method that a proto describes."""
    return metrics.of(described.containing_service.full_name, described.name)


async def _only_message(context: Context, parse: Callable[[bytes], Request], metrics: CallMetrics) -> Request:
    try:
        with TimeLimit(MESSAGE_WITHIN_S):
            raw = await context.read()
    except TimeoutError:
        raise MalformedError(invalid(Reason.MISSING_FIELD, "request", "did not come in time")) from None
    if raw is grpc.aio.EOF:
        raise MalformedError(invalid(Reason.MISSING_FIELD, "request", "is required"))
    return decoded(raw, parse, metrics)


async def _messages_of(
    context: Context, parse: Callable[[bytes], Request], metrics: CallMetrics
) -> AsyncIterator[Request]:
    while (raw := await context.read()) is not grpc.aio.EOF:
        yield decoded(raw, parse, metrics)


def decoded(raw: bytes, parse: Callable[[bytes], Request], metrics: CallMetrics) -> Request:
    """Read a message.

    Raises:
        MalformedError: The bytes are no message of this kind, or a text in it is not UTF-8.
    """
    try:
        return parse(raw)
    except DecodeError:
        metrics.undecodable.inc()
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, "request", "is not a protobuf message of this call with texts in UTF-8")
        ) from None
