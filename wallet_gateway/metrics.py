"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OTHER = "other"
OVER = "over"
"""In the place of a code: a stream has lasted as long as it may, or the gateway or the wallet stops."""
_FAILURES = ("unavailable", "deadline_exceeded", "aborted", "internal")
"""What alerts look for at every path, so that it is shown before it comes."""


class GatewayMetrics:
    """The gateway's counters. Paths that it does not serve count as one, so that nobody can add series."""

    def __init__(self, registry: CollectorRegistry, paths: list[str]) -> None:
        self._requests = Counter(
            "wallet_gateway_requests", "Answered requests, by path and code", ["path", "code"], registry=registry
        )
        seconds = Histogram(
            "wallet_gateway_request_seconds",
            "From a request's head to the end of its answer, by path; streams not counted",
            ["path"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._seconds = {path: seconds.labels(path) for path in (*paths, OTHER)}
        self._counters: dict[tuple[str, str], Counter] = {
            (path, code): self._requests.labels(path, code) for path in paths for code in _FAILURES
        }
        self._calls = Gauge("wallet_gateway_calls", "Calls that are held now", registry=registry)
        self.refused_full = Counter(
            "wallet_gateway_calls_full", "Calls refused because as many are held as may be", registry=registry
        )
        self.gone = Counter(
            "wallet_gateway_callers_gone",
            "Calls whose caller hung up while it sent its body, or in a stream",
            registry=registry,
        )

    def show_calls(self, count: Callable[[], float]) -> None:
        """Let the gauge ask for the number of calls when somebody looks."""
        self._calls.set_function(count)

    def answered(self, path: str, code: str, seconds: float | None) -> None:
        """Count an answer, and how long it took unless it was a stream."""
        known = path if path in self._seconds else OTHER
        counter = self._counters.get((known, code))
        if counter is None:
            counter = self._counters[known, code] = self._requests.labels(known, code)
        counter.inc()
        if seconds is not None:
            self._seconds[known].observe(seconds)
