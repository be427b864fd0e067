"""The gate lets calls in: each gets its id, its caller, its right and its place, or the status of what went wrong.

Nothing of a call is read before it is let in (handlers.py), so what a stranger sends costs a refusal and no more.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import grpc
import structlog

from wallet_grpc.domain.cells import CellElsewhereError
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.operators import (
    OPERATOR_NAME_LENGTH_MAX,
    Channel,
    Operator,
    is_operator_name,
    operator_name,
)
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.engine import SERVED_ELSEWHERE, QueueFullError
from wallet_grpc.engine.lane import OUTCOME_UNKNOWN
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.keys import Caller, Role
from wallet_grpc.tracing import known_as

from .auth import Authenticator
from .metrics import CallMetrics
from .outages import refusal_of_outage
from .rates import Rates
from .watch import CallWatch, Watched

Context = grpc.aio.ServicerContext[Any, Any]

_log = structlog.get_logger(__name__)

LOGIN_METADATA = "wallet-operator"
"""Where a key that speaks for logins names the person."""
_ID_LENGTH_MAX = 128
_REFUSALS_WITHIN_S = 0.5
"""How long a stop waits for refusals to be sent and for watchers to be told, whether they read it or not."""
_INTERNAL = Refusal(reason=Reason.INTERNAL, message="an internal fault; nothing can be said of the outcome")
STOPPING = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE, message="this server is stopping; nothing was changed, send it again"
)
_CALLS_FULL = Refusal(reason=Reason.QUEUE_FULL, message="this server holds as many calls as it may; send it again")


class RefusedError(Exception):
    """Ends a call with a refusal. Stays within this package."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class CallHead(NamedTuple):
    """What a call's metadata says: whose key it shows, and under what names it is known in logs and traces."""

    authorization: str | None
    request_id: str
    traceparent: str | None
    login: str | None = None
    """The person who is logged in where the call comes from (`wallet-operator`), as a key that may tells."""


@dataclass(slots=True, eq=False)
class CallPresence:
    """A call that is not over: from its headers until its status is sent."""

    has_place: bool = False
    """Whether it was let in."""
    lasts: bool = False
    """Whether it is a stream that was let in."""
    has_begun: bool = False
    """Whether its message has come: a stop waits for it."""


@dataclass(slots=True, eq=False)
class CallContext:
    """Who calls, and under what names the call is known in logs and traces."""

    caller: Caller
    request_id: str
    traceparent: str | None
    remaining_s: float | None
    """What is left of the caller's deadline; None where it set none."""
    gate: CallGate
    grpc_context: Context
    head: CallHead
    presence: CallPresence
    operator: Operator | None
    """The person who calls, where the key has role `backoffice`."""
    watched: Watched = field(default_factory=Watched)

    async def check_again(self) -> Caller:
        """Check the key again, for a call that lasts: a revoked key stops working within 5 seconds.

        Raises:
            RefusedError: The key is good no more.
        """
        return await self.gate.authenticate(self.grpc_context, self.head)

    def owe(self, operations: int) -> None:
        """Charge the key's rate for operations that one call brought, without asking whether it has them."""
        self.gate.rates.owe(self.caller, operations)


def not_allowed(*roles: Role) -> Refusal:
    """Refuse a call that needs one of these roles, of which the caller has none."""
    return Refusal(
        reason=Reason.CALL_NOT_ALLOWED,
        message=f"the key lacks the role {' or '.join(f'`{role}`' for role in roles)} that this call needs",
        metadata={"role": ",".join(role.value for role in roles)},
    )


