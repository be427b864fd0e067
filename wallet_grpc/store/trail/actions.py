"""The trail as it is read: newest first, in slices that look at a bounded number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.domain.identifiers import FIRST_UUID, LAST_UUID, first_id_at
from wallet_grpc.domain.operators import ActKind, operator_name
from wallet_grpc.store.backoffice.slices import Placed, Slice
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of

_SQL = statements(__package__, "actions.sql")

Place = tuple[str]
"""The id of a row: ids sort by their time."""
_SPARE = timedelta(seconds=10)
"""How far the time in an id may be from the row's: ids of one millisecond go on after it."""
_FIRST_TIME = datetime(1, 1, 1, tzinfo=UTC)
_LAST_TIME = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """Of when rows are asked for: `begins_at` belongs to it, `ends_at` does not."""

    begins_at: datetime | None = None
    ends_at: datetime | None = None

    def parameters(self, after: Place | None) -> dict[str, object]:
        """Give the bounds of a statement that goes on after a place: of ids, roughly, and of times."""
        before = LAST_UUID if after is None else after[0]
        if self.ends_at is not None:
            before = min(before, first_id_at(self.ends_at, _SPARE))
        return {
            "before": before,
            "begins": FIRST_UUID if self.begins_at is None else first_id_at(self.begins_at, -_SPARE),
            "begins_at": self.begins_at or _FIRST_TIME,
            "ends_at": self.ends_at or _LAST_TIME,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFilter:
    """Which actions are looked for: those that fit everything."""

    actor: str | None = None
    """The operator, or the actor that the request named."""
    kind: ActKind | None = None
    span: TimeSpan = TimeSpan()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAction:
    """An action of the trail."""

    action_id: str
    acted_at: datetime
    kind: str
    channel: str
    operator: str
    subject: str
    player_id: int | None
    key_id: str | None
    actor: str | None
    reason: str | None
    result_id: str | None
    request_id: str | None
    facts_before: Mapping[str, Any] | None
    facts_after: Mapping[str, Any] | None


class ActionReader:
    """Reads the trail. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool, *, looked_max: int) -> None:
        """Make a reader; a slice looks at so many rows at most."""
        self._pool = pool
        self._looked_max = looked_max

    async def page(self, wanted: ActionFilter, after: Place | None, rows_max: int) -> Slice[Place, FoundAction]:
        """Give the next actions that fit, at most so many."""
        parameters = wanted.span.parameters(after) | {
            "actor": wanted.actor,
            "operator": None if wanted.actor is None else operator_name(wanted.actor),
            "kind": wanted.kind,
            "looked_max": self._looked_max,
            "rows_max": rows_max,
        }
        async with self._pool.connection() as connection:
            rows = await rows_of(connection, _SQL["page"], parameters)
        found = [_found(row) for row in rows if row.action_id is not None]
        return slice_of_rows(
            [Placed(place=(it.action_id,), row=it) for it in found], rows[0], rows_max, looked_max=self._looked_max
        )


def slice_of_rows(
    placed: Sequence[Placed[Place, Any]], head: Any, rows_max: int, *, looked_max: int
) -> Slice[Place, Any]:
    """Give a slice of rows that were found; `head` tells how many were looked at, and the last of them."""
    next_place: Place | None = None
    if len(placed) == rows_max:
        next_place = placed[-1].place
    elif head.looked == looked_max:
        next_place = (head.last_looked_at,)
    return Slice(rows=placed, next_place=next_place, cells=[ONLY_CELL] * len(placed))


def _found(row: Any) -> FoundAction:
    return FoundAction(
        action_id=row.action_id,
        acted_at=row.acted_at,
        kind=row.kind,
        channel=row.channel,
        operator=row.operator,
        subject=row.subject,
        player_id=row.player_id,
        key_id=row.key_id,
        actor=row.actor,
        reason=row.reason,
        result_id=row.result_id,
        request_id=row.request_id,
        facts_before=row.facts_before,
        facts_after=row.facts_after,
    )
