"""What every process of the wallet does alike: it stops on a signal, shows its metrics, and makes an engine."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from prometheus_client import CollectorRegistry, start_http_server

from wallet_grpc.addresses import why
from wallet_grpc.engine.engine import EngineSettings
from wallet_grpc.engine.lane import LaneSettings
from wallet_grpc.messaging.topology import Topology
from wallet_grpc.settings import Settings
from wallet_grpc.store.batch.store import StoreSettings
from wallet_grpc.store.connection.pool import Pool

_POOL_WAIT_MS = 1_000
_LOOKUP_CONNECTIONS = 2
_GARBAGE_THRESHOLD = 5_000
"""Objects between two young collections. Every call leaves a small cycle, which is gRPC's own, so collections come with
the calls: one of 50,000 objects stopped the loop for 31 ms, one of 3,000 for less than 1 ms."""


class MetricsAddressError(Exception):
    """Metrics cannot be served where they should be."""


class ProcessFailedError(Exception):
    """A part of the process that must run for ever has ended; the process must be started again."""


def stop_on_signals() -> asyncio.Event:
    """Give the event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    return stop


class StopSignals:
    """The signals that stop a server: SIGTERM asks for it; SIGINT, or another SIGTERM, does not want to wait."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._at_once = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)

    async def lame_duck(self, time_s: float) -> None:
        """Wait for that time, or until somebody does not want to wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(time_s):
                await self._at_once.wait()

    def _terminate(self) -> None:
        if self.asked.is_set():
            self._at_once.set()
        self.asked.set()

    def _interrupt(self) -> None:
        self.asked.set()
        self._at_once.set()


def end_with_connections() -> NoReturn:
    """End the process well, at once, with whatever connections it has.

    An orderly end of the loop and of gRPC would first cancel the calls that are just coming in.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def first_done(tasks: Sequence[asyncio.Task[Any]], stop: asyncio.Event) -> None:
    """Wait until one of the tasks has ended: because of `stop`, or what it raised is raised here.

    Raises:
        ProcessFailedError: One has ended without a reason, which it never should.
    """
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        return
    for task in tasks:
        if task.done():
            task.result()
    raise ProcessFailedError("a part that must run for ever has ended")


def spare_the_garbage_collector() -> None:
    """Keep collections away from what stays, and rare for what comes and goes."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


def show_metrics(settings: Settings, registry: CollectorRegistry, *, worker: int | None = None) -> None:
    """Serve the metrics, if the settings say where; worker n takes the port + n."""
    if settings.metrics_address is not None:
        host, _, port = settings.metrics_address.rpartition(":")
        number = int(port) + (worker or 0)
        try:
            start_http_server(number, addr=host, registry=registry)
        except OSError as error:
            raise MetricsAddressError(
                f"WALLET_METRICS_ADDRESS {host}:{number} cannot be bound: {why(error, port=number)}"
            ) from error


def pool_of(
    settings: Settings, *, connections_max: int | None = None, waiting_max: int | None = None, writes: bool = False
) -> Pool:
    """Make a pool of connections, for reads unless it says otherwise."""
    return Pool(
        settings.service_dsn,
        connections_max=connections_max or settings.read_connections_max,
        waiting_max=waiting_max,
        wait_ms=min(_POOL_WAIT_MS, settings.database_timeout_ms),
        timeout_ms=settings.database_timeout_ms,
        writes=writes,
    )


def pool_of_lookups(settings: Settings) -> Pool:
    """Make the pool of what the engine cannot do without: whose a withdrawal is, which currency networks there are.

    Nothing else may keep these connections from it. Whatever the engine admits may wait for them.
    """
    return pool_of(settings, connections_max=_LOOKUP_CONNECTIONS, waiting_max=settings.queue_operations_max)


def topology_of(settings: Settings) -> Topology:
    """Name the exchanges and queues."""
    return Topology.of(
        settings.environment.value,
        payments_exchange=settings.payments_exchange,
        payments_queue=settings.payments_queue,
        events_exchange=settings.events_exchange,
    )


def engine_settings(settings: Settings) -> EngineSettings:
    """Give the engine's share of the settings."""
    return EngineSettings(
        lanes=settings.lanes,
        queue_operations_max=settings.queue_operations_max,
        source_share=settings.source_queue_share,
        lane=LaneSettings(
            batch_operations_max=settings.batch_operations_max,
            attempts_max=settings.attempts_max,
            backoff_ms=settings.backoff_ms,
            outage_wait_ms=settings.outage_wait_ms,
            lock_timeout_ms=settings.lock_timeout_ms,
        ),
        store=StoreSettings(
            database_url=settings.service_dsn,
            timeout_ms=settings.database_timeout_ms,
            lock_timeout_ms=settings.lock_timeout_ms,
            batch_operations_max=settings.batch_operations_max,
        ),
    )
