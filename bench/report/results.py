"""What a run has measured so far, and whether it still counts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.clients.load import Load
from bench.report.display import Display
from bench.report.figures import Reading, figure_named


@dataclass(slots=True, kw_only=True)
class Results:
    """The readings of a run."""

    display: Display
    readings: dict[str, Reading] = field(default_factory=dict)
    workloads: list[dict[str, Any]] = field(default_factory=list)
    """One entry a measured load, for the results file."""
    retries: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By workload: retries and batches of its measured windows."""
    details: dict[str, Any] = field(default_factory=dict)
    """What belongs to the run and is no figure."""
    void_reasons: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Steps that could not be measured on this machine, and why."""

    def add(self, name: str, value: float, note: str = "", *, remark: str = "", decides: bool = True) -> None:
        """Add a window to a figure; the note stays with the figure, the remark is shown now only.

        It decides its target if each window does.
        """
        reading = self.readings.setdefault(name, Reading(windows=[], of=figure_named(name).of))
        reading.windows.append(value)
        if note:
            reading.note = note
        reading.decides = reading.decides and decides
        self.display.measured(name, value, "; ".join(filter(None, (note, remark))))

    def skip(self, step: str, reason: str) -> None:
        """Note that a step could not be measured here; the others count all the same."""
        self.skipped[step] = reason
        self.display.console.print(f"  [yellow]{step} skipped[/]")

    def windows(self, name: str) -> int:
        """Return how many windows a figure has so far."""
        return len(self.readings[name].windows) if name in self.readings else 0

    def add_load(self, workload: str, load: Load) -> None:
        """Keep what was observed of a load."""
        outcome, counted = load.outcome, load.counters
        entry: dict[str, Any] = {
            "workload": workload,
            "per_s": round(outcome.per_s, 1),
            "applied": outcome.applied_in_window,
            "window_s": round(outcome.window_s, 3),
            "call_p50_ms": round(outcome.p50_ms, 3),
            "call_p99_ms": round(outcome.p99_ms, 3),
            "call_max_ms": round(outcome.max_ms, 3),
            "refused": dict(outcome.refused),
            "busy_cores": load.cores,
        }
        if counted is not None and counted.batches:
            retries, batches = self.retries.get(workload, (0.0, 0.0))
            self.retries[workload] = (retries + counted.retries, batches + counted.batches)
            entry["engine"] = {
                "batches": int(counted.batches),
                "operations_per_batch": round(counted.operations / counted.batches, 2),
                "retries": int(counted.retries),
                "batches_by_worker": [int(count) for count in counted.batches_by_worker],
            }
        self.workloads.append(entry)
        if outcome.refused:
            self.display.console.print(f"  [yellow]{workload}: not applied: {dict(outcome.refused)}[/]")

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how long a step takes, all its windows together: what makes a run long should be seen."""
        started = time.monotonic()
        yield
        steps = self.details.setdefault("step_seconds", {})
        steps[step] = round(steps.get(step, 0) + time.monotonic() - started, 1)

    def conclude(self) -> None:
        """Add the figures that all the loads together give."""
        if self.retries:
            rates = {name: retries / batches for name, (retries, batches) in self.retries.items()}
            worst = max(rates, key=lambda name: rates[name])
            self.add("retries_per_batch", rates[worst], f"worst: {worst}")
            totals = [sum(column) for column in zip(*self.retries.values(), strict=True)]
            self.details["retries_per_batch"] = {
                "overall": totals[0] / totals[1],
                "by_workload": {name: round(rate, 6) for name, rate in rates.items()},
            }
