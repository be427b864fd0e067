"""The gate: what every request passes before an endpoint sees it, and what every answer passes on its way out.

In this order: are too many being answered; is the method one that reads; is a body small enough to be left alone. Of
probes there are never too many: a process that is full would be taken for one that is dead. Whatever an endpoint raises
becomes a problem here; a fault of ours is logged under an id and answered without a word about it.
"""

from __future__ import annotations

import time
import uuid

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallet_grpc.store.connection.lending import ConnectionsBusyError, DatabaseUnavailableError
from wallet_grpc.store.reads.moments import UnsettledMomentError

from .cors import Cors
from .metrics import ApiMetrics
from .problems import ProblemError, ProblemReason, answer

_READING_METHODS = frozenset({"GET", "HEAD"})
_RETRY_AFTER_S = 1

_log = structlog.get_logger(__name__)


class Gate:
    """The outermost part of the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        cors: Cors,
        metrics: ApiMetrics,
        probes: frozenset[str],
        requests_max: int,
        body_bytes_max: int,
    ) -> None:
        self._app = app
        self._probes = probes
        self._cors = cors
        self._metrics = metrics
        self._requests_max = requests_max
        self._body_bytes_max = body_bytes_max
        self._in_flight = 0
        metrics.show_in_flight(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_at = time.perf_counter()
        status = 0
        extra_headers = self._cors.headers_for(scope["headers"])

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].extend(extra_headers)
            await send(message)

        is_counted = scope["path"] not in self._probes
        self._in_flight += is_counted
        try:
            if is_counted:
                self._check_room()
            await self._answer(scope, receive, respond)
        except Exception as error:
            if status:  # half an answer is out: the connection is closed by the server
                raise
            await _problem(error, scope)(scope, receive, respond)
        finally:
            self._in_flight -= is_counted
            self._metrics.answered(scope["path"], status, time.perf_counter() - started_at)

    async def _answer(self, scope: Scope, receive: Receive, respond: Send) -> None:
        method = scope["method"]
        if method not in _READING_METHODS:
            if method == "OPTIONS" and self._cors:
                await self._cors.preflight()(scope, receive, respond)
                return
            raise ProblemError(ProblemReason.METHOD_NOT_ALLOWED, "this API only reads: use GET or HEAD")
        self._check_body(scope["headers"])
        await self._app(scope, receive, respond)

    def _check_room(self) -> None:
        if self._in_flight > self._requests_max:
            raise _too_many()

    def _check_body(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Refuse a body that is too large to be left unread; no body is ever looked at."""
        for name, value in headers:
            if name == b"content-length" and (not value.isdigit() or int(value) > self._body_bytes_max):
                raise ProblemError(ProblemReason.BODY_NOT_ALLOWED, "send no body: nothing here reads one")


def _problem(error: Exception, scope: Scope) -> ASGIApp:
    match error:
        case ProblemError():
            return answer(error)
        case ConnectionsBusyError():
            return answer(_too_many())
        case UnsettledMomentError():
            early = "to cannot be answered yet: what happened until then is still being stored"
            return answer(ProblemError(ProblemReason.UNAVAILABLE, early, retry_after_s=_RETRY_AFTER_S))
        case DatabaseUnavailableError():
            away = ProblemError(
                ProblemReason.UNAVAILABLE, "the wallet cannot be read now", retry_after_s=_RETRY_AFTER_S
            )
            return answer(away)
        case _:
            request_id = uuid.uuid4().hex
            _log.error("request_failed", request_id=request_id, path=scope["path"], exc_info=error)
            fault = ProblemError(ProblemReason.INTERNAL, "a fault of the wallet; its log knows more")
            return answer(fault, request_id=request_id)


def _too_many() -> ProblemError:
    return ProblemError(ProblemReason.UNAVAILABLE, "too many requests at once", retry_after_s=_RETRY_AFTER_S)
