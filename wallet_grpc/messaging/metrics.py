"""What messaging counts, for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from wallet_grpc.domain.cells import Cell
from wallet_grpc.tallies import Spreads

_LAG_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)


class InboxMetrics:
    """The consumer's counters in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.taken = Counter(
            "wallet_inbox_events",
            "Received events by what became of them: applied, repeated, waiting, parked",
            ["type", "outcome"],
            registry=registry,
        )
        self.parked = Counter(
            "wallet_inbox_parked_events", "Received events that were parked, by reason", ["reason"], registry=registry
        )
        self.dead_letters = Counter(
            "wallet_inbox_dead_letters", "Messages that were dead-lettered, by reason", ["reason"], registry=registry
        )
        self.rejected = Counter(
            "wallet_inbox_rejected",
            "Messages that were left to the broker to dead-letter, by why",
            ["why"],
            registry=registry,
        )
        self.stuck = Counter(
            "wallet_inbox_stuck",
            "Messages at which session after session failed; they are dead letters",
            registry=registry,
        )
        self.open = Gauge("wallet_inbox_open", "Received events that wait or are parked", ["state"], registry=registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxGauges:
    """What the outbox of one cell holds."""

    waiting: Gauge
    oldest_seconds: Gauge
    parked: Gauge
    partitions: Gauge


class OutboxMetrics:
    """The relay's counters in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = Counter("wallet_outbox_published", "Events that the broker confirmed", registry=registry)
        self.unroutable = Counter(
            "wallet_outbox_unroutable",
            "Events that no queue took, by type; they are parked",
            ["type"],
            registry=registry,
        )
        self.refused = Counter(
            "wallet_outbox_refused", "Events that the broker refused; they are tried again", registry=registry
        )
        self.lag_seconds = Spreads(
            "wallet_outbox_lag_seconds",
            "From a mutation to the broker's confirmation of its event",
            bounds=_LAG_BUCKETS_S,
            registry=registry,
        ).of()
        self._waiting = Gauge("wallet_outbox_waiting", "Events that are to be published", ["cell"], registry=registry)
        self._oldest_seconds = Gauge(
            "wallet_outbox_oldest_seconds", "How long the oldest event has waited", ["cell"], registry=registry
        )
        self._parked = Gauge("wallet_outbox_parked", "Events that no queue took", ["cell"], registry=registry)
        self._partitions = Gauge(
            "wallet_outbox_partitions", "Partitions that this relay publishes", ["cell"], registry=registry
        )

    def of(self, cell: Cell) -> OutboxGauges:
        """Give the gauges of a cell's outbox."""
        return OutboxGauges(
            waiting=self._waiting.labels(str(cell)),
            oldest_seconds=self._oldest_seconds.labels(str(cell)),
            parked=self._parked.labels(str(cell)),
            partitions=self._partitions.labels(str(cell)),
        )
