"""What every call goes through: its id, its caller, its right, and the end of one that is refused or fails."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar

import grpc
import structlog

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.engine import QUEUE_FULL, QueueFullError
from wallet_grpc.engine.lane import DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN
from wallet_grpc.store.keys import Caller, Role
from wallet_grpc.store.pool import DatabaseUnavailableError

from .auth import Authenticator
from .status import abort

Context = grpc.aio.ServicerContext[Any, Any]
Servicer = TypeVar("Servicer", bound="Gated")
Message = TypeVar("Message")
Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)

_ID_LENGTH_MAX = 128
_INTERNAL = Refusal(reason=Reason.INTERNAL, message="an internal fault; nothing can be said of the outcome")
STOPPING = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE, message="this server is stopping; nothing was changed, send it again"
)


class RefusedError(Exception):
    """Ends a call with a refusal. Stays within this package."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class CallNames(NamedTuple):
    """Under what names a call is known in logs and traces."""

    request_id: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who calls, and under what names the call is known in logs and traces."""

    caller: Caller
    request_id: str
    traceparent: str | None
    remaining_s: float | None
    """What is left of the caller's deadline; None where it set none."""
    gate: CallGate
    grpc_context: Context

    async def check_again(self) -> None:
        """Check the key again, for a call that lasts: a revoked key stops working within 5 seconds.

        Raises:
            RefusedError: The key is good no more.
        """
        await self.gate.authenticate(self.grpc_context)


def not_allowed(role: Role) -> Refusal:
    """Refuse a call that the caller's roles do not include."""
    return Refusal(
        reason=Reason.CALL_NOT_ALLOWED,
        message=f"the key lacks the role `{role}` that this call needs",
        metadata={"role": role.value},
    )


class CallGate:
    """Lets calls in, and ends those that are refused or fail: the only place that gives a call its status."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._stopping = False
        self._on_close: set[Callable[[], object]] = set()

    def close(self) -> None:
        """Refuse every new call from now on, and tell those that last; what was let in is finished."""
        self._stopping = True
        for tell in tuple(self._on_close):
            tell()

    @contextmanager
    def telling(self, tell: Callable[[], object]) -> Iterator[None]:
        """Have a call that lasts told when the gate closes."""
        self._on_close.add(tell)
        try:
            yield
        finally:
            self._on_close.discard(tell)

    async def enter(self, context: Context, role: Role | None, names: CallNames) -> CallContext:
        """Let a call in that has a good key and the right.

        Raises:
            RefusedError: It has not, or the server is stopping.
        """
        if self._stopping:
            raise RefusedError(STOPPING)
        caller = await self.authenticate(context)
        if role is not None and role not in caller.roles:
            raise RefusedError(not_allowed(role))
        return CallContext(caller, names.request_id, names.traceparent, context.time_remaining(), self, context)

    async def authenticate(self, context: Context) -> Caller:
        """Find the caller of a call.

        Raises:
            RefusedError: It is nobody who may call here.
        """
        caller = await self._authenticator.caller(context)
        if isinstance(caller, Refusal):
            raise RefusedError(caller)
        return caller

    async def end(self, context: Context, error: Exception, names: CallNames) -> NoReturn:
        """End a call with the status of what was raised in it."""
        match error:
            case RefusedError() | MalformedError():
                refusal = error.refusal
            case QueueFullError():
                refusal = QUEUE_FULL
            case DatabaseUnavailableError():
                refusal = DATABASE_UNAVAILABLE
            case TimeoutError():
                refusal = OUTCOME_UNKNOWN
            case _:
                _log.error("call_failed", request_id=names.request_id, exc_info=error)
                refusal = _INTERNAL
        await abort(context, refusal, names.request_id)


class Gated(Protocol):
    """A servicer that has a gate."""

    gate: CallGate


def gated(
    role: Role | None = None,
) -> Callable[
    [Callable[[Servicer, Message, CallContext], Awaitable[Answer]]],
    Callable[[Servicer, Message, Context], Awaitable[Answer]],
]:
    """Make a unary method go through its servicer's gate: it is called with the caller instead of gRPC's context."""

    def decorate(
        method: Callable[[Servicer, Message, CallContext], Awaitable[Answer]],
    ) -> Callable[[Servicer, Message, Context], Awaitable[Answer]]:
        @wraps(method)
        async def through_gate(self: Servicer, request: Message, context: Context) -> Answer:
            names = _names(context)
            try:
                return await method(self, request, await self.gate.enter(context, role, names))
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status and no stack trace
                await self.gate.end(context, error, names)

        return through_gate

    return decorate


def gated_stream(
    method: Callable[[Servicer, Message, CallContext], AsyncIterator[Answer]],
) -> Callable[[Servicer, Message, Context], AsyncIterator[Answer]]:
    """Make a streaming method go through its servicer's gate."""

    @wraps(method)
    async def through_gate(self: Servicer, request: Message, context: Context) -> AsyncIterator[Answer]:
        names = _names(context)
        try:
            async for answer in method(self, request, await self.gate.enter(context, None, names)):
                yield answer
        except Exception as error:  # noqa: BLE001 - as above
            await self.gate.end(context, error, names)

    return through_gate


def _names(context: Context) -> CallNames:
    """Give the call's request id (the caller's `x-request-id`, or a new one) and its `traceparent`."""
    request_id = ""
    traceparent = None
    for key, value in context.invocation_metadata() or ():
        if key == "x-request-id" and _is_plain(value):
            request_id = str(value)
        elif key == "traceparent" and _is_plain(value):
            traceparent = str(value)
    return CallNames(request_id or secrets.token_hex(8), traceparent)


def _is_plain(value: str | bytes) -> bool:
    return isinstance(value, str) and len(value) <= _ID_LENGTH_MAX and value.isascii() and value.isprintable()
