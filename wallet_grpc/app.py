"""The composition root of a server process: the only file that sees everything."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from .engine.engine import Engine, EngineSettings
from .engine.lane import LaneSettings
from .engine.metrics import EngineMetrics
from .rpc.auth import Authenticator
from .rpc.calls import CallGate
from .rpc.execute import StreamSettings
from .rpc.server import ServerSettings, WalletServer
from .rpc.wallet_service import WalletServicer
from .settings import Settings
from .store.batch import StoreSettings
from .store.keys import KeyReader
from .store.networks import NetworkDirectory
from .store.pool import DatabaseUnavailableError, ReadPool
from .store.reads import LedgerReader
from .store.withdrawals import WithdrawalReader

_log = structlog.get_logger(__name__)

_READ_WAIT_MS = 1_000
_GARBAGE_THRESHOLD = 50_000
"""Objects between two young collections. A batch makes thousands, and frees them by count alone."""
_WATCH_INTERVAL_S = 1.0


class WorkerFailedError(Exception):
    """A part of the worker that must run for ever has ended; the process must be started again."""


async def serve(settings: Settings, *, worker: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and return.

    `worker` is the number of a supervised process, which shares its address with others and ends with its supervisor.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)

    registry = CollectorRegistry()
    pool = ReadPool(
        settings.service_dsn,
        connections_max=settings.read_connections_max,
        wait_ms=min(_READ_WAIT_MS, settings.database_timeout_ms),
        timeout_ms=settings.database_timeout_ms,
    )
    networks = NetworkDirectory(pool)
    engine = Engine(_engine_settings(settings), networks, WithdrawalReader(pool), EngineMetrics(registry))
    gate = CallGate(Authenticator(KeyReader(pool), settings.environment.value, settings.keys_refresh_ms))
    servicer = WalletServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        reader=LedgerReader(pool),
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
    )
    server = WalletServer(_server_settings(settings, shares_address=worker is not None), gate, servicer)

    await pool.open()
    with suppress(DatabaseUnavailableError):  # it went away since the checks; networks are loaded when it is back
        await networks.refresh()
    engine.start()
    await server.start()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    if settings.metrics_address is not None:
        host, _, port = settings.metrics_address.rpartition(":")
        start_http_server(int(port) + (worker or 0), addr=host, registry=registry)
    _log.info("serving", address=settings.grpc_address, worker=worker, environment=settings.environment)
    try:
        await _until_stopped(stop, engine, supervised=worker is not None)
    finally:
        _log.info("stopping", worker=worker)
        timeout_s = settings.stop_timeout_ms / 1000
        await server.stop(timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await engine.stop()
        await pool.close()
        _log.info("stopped", worker=worker)


async def _until_stopped(stop: asyncio.Event, engine: Engine, *, supervised: bool) -> None:
    """Wait for the signal, or for the supervisor's end; give up if a lane has died, which is a fault of ours."""
    parent = os.getppid()
    while not stop.is_set() and not (supervised and os.getppid() != parent):
        if engine.failed:
            raise WorkerFailedError("a lane has ended")
        with suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_INTERVAL_S):
                await stop.wait()


def _engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        lanes=settings.lanes,
        queue_operations_max=settings.queue_operations_max,
        lane=LaneSettings(
            batch_operations_max=settings.batch_operations_max,
            attempts_max=settings.attempts_max,
            backoff_ms=settings.backoff_ms,
            outage_wait_ms=settings.outage_wait_ms,
        ),
        store=StoreSettings(
            database_url=settings.service_dsn,
            timeout_ms=settings.database_timeout_ms,
            lock_timeout_ms=settings.lock_timeout_ms,
            stripes=settings.house_stripes,
            batch_operations_max=settings.batch_operations_max,
        ),
    )


def _server_settings(settings: Settings, *, shares_address: bool) -> ServerSettings:
    return ServerSettings(
        address=settings.grpc_address,
        shares_address=shares_address,
        message_bytes_max=settings.message_bytes_max,
        concurrent_calls_max=settings.concurrent_calls_max,
        tls_cert_file=settings.tls_cert_file,
        tls_key_file=settings.tls_key_file,
        tls_client_ca_file=settings.tls_client_ca_file,
    )
