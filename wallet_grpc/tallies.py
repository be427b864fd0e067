"""What the event loop counts for Prometheus at every call, batch and event.

One thread counts, that of the event loop, so nothing is locked: to count a call and its time costs less than a
microsecond, a tenth of what prometheus_client's own counter and histogram take. The thread that answers a scrape only
reads; it may see a count that is one call ahead of its sum.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Key = TypeVar("Key", bound=Hashable)

_text_of: Callable[[float], str] = floatToGoString
SHORT_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Bounds for what takes milliseconds when all is well, in seconds."""


class Spread:
    """How values spread over buckets."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def note(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Show it under these labels."""
        buckets, counted = [], 0
        for bound, count in zip((*self._bounds, float("inf")), tuple(self._counts), strict=True):
            counted += count
            buckets.append((_text_of(bound), counted))
        family.add_metric(labels, buckets=buckets, sum_value=self._sum)


class Spreads(Collector):
    """A histogram: a spread for each set of labels. Without labels it has one from the beginning."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._bounds = bounds
        self._spreads: dict[tuple[str, ...], Spread] = {} if labels else {(): Spread(bounds)}
        registry.register(self)

    def of(self, *labels: str) -> Spread:
        """Give the spread of these labels, to be kept by who counts."""
        return self._spreads.setdefault(labels, Spread(self._bounds))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give what is shown."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, spread in self._spreads.copy().items():
            spread.add_to(family, labels)
        yield family


class Tallies(Collector, Generic[Key]):
    """A counter by keys, which become labels only where somebody looks."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        *,
        labels_of: Callable[[Key], Sequence[str]],
        registry: CollectorRegistry,
    ) -> None:
        """`labels_of` gives the labels of a key; there must be few keys, whatever callers send."""
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._labels_of = labels_of
        self._counts: dict[Key, int] = {}
        registry.register(self)

    def begin(self, key: Key) -> None:
        """Show it from now on, at 0: growth is seen in a series that is there, and not in one that comes with it."""
        self._counts.setdefault(key, 0)

    def add(self, key: Key) -> None:
        """Count one more."""
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give what is shown."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for key, count in self._counts.copy().items():
            family.add_metric(self._labels_of(key), count)
        yield family
