"""What a platform's probes ask a process by HTTP, beside its metrics: whether it lives, whether it should be called.

Answered by a thread, so that a process whose event loop has stopped still says so. Liveness tells nothing of the
database, since no restart mends that; readiness does, and of the end that has begun. gRPC's health service, which
`wallet serve` has as well, answers the same two questions.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import NoReturn, Protocol
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from wallet_grpc.addresses import host_and_port, why

LIVENESS = "/healthz"
READINESS = "/readyz"

_BEAT_INTERVAL_S = 0.25


class MetricsAddressError(Exception):
    """Metrics cannot be served where they should be."""


class Probes:
    """What the probes of one process are told."""

    def __init__(self, *, hung_after_ms: int) -> None:
        """Answer for a process that is hung once its event loop has said nothing for that long."""
        self._hung_after_s = hung_after_ms / 1000
        self.beaten_at = time.monotonic()
        """When the event loop last said that it turns."""
        self._is_ready: Callable[[], bool] = lambda: False

    def ready_while(self, is_ready: Callable[[], bool]) -> None:
        """Say that the process is ready as long as `is_ready` says so; before, it is not."""
        self._is_ready = is_ready

    def leave(self) -> None:
        """Be ready no more: the process stops."""
        self._is_ready = lambda: False

    async def beat(self) -> NoReturn:
        """Tell that the event loop turns, until cancelled."""
        while True:
            self.beaten_at = time.monotonic()
            await asyncio.sleep(_BEAT_INTERVAL_S)

    def answer(self, path: str) -> HTTPStatus | None:
        """Answer a probe; None where the path is none."""
        if path not in {LIVENESS, READINESS}:
            return None
        well = time.monotonic() - self.beaten_at < self._hung_after_s
        if path == READINESS:
            well = well and self._is_ready()
        return HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE


class Probed(Protocol):
    """What answers probes."""

    def answer(self, path: str) -> HTTPStatus | None:
        """Answer a probe; None where the path is none."""


def show_at(address: str | None, registry: CollectorRegistry, probes: Probed) -> None:
    """Serve metrics and what probes ask at `host:port`, if it is said where, by threads that end with the process.

    Raises:
        MetricsAddressError: It cannot be bound.
    """
    if address is None:
        return
    host, port = host_and_port(address)
    try:
        _show(host, port, registry, probes)
    except OSError as error:
        raise MetricsAddressError(
            f"WALLET_METRICS_ADDRESS {address} cannot be bound: {why(error, port=port)}"
        ) from error


def _show(host: str, port: int, registry: CollectorRegistry, probes: Probed) -> None:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]

    class Server(ThreadingWSGIServer):
        address_family = family

    app = _beside(probes, make_wsgi_app(registry))
    server = make_server(str(address[0]), port, app, server_class=Server, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics and probes", daemon=True).start()


def _beside(probes: Probed, metrics: WSGIApplication) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status = probes.answer(environ["PATH_INFO"])
        if status is None:
            return metrics(environ, start_response)
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"ok\n" if status is HTTPStatus.OK else b"no\n"]

    return app


class _Silent(WSGIRequestHandler):
    """Probes and scrapes are not logged."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Log nothing."""
