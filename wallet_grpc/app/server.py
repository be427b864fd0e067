"""A server process: gRPC in front of the engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.rpc.auth import Authenticator
from wallet_grpc.rpc.calls import CallGate
from wallet_grpc.rpc.credit_service import CreditWalletServicer
from wallet_grpc.rpc.execute import StreamSettings
from wallet_grpc.rpc.ledger_service import LedgerServicer
from wallet_grpc.rpc.server import ServerSettings, WalletServer
from wallet_grpc.rpc.session_requests import SessionTimes
from wallet_grpc.rpc.session_service import LedgerSessionServicer
from wallet_grpc.rpc.wallet_service import WalletServicer
from wallet_grpc.settings import Settings
from wallet_grpc.store.credit_reads import CreditReader, LedgerDirectory
from wallet_grpc.store.keys import KeyReader
from wallet_grpc.store.networks import NetworkDirectory
from wallet_grpc.store.pool import DatabaseUnavailableError
from wallet_grpc.store.postings import PostingSettings, PostingStore
from wallet_grpc.store.reads import LedgerReader
from wallet_grpc.store.reservations import ReservationStore
from wallet_grpc.store.session_reads import SessionReader
from wallet_grpc.store.withdrawals import WithdrawalReader
from wallet_grpc.workers.expiry import ExpirySettings, ExpiryWorker
from wallet_grpc.workers.poster import Poster, PosterSettings
from wallet_grpc.workers.sweeper import Sweeper, SweeperSettings

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
_BACKGROUND_CONNECTIONS = 2
"""One for the poster, one for the sweeper."""
_POSTING_ROUNDS_MAX = 20
_DUE_LEDGERS_MAX = 100


async def serve(settings: Settings, *, worker: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and return.

    `worker` is the number of a supervised process, which shares its address with others and ends with its supervisor.
    """
    stop = stop_on_signals()
    registry = CollectorRegistry()
    pool = pool_of(settings)
    background = pool_of(settings, writes=True, connections_max=_BACKGROUND_CONNECTIONS)
    networks = NetworkDirectory(pool)
    credit_reader = CreditReader(pool)
    ledgers = LedgerDirectory(credit_reader)
    engine = Engine(engine_settings(settings), networks, WithdrawalReader(pool), EngineMetrics(registry))
    gate = CallGate(Authenticator(KeyReader(pool), settings.environment.value, settings.keys_refresh_ms))
    servicer = WalletServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        ledgers=ledgers,
        reader=LedgerReader(pool),
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
    )
    session_reader = SessionReader(pool)
    sessions = LedgerSessionServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        ledgers=ledgers,
        reader=session_reader,
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
        times=SessionTimes(ttl_default_s=settings.session_ttl_default_s, ttl_max_s=settings.session_ttl_max_s),
    )
    credit = CreditWalletServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        ledgers=ledgers,
        reader=credit_reader,
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
    )
    ledger_servicer = LedgerServicer(
        gate=gate,
        engine=engine,
        networks=networks,
        ledgers=ledgers,
        reader=credit_reader,
        request_timeout_ms=settings.request_timeout_ms,
        stream=StreamSettings(window_operations=settings.stream_window_operations),
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
    poster = Poster(
        PosterSettings(interval_ms=settings.posting_interval_ms, rounds_max=_POSTING_ROUNDS_MAX),
        PostingStore(
            PostingSettings(
                interval_ms=settings.posting_interval_ms,
                wallets_max=settings.posting_wallets_max,
                queue_rows_max=settings.posting_queue_rows_max,
                ledgers_max=_DUE_LEDGERS_MAX,
                stripes=settings.house_stripes,
            ),
            background,
            networks,
        ),
        registry,
    )
    sweeper = Sweeper(
        SweeperSettings(
            poll_ms=settings.reservation_sweep_poll_ms,
            chunk_reservations_max=settings.reservation_sweep_chunk_max,
        ),
        ReservationStore(background),
        registry,
    )
    server = WalletServer(
        _server_settings(settings, shares_address=worker is not None),
        gate,
        servicer,
        sessions,
        credit,
        ledger_servicer,
    )

    await pool.open()
    await background.open()
    with suppress(DatabaseUnavailableError):  # it went away since the checks; networks are loaded when it is back
        await networks.refresh()
    engine.start()
    await server.start()
    spare_the_garbage_collector()
    show_metrics(settings, registry, worker=worker)
    _log.info("serving", address=settings.grpc_address, worker=worker, environment=settings.environment)
    chores = [
        asyncio.create_task(expiry.run(), name="expiry"),
        asyncio.create_task(poster.run(), name="poster"),
        asyncio.create_task(sweeper.run(), name="sweeper"),
    ]
    try:
        await _until_stopped(stop, engine, chores, supervised=worker is not None)
    finally:
        _log.info("stopping", worker=worker)
        for chore in chores:
            chore.cancel()
        timeout_s = settings.stop_timeout_ms / 1000
        await server.stop(timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await engine.stop()
        await asyncio.gather(*chores, return_exceptions=True)
        await background.close()
        await pool.close()
        _log.info("stopped", worker=worker)


async def _until_stopped(
    stop: asyncio.Event, engine: Engine, chores: Sequence[asyncio.Task[None]], *, supervised: bool
) -> None:
    """Wait for the signal, or for the supervisor's end; give up if a lane has died, which is a fault of ours."""
    parent = os.getppid()
    while not stop.is_set() and not (supervised and os.getppid() != parent):
        if engine.failed:
            raise ProcessFailedError("a lane has ended")
        for chore in chores:
            if chore.done():
                raise ProcessFailedError(f"the {chore.get_name()} worker has ended") from chore.exception()
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
