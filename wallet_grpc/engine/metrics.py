"""What is counted of the engine, for Prometheus: at every batch, and of each operation how it came out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.tallies import SHORT_S, Spreads, Tallies
from wallet_grpc.tracing import BatchTimes

_OPERATIONS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_Ended = tuple[type[Command], Reason | bool]
"""What an operation is counted by: its command, and why it was refused, or whether it had been applied before."""


class WatchedLane(Protocol):
    """What is seen of a lane."""

    is_busy: bool
    """Whether it works on a batch."""
    stored_at: float
    """When it last brought a batch to a good end, on the monotonic clock."""
    trying_since: float | None
    """Since when it has tried in vain, on the monotonic clock; None if its last batch came to a good end."""


class EngineMetrics:
    """The engine's counters in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operations: Tallies[_Ended] = Tallies(
            "wallet_operations",
            "Mutations that lanes have answered: applied, replayed, or refused for a reason",
            ("operation", "outcome"),
            labels_of=_labels_of,
            registry=registry,
        )
        self._batches = Spreads(
            "wallet_batch_operations", "Mutations in a batch that was executed", bounds=_OPERATIONS, registry=registry
        ).of()
        self._batch_seconds = Spreads(
            "wallet_batch_seconds", "From taking a batch to its durable end", bounds=SHORT_S, registry=registry
        ).of()
        parts = Spreads(
            "wallet_batch_part_seconds",
            "Parts of a batch: to lock and load, to decide, to store",
            ("part",),
            bounds=SHORT_S,
            registry=registry,
        )
        self._parts = {part: parts.of(part) for part in ("load", "decide", "store")}
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
        self.cells = Gauge(
            "wallet_cells", "Cells of the installation, served by this process or not", registry=registry
        )
        self._queued_of_cells = Gauge(
            "wallet_cell_queued_operations",
            "Operations that wait for a lane of their cell",
            ["cell"],
            registry=registry,
        )
        self._queued = Gauge("wallet_queued_operations", "Operations admitted and not answered", registry=registry)
        self._queued_max = Gauge(
            "wallet_queue_operations_max", "How many operations may be admitted and not answered", registry=registry
        )
        self._lanes = Gauge("wallet_lanes", "Lanes of a cell", ["cell"], registry=registry)
        self._lanes_busy = Gauge("wallet_lanes_busy", "Lanes that work on a batch", ["cell"], registry=registry)
        self._standstill = Gauge(
            "wallet_cell_standstill_seconds",
            "For how long lanes of a cell have worked, and none has brought a batch to a good end",
            ["cell"],
            registry=registry,
        )

    def batch_stored(self, times: BatchTimes) -> None:
        """Count a batch that has come to a good end."""
        assert times.stored_at is not None
        self._batches.note(times.operations)
        self._batch_seconds.note(times.stored_at - times.taken_at)
        for part, began_at, ended_at in times.parts():
            self._parts[part].note(ended_at - began_at)

    def answered(self, command: Command, outcome: Outcome) -> None:
        """Count an operation that a lane has answered."""
        self._operations.add((type(command), outcome.reason if type(outcome) is Refusal else outcome.replayed))

    def watch_queue(self, admitted: Callable[[], float], *, operations_max: int) -> None:
        """Have it looked, when somebody asks, how many operations are admitted and not answered."""
        self._queued.set_function(admitted)
        self._queued_max.set(operations_max)

    def watch_cell(self, cell: Cell, waiting: Callable[[], float], lanes: Sequence[WatchedLane]) -> None:
        """Have it looked, when somebody asks, what waits for the lanes of a cell, and how these get on."""
        label = str(cell)
        self._queued_of_cells.labels(label).set_function(waiting)
        self._lanes.labels(label).set(len(lanes))
        self._lanes_busy.labels(label).set_function(lambda: sum(lane.is_busy for lane in lanes))
        self._standstill.labels(label).set_function(lambda: standstill_s(lanes, time.monotonic()))


def standstill_s(lanes: Sequence[WatchedLane], now: float) -> float:
    """Tell for how long lanes have worked in vain, and no other has brought a batch to a good end meanwhile."""
    trying = [lane.trying_since for lane in lanes if lane.is_busy and lane.trying_since is not None]
    if not trying:
        return 0.0
    return max(0.0, now - max(min(trying), *(lane.stored_at for lane in lanes)))


def _labels_of(ended: _Ended) -> tuple[str, str]:
    command, came_out = ended
    if isinstance(came_out, Reason):
        return _name_of(command), came_out.value
    return _name_of(command), "replayed" if came_out else "applied"


@cache
def _name_of(command: type[Command]) -> str:
    """Name a command as the protos name its operation: `BetAndWin` is `bet_and_win`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", command.__name__).lower()
