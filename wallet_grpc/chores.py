"""Chores: what a process does in the background for as long as it lives, whatever goes wrong.

A chore never ends by itself, and takes nothing down with it: calls are served while the poster fails. What it cannot do
is named in the log, counted, and set aside; it goes on with the rest, and tries again later, after pauses that grow up
to a bound. What is set aside is known to this process alone. Another one, or this one after a restart, tries by itself.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from wallet_grpc.store.connection.pool import DatabaseUnavailableError

Item = TypeVar("Item", bound=Hashable)

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 1.0
_ITEM_PAUSE_MAX_S = 300.0
_TURN_PAUSE_MAX_S = 30.0
"""A turn that fails as a whole does nothing at all, so it is tried again sooner than a single item."""
_OUTAGE_PAUSE_MS = 500
"""How long a chore waits for a database that is away: it goes on soon after its return."""
_ITEMS_MAX = 10_000
_GONE_AFTER_S = 60.0
"""After so long without the try that was due, an item is taken to be gone: somebody else has done it, or removed it."""


class PostponedError(Exception):
    """What a turn was to do cannot be done now, though nothing is broken: it is no success, and no failure either."""

    def __init__(self, cause: str, *, pause_ms: float) -> None:
        """`pause_ms` is how long to wait until it is tried again."""
        super().__init__(cause)
        self.pause_ms = pause_ms


class LastSuccess:
    """When a chore last did what it is there for: when it begins it is given its time."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at = time.monotonic()

    def note(self) -> None:
        """Note that it has just done so, though it be that there was nothing to do."""
        self._at = time.monotonic()

    @property
    def age_s(self) -> float:
        """How long ago that is, in seconds."""
        return time.monotonic() - self._at


class ChoreMetrics:
    """What chores count, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "wallet_worker_failures",
            "Unexpected errors of workers; the log names each, and what it was about",
            ["worker"],
            registry=registry,
        )
        self.set_aside = Gauge(
            "wallet_set_aside",
            "What a worker of this process could not do and will try again later",
            ["worker"],
            registry=registry,
        )
        self._age = Gauge(
            "wallet_worker_last_success_age_seconds",
            "How long ago a worker of this process last did what it is there for, of several cells the one that is "
            "behind most",
            ["worker"],
            registry=registry,
        )
        self._successes: dict[str, list[LastSuccess]] = {}

    def last_success(self, worker: str) -> LastSuccess:
        """Give what a worker notes its successes in: one more of this name, where there are several cells."""
        self.failures.labels(worker)  # shown from the beginning
        successes = self._successes.setdefault(worker, [])
        successes.append(LastSuccess())
        self._age.labels(worker).set_function(lambda: max(success.age_s for success in successes))
        return successes[-1]


@dataclass(slots=True)
class _Aside:
    attempts: int
    due_at: float


class SetAside(Generic[Item]):
    """What a worker could not do: each item with the time of its next try. There is room for ten thousand items."""

    def __init__(self, worker: str, kind: str, metrics: ChoreMetrics) -> None:
        """`kind` is what log lines call an item; a worker may have several kinds."""
        self._worker = worker
        self._kind = kind
        self._failures = metrics.failures.labels(worker)
        self._gauge = metrics.set_aside.labels(worker)
        self._items: dict[Item, _Aside] = {}

    def put(self, item: Item, cause: BaseException | str, **named: str) -> None:
        """Set an item aside, for longer each time. At the bound the one that was put first is forgotten, and tried.

        `named` is what the log line tells of it beside.
        """
        known = self._items.pop(item, None)
        attempts = 1 if known is None else known.attempts + 1
        if known is None:
            self._gauge.inc()
            if len(self._items) >= _ITEMS_MAX:
                self.done(next(iter(self._items)))
        pause_s = _growing(attempts, _ITEM_PAUSE_MAX_S)
        self._items[item] = _Aside(attempts, time.monotonic() + pause_s)
        self._failures.inc()
        _log.error(
            "set_aside",
            worker=self._worker,
            **{self._kind: str(item)},
            **named,
            attempts=attempts,
            pause_s=round(pause_s, 1),
            cause=cause if isinstance(cause, str) else f"{type(cause).__name__}: {cause}",
            exc_info=cause if attempts == 1 and _is_unexpected(cause) else None,
        )

    def done(self, item: Item) -> None:
        """Forget an item: it has been done, or is gone."""
        if self._items.pop(item, None) is not None:
            self._gauge.dec()

    def waiting(self) -> frozenset[Item]:
        """Give the items that are to be left alone now."""
        self.forget_gone()
        now = time.monotonic()
        return frozenset(item for item, aside in self._items.items() if now < aside.due_at)

    def forget_gone(self) -> None:
        """Forget the items that were due and that the worker has not come upon again; if one comes, it is tried."""
        gone_at = time.monotonic() - _GONE_AFTER_S
        for item in [item for item, aside in self._items.items() if aside.due_at < gone_at]:
            self.done(item)

    def __contains__(self, item: object) -> bool:
        """Whether the last try of an item failed, due again or not."""
        return item in self._items

    def __len__(self) -> int:
        """How many items are set aside."""
        return len(self._items)


async def keep_going(
    worker: str,
    turn: Callable[[], Awaitable[float]],
    metrics: ChoreMetrics,
    *,
    success: LastSuccess | None = None,
) -> NoReturn:
    """Take turns until cancelled; each gives how long to pause after it, in ms.

    A turn that fails is told and counted, and the next one comes later, and later still if it fails as well. One that
    raises PostponedError is told. Neither is a success. A worker whose turns are long gives the `success` that it notes
    meanwhile.
    """
    success = success or metrics.last_success(worker)
    failed = 0
    is_out = False
    while True:
        try:
            pause_ms = await turn()
        except DatabaseUnavailableError as error:
            if not is_out:
                _log.warning("worker_waits_for_the_database", worker=worker, cause=str(error))
            is_out = True
            pause_ms = _OUTAGE_PAUSE_MS
        except PostponedError as error:
            is_out = False  # whatever keeps it, the database answered
            _log.warning("worker_postponed", worker=worker, cause=str(error))
            pause_ms = error.pause_ms
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            failed += 1
            pause_ms = _growing(failed, _TURN_PAUSE_MAX_S) * 1000
            metrics.failures.labels(worker).inc()
            _log.error("worker_failed", worker=worker, attempts=failed, pause_ms=round(pause_ms), exc_info=error)
        else:
            failed, is_out = 0, False
            success.note()
        await pause(pause_ms)


async def pause(about_ms: float) -> None:
    """Wait for about so long. Workers spread out by themselves: none waits exactly as long as another."""
    await asyncio.sleep(about_ms / 1000 * random.uniform(0.75, 1.25))  # noqa: S311 - jitter is no secret


def _growing(attempts: int, max_s: float) -> float:
    doublings = min(attempts - 1, 30)
    return float(min(_FIRST_PAUSE_S * 2**doublings, max_s))


def _is_unexpected(cause: BaseException | str) -> bool:
    return isinstance(cause, BaseException) and not isinstance(cause, DatabaseUnavailableError)


def is_cancelled() -> bool:
    """Whether it is this task that is to end: what it waited for may have been cancelled instead."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
