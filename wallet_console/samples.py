"""The last hour of the wallet's metrics: scraped every few seconds, kept in memory, summed over its processes.

What operators themselves ask for, and probes, are left out: on a quiet wallet they would be all there is. A counter
that is smaller than before belongs to a process that was started anew: it counts from zero. What a process counted
before its first look is nobody's last hour. A process that does not answer is missing from that sample, and the page
says so.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx2
import structlog
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample as Shown

from .settings import ConsoleSettings

SPAN_S = 3_600.0
"""How far back samples are kept."""

_TIMEOUT_S = 2.0
_BYTES_MAX = 4 * 1024 * 1024
_REASONS_MAX = 100
_HOURS_KEPT = 24

_CALLERS_SERVICES = "wallet.v1."
_OPERATORS_SERVICE = "wallet.v1.BackofficeService"
_SUCCESSES = frozenset({"applied", "replayed"})
"""The outcomes of an operation that are no refusal."""

_log = structlog.get_logger(__name__)

Series = tuple[str, ...]
"""A counter's name and what its labels say."""
Refusal = tuple[str, str]
"""What was refused, `calls` or `mutations`, and the reason."""


@dataclass(slots=True, kw_only=True)
class Scrape:
    """What one process showed."""

    calls: dict[Series, float] = field(default_factory=dict)
    """Calls that ended; last of the series is the reason of a refusal, empty where there is none."""
    operations: dict[Series, float] = field(default_factory=dict)
    """Mutations that lanes answered, and those that found no place in the queue; last is the outcome."""
    buckets: dict[Series, float] = field(default_factory=dict)
    """Calls by the upper bound of their time in seconds, cumulative; last is the bound."""
    queued: float = 0.0
    outbox_age_s: float | None = None
    posting_lag_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the processes did between two looks."""

    at: float
    """Seconds since 1970."""
    calls_per_s: float
    refused_calls_per_s: float
    mutations_per_s: float
    refused_mutations_per_s: float
    p50_ms: float | None
    """Half of the calls were answered within; None where there was none."""
    p99_ms: float | None
    queued: float
    outbox_age_s: float | None
    """How long the oldest event waits to be published; None where nobody shows it."""
    posting_lag_s: float | None
    answered: int
    """How many processes answered."""


class Samples:
    """The last hour."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._urls = settings.metrics_urls
        self._every_s = settings.console_metrics_interval_ms / 1_000
        self._last: dict[str, tuple[float, Scrape]] = {}
        self._refused_by_hour: dict[int, dict[Refusal, float]] = {}
        self._is_away = False
        self.kept: deque[Sample] = deque(maxlen=max(2, round(SPAN_S / self._every_s)))

    @property
    def processes(self) -> int:
        """How many processes are asked."""
        return len(self._urls)

    @property
    def refused_by_hour(self) -> Mapping[int, Mapping[Refusal, float]]:
        """Refusals by reason, by the hour's beginning (s since 1970); of the last day, since the console began."""
        return self._refused_by_hour

    async def keep_taking(self) -> None:
        """Look every few seconds, until cancelled."""
        if not self._urls:
            return
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            while True:
                try:
                    await self.take(client)
                except Exception:  # noqa: BLE001 - one look that fails is no reason to look no more
                    _log.exception("metrics_look_failed")
                await asyncio.sleep(self._every_s)

    async def take(self, client: httpx2.AsyncClient) -> None:
        """Look once."""
        scrapes = dict(
            zip(self._urls, await asyncio.gather(*(_scrape(client, url) for url in self._urls)), strict=True)
        )
        found = {url: scrape for url, scrape in scrapes.items() if scrape is not None}
        if bool(found) is self._is_away:
            self._is_away = not found
            _log.warning("metrics_unavailable" if self._is_away else "metrics_back", addresses=len(self._urls))
        self.note(found, time.time())

    def note(self, found: Mapping[str, Scrape], now: float) -> None:
        """Keep what was seen at a moment, by the address of each process that answered."""
        since = {url: self._last[url] for url in found if url in self._last}
        self._last |= {url: (now, scrape) for url, scrape in found.items()}
        if not since:
            return
        calls: dict[str, float] = defaultdict(float)
        operations: dict[str, float] = defaultdict(float)
        buckets: dict[float, float] = defaultdict(float)
        refused: dict[Refusal, float] = defaultdict(float)
        for url, (seen_at, before) in since.items():
            passed_s = max(now - seen_at, 0.001)
            for series, count in _grown(found[url].calls, before.calls):
                calls["all"] += count / passed_s
                if series[-1]:
                    calls["refused"] += count / passed_s
                    refused["calls", series[-1]] += count
            for series, count in _grown(found[url].operations, before.operations):
                operations["all"] += count / passed_s
                if series[-1] not in _SUCCESSES:
                    operations["refused"] += count / passed_s
                    refused["mutations", series[-1]] += count
            for series, count in _grown(found[url].buckets, before.buckets):
                bound = float(series[-1])
                buckets[bound] += count
        self._count_refused(refused, now)
        self.kept.append(
            Sample(
                at=now,
                calls_per_s=calls["all"],
                refused_calls_per_s=calls["refused"],
                mutations_per_s=operations["all"],
                refused_mutations_per_s=operations["refused"],
                p50_ms=quantile_ms(buckets, 0.5),
                p99_ms=quantile_ms(buckets, 0.99),
                queued=sum(scrape.queued for scrape in found.values()),
                outbox_age_s=_highest(found, lambda scrape: scrape.outbox_age_s),
                posting_lag_s=_highest(found, lambda scrape: scrape.posting_lag_s),
                answered=len(found),
            )
        )

    def _count_refused(self, refused: Mapping[Refusal, float], now: float) -> None:
        hour = int(now // 3600) * 3600
        counted = self._refused_by_hour.setdefault(hour, {})
        for refusal, count in refused.items():
            if count > 0 and (refusal in counted or len(counted) < _REASONS_MAX):
                counted[refusal] = counted.get(refusal, 0.0) + count
        for old in sorted(self._refused_by_hour)[:-_HOURS_KEPT]:
            del self._refused_by_hour[old]


def _grown(now: Mapping[Series, float], before: Mapping[Series, float]) -> list[tuple[Series, float]]:
    """Give what each counter gained."""
    gained = []
    for series, count in now.items():
        counted = before.get(series, 0.0)
        gained.append((series, count - counted if count >= counted else count))
    return gained


def _highest(found: Mapping[str, Scrape], of: Callable[[Scrape], float | None]) -> float | None:
    return max((value for scrape in found.values() if (value := of(scrape)) is not None), default=None)


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
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError):
        return None


