"""What is to be reached: each a floor or a ceiling of a figure, plain or as a multiple of another figure.

They hold for a full run. A rate is held against what the same machine does without a wallet, measured in the same run:
`tpcb_tps`, `echo_unary_rps`. What users might build instead, `hot_row_tps` and `pgledger_tps`, has no target: it waits
for the disk on one row, which the wallet never locks, so that a faster disk moves it and not the wallet. A quick run
shows the same ratios, but its windows are short and its ledger has grown little, so it decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.report.figures import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound of one figure."""

    figure: str
    bound: Literal["at least", "at most"]
    limit: float
    over: str | None = None
    """The figure that it is a multiple of; None: the limit is in the figure's own unit."""
    enough: float | None = None
    """A value of the figure, in its own unit, that reaches the target whatever the other figure is."""

    def describe(self) -> str:
        """Return the target as the table shows it."""
        sign = ">=" if self.bound == "at least" else "<="
        whatever = f", or {sign} {self.enough:,.0f}" if self.enough is not None else ""
        return f"{sign} {self.limit:g}" + (f" x {self.over}" if self.over else "") + whatever

    def reached_by(self, value: float, reached: float) -> bool:
        """Tell whether a value, and its multiple of the other figure, are within the bound."""
        pairs = [(reached, self.limit)] + ([(value, self.enough)] if self.enough is not None else [])
        return any(given >= limit if self.bound == "at least" else given <= limit for given, limit in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a target came out."""

    target: Target
    reached: float
    """The figure, or its multiple of the other figure."""
    holds: bool | None
    """None: a figure was not measured as the target wants it."""


TARGETS: Sequence[Target] = (
    Target(figure="batch_bets_per_s", bound="at least", limit=5, over="tpcb_tps"),
    Target(figure="mixed_batch_per_s", bound="at least", limit=4.5, over="tpcb_tps"),
    Target(figure="stream_bets_per_s", bound="at least", limit=2.5, over="tpcb_tps"),
    Target(figure="single_bets_per_s", bound="at least", limit=0.3, over="tpcb_tps"),
    Target(figure="unary_bets_per_s", bound="at least", limit=0.65, over="echo_unary_rps"),
    Target(figure="hot_players_bets_per_s", bound="at least", limit=0.35, over="batch_bets_per_s"),
    Target(figure="unary_p50_ms", bound="at most", limit=2),
    Target(figure="unary_p99_ms", bound="at most", limit=6),
    Target(figure="paced_p99_ms", bound="at most", limit=10),
    Target(figure="quiet_beside_flood_p99_ms", bound="at most", limit=1.1, over="quiet_p99_ms"),
    Target(figure="session_batch_bets_per_s", bound="at least", limit=2, over="batch_bets_per_s"),
    Target(figure="session_stream_bets_per_s", bound="at least", limit=1.3, over="stream_bets_per_s"),
    Target(figure="session_unary_p50_ms", bound="at most", limit=2),
    Target(figure="session_unary_p99_ms", bound="at most", limit=6),
    Target(figure="session_paced_p99_ms", bound="at most", limit=10),
    Target(figure="session_settle_100k_ms", bound="at most", limit=2, over="session_settle_10_ms"),
    Target(figure="credit_batch_writes_per_s", bound="at least", limit=1.6, over="batch_bets_per_s"),
    Target(figure="credit_unary_p50_ms", bound="at most", limit=2),
    Target(figure="credit_unary_p99_ms", bound="at most", limit=6),
    Target(figure="credit_paced_p99_ms", bound="at most", limit=10),
    Target(figure="posting_lag_p99_s", bound="at most", limit=4),
    Target(figure="hot_wallet_writes_per_s", bound="at least", limit=0.3, over="credit_batch_writes_per_s"),
    Target(figure="retries_per_batch", bound="at most", limit=0.005),
    Target(figure="api_balances_rps", bound="at least", limit=0.7, over="bare_balances_rps"),
    Target(figure="api_transactions_rps", bound="at least", limit=0.7, over="bare_transactions_rps"),
    Target(figure="api_p99_ms", bound="at most", limit=50),
    Target(figure="api_page_1000_ms", bound="at most", limit=1.2, over="api_page_1_ms"),
    Target(figure="operators_search_p95_ms", bound="at most", limit=150),
    Target(figure="operators_call_p95_ms", bound="at most", limit=300),
    Target(figure="operators_page_p95_ms", bound="at most", limit=300),
    Target(figure="bets_beside_console_ratio", bound="at least", limit=0.97),
    Target(figure="growth_ratio", bound="at least", limit=0.9),
    Target(figure="relay_events_per_s", bound="at least", limit=0.6, over="bare_publish_per_s"),
    Target(figure="deposits_consumed_per_s", bound="at least", limit=0.5, over="bare_consume_per_s", enough=2_500),
    Target(figure="event_lag_p99_ms", bound="at most", limit=100),
    Target(figure="batch_bets_with_relay_per_s", bound="at least", limit=0.85, over="batch_bets_per_s"),
    Target(figure="relay_lag_s", bound="at most", limit=10),
)


def judge(readings: Mapping[str, Reading], targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """Hold the readings to the targets; a target whose figures were not measured is left out."""
    verdicts = []
    for target in targets:
        if target.figure not in readings or (target.over is not None and target.over not in readings):
            continue
        reading = readings[target.figure]
        reached = reading.value / (readings[target.over].value if target.over else 1)
        holds = target.reached_by(reading.value, reached)
        verdicts.append(Verdict(target=target, reached=reached, holds=holds if reading.decides else None))
    return verdicts
