"""A server process: gRPC in front of the engine."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc import heartbeat
from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.rpc.auth import Authenticator
from wallet_grpc.rpc.credit.service import CreditWalletServicer
from wallet_grpc.rpc.gate import CallGate
from wallet_grpc.rpc.key_ring import KeyRing
from wallet_grpc.rpc.ledgers.service import LedgerServicer
from wallet_grpc.rpc.metrics import CallMetrics
from wallet_grpc.rpc.operations import Directories, Execution
from wallet_grpc.rpc.players.service import WalletServicer
from wallet_grpc.rpc.rates import Rates
from wallet_grpc.rpc.server import ServerSettings, Servicers, WalletServer
from wallet_grpc.rpc.sessions.requests import SessionTimes
from wallet_grpc.rpc.sessions.service import LedgerSessionServicer
from wallet_grpc.settings import Settings
from wallet_grpc.store.background.house_postings import HousePostingStore
from wallet_grpc.store.background.reservations import ReservationStore
from wallet_grpc.store.background.wallet_postings import PostingSettings, PostingStore
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.watch import DatabaseWatch
from wallet_grpc.store.reads.credit import CreditReader
from wallet_grpc.store.reads.keys import KeyReader
from wallet_grpc.store.reads.ledgers import LedgerDirectory, LedgerReader
from wallet_grpc.store.reads.networks import NetworkDirectory
from wallet_grpc.store.reads.players import PlayerReader
from wallet_grpc.store.reads.sessions import SessionReader
from wallet_grpc.store.reads.withdrawals import WithdrawalReader
from wallet_grpc.tasks import end
from wallet_grpc.workers.expiry import ExpirySettings, ExpiryWorker
from wallet_grpc.workers.house import HouseSettings, HouseWorker
from wallet_grpc.workers.poster import Poster, PosterSettings
from wallet_grpc.workers.sweeper import Sweeper, SweeperSettings

from .process import (
    ProcessFailedError,
    StopSignals,
    end_with_connections,
    engine_settings,
    pool_of,
    pool_of_lookups,
    show_metrics,
    spare_the_garbage_collector,
)

_log = structlog.get_logger(__name__)

_WATCH_INTERVAL_S = 0.5
_STREAM_SHARE_OF_GRACE = 0.9
"""A stream ends by itself, answered, before an old connection's grace is over and it would be cut."""
_BACKGROUND_CONNECTIONS = 4
"""One each for the poster, the sweeper, the house and expiry."""
_KEY_CONNECTIONS = 1
_POSTING_ROUNDS_MAX = 20
_DUE_LEDGERS_MAX = 100
_HOUSE_POLL_MS = 1_000
_HOUSE_ROUND_ROWS_MAX = 10_000
"""A round of so many takes some 30 ms; lanes that store batches of one, as fast as they can, make less in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """A worker's connections beside the lanes': apart, so that no number of readers keeps the others from working."""

    reads: Pool
    """Of callers' reads, which may be refused."""
    lookups: Pool
    keys: Pool
    background: Pool

    def all(self) -> tuple[Pool, ...]:
        """Give all, the one first that is always needed."""
        return (self.lookups, self.keys, self.background, self.reads)

    async def close(self) -> None:
        """Close all."""
        for pool in self.all():
            await pool.close()


