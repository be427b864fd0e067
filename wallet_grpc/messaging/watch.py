"""The watch: gauges of inbox and outbox, counted in the database, whether there is a broker or not."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from wallet_grpc.store.inbox import InboxStore
from wallet_grpc.store.outbox_queue import OutboxReader
from wallet_grpc.store.pool import DatabaseUnavailableError

from .metrics import InboxMetrics, OutboxMetrics

_EVERY_S = 5.0


async def watch_inbox(store: InboxStore, metrics: InboxMetrics) -> NoReturn:
    """Keep the inbox's gauges true, until cancelled."""
    while True:
        try:
            waiting, parked = await store.open_counts()
        except DatabaseUnavailableError:
            pass  # the gauges stand still, as everything does
        else:
            metrics.open.labels("waiting").set(waiting)
            metrics.open.labels("parked").set(parked)
        await asyncio.sleep(_EVERY_S)


async def watch_outbox(reader: OutboxReader, metrics: OutboxMetrics) -> NoReturn:
    """Keep the outbox's gauges true, until cancelled."""
    while True:
        try:
            backlog = await reader.backlog()
        except DatabaseUnavailableError:
            pass
        else:
            metrics.waiting.set(backlog.waiting)
            metrics.oldest_seconds.set(backlog.oldest_age_s)
            metrics.parked.set(backlog.parked)
        await asyncio.sleep(_EVERY_S)
