"""The arithmetic of a comparison: who goes first in which round, and what pairs of windows come to.

The machine drifts, so only windows of one round are held against each other; and who goes second finds it otherwise
than who went first, so they swap places from round to round: this, that, that, this.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

Name = Literal["this", "that"]
"""This source, or that of the other revision."""


def turns(rounds: int) -> Iterator[tuple[Name, Name]]:
    """Yield the order of each round."""
    for number in range(rounds):
        yield ("that", "this") if number % 2 else ("this", "that")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one window of one side came to."""

    per_s: float
    p50_ms: float
    p99_ms: float
    operations: int
    """Within the window; the log's bytes are of the warm-up's as well."""
    server_us: float
    """Processor time of the wallet for each operation, in microseconds."""
    postgres_us: float
    """Processor time of PostgreSQL for each operation, its background workers' included."""
    wal_bytes: float
    """Written to PostgreSQL's log for each operation."""
    batch_operations: float
    """How many operations the lanes committed together, on average; what a batch costs is shared by so many."""
    others_cores: float
    """How many cores were busy with what is neither side's: with more than 0.1, believe ratios only."""

    @property
    def cpu_us(self) -> float:
        """Processor time of both."""
        return self.server_us + self.postgres_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A quantity of both sides, and this one's over that one's."""

    this: float
    """The median of its windows."""
    that: float
    ratio: float
    """The median of the rounds' ratios."""
    low: float
    """A quarter of the rounds' ratios are below it, or it is the lower of two."""
    high: float
    """A quarter of the rounds' ratios are above it, or it is the higher of two."""


def compare(this: Sequence[float], that: Sequence[float]) -> Compared | None:
    """Compare a quantity round by round; None where that side has none of it.

    Args:
        this: Of this side's windows, by round.
        that: Of that side's windows, by round.
    """
    assert len(this) == len(that) > 0, "each round has a window of each side"
    if not all(that):
        return None
    ratios = sorted(ours / theirs for ours, theirs in zip(this, that, strict=True))
    low, high = ratios[0], ratios[-1]
    if len(ratios) > 2:
        low, _, high = quantiles(ratios, n=4, method="inclusive")
    return Compared(this=median(this), that=median(that), ratio=median(ratios), low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What is compared, and how it is told."""

    name: str
    unit: str
    meaning: str
    decimals: int
    of: Callable[[Window], float]


QUANTITIES: Sequence[Quantity] = (
    Quantity(name="throughput", unit="/s", meaning="operations applied", decimals=0, of=lambda window: window.per_s),
    Quantity(name="p50", unit="ms", meaning="of a call", decimals=2, of=lambda window: window.p50_ms),
    Quantity(name="p99", unit="ms", meaning="of a call", decimals=2, of=lambda window: window.p99_ms),
    Quantity(
        name="cpu",
        unit="us",
        meaning="both, an operation",
        decimals=1,
        of=lambda window: window.cpu_us,
    ),
    Quantity(name="cpu_wallet", unit="us", meaning="an operation", decimals=1, of=lambda window: window.server_us),
    Quantity(name="cpu_postgres", unit="us", meaning="an operation", decimals=1, of=lambda window: window.postgres_us),
    Quantity(
        name="batch",
        unit="",
        meaning="operations committed together",
        decimals=1,
        of=lambda window: window.batch_operations,
    ),
    Quantity(name="wal", unit="B", meaning="an operation", decimals=0, of=lambda window: window.wal_bytes),
)
DISK = "disk"
"""Bytes that a database grew by for each operation: of all rounds together, since files grow in steps."""
