"""Traces by OpenTelemetry, sent to a collector by OTLP over gRPC. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Its packages are an extra, `tracing`, and loaded only where they are used. The environment variables are OpenTelemetry's
own, as its specification has them. What is sampled is decided here and not by the SDK, whose samplers would cost a call
that is not traced more than all else of tracing.

A call's span has its wait as a child. A batch is of many calls, so it is a trace of its own, with its load, decision
and store as children; it is linked to the calls' spans, and they to it.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .tracing import BatchTimes, Span, SpanKind, Tracer, is_sampled, trace_id_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.id_generator import IdGenerator

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PACKAGES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.grpc")
_SAMPLED_BITS = (1 << 64) - 1
_BATCHES_LINKED_MAX = 100
"""How many calls a batch's span is linked to; more are linked to it only from their side."""


class TracingError(Exception):
    """Traces are asked for and cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What is traced, as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say."""

    ratio: float
    """Of what no caller has decided."""
    follows_callers: bool
    """Whether what a caller's traceparent says counts, where there is one."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Sampling:
        """Read it.

        Raises:
            TracingError: It is none that is known.
        """
        name = environment.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
        root = name.removeprefix("parentbased_")
        given = environment.get("OTEL_TRACES_SAMPLER_ARG") or "1"
        try:
            ratio = {"always_on": 1.0, "always_off": 0.0, "traceidratio": float(given)}[root]
        except KeyError:
            raise TracingError(
                f"OTEL_TRACES_SAMPLER is {name}: it must be always_on, always_off or traceidratio, or parentbased_ "
                "and one of those"
            ) from None
        except ValueError:
            ratio = -1.0
        if not 0 <= ratio <= 1:
            raise TracingError("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1")
        return cls(ratio=ratio, follows_callers=name != root)

    def wants(self, trace_id: int, traceparent: str | None) -> bool:
        """Whether to trace: a part of the trace ids, so that all who use the same ratio decide alike."""
        if self.follows_callers and trace_id_of(traceparent) is not None:
            return is_sampled(traceparent)
        return (trace_id & _SAMPLED_BITS) < self.ratio * (_SAMPLED_BITS + 1)


def tracer_of(process: str) -> Tracer | None:
    """Make the tracer of a process (`serve`, `consume`, `relay`); None where no traces are asked for.

    Raises:
        TracingError: They are, and cannot be made.
    """
    sampling = sampling_of(os.environ)
    return None if sampling is None else OpenTelemetry(process, sampling)


def sampling_of(environment: Mapping[str, str]) -> Sampling | None:
    """Read what is to be traced, and see that it can be; None where no traces are asked for.

    Raises:
        TracingError: They are, and cannot be made.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(environment.get, _ENDPOINTS)):
        return None
    protocol = next(filter(None, map(environment.get, _PROTOCOLS)), "grpc")
    if protocol != "grpc":
        raise TracingError(f"{_PROTOCOLS[1]} is {protocol}: traces are sent by grpc; collectors take it at port 4317")
    if not _is_installed():
        raise TracingError(
            f"{_ENDPOINTS[0]} is set, and the packages that send traces are not installed: install `wallet[tracing]`, "
            "or the lock requirements/tracing.txt"
        )
    return Sampling.of(environment)


def _is_installed() -> bool:
    try:
        return all(map(importlib.util.find_spec, _PACKAGES))
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


