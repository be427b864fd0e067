"""What the API counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_OTHER = "other"
_FAILURES = (500, 503)
"""What alerts look for at every path, so that it is shown before it comes."""


class ApiMetrics:
    """The API's counters in a registry. Paths that it does not serve count as one, so that nobody can add series."""

    def __init__(self, registry: CollectorRegistry, paths: tuple[str, ...]) -> None:
        self._requests = Counter(
            "wallet_api_requests", "Answered requests, by path and status", ["path", "status"], registry=registry
        )
        seconds = Histogram(
            "wallet_api_request_seconds",
            "From a request to its answer, by path",
            ["path"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._seconds = {path: seconds.labels(path) for path in (*paths, _OTHER)}
        self._counters: dict[tuple[str, int], Counter] = {
            (path, status): self._requests.labels(path, status) for path in self._seconds for status in _FAILURES
        }
        self._in_flight = Gauge("wallet_api_requests_in_flight", "Requests that are being answered", registry=registry)

    def show_in_flight(self, count: Callable[[], float]) -> None:
        """Let the gauge ask for the number of requests that are being answered, when somebody looks."""
        self._in_flight.set_function(count)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        known = path if path in self._seconds else _OTHER
        counter = self._counters.get((known, status))
        if counter is None:
            counter = self._counters[known, status] = self._requests.labels(known, status)
        counter.inc()
        self._seconds[known].observe(seconds)
