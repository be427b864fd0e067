"""A relay process: the outbox out to RabbitMQ."""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.messaging.gauges import watch_outbox
from wallet_grpc.messaging.metrics import OutboxMetrics
from wallet_grpc.messaging.relay import Relay, RelaySettings
from wallet_grpc.settings import Settings
from wallet_grpc.store.connection.watch import DatabaseWatch
from wallet_grpc.store.queues.outbox import OutboxQueue, OutboxReader
from wallet_grpc.tasks import end

from .process import first_done, pool_of, show_metrics, spare_the_garbage_collector, stop_on_signals, topology_of

_log = structlog.get_logger(__name__)


async def relay(settings: Settings) -> None:
    """Publish until SIGTERM or SIGINT, then finish the round and return.

    Raises:
        TopologyConflictError: The exchange is there and is defined otherwise.
    """
    assert settings.amqp_url is not None
    stop = stop_on_signals()
    registry = CollectorRegistry()
    metrics, chores = OutboxMetrics(registry), ChoreMetrics(registry)
    queue = OutboxQueue(settings.service_dsn, timeout_ms=settings.database_timeout_ms)
    relaying = Relay(
        RelaySettings(
            amqp_url=settings.amqp_url.get_secret_value(),
            environment=settings.environment.value,
            topology=topology_of(settings),
            round_events_max=settings.relay_round_events_max,
            in_flight_max=settings.relay_in_flight_max,
            poll_ms=settings.relay_poll_ms,
        ),
        queue,
        metrics,
        chores,
    )
    pool = pool_of(settings)
    spare_the_garbage_collector()
    show_metrics(settings, registry)
    publishing = asyncio.create_task(relaying.run(stop), name="relay")
    database = DatabaseWatch((pool,), unhealthy_after_ms=settings.unhealthy_after_ms, registry=registry)
    beside = [
        asyncio.create_task(watch_outbox(OutboxReader(pool), metrics, chores), name="watch"),
        asyncio.create_task(database.run(), name="database watch"),
    ]
    try:
        await first_done([publishing, *beside], stop)
    finally:
        stop.set()
        await end(beside)
        await asyncio.gather(publishing, return_exceptions=True)
        await pool.close()
        _log.info("stopped")