class OpenTelemetry:
    """A tracer that sends spans to a collector, from a thread of its own; what it cannot take in time is dropped."""

    def __init__(self, process: str, sampling: Sampling) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        self.api = trace
        self._sampling = sampling
        self._ids = _ids()
        own = {"wallet.process": process} | ({} if _names_service() else {"service.name": "wallet"})
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what comes here is sampled already
            resource=Resource.create(own),
            id_generator=self._ids.generator,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer = self._provider.get_tracer("wallet")
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # each try to reach a collector says nothing new
        self._kinds = {kind: trace.SpanKind[kind.value] for kind in SpanKind}

    def begin(self, name: str, kind: SpanKind, traceparent: str | None, attributes: Mapping[str, str]) -> Span | None:
        """Begin a span where this is to be traced."""
        caller = trace_id_of(traceparent)
        trace_id = random.getrandbits(128) if caller is None else int(caller, 16)
        if not self._sampling.wants(trace_id, traceparent):
            return None
        self._ids.trace_id = trace_id or 1
        parent = self._remote(traceparent) if caller is not None and traceparent is not None else self._nothing()
        return _OpenTelemetrySpan(
            self, self.tracer.start_span(name, context=parent, kind=self._kinds[kind], attributes=dict(attributes))
        )

    def batch(self, times: BatchTimes, spans: Sequence[Span]) -> None:
        """Tell of a batch that was answered."""
        self._ids.trace_id = random.getrandbits(128) or 1
        at_ns = wall_clock()
        links = [
            self.api.Link(span.context) for span in spans[:_BATCHES_LINKED_MAX] if isinstance(span, _OpenTelemetrySpan)
        ]
        parts = [(part, at_ns(began_at), at_ns(ended_at)) for part, began_at, ended_at in times.parts()]
        attributes = {"wallet.operations": times.operations, "wallet.tries": times.tries}
        batch = self.tracer.start_span(
            "batch",
            context=self._nothing(),
            links=links,
            attributes=attributes,
            start_time=at_ns(times.taken_at),
        )
        for name, began_ns, ended_ns in parts:
            self.child(name, batch, began_ns, ended_ns)
        batch.end(parts[-1][2] if parts else None)
        times.span = batch.get_span_context()

    def flush(self) -> None:
        """Send what has ended."""
        self._provider.force_flush()

    def child(self, name: str, parent: Any, began_ns: int, ended_ns: int) -> None:
        """Tell of a part of a span."""
        context = self.api.set_span_in_context(parent, self._nothing())
        self.tracer.start_span(name, context=context, start_time=began_ns).end(ended_ns)

    def _remote(self, traceparent: str) -> Any:
        api = self.api
        context = api.SpanContext(
            trace_id=int(traceparent[3:35], 16),
            span_id=int(traceparent[36:52], 16),
            is_remote=True,
            trace_flags=api.TraceFlags(int(traceparent[53:], 16)),
        )
        return api.set_span_in_context(api.NonRecordingSpan(context), self._nothing())

    @staticmethod
    def _nothing() -> Any:
        from opentelemetry.context import Context

        return Context()


class _OpenTelemetrySpan:
    """A span that has begun."""

    def __init__(self, tracer: OpenTelemetry, span: Any) -> None:
        self._tracer = tracer
        self._span = span
        self.context = span.get_span_context()

    @property
    def traceparent(self) -> str:
        """What those are told who go on with it."""
        return f"00-{self.context.trace_id:032x}-{self.context.span_id:016x}-01"

    def end(self, *, reason: str | None, asked_at: float | None = None, times: BatchTimes | None = None) -> None:
        """End it, with its wait as a child, and a link to its batch."""
        if times is not None and asked_at is not None:
            at_ns = wall_clock()
            self._tracer.child("wait", self._span, at_ns(asked_at), at_ns(times.taken_at))
            if times.span is not None:
                self._span.add_link(times.span)
        if reason is not None:
            self._span.set_attribute("error.type", reason)
            self._span.set_status(self._tracer.api.StatusCode.ERROR)
        self._span.end()


class _Ids:
    """Ids of spans; that of a trace was drawn before, when it was decided whether to trace."""

    def __init__(self, generator: IdGenerator) -> None:
        self.generator = generator
        self.trace_id = 1


def _ids() -> _Ids:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Generator(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return ids.trace_id

    ids = _Ids(Generator())
    return ids


def _names_service() -> bool:
    """Whether the environment says what the service is called, so that ours is not put in its place."""
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )


def wall_clock() -> Callable[[float], int]:
    """Give what tells the time of day, in nanoseconds, of a moment on the monotonic clock."""
    ahead_ns = time.time_ns() - time.monotonic_ns()
    return lambda monotonic_s: ahead_ns + int(monotonic_s * 1e9)
