"""Small charts as SVG: the points of a line, which the template draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 240
HEIGHT = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A line over the last hour."""

    title: str
    value: str
    """What it is now."""
    points: str
    """For a polyline of WIDTH x HEIGHT; empty where there is nothing to draw."""
    highest: str


def chart(title: str, values: Sequence[tuple[float, float | None]], *, unit: str, span_s: float) -> Chart:
    """Draw values by their times, the newest at the right edge, `span_s` seconds wide."""
    known = [(at, value) for at, value in values if value is not None]
    if not known:
        return Chart(title=title, value="nothing yet", points="", highest="")
    newest = values[-1][0]
    highest = max(value for _, value in known)
    scale = (HEIGHT - 2) / highest if highest > 0 else 0.0
    points = [
        f"{WIDTH - (newest - at) / span_s * WIDTH:.1f},{HEIGHT - 1 - value * scale:.1f}"
        for at, value in known
        if newest - at <= span_s
    ]
    return Chart(
        title=title,
        value=f"{brief(known[-1][1])} {unit}".strip(),
        points=" ".join(points),
        highest=f"{brief(highest)} {unit}".strip(),
    )


def brief(value: float) -> str:
    """Write a number as short as it is read: `0.42`, `17.3`, `1 204`."""
    if value == 0:
        return "0"
    if value < 10:  # noqa: PLR2004
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")  # noqa: PLR2004
