"""A relay process: the outbox out to RabbitMQ."""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cells
from wallet_grpc.messaging.gauges import watch_outbox
from wallet_grpc.messaging.metrics import OutboxMetrics
from wallet_grpc.messaging.relay import Relay, RelaySettings
from wallet_grpc.settings import Settings
from wallet_grpc.store.connection.metrics import PoolMetrics
from wallet_grpc.store.connection.watch import DatabaseWatch
from wallet_grpc.store.queues.outbox import OutboxQueue, OutboxReader
from wallet_grpc.tasks import end
from wallet_grpc.telemetry import tracer_of
from wallet_grpc.vitals import Vitals

from .probes import Probes, show_at
from .process import (
    broker_of,
    first_done,
    flush,
    named_pools,
    pool_of,
    spare_the_garbage_collector,
    stop_on_signals,
    topology_of,
)

_log = structlog.get_logger(__name__)


async def relay(settings: Settings, cells: Cells) -> None:
    """Publish until SIGTERM or SIGINT, then finish the round and return.

    Raises:
        TopologyConflictError: The exchange is there and is defined otherwise.
        TracingError: Traces are asked for and cannot be made.
        UnusableTlsFilesError: The files for TLS with RabbitMQ cannot be used.
    """
    broker = broker_of(settings)
    stop = stop_on_signals()
    tracer = tracer_of("relay")
    registry = CollectorRegistry()
    vitals = Vitals("relay", registry)
    metrics, chores = OutboxMetrics(registry), ChoreMetrics(registry)
    relay_settings = RelaySettings(
        broker=broker,
        environment=settings.environment.value,
        topology=topology_of(settings),
        round_events_max=settings.relay_round_events_max,
        in_flight_max=settings.relay_in_flight_max,
        poll_ms=settings.relay_poll_ms,
    )
    relays = {
        cell: Relay(
            relay_settings,
            OutboxQueue(settings.service_dsn, timeout_ms=settings.database_timeout_ms, cell=cell),
            metrics,
            chores,
            tracer=tracer,
        )
        for cell in cells.served
    }
    pools = ByCell(cells, {cell: pool_of(settings, cell) for cell in cells.served})
    shared = pools.at(ONLY_CELL) if cells.count == 1 else pool_of(settings, None)
    PoolMetrics(named_pools("reads", pools, shared), registry)
    spare_the_garbage_collector()
    publishing = [
        asyncio.create_task(relaying.run(stop), name=cells.name(cell, "relay")) for cell, relaying in relays.items()
    ]
    database = DatabaseWatch((shared,), pools, unhealthy_after_ms=settings.unhealthy_after_ms, registry=registry)
    probes = Probes(hung_after_ms=settings.worker_hung_after_ms)
    probes.ready_while(lambda: database.is_ready)
    show_at(settings.metrics_address, registry, probes)
    beside = [
        asyncio.create_task(probes.beat(), name="probes"),
        *(
            asyncio.create_task(
                watch_outbox(OutboxReader(pool), metrics.of(cell), chores), name=cells.name(cell, "watch")
            )
            for cell, pool in pools.items()
        ),
        asyncio.create_task(database.run(), name="database watch"),
        asyncio.create_task(vitals.watch_loop(), name="loop watch"),
    ]
    try:
        await first_done([*publishing, *beside], stop)
    finally:
        stop.set()
        probes.leave()
        await end(beside)
        await asyncio.gather(*publishing, return_exceptions=True)
        for pool in (*pools, shared):
            await pool.close()
        await flush(tracer)
        _log.info("stopped")
