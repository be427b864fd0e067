"""What is watched of calls: their spans, where they are traced, and which of them are slow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.tracing import BatchTimes, SlowCalls, Span, SpanKind, Tracer

if TYPE_CHECKING:
    from .gate import CallContext


@dataclass(slots=True, eq=False)
class Watched:
    """What is known of one call's way."""

    span: Span | None = None
    """Of the call, if it is traced; its traceparent is then that of the call."""
    asked_at: float | None = None
    """When the engine was asked, on the monotonic clock; None if it was not."""
    times: BatchTimes | None = None
    """Of the batch that answered it."""

    def came_back(self, ticket: Ticket) -> None:
        """Note how far the engine came with it."""
        self.asked_at, self.times = ticket.asked_at or None, ticket.times


def _none_is_slow() -> SlowCalls:
    return SlowCalls(slow_s=math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWatch:
    """Watches the calls of a process."""

    slow_calls: SlowCalls = field(default_factory=_none_is_slow)
    tracer: Tracer | None = None

    def begin(self, call: CallContext, name: str) -> None:
        """Watch a call that was let in."""
        span = call.watched.span = self.span(call, name)
        if span is not None:
            call.traceparent = span.traceparent

    def span(self, call: CallContext, name: str) -> Span | None:
        """Begin the span of a call, or of an operation of one that lasts, if it is to be traced."""
        if self.tracer is None:
            return None
        attributes = {
            "rpc.system": "grpc",
            "rpc.method": name,
            "wallet.request_id": call.request_id,
            "wallet.source": call.caller.source,
        }
        return self.tracer.begin(name, SpanKind.SERVER, call.head.traceparent, attributes)

    def end(self, call: CallContext, name: str, began_at: float, *, reason: str | None) -> None:
        """End a call's span, and log the call if it was slow. `reason`: why it was refused or failed, if it was."""
        seen = call.watched
        if seen.span is not None:
            seen.span.end(reason=reason, asked_at=seen.asked_at, times=seen.times)
        self.slow_calls.note(
            name,
            call.request_id,
            call.traceparent,
            began_at=began_at,
            asked_at=seen.asked_at,
            times=seen.times,
            reason=reason,
        )
