"""Now: what the wallet does at this moment, what waits, and the last hour as small charts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console.charts import HEIGHT, WIDTH, Chart, chart
from wallet_console.samples import SPAN_S, Sample, Samples
from wallet_console.visits import Visit

from .page import Page

_SPAN_S_MIN = 60.0
"""What a chart shows at least."""


async def now(visit: Visit) -> Response:
    """Show what is going on."""
    overview = await visit.ask(pb.GetOverviewRequest())
    samples = visit.samples
    return await visit.page(
        "now.html",
        overview=overview,
        charts=charts_of(samples),
        samples=samples,
        since=datetime.fromtimestamp(samples.kept[0].at, UTC) if samples.kept else None,
        latest=samples.kept[-1] if samples.kept else None,
        size=(WIDTH, HEIGHT),
    )


def charts_of(samples: Samples) -> list[Chart]:
    """Draw the last hour; of a console that began later, what there is since, so that its lines are no dots."""
    lines: tuple[tuple[str, str, Callable[[Sample], float | None]], ...] = (
        ("Calls", "/s", lambda it: it.calls_per_s),
        ("Calls refused", "/s", lambda it: it.refused_calls_per_s),
        ("Mutations", "/s", lambda it: it.mutations_per_s),
        ("Mutations refused", "/s", lambda it: it.refused_mutations_per_s),
        ("Half of calls within", "ms", lambda it: it.p50_ms),
        ("99 of 100 calls within", "ms", lambda it: it.p99_ms),
        ("In the queue", "", lambda it: it.queued),
        ("Outbox, oldest", "s", lambda it: it.outbox_age_s),
        ("Posting lag", "s", lambda it: it.posting_lag_s),
    )
    known_s = samples.kept[-1].at - samples.kept[0].at if samples.kept else 0.0
    span_s = min(SPAN_S, max(_SPAN_S_MIN, known_s))
    return [
        chart(title, [(it.at, value_of(it)) for it in samples.kept], unit=unit, span_s=span_s)
        for title, unit, value_of in lines
    ]


PAGES = (Page("/", now),)
