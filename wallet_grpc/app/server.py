"""A server process: gRPC in front of the engine.

Long because all that a server is made of is put together here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc import heartbeat
from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cells
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.rpc.auth import Authenticator
from wallet_grpc.rpc.backoffice.approvals import ApprovalServicer
from wallet_grpc.rpc.backoffice.events import EventServicer
from wallet_grpc.rpc.backoffice.figures import FigureServicer
from wallet_grpc.rpc.backoffice.lookups import LookupServicer
from wallet_grpc.rpc.backoffice.overview import OverviewServicer
from wallet_grpc.rpc.backoffice.statements import StatementServicer
from wallet_grpc.rpc.backoffice.trail import TrailServicer
from wallet_grpc.rpc.certificates import ServedCertificate
from wallet_grpc.rpc.credit.service import CreditWalletServicer
from wallet_grpc.rpc.gate import CallGate
from wallet_grpc.rpc.key_ring import KeyRing
from wallet_grpc.rpc.ledgers.service import LedgerServicer
from wallet_grpc.rpc.metrics import CallMetrics
from wallet_grpc.rpc.operations import Directories, Execution
from wallet_grpc.rpc.players.requests import AdjustmentLimits
from wallet_grpc.rpc.players.service import WalletServicer
from wallet_grpc.rpc.rates import Rates
from wallet_grpc.rpc.server import ServerSettings, Servicers, WalletServer
from wallet_grpc.rpc.sessions.requests import SessionTimes
from wallet_grpc.rpc.sessions.service import LedgerSessionServicer
from wallet_grpc.rpc.watch import CallWatch
from wallet_grpc.settings import Environment, Settings
from wallet_grpc.signals import StopSignals
from wallet_grpc.store.background.backlog import BacklogReader
from wallet_grpc.store.background.days import DaySettings, DayStore
from wallet_grpc.store.background.house_postings import HousePostingStore
from wallet_grpc.store.background.key_uses import KeyUseStore
from wallet_grpc.store.background.reservations import ReservationStore
from wallet_grpc.store.background.summaries import SummaryStore
from wallet_grpc.store.background.wallet_postings import PostingSettings, PostingStore
from wallet_grpc.store.backoffice.lookups import Lookups
from wallet_grpc.store.connection.metrics import NamedPool, PoolMetrics
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.watch import DatabaseWatch
from wallet_grpc.store.reads.credit import CreditReader
from wallet_grpc.store.reads.keys import KeyReader
from wallet_grpc.store.reads.ledgers import LedgerDirectory, LedgerReader, LedgerReaders
from wallet_grpc.store.reads.networks import NetworkDirectory
from wallet_grpc.store.reads.players import PlayerReader
from wallet_grpc.store.reads.sessions import SessionReader
from wallet_grpc.store.trail.events import SetAsideEvents
from wallet_grpc.store.trail.proposals import ProposalBalances, ProposalStore
from wallet_grpc.tasks import end
from wallet_grpc.telemetry import tracer_of
from wallet_grpc.tracing import SlowCalls, Tracer
from wallet_grpc.vitals import Vitals
from wallet_grpc.workers.backlog import BacklogWatch
from wallet_grpc.workers.days import DayWorker
from wallet_grpc.workers.expiry import ExpirySettings, ExpiryWorker
from wallet_grpc.workers.house import HouseSettings, HouseWorker
from wallet_grpc.workers.key_uses import KeyUseWorker
from wallet_grpc.workers.lookup_lag import LookupLagWatch
from wallet_grpc.workers.metrics import WorkerMetrics
from wallet_grpc.workers.poster import Poster, PosterSettings
from wallet_grpc.workers.summaries import SummaryWorker
from wallet_grpc.workers.sweeper import Sweeper, SweeperSettings

from . import scrapes
from .lookups import lookups_of
from .probes import Probes, show_at
from .process import (
    LookupPools,
    ProcessFailedError,
    end_with_connections,
    engine_settings,
    flush,
    for_what_is_shared,
    named_pools,
    pool_of,
    spare_the_garbage_collector,
)
from .supervisor import SUPERVISOR_PID

_log = structlog.get_logger(__name__)
Reader = TypeVar("Reader")

_WATCH_INTERVAL_S = 0.5
_STREAM_SHARE_OF_GRACE = 0.9
"""A stream ends by itself, answered, before an old connection's grace is over and it would be cut."""
_BACKGROUND_CONNECTIONS = 5
"""For each cell, one each for the poster, the sweeper, the house, expiry and days."""
_KEY_CONNECTIONS = 2
"""One reads them; another does where that one is not answered."""
_OPERATOR_CONNECTIONS = 2
_POSTING_ROUNDS_MAX = 20
_DUE_LEDGERS_MAX = 100
_DAY_SLICES_MAX = 20
_HOUSE_POLL_MS = 1_000
_HOUSE_ROUND_ROWS_MAX = 10_000
"""A round of so many takes some 30 ms; lanes that store batches of one, as fast as they can, make less in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """A worker's connections beside the lanes': apart, so that no number of readers keeps the others from working."""

    reads: ByCell[Pool]
    """Of callers' reads, which may be refused."""
    lookups: LookupPools
    keys: Pool
    background: ByCell[Pool]
    shared_reads: Pool
    """Of callers' reads of what all cells share."""
    operators: Pool
    """Of what operators propose and refuse, which all cells share."""
    backoffice: Lookups
    """What operators look up, with connections of its own."""

    @classmethod
    def of(cls, settings: Settings, cells: Cells) -> Pools:
        """Make them; they connect when they are used."""
        reads = ByCell(cells, {cell: pool_of(settings, cell) for cell in cells.served})
        return cls(
            reads=reads,
            lookups=LookupPools.of(settings, cells),
            keys=pool_of(settings, for_what_is_shared(cells), connections_max=_KEY_CONNECTIONS),
            background=ByCell(
                cells,
                {
                    cell: pool_of(settings, cell, connections_max=_BACKGROUND_CONNECTIONS, writes=True)
                    for cell in cells.served
                },
            ),
            shared_reads=reads.at(ONLY_CELL) if cells.count == 1 else pool_of(settings, None),
            operators=pool_of(settings, for_what_is_shared(cells), connections_max=_OPERATOR_CONNECTIONS, writes=True),
            backoffice=lookups_of(settings, cells),
        )

    def watched(self) -> tuple[Pool, ...]:
        """Give those that tell whether the database is reached, the one first that is always needed.

        Of several cells one that does not answer is no reason to turn away from the others.
        """
        shared = (self.lookups.shared, self.keys)
        if len(self.reads) > 1 or self.reads.cells.count > 1:
            return shared
        return (*shared, *self.background, *self.reads)

    def named(self) -> list[NamedPool]:
        """Give all of them by what they are for, each once."""
        return [
            *named_pools("reads", self.reads, self.shared_reads),
            *self.lookups.named(),
            *(NamedPool("background", str(cell), pool) for cell, pool in self.background.items()),
            *named_pools("backoffice", self.backoffice.pools, self.backoffice.shared),
            NamedPool("keys", "", self.keys),
            NamedPool("operators", "", self.operators),
        ]

    async def close(self) -> None:
        """Close all."""
        await self.lookups.close()
        for pool in (self.keys, *self.background, *self.reads, self.shared_reads, self.operators):
            await pool.close()
        await self.backoffice.close()


