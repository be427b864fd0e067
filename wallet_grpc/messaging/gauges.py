"""The watch: gauges of inbox and outbox, counted in the database, whether there is a broker or not."""

from __future__ import annotations

from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, keep_going
from wallet_grpc.store.queues.inbox import InboxStore
from wallet_grpc.store.queues.outbox import OutboxReader

from .metrics import InboxMetrics, OutboxGauges

_WORKER = "watch"
_EVERY_MS = 5_000


async def watch_inbox(store: InboxStore, metrics: InboxMetrics, chores: ChoreMetrics) -> NoReturn:
    """Keep the inbox's gauges true, until cancelled. Without a database they stand still, as everything does."""

    async def look() -> float:
        waiting, parked = await store.open_counts()
        metrics.open.labels("waiting").set(waiting)
        metrics.open.labels("parked").set(parked)
        return _EVERY_MS

    await keep_going(_WORKER, look, chores)


async def watch_outbox(reader: OutboxReader, gauges: OutboxGauges, chores: ChoreMetrics) -> NoReturn:
    """Keep the outbox's gauges true, until cancelled."""

    async def look() -> float:
        backlog = await reader.backlog()
        gauges.waiting.set(backlog.waiting)
        gauges.oldest_seconds.set(backlog.oldest_age_s)
        gauges.parked.set(backlog.parked)
        return _EVERY_MS

    await keep_going(_WORKER, look, chores)
