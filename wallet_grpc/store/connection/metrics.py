"""What is seen of a process's pools, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from .lending import ConnectionPool


class NamedPool(NamedTuple):
    """A pool, what it is for, and the cell that its connections lead to."""

    name: str
    cell: str
    """A number; empty where it is for what all cells share."""
    pool: ConnectionPool


class PoolMetrics(Collector):
    """Looks at pools when somebody asks."""

    def __init__(self, pools: Sequence[NamedPool], registry: CollectorRegistry) -> None:
        self._pools = pools
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Give what is shown."""
        labels = ("pool", "cell")
        connections = GaugeMetricFamily(
            "wallet_pool_connections", "Connections of a pool, in use or idle", labels=(*labels, "state")
        )
        most = GaugeMetricFamily("wallet_pool_connections_max", "How many connections a pool may have", labels=labels)
        waiting = GaugeMetricFamily("wallet_pool_waiting", "How many wait for a connection of a pool", labels=labels)
        waited = HistogramMetricFamily(
            "wallet_pool_wait_seconds", "How long those waited for whom no connection was idle", labels=labels
        )
        for name, cell, pool in self._pools:
            connections.add_metric((name, cell, "lent"), pool.lent)
            connections.add_metric((name, cell, "idle"), pool.idle)
            most.add_metric((name, cell), pool.connections_max)
            waiting.add_metric((name, cell), pool.waiting)
            pool.waited_s.add_to(waited, (name, cell))
        yield from (connections, most, waiting, waited)
