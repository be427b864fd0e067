"""Now: what the wallet does at this moment, what waits, and the last hour as small charts."""

from __future__ import annotations

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console.charts import HEIGHT, WIDTH, Chart, chart
from wallet_console.samples import EVERY_S, KEPT, Samples
from wallet_console.visits import Visit

from .page import Page


async def now(visit: Visit) -> Response:
    """Show what is going on."""
    overview = await visit.ask(pb.GetOverviewRequest())
    samples = visit.samples
    return await visit.page(
        "now.html",
        overview=overview,
        charts=charts_of(samples),
        samples=samples,
        latest=samples.kept[-1] if samples.kept else None,
        size=(WIDTH, HEIGHT),
    )


def charts_of(samples: Samples) -> list[Chart]:
    """Draw the last hour."""
    kept = list(samples.kept)
    span_s = EVERY_S * KEPT
    return [
        chart("Mutations", [(item.at, item.mutations_per_s) for item in kept], unit="/s", span_s=span_s),
        chart("Refused", [(item.at, item.refused_per_s) for item in kept], unit="/s", span_s=span_s),
        chart("Half of batches within", [(item.at, item.p50_ms) for item in kept], unit="ms", span_s=span_s),
        chart("99 of 100 within", [(item.at, item.p99_ms) for item in kept], unit="ms", span_s=span_s),
        chart("In the queue", [(item.at, item.queued) for item in kept], unit="", span_s=span_s),
    ]


PAGES = (Page("/", now),)
