"""A process that answers HTTP by uvicorn, as the HTTP API and the console do: what they have in common.

uvicorn's own log of requests is off: it would hold what people look for, and nobody reads a line for each balance.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from .addresses import AddressInUseError, host_and_port, why

SECURITY_HEADERS = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
)
"""Of every answer, beside a content-security-policy of each one's own."""

_KEEP_ALIVE_S = 75
"""Longer than a proxy keeps its own side, as a rule, so that it does not send into a connection that is closing."""


def listen(address: str, *, backlog: int) -> socket.socket:
    """Listen at an address, `host:port`.

    Raises:
        AddressInUseError: It is taken, or cannot be had.
    """
    host, port = host_and_port(address)
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=backlog
        )
    except OSError as error:
        raise AddressInUseError(f"{address} cannot be bound: {why(error, port=port)}") from error


def server_of(
    app: Any, *, http: type[asyncio.Protocol], headers: Sequence[tuple[str, str]], stop_timeout_ms: int, **more: Any
) -> uvicorn.Server:
    """Make a server of an application, which a signal ends once its answers are finished, or that long after it."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a warning for each malformed request says nothing new
    return _Server(
        uvicorn.Config(
            app,
            http=http,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=list(headers),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, stop_timeout_ms // 1_000),
            **more,
        )
    )


class _Server(uvicorn.Server):
    """uvicorn's server, ended by a signal as the wallet's other processes are: with status 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Serve in this process, on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)
