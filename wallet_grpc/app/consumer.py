"""A consumer process: payment events from RabbitMQ, through the inbox, into an engine of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.domain.cells import ByCell, Cells
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.messaging.consumer import ConsumerSettings, PaymentsConsumer
from wallet_grpc.messaging.gauges import watch_inbox
from wallet_grpc.messaging.inbox import EventInbox
from wallet_grpc.messaging.metrics import InboxMetrics
from wallet_grpc.messaging.retries import Retries
from wallet_grpc.settings import Settings
from wallet_grpc.store.connection.metrics import PoolMetrics
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.connection.watch import DatabaseWatch
from wallet_grpc.store.queues.inbox import InboxSettings, InboxStore
from wallet_grpc.store.reads.installation import installation_uuid
from wallet_grpc.store.reads.networks import NetworkDirectory
from wallet_grpc.tasks import end
from wallet_grpc.telemetry import tracer_of
from wallet_grpc.vitals import Vitals

from .probes import Probes, show_at
from .process import (
    LookupPools,
    broker_of,
    engine_settings,
    first_done,
    flush,
    for_what_is_shared,
    named_pools,
    pool_of,
    spare_the_garbage_collector,
    stop_on_signals,
    topology_of,
)

_log = structlog.get_logger(__name__)


async def consume(settings: Settings, cells: Cells) -> None:
    """Consume until SIGTERM or SIGINT, then finish what was taken and return.

    Raises:
        TopologyConflictError: A queue or exchange is there, defined otherwise, or the queue is another's.
        UnusableTlsFilesError: The files for TLS with RabbitMQ cannot be used.
        TracingError: Traces are asked for and cannot be made.
        ProcessFailedError: A part that must run for ever has ended.
    """
    broker = broker_of(settings)
    stop = stop_on_signals()
    registry = CollectorRegistry()
    vitals = Vitals("consume", registry)
    metrics, chores = InboxMetrics(registry), ChoreMetrics(registry)
    lookups, inbox_pool = LookupPools.of(settings, cells), pool_of(settings, for_what_is_shared(cells), writes=True)
    # An event that is replayed finds what was just added.
    networks = NetworkDirectory(lookups.shared, asks_again_after_s=0)
    withdrawals = lookups.withdrawals()
    inbox_pools = ByCell(
        cells, {cell: inbox_pool if cells.count == 1 else pool_of(settings, cell, writes=True) for cell in cells.served}
    )
    PoolMetrics([*lookups.named(), *named_pools("inbox", inbox_pools, inbox_pool)], registry)
    tracer = tracer_of("consume")
    engine = Engine(engine_settings(settings), withdrawals, EngineMetrics(registry), cells=cells, tracer=tracer)
    database = DatabaseWatch(
        (lookups.shared, inbox_pool),
        lookups.of_cells,
        unhealthy_after_ms=settings.unhealthy_after_ms,
        registry=registry,
    )
    store = InboxStore(
        inbox_pool,
        InboxSettings(attempts_max=settings.inbox_attempts_max, first_delay_ms=settings.inbox_backoff_ms),
        of_cells=inbox_pools,
        withdrawals=withdrawals,
    )
    inbox = EventInbox(engine=engine, networks=networks, store=store, metrics=metrics, tracer=tracer)
    consumer = PaymentsConsumer(
        ConsumerSettings(
            broker=broker,
            environment=settings.environment.value,
            topology=topology_of(settings),
            prefetch_count=settings.consumer_prefetch,
            bytes_max=settings.consumer_bytes_max,
            event_bytes_max=settings.event_bytes_max,
            stop_timeout_ms=settings.stop_timeout_ms,
        ),
        inbox,
        metrics,
        chores,
        installation=lambda: installation_uuid(lookups.shared),
    )
    retries = Retries(inbox, store, chores, poll_ms=settings.inbox_poll_ms)

    with suppress(DatabaseUnavailableError):
        await networks.refresh()
    engine.start()
    spare_the_garbage_collector()
    probes = Probes(hung_after_ms=settings.worker_hung_after_ms)
    probes.ready_while(lambda: database.is_ready)
    show_at(settings.metrics_address, registry, probes)
    consuming = asyncio.create_task(consumer.run(stop), name="consumer")
    beside = [
        asyncio.create_task(probes.beat(), name="probes"),
        asyncio.create_task(retries.run(), name="retries"),
        asyncio.create_task(watch_inbox(store, metrics, chores), name="watch"),
        asyncio.create_task(database.run(), name="database watch"),
        asyncio.create_task(vitals.watch_loop(), name="loop watch"),
    ]
    try:
        await first_done([consuming, *beside], stop)
    finally:
        stop.set()
        probes.leave()
        await end(beside)
        await asyncio.gather(consuming, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.stop_timeout_ms / 1000):
                await engine.stop()
        await lookups.close()
        for pool in (inbox_pool, *inbox_pools):
            await pool.close()
        await flush(tracer)
        _log.info("stopped")