def read_scrape(text: str) -> Scrape:
    """Read what a process shows.

    Raises:
        ValueError: It is no text of Prometheus.
        KeyError: A figure of the wallet's lacks a label that it has.
    """
    scrape = Scrape()
    for family in text_string_to_metric_families(text):
        for shown in family.samples:
            _read(scrape, shown)
    return scrape


def _read(scrape: Scrape, shown: Shown) -> None:
    labels = shown.labels
    worker = labels.get("worker_number", "")
    match shown.name:
        case "wallet_calls_total" if _is_of_callers(labels):
            series = (worker, labels["service"], labels["method"], labels["code"], labels["reason"])
            scrape.calls[series] = shown.value
        case "wallet_call_seconds_bucket" if _is_of_callers(labels):
            scrape.buckets[worker, labels["service"], labels["method"], labels["le"]] = shown.value
        case "wallet_operations_total":
            scrape.operations[worker, labels["operation"], labels["outcome"]] = shown.value
        case "wallet_queue_full_total":
            scrape.operations[worker, "", "QUEUE_FULL"] = shown.value
        case "wallet_rate_limited_total" if labels["limit"] == "share":
            scrape.operations[worker, "", "RATE_LIMITED"] = shown.value
        case "wallet_queued_operations":
            scrape.queued += shown.value
        case "wallet_backlog_oldest_seconds" if labels["queue"] == "outbox":
            scrape.outbox_age_s = max(shown.value, scrape.outbox_age_s or 0.0)
        case "wallet_posting_lag_seconds":
            scrape.posting_lag_s = max(shown.value, scrape.posting_lag_s or 0.0)
        case _:
            pass


def _is_of_callers(labels: Mapping[str, str]) -> bool:
    return labels["service"].startswith(_CALLERS_SERVICES) and labels["service"] != _OPERATORS_SERVICE
