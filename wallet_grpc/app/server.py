"""A server process: gRPC in front of the engine."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.rpc.auth import Authenticator
from wallet_grpc.rpc.calls import CallGate
from wallet_grpc.rpc.execute import StreamSettings
from wallet_grpc.rpc.server import ServerSettings, WalletServer
from wallet_grpc.rpc.session_requests import SessionTimes
from wallet_grpc.rpc.session_service import LedgerSessionServicer
from wallet_grpc.rpc.wallet_service import WalletServicer
from wallet_grpc.settings import Settings
from wallet_grpc.store.keys import KeyReader
from wallet_grpc.store.networks import NetworkDirectory
from wallet_grpc.store.pool import DatabaseUnavailableError
from wallet_grpc.store.reads import LedgerReader
from wallet_grpc.store.session_reads import SessionReader
from wallet_grpc.store.withdrawals import WithdrawalReader
from wallet_grpc.workers.expiry import ExpirySettings, ExpiryWorker

from .process import (
    ProcessFailedError,
    engine_settings,
    pool_of,
    show_metrics,
    spare_the_garbage_collector,
    stop_on_signals,
)

_log = structlog.get_logger(__name__)

_WATCH_INTERVAL_S = 1.0


async def serve(settings: Settings, *, worker: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and return.

    `worker` is the number of a supervised process, which shares its address with others and ends with its supervisor.
    """
    stop = stop_on_signals()
    registry = CollectorRegistry()
    pool = pool_of(settings)
    networks = NetworkDirectory(pool)
    engine = Engine(engine_settings(settings), networks, WithdrawalReader(pool), EngineMetrics(registry))
    gate = CallGate(Authenticator(KeyReader(pool), settings.environment.value, settings.keys_refresh_ms))
    servicer = WalletServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        reader=LedgerReader(pool),
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
    )
    session_reader = SessionReader(pool)
    sessions = LedgerSessionServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        reader=session_reader,
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
        times=SessionTimes(ttl_default_s=settings.session_ttl_default_s, ttl_max_s=settings.session_ttl_max_s),
    )
    expiry = ExpiryWorker(
        ExpirySettings(
            poll_ms=settings.session_expiry_poll_ms,
            grace_ms=settings.session_expiry_grace_ms,
            round_sessions_max=settings.batch_operations_max,
        ),
        engine,
        session_reader,
        networks,
        registry,
    )
    server = WalletServer(_server_settings(settings, shares_address=worker is not None), gate, servicer, sessions)

    await pool.open()
    with suppress(DatabaseUnavailableError):  # it went away since the checks; networks are loaded when it is back
        await networks.refresh()
    engine.start()
    await server.start()
    spare_the_garbage_collector()
    show_metrics(settings, registry, worker=worker)
    _log.info("serving", address=settings.grpc_address, worker=worker, environment=settings.environment)
    expiring = asyncio.create_task(expiry.run(), name="expiry")
    try:
        await _until_stopped(stop, engine, expiring, supervised=worker is not None)
    finally:
        _log.info("stopping", worker=worker)
        expiring.cancel()
        timeout_s = settings.stop_timeout_ms / 1000
        await server.stop(timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await engine.stop()
        await pool.close()
        _log.info("stopped", worker=worker)


async def _until_stopped(
    stop: asyncio.Event, engine: Engine, expiring: asyncio.Task[None], *, supervised: bool
) -> None:
    """Wait for the signal, or for the supervisor's end; give up if a lane has died, which is a fault of ours."""
    parent = os.getppid()
    while not stop.is_set() and not (supervised and os.getppid() != parent):
        if engine.failed:
            raise ProcessFailedError("a lane has ended")
        if expiring.done():
            raise ProcessFailedError("the expiry worker has ended") from expiring.exception()
        with suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_INTERVAL_S):
                await stop.wait()


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
