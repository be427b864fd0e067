"""The gateway as a process: listeners before the application, which runs in this process's loop, until a signal."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from wallet_grpc.addresses import AddressInUseError, host_and_port, why
from wallet_grpc.signals import StopSignals
from wallet_grpc.vitals import Vitals

from .app import front_of, upstream_of
from .descriptors import take_descriptors
from .listeners import Listeners
from .settings import GatewaySettings
from .silence import SilentConnections

_MS_PER_S = 1_000

_log = structlog.get_logger(__name__)


async def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the answers and return.

    Raises:
        AddressInUseError: An address is taken.
        UnusableTlsFilesError: The certificate or its key cannot be used.
    """
    _check_address(settings.gateway_address)
    take_descriptors(settings.gateway_connections_max)
    registry = CollectorRegistry()
    vitals = Vitals("gateway", registry)
    if settings.gateway_metrics_address is not None:
        _show_metrics(settings.gateway_metrics_address, registry)
    stop = StopSignals()
    upstream = upstream_of(settings)
    front = front_of(settings, upstream, registry)
    host, port = host_and_port(settings.gateway_address)
    silent = SilentConnections(port, settings.gateway_silence_timeout_ms / _MS_PER_S)
    listeners = Listeners(
        front,
        host=host,
        port=port,
        connections_max=settings.gateway_connections_max,
        files=settings.gateway_tls_files,
    )
    serving = asyncio.create_task(listeners.serve(), name="listeners")
    stopping = asyncio.create_task(stop.asked.wait(), name="stop")
    watching = asyncio.create_task(vitals.watch_loop(), name="loop watch")
    ending_silent = asyncio.create_task(silent.end(), name="silence")
    _log.info("serving", address=settings.gateway_address, wallet=settings.gateway_wallet_address)
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()  # it ended by itself: what it raised is raised here
    front.leave_rotation()
    await stop.lame_duck(settings.gateway_lame_duck_ms / _MS_PER_S)
    front.stop()
    serving.cancel()
    await listeners.stop(settings.gateway_stop_timeout_ms / _MS_PER_S)
    await upstream.close()
    watching.cancel()
    ending_silent.cancel()
    _log.info("stopped")


def run(settings: GatewaySettings) -> None:
    """Serve in this process; see `serve`."""
    import uvloop

    runner: Any = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        runner.run(serve(settings))


def _check_address(address: str) -> None:
    """Refuse an address that another process has: granian would share it.

    Raises:
        AddressInUseError: It cannot be bound.
    """
    host, port = host_and_port(address)
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise AddressInUseError(f"{address} cannot be bound: {why(error, port=port)}") from error


def _show_metrics(address: str, registry: CollectorRegistry) -> None:
    host, port = host_and_port(address)
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise AddressInUseError(
            f"WALLET_GATEWAY_METRICS_ADDRESS {address} cannot be bound: {why(error, port=port)}"
        ) from error
