"""What every process of the wallet does alike: it stops on a signal, shows its metrics, and makes an engine."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cell, Cells
from wallet_grpc.engine.engine import EngineSettings
from wallet_grpc.engine.lane import LaneSettings
from wallet_grpc.messaging.broker import BrokerAddress
from wallet_grpc.messaging.topology import Topology
from wallet_grpc.settings import Settings
from wallet_grpc.store.batch.store import StoreSettings
from wallet_grpc.store.connection.metrics import NamedPool
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.reads.withdrawals import ClaimReader, WithdrawalDirectory, WithdrawalReader
from wallet_grpc.tracing import Tracer

_POOL_WAIT_MS = 1_000
_LOOKUP_CONNECTIONS = 2
_FLUSH_WITHIN_S = 2.0
_GARBAGE_THRESHOLD = 5_000
"""Objects between two young collections. Every call leaves a small cycle, which is gRPC's own, so collections come with
the calls: one of 50,000 objects stopped the loop for 31 ms, one of 3,000 for less than 1 ms."""


class ProcessFailedError(Exception):
    """A part of the process that must run for ever has ended; the process must be started again."""


def stop_on_signals() -> asyncio.Event:
    """Give the event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    return stop


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


async def flush(tracer: Tracer | None) -> None:
    """Send the last spans, before the process ends; a collector that does not answer is not waited for.

    In a thread that ends with the process: an export that has begun cannot be told to stop.
    """
    if tracer is None:
        return
    loop, sent = asyncio.get_running_loop(), asyncio.Event()

    def send() -> None:
        tracer.flush()
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(sent.set)

    threading.Thread(target=send, name="last spans", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(_FLUSH_WITHIN_S):
            await sent.wait()


def for_what_is_shared(cells: Cells) -> Cell | None:
    """Tell whose connections see what all cells share: those of the only cell, or of none, which any node may take."""
    return ONLY_CELL if cells.count == 1 else None


def pool_of(
    settings: Settings,
    cell: Cell | None = ONLY_CELL,
    *,
    connections_max: int | None = None,
    waiting_max: int | None = None,
    writes: bool = False,
) -> Pool:
    """Make a pool of connections to a cell, or to what all cells share; for reads unless it says otherwise."""
    return Pool(
        settings.service_dsn,
        connections_max=connections_max or settings.read_connections_max,
        waiting_max=waiting_max,
        wait_ms=min(_POOL_WAIT_MS, settings.database_timeout_ms),
        timeout_ms=settings.database_timeout_ms,
        writes=writes,
        cell=cell,
    )


def pool_of_lookups(settings: Settings, cell: Cell | None = ONLY_CELL) -> Pool:
    """Make the pool of what the engine cannot do without: whose a withdrawal is, which currency networks there are.

    Nothing else may keep these connections from it. Whatever the engine admits may wait for them.
    """
    return pool_of(settings, cell, connections_max=_LOOKUP_CONNECTIONS, waiting_max=settings.queue_operations_max)


def named_pools(name: str, of_cells: ByCell[Pool], shared: Pool) -> list[NamedPool]:
    """Name the pools that are there for one purpose, in each cell and for what they share, each once."""
    named = [NamedPool(name, str(cell), pool) for cell, pool in of_cells.items()]
    return named if any(it.pool is shared for it in named) else [*named, NamedPool(name, "", shared)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupPools:
    """The connections that the engine cannot do without, as `pool_of_lookups` says."""

    shared: Pool
    """For what all cells share. With one cell, that cell's own; with several, no cell keeps them."""
    of_cells: ByCell[Pool]

    @classmethod
    def of(cls, settings: Settings, cells: Cells) -> LookupPools:
        """Make them; they connect when they are used."""
        of_cells = ByCell(cells, {cell: pool_of_lookups(settings, cell) for cell in cells.served})
        shared = of_cells.at(ONLY_CELL) if cells.count == 1 else pool_of_lookups(settings, None)
        return cls(shared=shared, of_cells=of_cells)

    def named(self) -> list[NamedPool]:
        """Give all of them by their name."""
        return named_pools("lookups", self.of_cells, self.shared)

    def withdrawals(self) -> WithdrawalDirectory:
        """Make the directory that finds withdrawals by these connections."""
        readers = {cell: WithdrawalReader(pool) for cell, pool in self.of_cells.items()}
        return WithdrawalDirectory(ByCell(self.of_cells.cells, readers), ClaimReader(self.shared))

    async def close(self) -> None:
        """Close all."""
        for pool in self.of_cells:
            await pool.close()
        await self.shared.close()


def broker_of(settings: Settings) -> BrokerAddress:
    """Give RabbitMQ's address, whose TLS files can be used now.

    Raises:
        UnusableTlsFilesError: One cannot.
    """
    assert settings.amqp_url is not None
    address = BrokerAddress(
        url=settings.amqp_url.get_secret_value(),
        ca_file=settings.amqp_ca_file,
        cert_file=settings.amqp_cert_file,
        key_file=settings.amqp_key_file,
    )
    address.tls()
    return address


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