async def serve(settings: Settings, *, worker: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and end the process.

    After SIGTERM calls are served for the lame-duck time, while health says NOT_SERVING and balancers turn away; not so
    after SIGINT or a second SIGTERM, which come from somebody who does not want to wait.

    `worker` is the number of a supervised process, which shares its address with others and ends with its supervisor.
    """
    stop = StopSignals()
    pulse = _pulse()
    registry = CollectorRegistry()
    pools = Pools(
        reads=pool_of(settings),
        lookups=pool_of_lookups(settings),
        keys=pool_of(settings, connections_max=_KEY_CONNECTIONS),
        background=pool_of(settings, connections_max=_BACKGROUND_CONNECTIONS, writes=True),
    )
    networks = NetworkDirectory(pools.lookups)
    metrics = EngineMetrics(registry)
    engine = Engine(engine_settings(settings), networks, WithdrawalReader(pools.lookups), metrics)
    server = _server(settings, pools, networks, engine, registry, metrics, shares_address=worker is not None)
    chore_metrics = ChoreMetrics(registry)
    expiry = _expiry(settings, pools.background, networks, engine, chore_metrics, registry)
    poster = _poster(settings, pools.background, networks, chore_metrics, registry)
    sweeper = _sweeper(settings, pools.background, chore_metrics, registry)
    house = _house(pools.background, chore_metrics, registry)
    watch = DatabaseWatch(pools.all(), unhealthy_after_ms=settings.unhealthy_after_ms, registry=registry)

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
        asyncio.create_task(house.run(), name="house"),
    ]
    watching = asyncio.create_task(watch.run(), name="database watch")
    try:
        await _until_stopped(stop.asked, engine, server, watch, watching, supervised=worker is not None)
        server.leave_rotation()
        _log.info("leaving_rotation", worker=worker, lame_duck_ms=settings.lame_duck_ms)
        await stop.lame_duck(settings.lame_duck_ms / 1000)
    finally:
        _log.info("stopping", worker=worker)
        ending = asyncio.create_task(end([*chores, watching]))
        timeout_s = settings.stop_timeout_ms / 1000
        await server.stop(timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await engine.stop()
        await ending
        await pools.close()
        if pulse is not None:
            await end([pulse])
        _log.info("stopped", worker=worker)
    end_with_connections()


def _pulse() -> asyncio.Task[None] | None:
    """Begin to tell the supervisor, if there is one, that the event loop turns."""
    descriptor = os.environ.get(heartbeat.FILE_DESCRIPTOR)
    return None if descriptor is None else asyncio.create_task(heartbeat.beat(int(descriptor)), name="heartbeat")


async def _until_stopped(
    stop: asyncio.Event,
    engine: Engine,
    server: WalletServer,
    watch: DatabaseWatch,
    watching: asyncio.Task[None],
    *,
    supervised: bool,
) -> None:
    """Wait for the signal, or for the supervisor's end; give up if a lane has died, or if only a restart helps.

    Meanwhile whether the database is reached is told to those who ask for this worker's health. Workers take nothing
    down: they set aside what they cannot do (see `chores.py`).
    """
    parent = os.getppid()
    while not stop.is_set() and not (supervised and os.getppid() != parent):
        if engine.failed:
            raise ProcessFailedError("a lane has ended")
        if watching.done():
            raise ProcessFailedError("the database watch has ended") from watching.exception()
        with suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_INTERVAL_S):
                await stop.wait()
        if not stop.is_set():
            server.tell_readiness(ready=watch.is_ready)


def _server(  # noqa: PLR0917 - its parts, given once
    settings: Settings,
    pools: Pools,
    networks: NetworkDirectory,
    engine: Engine,
    registry: CollectorRegistry,
    metrics: EngineMetrics,
    *,
    shares_address: bool,
) -> WalletServer:
    """Make the server, with every service that it serves."""
    gate = CallGate(
        Authenticator(KeyRing(KeyReader(pools.keys), refresh_ms=settings.keys_refresh_ms), settings.environment.value),
        CallMetrics(registry),
        Rates(on_refused=metrics.refused_rate.inc),
        calls_max=settings.concurrent_calls_max,
    )
    execution = Execution(
        engine=engine,
        directories=Directories(networks=networks, ledgers=LedgerDirectory(LedgerReader(pools.lookups))),
        request_timeout_s=settings.request_timeout_ms / 1000,
        window_operations=settings.stream_window_operations,
        stream_lasts_s=settings.connection_age_grace_ms / 1000 * _STREAM_SHARE_OF_GRACE,
    )
    times = SessionTimes(ttl_default_s=settings.session_ttl_default_s, ttl_max_s=settings.session_ttl_max_s)
    return WalletServer(
        ServerSettings(
            address=settings.grpc_address,
            shares_address=shares_address,
            message_bytes_max=settings.message_bytes_max,
            connection_calls_max=settings.connection_calls_max,
            connection_age_max_ms=settings.connection_age_max_ms,
            connection_age_grace_ms=settings.connection_age_grace_ms,
            tls_cert_file=settings.tls_cert_file,
            tls_key_file=settings.tls_key_file,
            tls_client_ca_file=settings.tls_client_ca_file,
        ),
        gate,
        Servicers(
            wallet=WalletServicer(gate, execution, PlayerReader(pools.reads)),
            sessions=LedgerSessionServicer(gate, execution, SessionReader(pools.reads), times),
            credit=CreditWalletServicer(gate, execution, CreditReader(pools.reads)),
            ledgers=LedgerServicer(gate, execution, LedgerReader(pools.reads)),
        ),
    )


def _expiry(  # noqa: PLR0917 - its parts
    settings: Settings,
    pool: Pool,
    networks: NetworkDirectory,
    engine: Engine,
    chores: ChoreMetrics,
    registry: CollectorRegistry,
) -> ExpiryWorker:
    """Make the worker that ends sessions whose time is over."""
    bounds = ExpirySettings(
        poll_ms=settings.session_expiry_poll_ms,
        grace_ms=settings.session_expiry_grace_ms,
        round_sessions_max=settings.batch_operations_max,
    )
    return ExpiryWorker(bounds, engine, SessionReader(pool), networks, chores, registry)


def _poster(
    settings: Settings, pool: Pool, networks: NetworkDirectory, chores: ChoreMetrics, registry: CollectorRegistry
) -> Poster:
    """Make the worker that posts what credit wallets have done to the general ledger."""
    store = PostingStore(
        PostingSettings(
            interval_ms=settings.posting_interval_ms,
            wallets_max=settings.posting_wallets_max,
            queue_rows_max=settings.posting_queue_rows_max,
            ledgers_max=_DUE_LEDGERS_MAX,
        ),
        pool,
        networks,
    )
    return Poster(
        PosterSettings(interval_ms=settings.posting_interval_ms, rounds_max=_POSTING_ROUNDS_MAX),
        store,
        chores,
        registry,
    )


def _sweeper(settings: Settings, pool: Pool, chores: ChoreMetrics, registry: CollectorRegistry) -> Sweeper:
    """Make the worker that ends reservations whose time is over."""
    bounds = SweeperSettings(
        poll_ms=settings.reservation_sweep_poll_ms,
        chunk_reservations_max=settings.reservation_sweep_chunk_max,
    )
    return Sweeper(bounds, ReservationStore(pool), chores, registry)


def _house(pool: Pool, chores: ChoreMetrics, registry: CollectorRegistry) -> HouseWorker:
    """Make the worker that keeps the balances of house accounts."""
    bounds = HouseSettings(poll_ms=_HOUSE_POLL_MS, round_rows_max=_HOUSE_ROUND_ROWS_MAX)
    return HouseWorker(bounds, HousePostingStore(pool), chores, registry)
