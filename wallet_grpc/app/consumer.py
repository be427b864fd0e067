"""A consumer process: payment events from RabbitMQ, through the inbox, into an engine of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry

from wallet_grpc.chores import ChoreMetrics
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.messaging.consumer import ConsumerSettings, PaymentsConsumer
from wallet_grpc.messaging.gauges import watch_inbox
from wallet_grpc.messaging.inbox import EventInbox
from wallet_grpc.messaging.metrics import InboxMetrics
from wallet_grpc.messaging.retries import Retries
from wallet_grpc.settings import Settings
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.connection.watch import DatabaseWatch
from wallet_grpc.store.queues.inbox import InboxSettings, InboxStore
from wallet_grpc.store.reads.installation import installation_uuid
from wallet_grpc.store.reads.networks import NetworkDirectory
from wallet_grpc.store.reads.withdrawals import WithdrawalReader
from wallet_grpc.tasks import end

from .process import (
    engine_settings,
    first_done,
    pool_of,
    pool_of_lookups,
    show_metrics,
    spare_the_garbage_collector,
    stop_on_signals,
    topology_of,
)

_log = structlog.get_logger(__name__)


async def consume(settings: Settings) -> None:
    """Consume until SIGTERM or SIGINT, then finish what was taken and return.

    Raises:
        TopologyConflictError: A queue or exchange is there, defined otherwise, or the queue is another's.
        ProcessFailedError: A part that must run for ever has ended.
    """
    assert settings.amqp_url is not None
    stop = stop_on_signals()
    registry = CollectorRegistry()
    metrics, chores = InboxMetrics(registry), ChoreMetrics(registry)
    lookups, inbox_pool = pool_of_lookups(settings), pool_of(settings, writes=True)
    networks = NetworkDirectory(lookups, asks_again_after_s=0)  # an event that is replayed finds what was just added
    engine = Engine(engine_settings(settings), networks, WithdrawalReader(lookups), EngineMetrics(registry))
    database = DatabaseWatch((lookups, inbox_pool), unhealthy_after_ms=settings.unhealthy_after_ms, registry=registry)
    store = InboxStore(
        inbox_pool,
        InboxSettings(attempts_max=settings.inbox_attempts_max, first_delay_ms=settings.inbox_backoff_ms),
    )
    inbox = EventInbox(engine=engine, networks=networks, store=store, metrics=metrics)
    consumer = PaymentsConsumer(
        ConsumerSettings(
            amqp_url=settings.amqp_url.get_secret_value(),
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
        installation=lambda: installation_uuid(lookups),
    )
    retries = Retries(inbox, store, chores, poll_ms=settings.inbox_poll_ms)

    with suppress(DatabaseUnavailableError):
        await networks.refresh()
    engine.start()
    spare_the_garbage_collector()
    show_metrics(settings, registry)
    consuming = asyncio.create_task(consumer.run(stop), name="consumer")
    beside = [
        asyncio.create_task(retries.run(), name="retries"),
        asyncio.create_task(watch_inbox(store, metrics, chores), name="watch"),
        asyncio.create_task(database.run(), name="database watch"),
    ]
    try:
        await first_done([consuming, *beside], stop)
    finally:
        stop.set()
        await end(beside)
        await asyncio.gather(consuming, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.stop_timeout_ms / 1000):
                await engine.stop()
        await lookups.close()
        await inbox_pool.close()
        _log.info("stopped")
