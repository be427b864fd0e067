"""Business days: 24 hours that begin at the same hour, UTC, each day; the figures of finance are by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

DAY_LENGTH = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDay:
    """A day, named by the date at which it begins."""

    day: date
    begins_at: datetime
    ends_at: datetime
    """Exclusive: the next one begins here."""

    @classmethod
    def of(cls, moment: datetime, begins_at_hour: int) -> BusinessDay:
        """Give the day that a moment is in."""
        day = (moment.astimezone(UTC) - timedelta(hours=begins_at_hour)).date()
        begins_at = datetime.combine(day, time(begins_at_hour, tzinfo=UTC))
        return cls(day=day, begins_at=begins_at, ends_at=begins_at + DAY_LENGTH)
