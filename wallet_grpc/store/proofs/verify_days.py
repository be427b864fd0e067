"""Business days as `wallet verify` proves them: each is recounted from its rows, and follows from the day before.

What lies before the mark can no longer change, so a day is recounted in bounded slices, each a snapshot of its own. One
day's figures are held at a time: as many as it has sources, games, currency networks and kinds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg

from wallet_grpc.domain.identifiers import first_id_at
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.slices import (
    PLANS,
    SLICES,
    TOTALS,
    Counted,
    Movement,
    SliceLengths,
    TimeSlice,
    Total,
)

_SQL = statements(__package__, "verify_days.sql")
_NAMED_MAX = 20
"""How many figures of one day are named; who looks at the day sees the others."""


class _Day(NamedTuple):
    day: date
    begins_at: datetime
    counted_until: datetime


def day_problems(
    connection: psycopg.Connection[Any],
) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """Recount day after day; gives how many are done, and what is wrong: checks' names, subjects and problems.

    Raises:
        psycopg.Error: The database does not answer, or a slice took longer than a minute.
    """
    lengths = SliceLengths()
    done = 0
    last: date | None = None
    while (found := connection.execute(_SQL["next_day"], {"after": last or date.min}).fetchone()) is not None:
        day = _Day(*found)
        stored = _stored(connection, day.day)
        problems = _before_the_first(connection, day) if last is None else _gap(last, day.day)
        problems += _recounted(connection, lengths, day, stored)
        problems += [
            (
                "days_follow_each_other",
                f"day {day.day}",
                f"{account} in network {network}: {told} at its end, and with what it moved it is {made}",
            )
            for network, account, told, made in connection.execute(_SQL["unequal_balances"], {"day": day.day})
        ]
        last, done = day.day, done + 1
        yield done, problems
    yield from _open_day(connection, lengths, last, done)


def _open_day(
    connection: psycopg.Connection[Any], lengths: SliceLengths, last: date | None, done: int
) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """Recount the open day as far as it is counted; one that was closed meanwhile is left to the next run."""
    row = connection.execute(_SQL["open_day"]).fetchone()
    assert row is not None
    *facts, totals, movements = row
    if facts[0] is None or (last is not None and (facts[0] - last).days > 1 and _is_closed(connection, last)):
        return
    day = _Day(*facts)
    stored = Counted()
    stored.add_totals(totals or ())
    stored.add_movements(movements or ())
    problems = _before_the_first(connection, day) if last is None else _gap(last, day.day)
    yield done + 1, problems + _recounted(connection, lengths, day, stored)


def _is_closed(connection: psycopg.Connection[Any], after: date) -> bool:
    return connection.execute(_SQL["next_day"], {"after": after}).fetchone() is not None


def _stored(connection: psycopg.Connection[Any], day: date) -> Counted:
    counted = Counted()
    counted.add_totals(connection.execute(_SQL["day_totals"], {"day": day}))
    counted.add_movements(connection.execute(_SQL["day_movements"], {"day": day}))
    return counted


def _recounted(
    connection: psycopg.Connection[Any], lengths: SliceLengths, day: _Day, stored: Counted
) -> list[tuple[str, str, str]]:
    """Count a day's rows anew, up to where it is counted; gives which of its figures are others."""
    counted = Counted()
    at = day.begins_at
    while at < day.counted_until:
        slice_ = lengths.next(at, day.counted_until)
        began = time.monotonic()
        with connection.transaction():
            connection.execute(PLANS)
            after = connection.execute(SLICES["transaction_after"], slice_.rows_asked).fetchone()
            slice_ = slice_ if after is None else slice_.up_to(after[0])
            counted.add(_counted(connection, slice_))
        lengths.took(slice_, time.monotonic() - began)
        at = slice_.ends_at
    problems = _differences(day, "totals", stored.totals, counted.totals, Total())
    return problems + _differences(day, "movements", stored.movements, counted.movements, Movement())


def _counted(connection: psycopg.Connection[Any], slice_: TimeSlice) -> Counted:
    counted = Counted()
    for name in TOTALS:
        counted.add_totals(connection.execute(SLICES[name], slice_.parameters))
    counted.add_movements(connection.execute(_SQL["movements"], slice_.parameters))
    counted.add_play()
    return counted


def _differences(
    day: _Day, what: str, stored: Mapping[Any, Any], counted: Mapping[Any, Any], nothing: Any
) -> list[tuple[str, str, str]]:
    different = [key for key in {**stored, **counted} if stored.get(key, nothing) != counted.get(key, nothing)]
    texts = [
        f"{what} of {_told(key)}: {_told(stored.get(key, nothing))}; its rows say {_told(counted.get(key, nothing))}"
        for key in different[:_NAMED_MAX]
    ]
    if len(different) > _NAMED_MAX:
        texts.append(f"{len(different) - _NAMED_MAX} more {what} differ")
    return [("days_equal_their_rows", f"day {day.day}", text) for text in texts]


def _told(values: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in values._asdict().items() if value != "")


def _gap(last: date, day: date) -> list[tuple[str, str, str]]:
    if (day - last).days == 1:
        return []
    return [("days_follow_each_other", f"day {day}", f"it comes after {last}: days between are missing")]


def _before_the_first(connection: psycopg.Connection[Any], day: _Day) -> list[tuple[str, str, str]]:
    row = connection.execute(_SQL["before_days"], {"first_tx_id": first_id_at(day.begins_at)}).fetchone()
    if row is None:
        return []
    return [("days_equal_their_rows", f"day {day.day}", f"transaction {row[0]} is from before this first day")]