async def serve(settings: Settings, cells: Cells, *, worker: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and end the process.

    After SIGTERM calls are served for the lame-duck time, while health says NOT_SERVING and balancers turn away; not so
    after SIGINT or a second SIGTERM, which come from somebody who does not want to wait.

    `worker` is the number of a supervised process, which shares its address with others and ends with its supervisor,
    also where that has gone before this begins.

    Raises:
        AddressInUseError: Its address cannot be bound.
        MetricsAddressError: Its metrics cannot be served where they should be.
        UnusableTlsFilesError: Its certificate, key or CA cannot be used.
        TracingError: Traces are asked for and cannot be made.
        ProcessFailedError: A part that must run for ever has ended.
    """
    stop = StopSignals()
    pulse = _pulse()
    tracer = tracer_of("serve")
    registry = CollectorRegistry()
    pools = Pools.of(settings, cells)
    PoolMetrics(pools.named(), registry)
    networks = NetworkDirectory(pools.lookups.shared)
    metrics = EngineMetrics(registry)
    engine = Engine(engine_settings(settings), pools.lookups.withdrawals(), metrics, cells=cells, tracer=tracer)
    certificate = None if (files := settings.tls_files) is None else ServedCertificate(files)
    keys = KeyRing(KeyReader(pools.keys), refresh_ms=settings.keys_refresh_ms)
    server = _server(
        settings,
        pools,
        keys,
        networks,
        engine,
        registry,
        metrics,
        certificate,
        tracer,
        shares_address=worker is not None,
    )
    workers = _workers(settings, pools, keys, engine, ChoreMetrics(registry), registry)
    watch = DatabaseWatch(
        pools.watched(), pools.lookups.of_cells, unhealthy_after_ms=settings.unhealthy_after_ms, registry=registry
    )

    with suppress(DatabaseUnavailableError):  # it went away since the checks; networks are loaded when it is back
        await networks.refresh()
    engine.start()
    await server.start()
    spare_the_garbage_collector()
    probes = Probes(hung_after_ms=settings.worker_hung_after_ms)
    probes.ready_while(lambda: watch.is_ready)
    _show(settings, registry, probes)
    _log.info("serving", address=settings.grpc_address, worker=worker, environment=settings.environment)
    chores = [asyncio.create_task(run(), name=name) for name, run in workers]
    watching = asyncio.create_task(watch.run(), name="database watch")
    beating = asyncio.create_task(probes.beat(), name="probes")
    try:
        await _until_stopped(stop.asked, engine, server, certificate, watch, watching, supervisor=_supervisor(worker))
        server.leave_rotation()
        probes.leave()
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
        await flush(tracer)
        await end([beating])
        if pulse is not None:
            await end([pulse])
        _log.info("stopped", worker=worker)
    end_with_connections()


def _show(settings: Settings, registry: CollectorRegistry, probes: Probes) -> None:
    """Show metrics, and answer probes: to the supervisor, if there is one, which has the address."""
    descriptor = os.environ.get(scrapes.FILE_DESCRIPTOR)
    if descriptor is None:
        show_at(settings.metrics_address, registry, probes)
    else:
        scrapes.answer_supervisor(int(descriptor), registry, probes)


def _supervisor(worker: int | None) -> int | None:
    """Give the process that a supervised worker ends with; one from before an upgrade does not say which it is."""
    return None if worker is None else int(os.environ.get(SUPERVISOR_PID, os.getppid()))


def _pulse() -> asyncio.Task[None] | None:
    """Begin to tell the supervisor, if there is one, that the event loop turns."""
    descriptor = os.environ.get(heartbeat.FILE_DESCRIPTOR)
    return None if descriptor is None else asyncio.create_task(heartbeat.beat(int(descriptor)), name="heartbeat")


async def _until_stopped(  # noqa: PLR0917 - what may end the process, and what is looked at meanwhile
    stop: asyncio.Event,
    engine: Engine,
    server: WalletServer,
    certificate: ServedCertificate | None,
    watch: DatabaseWatch,
    watching: asyncio.Task[None],
    *,
    supervisor: int | None,
) -> None:
    """Wait for the signal, or for the supervisor's end; give up if a lane has died, or if only a restart helps.

    Meanwhile whether the database and its cells are reached is told to those who ask for this worker's health, and the
    certificate's files are looked at. Workers take nothing down: they set aside what they cannot do (see `chores.py`).
    """
    while not stop.is_set() and supervisor in {None, os.getppid()}:
        if engine.failed:
            raise ProcessFailedError("a lane has ended")
        if watching.done():
            raise ProcessFailedError("the database watch has ended") from watching.exception()
        with suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_INTERVAL_S):
                await stop.wait()
        if not stop.is_set():
            server.tell_readiness(ready=watch.is_ready, cells=watch.cells_up)
            if certificate is not None:
                certificate.look()


def _server(  # noqa: PLR0917 - its parts, given once
    settings: Settings,
    pools: Pools,
    keys: KeyRing,
    networks: NetworkDirectory,
    engine: Engine,
    registry: CollectorRegistry,
    metrics: EngineMetrics,
    certificate: ServedCertificate | None,
    tracer: Tracer | None,
    *,
    shares_address: bool,
) -> WalletServer:
    """Make the server, with every service that it serves."""
    gate = CallGate(
        Authenticator(keys, settings.environment.value),
        CallMetrics(registry),
        Rates(on_refused=metrics.refused_rate.inc),
        calls_max=settings.concurrent_calls_max,
        watch=CallWatch(
            slow_calls=SlowCalls(slow_s=settings.slow_call_ms / 1000 if settings.slow_call_ms else math.inf),
            tracer=tracer,
        ),
    )
    execution = Execution(
        engine=engine,
        directories=Directories(networks=networks, ledgers=LedgerDirectory(LedgerReader(pools.lookups.shared))),
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
        ),
        gate,
        Servicers(
            wallet=WalletServicer(gate, execution, _by_cell(PlayerReader, pools.reads), limits_of(settings)),
            sessions=LedgerSessionServicer(gate, execution, _by_cell(SessionReader, pools.reads), times),
            credit=CreditWalletServicer(gate, execution, _by_cell(CreditReader, pools.reads)),
            ledgers=LedgerServicer(
                gate,
                execution,
                LedgerReaders(shared=LedgerReader(pools.shared_reads), of_cells=_by_cell(LedgerReader, pools.reads)),
            ),
            backoffice=(
                LookupServicer(gate, execution, pools.backoffice),
                OverviewServicer(gate, execution, pools.backoffice),
                ApprovalServicer(
                    gate,
                    execution,
                    ProposalStore(pools.operators),
                    _by_cell(PlayerReader, pools.reads),
                    ProposalBalances(pools.reads),
                ),
                TrailServicer(gate, execution, pools.backoffice),
                EventServicer(
                    gate, execution, SetAsideEvents(pools.operators, pools.background), pools.backoffice.events
                ),
                FigureServicer(gate, execution, pools.backoffice.figures),
                StatementServicer(gate, execution, pools.backoffice.statements),
            ),
        ),
        certificate=certificate,
    )


def limits_of(settings: Settings) -> AdjustmentLimits:
    """Give what one person alone may adjust: where nothing is said, nothing of real money."""
    elsewhere = 0 if settings.environment is Environment.LIVE else None
    return AdjustmentLimits(by_network=settings.alone_max_minor, elsewhere=elsewhere)


def _by_cell(reader: Callable[[Pool], Reader], pools: ByCell[Pool]) -> ByCell[Reader]:
    """Make a reader of each cell."""
    return ByCell(pools.cells, {cell: reader(pool) for cell, pool in pools.items()})


def _workers(  # noqa: PLR0917 - their parts
    settings: Settings,
    pools: Pools,
    keys: KeyRing,
    engine: Engine,
    chores: ChoreMetrics,
    registry: CollectorRegistry,
) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """Make the workers of every cell, and those of what they share, each with the name of its task."""
    counted = WorkerMetrics(registry)
    cells = pools.background.cells
    shared = BacklogWatch(BacklogReader(pools.operators).shared, "", chores, counted)
    uses = KeyUseWorker(settings.key_uses_interval_ms, keys, KeyUseStore(pools.operators), chores)
    made: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
        ("key uses", uses.run),
        ("loop watch", Vitals("serve", registry).watch_loop),
        ("backlog", shared.run),
    ]
    if settings.backoffice_database_url is not None:
        made.append(("lookup lag", LookupLagWatch(pools.backoffice.overview.behind_s, chores, counted).run))
    for cell, pool in pools.background.items():
        for name, worker in (
            ("expiry", _expiry(settings, pool, engine, chores, counted)),
            ("poster", _poster(settings, pool, cells, chores, counted)),
            ("sweeper", _sweeper(settings, pool, chores, counted)),
            ("house", _house(pool, chores, counted)),
            ("days", _days(settings, pool, chores, counted)),
            ("summaries", SummaryWorker(SummaryStore(pool), chores)),
            ("backlog", BacklogWatch(BacklogReader(pool).of_cell, str(cell), chores, counted)),
        ):
            made.append((cells.name(cell, name), worker.run))
    return made


def _expiry(
    settings: Settings,
    pool: Pool,
    engine: Engine,
    chores: ChoreMetrics,
    counted: WorkerMetrics,
) -> ExpiryWorker:
    """Make the worker that ends sessions whose time is over."""
    bounds = ExpirySettings(
        poll_ms=settings.session_expiry_poll_ms,
        grace_ms=settings.session_expiry_grace_ms,
        round_sessions_max=settings.batch_operations_max,
    )
    return ExpiryWorker(bounds, engine, SessionReader(pool), chores, counted)


def _poster(
    settings: Settings,
    pool: Pool,
    cells: Cells,
    chores: ChoreMetrics,
    counted: WorkerMetrics,
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
        cells,
    )
    return Poster(
        PosterSettings(interval_ms=settings.posting_interval_ms, rounds_max=_POSTING_ROUNDS_MAX),
        store,
        chores,
        counted,
    )


def _sweeper(settings: Settings, pool: Pool, chores: ChoreMetrics, counted: WorkerMetrics) -> Sweeper:
    """Make the worker that ends reservations whose time is over."""
    bounds = SweeperSettings(
        poll_ms=settings.reservation_sweep_poll_ms,
        chunk_reservations_max=settings.reservation_sweep_chunk_max,
    )
    return Sweeper(bounds, ReservationStore(pool), chores, counted)


def _house(pool: Pool, chores: ChoreMetrics, counted: WorkerMetrics) -> HouseWorker:
    """Make the worker that keeps the balances of house accounts."""
    bounds = HouseSettings(poll_ms=_HOUSE_POLL_MS, round_rows_max=_HOUSE_ROUND_ROWS_MAX)
    return HouseWorker(bounds, HousePostingStore(pool), chores, counted)


def _days(settings: Settings, pool: Pool, chores: ChoreMetrics, counted: WorkerMetrics) -> DayWorker:
    """Make the worker that counts business days."""
    bounds = DaySettings(
        begins_at_hour=settings.day_begins_at_hour,
        interval_ms=settings.days_interval_ms,
        slices_max=_DAY_SLICES_MAX,
    )
    return DayWorker(settings.days_interval_ms, DayStore(bounds, pool), chores, counted)
