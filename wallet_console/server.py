"""The console as a process: uvicorn in front of the application, until a signal ends it."""

from __future__ import annotations

import asyncio

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from wallet_grpc import web_server

from .app import create_app
from .backoffice import Backoffice
from .samples import Samples
from .settings import ConsoleSettings

_BACKLOG = 512
_HEAD_BYTES_MAX = 32_768

SECURITY_HEADERS = (
    *web_server.SECURITY_HEADERS,
    (
        "content-security-policy",
        (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
)
_BY_TLS_ALONE = ("strict-transport-security", "max-age=31536000")

_log = structlog.get_logger(__name__)


async def serve(settings: ConsoleSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the answers and return.

    Raises:
        AddressInUseError: The address is taken.
        OSError: A certificate's file cannot be read.
    """
    backoffice = Backoffice(settings)
    app = create_app(settings, backoffice, Samples(settings))
    listener = web_server.listen(settings.console_address, backlog=_BACKLOG)
    server = web_server.server_of(
        app,
        http=_timely(settings.console_receive_timeout_ms / 1_000),
        headers=[*SECURITY_HEADERS, *([_BY_TLS_ALONE] if settings.is_by_tls else [])],
        stop_timeout_ms=settings.console_stop_timeout_ms,
        h11_max_incomplete_event_size=_HEAD_BYTES_MAX,
    )
    _log.info("serving", address=settings.console_address, wallet=settings.console_grpc_address)
    await server.serve(sockets=[listener])
    _log.info("stopped")


def _timely(receive_s: float) -> type[H11Protocol]:
    """Give uvicorn's protocol, with so many seconds for a request's head to arrive.

    uvicorn itself waits for one without end, on a connection's first request and where a later one has begun: whoever
    opens connections and says nothing would take all that there may be. A form's own time is `Visit.form`'s.
    """

    class Timely(H11Protocol):
        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._look()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._rest()

        def _look(self) -> None:
            """Begin to wait for a head, or end to."""
            cycle: RequestResponseCycle | None = self.cycle  # None until a first head is there, whatever its type says
            if cycle is not None and not cycle.response_complete:
                self._rest()
            elif self._waiting is None:
                self._waiting = self.loop.call_later(receive_s, self.transport.close)

        def _rest(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

    return Timely


def run(settings: ConsoleSettings) -> None:
    """Serve in this process; see `serve`."""
    web_server.run(serve(settings))
