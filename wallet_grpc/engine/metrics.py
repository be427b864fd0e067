"""What the engine counts, for Prometheus. Counted once a batch, so it costs a mutation nothing."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class EngineMetrics:
    """The engine's counters in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batches = Histogram(
            "wallet_batch_operations",
            "Mutations in a batch that was executed",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "wallet_batch_seconds",
            "From taking a batch to its durable end",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.retries = Counter("wallet_batch_retries", "Batches tried again after a lost race", registry=registry)
        self.refused_full = Counter("wallet_queue_full", "Operations refused with QUEUE_FULL", registry=registry)
        limited = Counter(
            "wallet_rate_limited",
            "Refused with RATE_LIMITED: operations whose source held its share, calls above their key's rate",
            ["limit"],
            registry=registry,
        )
        self.refused_share = limited.labels(limit="share")
        self.refused_rate = limited.labels(limit="rate")
        self._queued = Gauge("wallet_queued_operations", "Operations admitted and not answered", registry=registry)

    def watch_queue(self, admitted: Callable[[], float]) -> None:
        """Have it looked, when somebody asks, how many operations are admitted and not answered."""
        self._queued.set_function(admitted)
