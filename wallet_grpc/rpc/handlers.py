"""Handlers lead gRPC to the servicers' methods: a call's key is checked first, then its message is read, within a time.

gRPC's own handlers read and decode a unary call's message before they call anything. Until then a call that sends its
headers alone holds its place, and a stranger's megabytes hold memory. So every method is served as one that takes a
stream, which on the wire is the same: its handler is called at the headers, and asks for each message itself. Of a call
that is not let in, gRPC holds no more than the first window of its stream (server.py), and drops it with the refusal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, invalid

from .gate import CallGate, Context, GatedStream, GatedUnary
from .metrics import CallMetrics
from .operations import Mutation, Operations
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
            return grpc.stream_unary_rpc_method_handler(_unary(servicer, declared, parse), None, serialize)
        case GatedStream():
            assert described.client_streaming, described.full_name
            assert described.server_streaming, described.full_name
            return grpc.stream_stream_rpc_method_handler(_stream(servicer, declared, parse), None, serialize)
        case _:
            raise AssertionError(f"{described.full_name} is no gated method: {declared}")


def _unary(servicer: Servicer, declared: GatedUnary, parse: Callable[[bytes], Message]) -> Any:
    gate, method, roles = servicer.gate, declared.method, declared.roles

    async def answer(_messages: object, context: Context) -> Any:
        head = gate.head_of(context)
        try:
            call = await gate.enter(context, roles, head, lasts=False)
            if servicer.operations.waits(call):
                await servicer.operations.turn(call)
            request = await _only_message(context, parse, gate.metrics)
            gate.begin(call)
            return await method(servicer, request, call)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status and no stack trace
            await gate.end(context, error, head)

    return answer


def _stream(servicer: Servicer, declared: GatedStream, parse: Callable[[bytes], Message]) -> Any:
    gate, method = servicer.gate, declared.method

    async def answers(_messages: object, context: Context) -> AsyncIterator[Any]:
        head = gate.head_of(context)
        try:
            call = await gate.enter(context, (), head, lasts=True)
            gate.begin(call)
            async for answer in method(servicer, _messages_of(context, parse, gate.metrics), call):
                yield answer
        except Exception as error:  # noqa: BLE001 - as above
            await gate.end(context, error, head)

    return answers


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
