"""The last hour of the wallet's metrics: scraped every few seconds, kept in memory, summed over its processes.

A counter that is smaller than before belongs to a process that was started anew: it counts from zero. A process that
does not answer is missing from that sample, and the page says so.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
import structlog
from prometheus_client.parser import text_string_to_metric_families

from .settings import ConsoleSettings

EVERY_S = 10.0
KEPT = 360
"""An hour of samples."""

_TIMEOUT_S = 2.0
_BYTES_MAX = 4 * 1024 * 1024
_REASONS_MAX = 100
_HOURS_KEPT = 24

MUTATIONS = "wallet_batch_operations_sum"
SECONDS = "wallet_batch_seconds_bucket"
"""From taking a batch to its durable end."""
QUEUED = "wallet_queued_operations"
REFUSED = {
    "wallet_queue_full_total": "QUEUE_FULL: the queue",
    "wallet_calls_full_total": "QUEUE_FULL: calls at once",
    "wallet_rate_limited_total": "RATE_LIMITED",
}
"""What was refused for lack of room, by the reason that its callers were told."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Scrape:
    """What one process showed."""

    mutations: float = 0.0
    refused: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, float] = field(default_factory=dict)
    """Batches by their upper bound in seconds, cumulative."""
    queued: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the processes did between two looks."""

    at: float
    """Seconds since 1970."""
    mutations_per_s: float
    refused_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    queued: float
    answered: int
    """How many processes answered."""


class Samples:
    """The last hour."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._urls = settings.metrics_urls
        self._last: dict[str, Scrape] = {}
        self._last_at = 0.0
        self._refused_by_hour: dict[int, dict[str, float]] = {}
        self._is_away = False
        self.kept: deque[Sample] = deque(maxlen=KEPT)

    @property
    def processes(self) -> int:
        """How many processes are asked."""
        return len(self._urls)

    @property
    def refused_by_hour(self) -> Mapping[int, Mapping[str, float]]:
        """Refusals by reason, by the hour's beginning (s since 1970); of the last day, since the console began."""
        return self._refused_by_hour

    async def keep_taking(self) -> None:
        """Look every few seconds, until cancelled."""
        if not self._urls:
            return
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            while True:
                await self.take(client)
                await asyncio.sleep(EVERY_S)

    async def take(self, client: httpx2.AsyncClient) -> None:
        """Look once."""
        scrapes = dict(
            zip(self._urls, await asyncio.gather(*(_scrape(client, url) for url in self._urls)), strict=True)
        )
        found = {url: scrape for url, scrape in scrapes.items() if scrape is not None}
        if bool(found) is self._is_away:
            self._is_away = not found
            _log.warning("metrics_unavailable" if self._is_away else "metrics_back", addresses=len(self._urls))
        now = time.time()
        if self._last_at and found:
            self._note(found, now)
        self._last |= found
        self._last_at = now

    def _note(self, found: Mapping[str, Scrape], now: float) -> None:
        passed_s = max(now - self._last_at, 0.001)
        mutations, buckets, refused = 0.0, dict[float, float](), dict[str, float]()
        for url, scrape in found.items():
            before = self._last.get(url)
            if before is None or scrape.mutations < before.mutations:
                before = Scrape()
            mutations += scrape.mutations - before.mutations
            for bound, count in scrape.buckets.items():
                buckets[bound] = buckets.get(bound, 0.0) + count - before.buckets.get(bound, 0.0)
            for reason, count in scrape.refused.items():
                refused[reason] = refused.get(reason, 0.0) + count - before.refused.get(reason, 0.0)
        self._count_refused(refused, now)
        self.kept.append(
            Sample(
                at=now,
                mutations_per_s=mutations / passed_s,
                refused_per_s=sum(refused.values()) / passed_s,
                p50_ms=quantile_ms(buckets, 0.5),
                p99_ms=quantile_ms(buckets, 0.99),
                queued=sum(scrape.queued for scrape in found.values()),
                answered=len(found),
            )
        )

    def _count_refused(self, refused: Mapping[str, float], now: float) -> None:
        hour = int(now // 3600) * 3600
        counted = self._refused_by_hour.setdefault(hour, {})
        for reason, count in refused.items():
            if count > 0 and (reason in counted or len(counted) < _REASONS_MAX):
                counted[reason] = counted.get(reason, 0.0) + count
        for old in sorted(self._refused_by_hour)[:-_HOURS_KEPT]:
            del self._refused_by_hour[old]


def quantile_ms(buckets: Mapping[float, float], part: float) -> float | None:
    """Read a quantile of a cumulative histogram, in ms, even within a bucket; None where nothing was counted."""
    bounds = sorted(buckets)
    if not bounds or buckets[bounds[-1]] <= 0:
        return None
    wanted = buckets[bounds[-1]] * part
    below_bound, below_count = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted:
            if bound == float("inf"):
                return below_bound * 1000
            within = (wanted - below_count) / (count - below_count) if count > below_count else 1.0
            return (below_bound + (bound - below_bound) * within) * 1000
        below_bound, below_count = bound, count
    return below_bound * 1000


async def _scrape(client: httpx2.AsyncClient, url: str) -> Scrape | None:
    try:
        answer = await client.get(url)
        answer.raise_for_status()
        if len(answer.content) > _BYTES_MAX:
            return None
        return read_scrape(answer.text)
    except (httpx2.HTTPError, ValueError):
        return None


def read_scrape(text: str) -> Scrape:
    """Read what a process shows.

    Raises:
        ValueError: It is no text of Prometheus.
    """
    scrape = Scrape()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == MUTATIONS:
                scrape.mutations += sample.value
            elif sample.name in REFUSED:
                limit = sample.labels.get("limit")
                reason = REFUSED[sample.name] + (f": {limit}" if limit else "")
                scrape.refused[reason] = scrape.refused.get(reason, 0.0) + sample.value
            elif sample.name == SECONDS:
                bound = float(sample.labels["le"])
                scrape.buckets[bound] = scrape.buckets.get(bound, 0.0) + sample.value
            elif sample.name == QUEUED:
                scrape.queued += sample.value
    return scrape
