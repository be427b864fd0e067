"""What is known of a call's way: when its batch reached which part, its span where it is traced, and what is slow.

Every batch notes its times, since any call may turn out to be slow. Spans are made only where a tracer is given: it
decides at the call's headers whether this one is traced, and gives None for one that is not, which then costs no more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)

_TOLD_A_SECOND_MAX = 10
"""How many slow calls are logged in a second: where all are slow, more lines say nothing new."""
_is_traceparent = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


class SpanKind(StrEnum):
    """What a span is to whoever began it."""

    SERVER = "SERVER"
    CONSUMER = "CONSUMER"
    PRODUCER = "PRODUCER"


@dataclass(slots=True)
class BatchTimes:
    """When a batch reached which part, on the monotonic clock in seconds; where it was tried again, the last time."""

    taken_at: float
    operations: int
    tries: int = 0
    loaded_at: float | None = None
    decided_at: float | None = None
    stored_at: float | None = None
    span: object = None
    """Of the batch, as the tracer knows it."""

    def begin(self) -> None:
        """Note that a try begins."""
        self.tries += 1
        self.loaded_at = self.decided_at = self.stored_at = None

    def parts(self) -> Sequence[tuple[str, float, float]]:
        """Give the parts that were reached: name, begin and end."""
        found = []
        began_at = self.taken_at
        for name, ended_at in (("load", self.loaded_at), ("decide", self.decided_at), ("store", self.stored_at)):
            if ended_at is None:
                break
            found.append((name, began_at, ended_at))
            began_at = ended_at
        return found


class Span(Protocol):
    """A traced piece of work that has begun."""

    @property
    def traceparent(self) -> str:
        """What those are told who go on with it."""

    def end(self, *, reason: str | None, asked_at: float | None = None, times: BatchTimes | None = None) -> None:
        """End it.

        Args:
            reason: Why it was refused or failed; None where it was not.
            asked_at: When the engine was asked, on the monotonic clock.
            times: Of the batch that it was in.
        """


class Tracer(Protocol):
    """Decides what is traced, and sends it on."""

    def begin(self, name: str, kind: SpanKind, traceparent: str | None, attributes: Mapping[str, str]) -> Span | None:
        """Begin a span where this is to be traced: as its caller says, or by lot where it says nothing."""

    def batch(self, times: BatchTimes, spans: Sequence[Span]) -> None:
        """Tell of a batch that was answered, in which these were."""

    def flush(self) -> None:
        """Send what has ended. Blocks until the collector has it, or is given up."""


@dataclass(slots=True, kw_only=True)
class SlowCalls:
    """Logs calls that took long, with their parts, and a few of them only where all do."""

    slow_s: float
    """From what time on a call is slow; infinite where none is."""
    _second: int = 0
    _told: int = 0
    _untold: int = field(default=0)

    def note(
        self,
        name: str,
        request_id: str,
        traceparent: str | None,
        *,
        began_at: float,
        asked_at: float | None,
        times: BatchTimes | None,
        reason: str | None,
    ) -> None:
        """Log a call, if it has taken long."""
        now = time.monotonic()
        if now - began_at < self.slow_s:
            return
        if int(now) != self._second:
            self._second, self._told = int(now), 0
        if self._told >= _TOLD_A_SECOND_MAX:
            self._untold += 1
            return
        self._told += 1
        told = _milliseconds(began_at, asked_at, times, now)
        if self._untold:
            told["calls_not_told"] = self._untold
            self._untold = 0
        _log.warning("slow_call", method=name, **known_as(request_id, traceparent), reason=reason, **told)


def _milliseconds(began_at: float, asked_at: float | None, times: BatchTimes | None, now: float) -> dict[str, float]:
    """Give how long a call took, and its parts as far as it came: before the engine, waiting, load, decide, store."""
    told = {"total_ms": _ms(began_at, now)}
    if asked_at is not None:
        told["before_ms"] = _ms(began_at, asked_at)
        if times is not None:
            told["wait_ms"] = _ms(asked_at, times.taken_at)
            told |= {f"{name}_ms": _ms(began, ended) for name, began, ended in times.parts()}
            told |= {"batch_operations": times.operations, "batch_tries": times.tries}
    return told


def _ms(began_at: float, ended_at: float) -> float:
    return round((ended_at - began_at) * 1000, 1)


def known_as(request_id: str, traceparent: str | None) -> dict[str, str]:
    """Give what a call is known by in the log: its id, and its trace's, if it is part of one."""
    found = trace_id_of(traceparent)
    return {"request_id": request_id} if found is None else {"request_id": request_id, "trace_id": found}


def trace_id_of(traceparent: str | None) -> str | None:
    """Give the id of a trace; None if there is none, or what was given names none."""
    return traceparent[3:35] if traceparent is not None and _is_traceparent(traceparent) else None


def is_sampled(traceparent: str | None) -> bool:
    """Whether those who are told so are to trace what they do."""
    return trace_id_of(traceparent) is not None and bool(int((traceparent or "")[-2:], 16) & 1)
