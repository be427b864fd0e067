"""The front: what every request passes. In this order: a path that is served, a method, a key, a place; then its call.

Whatever a call raises becomes its answer here; a fault of the gateway's own is logged under the request's id and
answered without a word about it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from google.rpc import status_pb2
from starlette.types import Receive, Scope, Send

from .answers import JSON, Headers, send_error, send_whole
from .bodies import CallerGoneError, Incoming
from .callers import Callers
from .heads import Head, head_of
from .http_errors import code_of
from .ledger import LedgerCalls
from .methods import METHODS, Method
from .metrics import GatewayMetrics
from .refusals import RefusedError, fault, full, not_implemented
from .streams import CODECS as STREAM_CODECS
from .streams import StreamCalls
from .unary import CODECS as UNARY_CODECS
from .unary import UnaryCalls
from .upstream import Upstream

HEALTH = "/healthz"
READY = "/readyz"
_READY_WITHIN_S = 2.0
_GONE = "gone"

_log = structlog.get_logger(__name__)


class Front:
    """The application."""

    def __init__(
        self,
        *,
        upstream: Upstream,
        callers: Callers,
        unary: UnaryCalls,
        streams: StreamCalls,
        ledger: LedgerCalls,
        metrics: GatewayMetrics,
        calls_max: int,
        timeout_s: float,
    ) -> None:
        self._upstream = upstream
        self._callers = callers
        self._timeout_s = timeout_s
        self._unary = unary
        self._streams = streams
        self._ledger = ledger
        self._metrics = metrics
        self._calls_max = calls_max
        self._streams_max = calls_max // 2
        self._calls = 0
        self._open_streams = 0
        self._leaving = False
        metrics.show_calls(lambda: self._calls)

    def leave_rotation(self) -> None:
        """Say that no more calls are wanted, and serve on."""
        self._leaving = True

    def stop(self) -> None:
        """Read no stream any further; what has begun is answered."""
        self._leaving = True
        self._streams.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        head = head_of(scope)
        if head.path in (HEALTH, READY):
            await self._tell_health(head, send)
            return
        begun_at = time.perf_counter()
        code, is_stream = "ok", False
        incoming = Incoming(receive)
        receive = incoming.receive
        try:
            method = METHODS.get(head.path)
            if method is None and head.path not in self._ledger.calls:
                code = "not_found"
                await _refuse(send, not_implemented(f"there is no call at {head.path[:200]}").status, head, 404)
            elif head.method != "POST":
                code = "method_not_allowed"
                refusal = not_implemented("calls are made by POST").status
                await _refuse(send, refusal, head, 405, [(b"allow", b"POST")])
            elif method is None:
                await self._in_place(head, lambda: self._ledger.answer(head, receive, send))
            elif method.streams:
                is_stream = True
                code = await self._stream(method, head, receive, send)
            else:
                code = await self._call(method, head, receive, send)
        except RefusedError as error:
            code = code_of(error.status)
            await incoming.drop()
            await send_error(send, error.status, head.request_id)
        except CallerGoneError:
            code = _GONE
            self._metrics.gone.inc()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and no stack trace
            code = "internal"
            _log.error("call_failed", request_id=head.request_id, path=head.path, exc_info=error)
            await send_error(send, fault(head.request_id).status, head.request_id)
        finally:
            self._metrics.answered(head.path, code, None if is_stream else time.perf_counter() - begun_at)

    async def _call(self, method: Method, head: Head, receive: Receive, send: Send) -> str:
        codec = UNARY_CODECS.get(head.content_type)
        if codec is None:
            return await _unsupported(send, head, UNARY_CODECS)
        await self._in_place(head, lambda: self._unary.answer(method, codec, head, receive, send))
        return "ok"

    async def _stream(self, method: Method, head: Head, receive: Receive, send: Send) -> str:
        codec = STREAM_CODECS.get(head.content_type)
        if codec is None:
            return await _unsupported(send, head, STREAM_CODECS)
        if not head.http_2:
            refusal = not_implemented("a stream goes both ways at once, which HTTP/1.1 cannot: use HTTP/2").status
            await _refuse(send, refusal, head, 505)
            return code_of(refusal)
        ended = "ok"

        async def answer() -> None:
            nonlocal ended
            if self._open_streams >= self._streams_max:
                self._metrics.refused_full.inc()
                raise full("this gateway holds as many streams as it may; try again")
            self._open_streams += 1
            try:
                ended = await self._streams.answer(method, codec, head, receive, send)
            finally:
                self._open_streams -= 1

        try:
            await self._in_place(head, answer)
        except RefusedError as error:  # before it began: a stream is refused by its end, too
            await self._streams.refuse(error.status, codec, head, send)
            return code_of(error.status)
        return ended

    async def _in_place(self, head: Head, answer: Callable[[], Awaitable[None]]) -> None:
        """Answer a call in one of the places, once its key is known to be good.

        Raises:
            RefusedError: The key is not good, there is no place, or the call was refused.
        """
        head.check_protocol()
        await self._callers.let_in(head.metadata(), head.timeout_within(self._timeout_s))
        if self._calls >= self._calls_max:
            self._metrics.refused_full.inc()
            raise full("this gateway holds as many calls as it may; send it again")
        self._calls += 1
        try:
            await answer()
        finally:
            self._calls -= 1

    async def _tell_health(self, head: Head, send: Send) -> None:
        good = head.path == HEALTH or (not self._leaving and await self._upstream.reachable(_READY_WITHIN_S))
        body = b'{"status":"ok"}' if good else b'{"status":"unavailable"}'
        await send_whole(send, 200 if good else 503, [(b"content-type", JSON), (b"cache-control", b"no-store")], body)


async def _refuse(
    send: Send, status: status_pb2.Status, head: Head, http_status: int, more: Headers | None = None
) -> None:
    await send_error(send, status, head.request_id, http_status=http_status, more=more)


async def _unsupported(send: Send, head: Head, codecs: Mapping[str, object]) -> str:
    """Refuse a body of a type that this call does not take, and tell which ones it does."""
    refusal = not_implemented(f"the body must be {' or '.join(codecs)}").status
    await _refuse(send, refusal, head, 415, [(b"accept-post", ", ".join(codecs).encode())])
    return code_of(refusal)
