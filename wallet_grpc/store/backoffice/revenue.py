"""Gross gaming revenue: what its parts are, and what totals of days are of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from wallet_grpc.store.reads.slices import Total, TotalKey

NO_DAY = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for a day where none is asked for."""
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_OF_REVENUE = {
    kind + undone: (stake, win)
    for kind, stake, win in (("BET", True, False), ("WIN", False, True), ("BET_AND_WIN", True, True))
    for undone in ("", "_ROLLBACK")
}
"""Whether totals of a kind tell of stakes, and whether of wins."""


class RevenueKey(NamedTuple):
    """A part of revenue, in the order of parts."""

    begins_at: datetime
    """When its day began; NO_DAY where revenue is not split by day."""
    currency_network_id: int
    source: str
    game_code: str


FIRST_PART = RevenueKey(NO_DAY, 0, "", "")


class Revenue(NamedTuple):
    """What one part came to, in minor units."""

    bets_minor: int = 0
    wins_minor: int = 0
    rolled_back_bets_minor: int = 0
    rolled_back_wins_minor: int = 0
    bets: int = 0
    wins: int = 0

    def plus(self, other: Revenue) -> Revenue:
        """Add two."""
        return Revenue(*map(sum, zip(self, other, strict=True)))

    @property
    def revenue_minor(self) -> int:
        """Bets less wins, without what was rolled back."""
        return (self.bets_minor - self.rolled_back_bets_minor) - (self.wins_minor - self.rolled_back_wins_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueSplit:
    """Of which days, and how it is split."""

    begins_at: datetime | None = None
    ends_at: datetime | None = None
    by_day: bool = False
    by_source: bool = False
    by_game: bool = False

    def holds(self, day_begins_at: datetime) -> bool:
        """Tell whether a day is in it."""
        return (self.begins_at or NO_DAY) <= day_begins_at < (self.ends_at or FOREVER)

    def part_of(self, key: TotalKey, day_begins_at: datetime) -> RevenueKey:
        """Give the part that a total of a day is in."""
        return RevenueKey(
            day_begins_at if self.by_day else NO_DAY,
            key.currency_network_id,
            key.source if self.by_source else "",
            key.game_code if self.by_game else "",
        )


def revenue_of(key: TotalKey, total: Total) -> Revenue | None:
    """Tell what a total is of revenue; None: nothing."""
    stake, win = _OF_REVENUE.get(key.kind, (False, False))
    if not (stake or win):
        return None
    stake_minor = total.amount_minor if stake else 0
    win_minor = 0 if not win else total.win_minor if stake else total.amount_minor
    if key.kind.endswith("_ROLLBACK"):
        return Revenue(rolled_back_bets_minor=stake_minor, rolled_back_wins_minor=win_minor)
    return Revenue(stake_minor, win_minor, bets=total.transactions * stake, wins=total.transactions * win)
