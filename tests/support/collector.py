"""An OTLP receiver in the test's own process: what collectors speak, and nothing behind it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from devstack.servers.ports import free_port
from support.waiting import wait_until

WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A span that came in."""

    name: str
    process: str
    service: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: list[tuple[str, str]]
    """Trace id and span id of each."""
    began_ns: int
    ended_ns: int
    failed: bool

    @property
    def context(self) -> tuple[str, str]:
        return self.trace_id, self.span_id


@dataclass(slots=True)
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that it is sent."""

    address: str = ""
    spans: list[Told] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """What has a wallet send its traces here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.address}", "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:  # noqa: ARG002, N802
        for of_resource in request.resource_spans:
            resource = _values(of_resource.resource.attributes)
            for scope in of_resource.scope_spans:
                self.spans.extend(_told(span, resource) for span in scope.spans)
        return pb.ExportTraceServiceResponse()

    def named(self, name: str, trace_id: str | None = None) -> list[Told]:
        """Give the spans of a name, of one trace or of all."""
        return [span for span in list(self.spans) if span.name == name and trace_id in {None, span.trace_id}]

    def one(self, name: str, trace_id: str | None = None) -> Told:
        """Wait for a span, of which there must be one."""
        wait_until(lambda: bool(self.named(name, trace_id)), what=f"a span {name}", timeout_s=WITHIN_S)
        (found,) = self.named(name, trace_id)
        return found

    def batch_of(self, call: Told) -> Told:
        """Wait for the batch that a call's span is linked to."""
        (link,) = call.links
        wait_until(
            lambda: link in [span.context for span in self.named("batch")], what="the call's batch", timeout_s=WITHIN_S
        )
        return next(span for span in self.named("batch") if span.context == link)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receive spans for a block."""
    collector = Collector(f"127.0.0.1:{free_port()}")
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    server.add_insecure_port(collector.address)
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _told(span: Any, resource: dict[str, Any]) -> Told:
    return Told(
        name=span.name,
        process=resource.get("wallet.process", ""),
        service=resource["service.name"],
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
    )
