"""What the gate counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class CallMetrics:
    """The gate's counters in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.undecodable = Counter(
            "wallet_undecodable_messages", "Messages of callers that are no protobuf of their kind", registry=registry
        )
        self.refused_full = Counter(
            "wallet_calls_full", "Calls refused because as many are held as may be", registry=registry
        )
        self.refused_open = Counter(
            "wallet_open_calls_full",
            "Calls without a key (health, reflection) that gave way, or found no place in their small share",
            registry=registry,
        )
