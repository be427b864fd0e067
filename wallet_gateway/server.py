"""The gateway as a process: granian before the application, HTTP/1.1 and HTTP/2 at one address, until a signal ends it.

The parsers of HTTP are granian's (hyper's), in threads of their own; the application runs in this process's loop.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server
from prometheus_client import CollectorRegistry, start_http_server

from wallet_grpc.addresses import AddressInUseError, why
from wallet_grpc.vitals import Vitals

from .app import front_of, upstream_of
from .settings import GatewaySettings

_BACKLOG = 2_048
_HEAD_WITHIN_MS = 75_000
"""How long a connection may be without a request's head, or take to send one: longer than a proxy keeps its side."""
_HEAD_BYTES_MAX = 32 * 1024
_CONNECTION_CALLS_MAX = 250
"""Calls that one HTTP/2 connection may have under way, as over gRPC."""
_WINDOW_BYTES = 64 * 1024
"""What a call over HTTP/2 may send before it is read."""
_MS_PER_S = 1_000

_log = structlog.get_logger(__name__)


async def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the answers and return.

    Raises:
        AddressInUseError: An address is taken.
    """
    _check_address(settings.gateway_address)
    registry = CollectorRegistry()
    vitals = Vitals("gateway", registry)
    if settings.gateway_metrics_address is not None:
        _show_metrics(settings.gateway_metrics_address, registry)
    asked, at_once = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(*, wait: bool) -> None:
        if asked.is_set() or not wait:
            at_once.set()
        asked.set()

    loop.add_signal_handler(signal.SIGTERM, lambda: stop(wait=True))
    loop.add_signal_handler(signal.SIGINT, lambda: stop(wait=False))
    upstream = upstream_of(settings)
    front = front_of(settings, upstream, registry)
    server = _server_of(settings, front)
    serving = asyncio.create_task(server.serve(), name="http")
    stopping = asyncio.create_task(asked.wait(), name="stop")
    watching = asyncio.create_task(vitals.watch_loop(), name="loop watch")
    _log.info("serving", address=settings.gateway_address, wallet=settings.gateway_wallet_address)
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        serving.result()  # it ended by itself: what it raised is raised here
        raise RuntimeError("the HTTP server has ended by itself")
    front.leave_rotation()
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.gateway_lame_duck_ms / _MS_PER_S):
            await at_once.wait()
    front.stop()
    server.stop()  # type: ignore[no-untyped-call]  # granian types its own in part
    with suppress(TimeoutError):
        await asyncio.wait_for(serving, settings.gateway_stop_timeout_ms / _MS_PER_S)
    await upstream.close()
    watching.cancel()
    _log.info("stopped")


def run(settings: GatewaySettings) -> None:
    """Serve in this process; see `serve`."""
    import uvloop

    runner: Any = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        runner.run(serve(settings))


def _server_of(settings: GatewaySettings, front: Any) -> Server:
    host, port = _host_and_port(settings.gateway_address)
    return Server(
        front,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=False,
        log_enabled=False,
        backlog=_BACKLOG,
        backpressure=settings.gateway_connections_max,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_WITHIN_MS, max_buffer_size=_HEAD_BYTES_MAX),
        http2_settings=HTTP2Settings(
            initial_stream_window_size=_WINDOW_BYTES,
            keep_alive_interval=30_000,
            max_concurrent_streams=_CONNECTION_CALLS_MAX,
            max_headers_size=_HEAD_BYTES_MAX,
        ),
        ssl_cert=settings.gateway_tls_cert_file,
        ssl_key=settings.gateway_tls_key_file,
        ssl_protocol_min=SSLProtocols.tls12,
    )


def _check_address(address: str) -> None:
    """Refuse an address that another process has: granian would share it.

    Raises:
        AddressInUseError: It cannot be bound.
    """
    host, port = _host_and_port(address)
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise AddressInUseError(f"{address} cannot be bound: {why(error, port=port)}") from error


def _show_metrics(address: str, registry: CollectorRegistry) -> None:
    host, port = _host_and_port(address)
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise AddressInUseError(
            f"WALLET_GATEWAY_METRICS_ADDRESS {address} cannot be bound: {why(error, port=port)}"
        ) from error


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
