"""What needs no key: health and reflection. They have a small share of their own, which nobody's calls depend on."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from wallet_grpc.domain.refusals import Reason, Refusal

from .gate import STOPPING, CallGate, Context, RefusedError
from .handlers import counted_as, decoded
from .metrics import CANCELLED, NOT_FOUND, OVER
from .status import abort
from .stream import StreamOverError

Request = TypeVar("Request", bound=Message)

HEALTH: Any = health_pb2.DESCRIPTOR.services_by_name["Health"]
REFLECTION: Any = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]

READINESS = "readiness"
LIVENESS = "liveness"
"""Names for probes, beside those of the services."""
_READING_MAX = 200
"""Calls that may wait for their message at once. One more takes the place of that which has waited longest: a good call
brings its message along with its headers, so only those that send none give way."""
_READING_MAX_S = 5.0
_LASTING_MAX = 100
"""Streams (watched health, reflection) that may last at once. One more takes a place of the host that has most of them,
if that has more than its own will: clients that watch health take a server that refuses it for one that is down, so
nobody may keep them out for as long as they like."""
_CONNECTION_LASTING_MAX = 10
_REFLECTION_MAX_S = 60.0
"""How long a reflection stream may last; a tool asks what it wants to know in one or two seconds."""
_FULL = Refusal(reason=Reason.QUEUE_FULL, message="calls without a key have few places, and they are taken")
_SILENT = Refusal(reason=Reason.QUEUE_FULL, message="the call's message did not come in time")
_LASTED = Refusal(reason=Reason.QUEUE_FULL, message="a stream of reflection lasts no longer than this")
_NO_SERVICE = "there is no such service"


@dataclass(slots=True, eq=False)
class _Place:
    """A place of a stream."""

    peer: str
    """The connection."""
    limit: asyncio.Timeout
    """Ends the stream."""
    gave_way: bool = False

    @property
    def host(self) -> str:
        return _host_of(self.peer)


class OpenCalls:
    """The share of the calls that need no key."""

    def __init__(self, gate: CallGate) -> None:
        self.gate = gate
        self._reading: dict[asyncio.Timeout, None] = {}
        self._lasting: dict[_Place, None] = {}
        """In the order in which they were taken."""

    async def read(self, context: Context, parse: Callable[[bytes], Request]) -> Request | None:
        """Read a call's next message; None at the end of what it sends.

        Raises:
            RefusedError: It did not come in time, or had to give way.
        """
        if len(self._reading) >= _READING_MAX:
            longest = next(iter(self._reading))
            del self._reading[longest]
            _end(longest)
        try:
            async with asyncio.timeout(_READING_MAX_S) as limit:
                self._reading[limit] = None
                try:
                    raw = await context.read()
                finally:
                    self._reading.pop(limit, None)
        except TimeoutError:
            self.gate.metrics.refused_open.inc()
            raise RefusedError(_SILENT) from None
        return None if raw is grpc.aio.EOF else decoded(raw, parse, self.gate.metrics)

    def answered(
        self, method: Callable[[Context], Awaitable[Any]], described: Any
    ) -> Callable[[object, Context], Awaitable[Any]]:
        """Make a method one that gRPC can call: it ends with a status, whatever is raised in it."""
        counted = counted_as(described, self.gate.metrics)

        async def answer(_messages: object, context: Context) -> Any:
            began_at = time.monotonic()
            reason: str | None = CANCELLED
            try:
                self.gate.arrive()
                answered = await method(context)
                reason = None
            except grpc.aio.AbortError:
                reason = NOT_FOUND
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status and no stack trace
                head = self.gate.head_of(context)
                refusal = self.gate.refusal_of(error, head)
                reason = OVER if isinstance(error, StreamOverError) else refusal.reason
                await abort(context, refusal, head.request_id)
            finally:
                if described.server_streaming:
                    counted.stream_ended(reason)
                else:
                    counted.ended(reason, time.monotonic() - began_at)
            return answered

        return answer

    @asynccontextmanager
    async def lasting(self, context: Context, *, lasts_s: float | None = None) -> AsyncIterator[asyncio.Timeout]:
        """Have a place for a stream, which gives what ends it before its time.

        Raises:
            RefusedError: There is none left, its connection has enough of them, or it had to give way.
            TimeoutError: It was ended, or its time is over.
        """
        peer, place = context.peer(), None
        self._make_room(peer)
        try:
            async with asyncio.timeout(lasts_s) as limit:
                place = _Place(peer, limit)
                self._lasting[place] = None
                try:
                    yield limit
                finally:
                    self._lasting.pop(place, None)
        except TimeoutError:
            if place is not None and place.gave_way:
                raise RefusedError(_FULL) from None
            raise

    def _make_room(self, peer: str) -> None:
        """See that there is a place for a stream of a connection.

        Raises:
            RefusedError: There is none left, or the connection has enough of them.
        """
        if sum(place.peer == peer for place in self._lasting) < _CONNECTION_LASTING_MAX:
            if len(self._lasting) < _LASTING_MAX:
                return
            places = Counter(place.host for place in self._lasting)
            ((host, most),) = places.most_common(1)
            if most > places[_host_of(peer)] + 1:  # by two or more, or the two would take it from each other in turns
                self.gate.metrics.refused_open.inc()
                self._give_way(next(place for place in self._lasting if place.host == host))
                return
        self.gate.metrics.refused_open.inc()
        raise RefusedError(_FULL)

    def _give_way(self, place: _Place) -> None:
        del self._lasting[place]
        place.gave_way = True
        _end(place.limit)


def _end(limit: asyncio.Timeout) -> None:
    """End what is limited now, if it is not just ending."""
    if not limit.expired():
        limit.reschedule(0)


def _host_of(peer: str) -> str:
    return peer.rpartition(":")[0]


class Health:
    """grpc.health.v1.Health: in what state each service is."""

    def __init__(self, share: OpenCalls, services: Sequence[str]) -> None:
        self._share = share
        self._services = ("", READINESS, *services)
        self._states = self._all(serving=False)
        self._news = asyncio.Event()

    def tell(self, *, serving: bool, parts: Mapping[str, bool] | None = None) -> None:
        """Set the state of every service; those that watch are told, and leave once the gate is closed.

        `parts` are known by names beside those of the services, each with a state of its own while these are served.

        Liveness is the answer itself: what a restart would mend ends the process, or keeps it from answering.
        """
        self._states = self._all(serving=serving)
        for part, is_served in (parts or {}).items():
            self._states[part] = _state(serving=serving and is_served)
        self._news.set()
        self._news = asyncio.Event()

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Give gRPC's handler of each method."""
        answered, one = self._share.answered, health_pb2.HealthCheckResponse.SerializeToString
        check, watch = (HEALTH.methods_by_name[name] for name in ("Check", "Watch"))
        return {
            check.name: grpc.stream_unary_rpc_method_handler(answered(self._check, check), None, one),
            watch.name: grpc.stream_stream_rpc_method_handler(answered(self._watch, watch), None, one),
        }

    def _all(self, *, serving: bool) -> dict[str, Any]:
        return dict.fromkeys(self._services, _state(serving=serving)) | {LIVENESS: _state(serving=True)}

    async def _check(self, context: Context) -> health_pb2.HealthCheckResponse:
        state = self._states.get(await self._service(context))
        if state is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, _NO_SERVICE)
        return health_pb2.HealthCheckResponse(status=state)

    async def _watch(self, context: Context) -> None:
        service, told = await self._service(context), None
        async with self._share.lasting(context):
            while not self._share.gate.stopping:
                news = self._news
                state = self._states.get(service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
                if state != told:
                    told = state
                    await context.write(health_pb2.HealthCheckResponse(status=state))
                await news.wait()
        raise StreamOverError(STOPPING)

    async def _service(self, context: Context) -> str:
        request = await self._share.read(context, health_pb2.HealthCheckRequest.FromString)
        return request.service if request else ""


def _state(*, serving: bool) -> Any:
    return health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING


class Reflection:
    """grpc.reflection.v1alpha.ServerReflection: what the services look like, for tools."""

    def __init__(self, share: OpenCalls, services: Sequence[str]) -> None:
        self._share = share
        self._described = reflection.aio.ReflectionServicer(services)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Give gRPC's handler of its method."""
        info = REFLECTION.methods_by_name["ServerReflectionInfo"]
        return {
            info.name: grpc.stream_stream_rpc_method_handler(
                self._share.answered(self._info, info), None, reflection_pb2.ServerReflectionResponse.SerializeToString
            )
        }

    async def _info(self, context: Context) -> None:
        try:
            async with self._share.lasting(context, lasts_s=_REFLECTION_MAX_S) as limit:
                with self._share.gate.telling(lambda: _end(limit)):
                    answers: Any = self._described.ServerReflectionInfo(self._requests(context), context)
                    async for answer in answers:
                        await context.write(answer)
        except TimeoutError:
            raise StreamOverError(STOPPING if self._share.gate.stopping else _LASTED) from None

    async def _requests(self, context: Context) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        parse = reflection_pb2.ServerReflectionRequest.FromString
        while (request := await self._share.read(context, parse)) is not None:
            yield request