def _logged_in(caller: Caller, login: str | None) -> Operator:
    """Give the person whom a call names as logged in where it comes from.

    Raises:
        RefusedError: The key may not speak for others, or names nobody.
    """
    if not caller.speaks_for_logins:
        raise RefusedError(
            Refusal(
                reason=Reason.CALL_NOT_ALLOWED,
                message=f"the key may not speak for others: leave `{LOGIN_METADATA}` out, or have one made with "
                "`wallet keys create --speaks-for-logins`",
            )
        )
    if login is None or not is_operator_name(login):
        raise RefusedError(
            Refusal(
                reason=Reason.CALL_NOT_ALLOWED,
                message=f"the key speaks for persons who log in: name the one who is, in the metadata "
                f"`{LOGIN_METADATA}`, by 1 to {OPERATOR_NAME_LENGTH_MAX} characters of ASCII 0x21 to 0x7E",
            )
        )
    return Operator(name=operator_name(login), channel=Channel.CONSOLE, key_id=caller.key_id)


class CallGate:
    """Lets calls in, and tells what those are refused with that fail."""

    def __init__(
        self, authenticator: Authenticator, metrics: CallMetrics, rates: Rates, *, calls_max: int, watch: CallWatch
    ) -> None:
        self.metrics = metrics
        self.rates = rates
        self.watch = watch
        self._authenticator = authenticator
        self._calls_max = calls_max
        self._streams_max = max(1, calls_max // 2)
        """Streams last: they never take all the places, or a call that is over in a moment would find none."""
        self._stopping = False
        self._on_close: set[Callable[[], object]] = set()
        self._present: dict[asyncio.Task[Any], CallPresence] = {}
        """The calls that are not over: a call's task ends once its status is sent."""
        self._places_taken = 0
        self._streams = 0
        self._id_prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Refuse every new call from now on, and tell those that last; what was let in is finished."""
        self._stopping = True
        for tell in tuple(self._on_close):
            tell()

    @property
    def stopping(self) -> bool:
        """Whether it is closed."""
        return self._stopping

    async def emptied(self, timeout_s: float) -> None:
        """Wait until every call that has begun has its status, and a moment for those that are being refused."""
        begun = [task for task, presence in self._present.items() if presence.has_begun]
        if begun:
            await asyncio.wait(begun, timeout=timeout_s)
        if self._present:
            await asyncio.wait(tuple(self._present), timeout=min(timeout_s, _REFUSALS_WITHIN_S))

    @contextmanager
    def telling(self, tell: Callable[[], object]) -> Iterator[None]:
        """Have a call that lasts told when the gate closes."""
        self._on_close.add(tell)
        try:
            yield
        finally:
            self._on_close.discard(tell)

    def head_of(self, context: Context) -> CallHead:
        """Read a call's metadata: its key, its request id (its own `x-request-id`, or a new one), its `traceparent`."""
        authorization = traceparent = None
        login = None
        request_id = ""
        for key, value in context.invocation_metadata() or ():
            if key == "authorization":
                if authorization is None:
                    authorization = value.decode("latin-1") if isinstance(value, bytes) else value
            elif key == "x-request-id" and _is_plain(value):
                request_id = str(value)
            elif key == "traceparent" and _is_plain(value):
                traceparent = str(value)
            elif key == LOGIN_METADATA:
                login = str(value)
        return CallHead(authorization, request_id or f"{self._id_prefix}{next(self._numbers):08x}", traceparent, login)

    def arrive(self) -> CallPresence:
        """Know of the call that the running task answers.

        Raises:
            RefusedError: The server is stopping.
        """
        task = asyncio.current_task()
        assert task is not None, "gRPC answers each call in a task of its own"
        presence = self._present[task] = CallPresence()
        task.add_done_callback(self._left)
        if self._stopping:
            raise RefusedError(STOPPING)
        return presence

    async def enter(
        self, context: Context, roles: Sequence[Role], head: CallHead, *, lasts: bool, is_beside_rate: bool = False
    ) -> CallContext:
        """Let a call in that has a good key, the right (one of the roles, if any), its rate and a place.

        Raises:
            RefusedError: It has not, there is none, or the server is stopping.
        """
        presence = self.arrive()
        caller = self._authenticator.known(head.authorization) or await self.authenticate(context, head)
        if roles and caller.roles.isdisjoint(roles):
            raise RefusedError(not_allowed(*roles))
        operator = caller.operator
        if head.login is not None or caller.speaks_for_logins:
            operator = _logged_in(caller, head.login)
        take = self.rates.take_question if is_beside_rate else self.rates.take
        limited = None if lasts else take(caller)  # a stream waits for its rate, operation by operation
        if limited is not None:
            raise RefusedError(limited)
        self._take_place(presence, lasts=lasts)
        left_s, request_id = context.time_remaining(), head.request_id
        return CallContext(caller, request_id, head.traceparent, left_s, self, context, head, presence, operator)

    def begin(self, call: CallContext) -> None:
        """Begin with a call that was let in: from now on it will have its answer, though the server be stopped.

        Raises:
            RefusedError: The server is stopping.
        """
        if self._stopping:
            raise RefusedError(STOPPING)
        call.presence.has_begun = True

    async def authenticate(self, context: Context, head: CallHead) -> Caller:
        """Find the caller of a call.

        Raises:
            RefusedError: It is nobody who may call here.
        """
        caller = await self._authenticator.caller(head.authorization, context.peer())
        if isinstance(caller, Refusal):
            raise RefusedError(caller)
        return caller

    def _take_place(self, presence: CallPresence, *, lasts: bool) -> None:
        if self._places_taken >= self._calls_max or (lasts and self._streams >= self._streams_max):
            self.metrics.refused_full.inc()
            raise RefusedError(_CALLS_FULL)
        presence.has_place, presence.lasts = True, lasts
        self._places_taken += 1
        self._streams += lasts

    def _left(self, task: asyncio.Task[Any]) -> None:
        presence = self._present.pop(task)
        self._places_taken -= presence.has_place
        self._streams -= presence.lasts

    def refusal_of(self, error: Exception, head: CallHead) -> Refusal:
        """Tell what a call is refused with in which this was raised; a fault of ours is logged."""
        refusal = _refusal_of(error)
        if refusal is None:
            _log.error("call_failed", **known_as(head.request_id, head.traceparent), exc_info=error)
            return _INTERNAL
        self.metrics.refused(refusal.reason)
        return refusal


def _refusal_of(error: Exception) -> Refusal | None:
    """Give the refusal that was raised, or that a failure means; None for a fault of ours."""
    match error:
        case RefusedError() | MalformedError() | QueueFullError():
            return error.refusal
        case DatabaseUnavailableError():
            return refusal_of_outage(error)
        case CellElsewhereError():
            return SERVED_ELSEWHERE
        case TimeoutError():
            return OUTCOME_UNKNOWN
        case _:
            return None


@dataclass(frozen=True, slots=True)
class GatedUnary:
    """A servicer's unary method, `async def Method(self, request, call) -> response`, and the right that it needs.

    Without roles the gate asks for none: what such a call may read is decided by `rights`, or operation by operation.
    What is beside the rate takes nothing of that: a question that callers have to ask before they can call.
    """

    method: Callable[..., Awaitable[Any]]
    roles: tuple[Role, ...]
    """Any one of them lets a call in."""
    is_beside_rate: bool = False


@dataclass(frozen=True, slots=True)
class GatedStream:
    """A servicer's streaming method: `async def Method(self, requests, call) -> AsyncIterator[response]`."""

    method: Callable[..., AsyncIterator[Any]]


def gated(*roles: Role, is_beside_rate: bool = False) -> Callable[[Callable[..., Awaitable[Any]]], GatedUnary]:
    """Have a unary method reached through its servicer's gate, with the caller instead of gRPC's context."""

    def decorate(method: Callable[..., Awaitable[Any]]) -> GatedUnary:
        return GatedUnary(method, roles, is_beside_rate)

    return decorate


def gated_stream(method: Callable[..., AsyncIterator[Any]]) -> GatedStream:
    """Have a streaming method reached through its servicer's gate; each operation's right is its own."""
    return GatedStream(method)


def _is_plain(value: str | bytes) -> bool:
    return isinstance(value, str) and len(value) <= _ID_LENGTH_MAX and value.isascii() and value.isprintable()
