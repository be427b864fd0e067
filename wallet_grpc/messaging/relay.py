"""The relay: publishes the outbox to the wallet's exchange, at least once and in order for each owner.

A round reads the next events of the relay's partitions, publishes those of different owners side by side and those of
one owner one after the other, each once the one before it is confirmed, and removes what was confirmed. So the first
publications of an owner's events are in order, whatever fails in between. A crash between confirmation and removal
repeats an event; its id is the same, and its `sequence` tells.

An event that no queue takes is parked and counted, and keeps nothing waiting. One that the broker refuses keeps its
owner waiting for the next round, and nobody else. So does one that cannot be published or removed for a reason of its
own: its owner is set aside, and tried again after growing pauses. A broker closes the channel over an event that it
will not have, without telling which one it was. So whatever was not confirmed by then is doubted, and published one by
one in the next session, after all else: the event that is alone when the channel is closed again is the one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import aio_pika
import structlog
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.channel import Channel as UnderlayChannel

from wallet_grpc.chores import ChoreMetrics, SetAside
from wallet_grpc.store.connection.halves import Halved
from wallet_grpc.store.queues.outbox import OutboxQueue
from wallet_grpc.store.queues.told_events import OutboxRow, ToldEvent
from wallet_grpc.tasks import end
from wallet_grpc.tracing import SpanKind, Tracer, is_sampled

from .broker import BROKER_ERRORS, BrokerAddress, BrokerGoneError, connected, keep_up
from .cloudevents import CONTENT_TYPE, render
from .metrics import OutboxMetrics
from .topology import Topology, declare_outbound

_log = structlog.get_logger(__name__)

_WORKER = "relay"
_SHARE_EVERY_S = 1.0
_ROUND_TIMEOUT_S = 20.0
"""For all confirmations of a round; well within what the session with the database may be idle."""
_REFUSED_PAUSE_S = 0.5
_UNROUTABLE = "UNROUTABLE: no queue is bound for this type"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """The relay's bounds."""

    broker: BrokerAddress
    environment: str
    topology: Topology
    round_events_max: int
    in_flight_max: int
    """How many events may be published and not confirmed."""
    poll_ms: int
    """How long to wait when there was nothing to publish."""


@dataclass(slots=True)
class _RelayRound:
    """What became of the events of one round."""

    published: list[OutboxRow] = field(default_factory=list)
    unroutable: list[OutboxRow] = field(default_factory=list)
    refused: int = 0
    failed: list[tuple[OutboxRow, Exception]] = field(default_factory=list)
    """Those that could not be published, for a reason of their own."""
    unconfirmed: dict[int, OutboxRow] = field(default_factory=dict)
    """By owner: what the broker was given, and has said nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What a session publishes by."""

    connection: AbstractConnection
    channel: AbstractChannel
    underlay: UnderlayChannel
    """The client library's own channel, below that of aio-pika."""

    @property
    def is_cut_by_an_event(self) -> bool:
        """Whether the broker closed the channel alone, as it does over what it will not have."""
        return self.channel.is_closed and not self.connection.is_closed


class Relay:
    """Publishes the outbox. Any number may run at once, each with a share of the owners."""

    def __init__(
        self,
        settings: RelaySettings,
        queue: OutboxQueue,
        metrics: OutboxMetrics,
        chores: ChoreMetrics,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._settings = settings
        self._tracer = tracer
        self._chores = chores
        self._success = chores.last_success(_WORKER)
        self._owners: SetAside[int] = SetAside(_WORKER, "owner_id", chores)
        self._round_failed = False
        """Whether the last round had events, and the broker took none of them."""
        self._doubted: set[int] = set()
        """Owners of events one of which made the broker close a channel."""
        self._queue = queue
        self._metrics = metrics
        self._gauges = metrics.of(queue.cell)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, reconnecting by itself.

        Raises:
            TopologyConflictError: The exchange is there and is defined otherwise.
        """
        try:
            await keep_up(lambda: self._session(stop), stop=stop, name=_WORKER, chores=self._chores)
        finally:
            await self._queue.close()

    async def _session(self, stop: asyncio.Event) -> None:
        try:
            async with connected(self._settings.broker, name="relay") as connection:
                names = self._settings.topology
                await declare_outbound(connection, names)
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                underlay = cast("UnderlayChannel", await channel.get_underlay_channel())
                line = _Line(connection=connection, channel=channel, underlay=underlay)
                _log.info("relaying", exchange=names.events_exchange)
                shared_at = float("-inf")
                while not stop.is_set():
                    now = time.monotonic()
                    if now - shared_at >= _SHARE_EVERY_S:
                        await self._queue.share()
                        self._gauges.partitions.set(len(self._queue.partitions))
                        shared_at = now
                    rows = await self._queue.next(self._settings.round_events_max, self._owners.waiting())
                    self._round_failed = False
                    pause_s = await self._round(line, rows) if rows else self._settings.poll_ms / 1000
                    if channel.is_closed:
                        raise BrokerGoneError("the channel was closed")
                    if not self._round_failed:
                        self._success.note()
                    if pause_s:
                        with suppress(TimeoutError):
                            async with asyncio.timeout(pause_s):
                                await stop.wait()
        finally:
            await self._queue.close()  # while there is no broker, others may have the partitions
            self._gauges.partitions.set(0)

    async def _round(self, line: _Line, rows: Sequence[OutboxRow]) -> float:
        """Publish events and settle them in the outbox; gives how long to wait before the next round, in seconds."""
        done = _RelayRound()
        trusted: dict[int, list[OutboxRow]] = {}
        doubted: dict[int, list[OutboxRow]] = {}
        for row in rows:
            owners = doubted if row.owner_id in self._doubted or row.owner_id in self._owners else trusted
            owners.setdefault(row.owner_id, []).append(row)
        try:
            async with asyncio.timeout(_ROUND_TIMEOUT_S):
                await self._publish_side_by_side(line, iter(trusted.values()), len(trusted), done)
                await self._publish(line, iter(doubted.values()), done)
        except BROKER_ERRORS as error:
            if line.is_cut_by_an_event:
                self._doubt(done, error)
            raise
        finally:
            await self._settle(done)
        self._round_failed = not (done.published or done.unroutable)
        return _REFUSED_PAUSE_S if done.refused else 0.0

    async def _publish_side_by_side(
        self, line: _Line, left: Iterator[list[OutboxRow]], owners: int, done: _RelayRound
    ) -> None:
        publishers = [
            asyncio.create_task(self._publish(line, left, done))
            for _ in range(min(self._settings.in_flight_max, owners))
        ]
        try:
            await asyncio.gather(*publishers)
        finally:
            await end(publishers)

    async def _publish(self, line: _Line, left: Iterator[list[OutboxRow]], done: _RelayRound) -> None:
        """Publish the events of one owner after the other, each confirmed before the next."""
        for events in left:
            for row in events:
                done.unconfirmed[row.owner_id] = row
                try:
                    await self._publish_one(line, row.tell())
                except PublishError:
                    done.unroutable.append(row)
                except DeliveryError as error:
                    done.refused += 1
                    _log.warning("event_refused", event_id=row.event_id, cause=str(error))
                    break
                except BROKER_ERRORS:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, the other owners' events are published
                    done.failed.append((row, error))
                    break
                else:
                    done.published.append(row)
            del done.unconfirmed[events[0].owner_id]
            self._doubted.discard(events[0].owner_id)

    async def _publish_one(self, line: _Line, event: ToldEvent) -> None:
        """Publish an event, in a span of its own where that of its call is traced."""
        span = None
        if self._tracer is not None and is_sampled(event.traceparent):
            attributes = {"messaging.system": "rabbitmq", "messaging.message.id": event.event_id}
            span = self._tracer.begin(f"publish {event.event_type}", SpanKind.PRODUCER, event.traceparent, attributes)
        failure: str | None = "CANCELLED"
        try:
            message = self._message(event)
            await line.underlay.basic_publish(
                message.body,
                exchange=self._settings.topology.events_exchange,
                routing_key=event.event_type,
                properties=message.properties,
                mandatory=True,
                wait=False,  # for its bytes to leave, as every other event would have to: its confirmation is awaited
            )
            failure = None
        except Exception as error:
            failure = type(error).__name__
            raise
        finally:
            if span is not None:
                span.end(reason=failure)

    def _doubt(self, done: _RelayRound, error: Exception) -> None:
        """Find the event over which the broker closed the channel, or let the next session find it."""
        if len(done.unconfirmed) == 1:
            ((owner_id, row),) = done.unconfirmed.items()
            done.failed.append((row, error))
            self._doubted.discard(owner_id)
        else:
            self._doubted.update(done.unconfirmed)

    def _message(self, event: ToldEvent) -> aio_pika.Message:
        return aio_pika.Message(
            render(event, environment=self._settings.environment),
            content_type=CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=event.event_id,
            type=event.event_type,
        )

    async def _settle(self, done: _RelayRound) -> None:
        metrics = self._metrics
        metrics.refused.inc(done.refused)
        kept: Halved[int] = Halved()
        if done.published:
            kept = await self._queue.remove([row.outbox_id for row in done.published])
            metrics.published.inc(len(done.published))
            now = datetime.now(UTC)
            for row in done.published:
                metrics.lag_seconds.note((now - row.created_at).total_seconds())
        if done.unroutable:
            unparked = await self._queue.park([row.outbox_id for row in done.unroutable], _UNROUTABLE)
            kept.failed += unparked.failed
            for row in done.unroutable:
                metrics.unroutable.labels(row.event_type).inc()
            _log.error(
                "events_unroutable",
                events=len(done.unroutable),
                types=sorted({row.event_type for row in done.unroutable}),
                hint=f"bind a queue to {self._settings.topology.events_exchange}, then `wallet outbox replay --parked`",
            )
        self._set_aside(done, kept)

    def _set_aside(self, done: _RelayRound, kept: Halved[int]) -> None:
        """Leave owners alone for a while of whom something failed; the others have had their turn."""
        owners = {row.outbox_id: row.owner_id for row in (*done.published, *done.unroutable)}
        failed = {row.owner_id: error for row, error in done.failed}
        failed |= {owners[outbox_id]: error for outbox_id, error in kept.failed}
        ids = {row.owner_id: row.event_id for row, _ in done.failed}
        for owner_id, error in failed.items():
            self._owners.put(owner_id, error, event_id=ids.get(owner_id, "published, and not removed"))
        if len(self._owners) > 0:
            for owner_id in set(owners.values()) - set(failed):
                self._owners.done(owner_id)
