"""`wallet copy`: rounds while the source serves, then the freeze, the rest, the comparison; and the target is ready.

Nothing of the source is changed but that it is frozen, which can be lifted. The target serves nobody before it is ready
(store/operator/preflight.py), and then it is the same installation: it has the source's UUID.

What is copied when the source is frozen must be all that it ever has. So a copy that has begun with it goes on only
over the same freeze; if it was lifted, the target is thrown away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.days import BusinessDay
from wallet_grpc.domain.identifiers import FIRST_UUID, LAST_UUID, first_id_at
from wallet_grpc.store.background.days import DaySettings, DayStore
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.cells import look_at_shared, look_into
from wallet_grpc.store.operator.freeze import freeze, is_frozen, relays_here
from wallet_grpc.store.proofs.verify import Progress

from .comparing import Comparison, compare_journal, compare_ledger, compare_rest
from .sides import Sides, both_sides
from .tables import KNOWN
from .transfer import (
    CopyError,
    Marks,
    Stretch,
    copy_journal,
    copy_kept,
    copy_ledger,
    copy_queues,
    end_of_journal,
    end_of_slice,
    given_out_until,
    settled_until,
)

_SQL = statements(__package__, "copying.sql")

_LOCK_CLASS = 0x57414C43
"""The class of the advisory lock of who fills an installation; owners use the other, 64-bit space."""
_READY = "READY"
_SHORT_ROUND_S = 20.0
"""A round that took less leaves little for the next."""
_ROUNDS_MAX = 100
_RELAYS_LEAVE_WITHIN_S = 30.0
_DAY_TIMEOUT_MS = 600_000

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """How far a copy has come."""

    is_ready: bool
    from_cells: int
    to_cells: int
    settled_until: datetime
    """What happened before is copied, and the same at both."""
    rows: dict[str, int]
    """How many rows this run has compared, by table."""
    pause_s: float | None = None
    """From the freeze until the target was ready, in seconds; of the run that froze the source."""


def copy(
    source_url: str,
    target_url: str,
    *,
    finish: bool = False,
    reason: str = "",
    on_progress: OnProgress = lambda _: None,
) -> Copied:
    """Copy what is settled at the source; with `finish` freeze it, copy the rest, and make the target ready.

    Args:
        source_url: The DSN of the owner of the source's schemas.
        target_url: That of the target's: an installation that was set up by `wallet migrate`, and nothing else.
        finish: Whether the source is frozen.
        reason: Why, for the source's trail.
        on_progress: Hears how far it is.

    Raises:
        CopyError: It cannot go on; the message says why, and what to do.
        FreezeError: Those who write to the source did not let it be frozen.
        psycopg.Error: A database failed. The same call goes on where it was.
    """
    with both_sides(source_url, target_url) as sides, _alone(sides):
        marks = _begun(sides)
        found = Comparison()
        until, frozen_at = settled_until(sides), None
        for _ in range(_ROUNDS_MAX):
            began = time.monotonic()
            until = settled_until(sides)
            _copy_round(sides, marks, first_id_at(until), until, found, on_progress)
            _count_days(target_url, sides, until, on_progress)
            if time.monotonic() - began < _SHORT_ROUND_S:
                break
        if finish:
            look_at_shared(sides.source)
            frozen_at = time.monotonic()
            _freeze(sides, marks, reason)
            _copy_round(sides, marks, LAST_UUID, end_of_journal(sides, marks), found, on_progress)
            copy_queues(sides, marks)
            compare_rest(sides, found)
            _refuse_differences(found)
            _become(sides, marks)
        return Copied(
            is_ready=finish,
            from_cells=len(sides.from_cells),
            to_cells=len(sides.to_cells),
            settled_until=until,
            rows=dict(found.rows),
            pause_s=None if frozen_at is None else time.monotonic() - frozen_at,
        )


def compare(source_url: str, target_url: str, *, on_progress: OnProgress = lambda _: None) -> Comparison:
    """Compare all of a source that is frozen with a target that is ready and serves nobody yet.

    Raises:
        CopyError: The target is none of the source's.
        psycopg.Error: A database failed.
    """
    with both_sides(source_url, target_url) as sides:
        if (Marks(sides.target).get("copy") or {}).get("state") != _READY:
            raise CopyError("the target is not ready: there is nothing to compare yet")
        found = Comparison()
        for slice_ in _all_slices(sides):
            compare_ledger(sides, slice_, found)
            on_progress(Progress(phase="ledger", done=found.rows["ledger_transactions"], expected=0))
        compare_journal(sides, Stretch(begins="-infinity", ends="infinity"), found)
        compare_rest(sides, found)
        return found


def _all_slices(sides: Sides) -> Iterator[Stretch]:
    begins = FIRST_UUID
    while begins < LAST_UUID:
        ends = end_of_slice(sides, begins, LAST_UUID)
        yield Stretch(begins=begins, ends=ends)
        begins = ends


@contextmanager
def _alone(sides: Sides) -> Iterator[None]:
    row = sides.target.execute("SELECT pg_try_advisory_lock(%s::INTEGER, 0)", [_LOCK_CLASS]).fetchone()
    if row != (True,):
        raise CopyError("another `wallet copy` fills this installation")
    yield


def _begun(sides: Sides) -> Marks:
    """Refuse sides that do not fit; note whose copy the target is, the first time."""
    _refuse_unfit(sides)
    _, source = _one(sides.source, "installation")
    marks = Marks(sides.target)
    known = marks.get("copy")
    if known is None:
        if _one(sides.target, "is_used")[0]:
            raise CopyError("the target is not empty: a copy fills an installation that was only set up")
        with sides.target.transaction():
            marks.put("copy", {"source": source, "copy_id": str(uuid4()), "state": "COPYING"})
    elif known["source"] != source:
        raise CopyError("the target is filled from another installation")
    elif known["state"] == _READY:
        raise CopyError("the target is ready already")
    return marks


def _refuse_unfit(sides: Sides) -> None:
    if not sides.from_cells or not sides.to_cells:
        raise CopyError("both must be installations: run `wallet migrate` with the new one's number of cells")
    source, target = (_one(it, "installation")[0] for it in (sides.source, sides.target))
    if source != target:
        raise CopyError(f"the source is a {source} installation, the target is {target}")
    applied = [set(it.execute(_SQL["migrations"]).fetchall()) for it in (sides.source, sides.target)]
    if applied[0] != applied[1]:
        raise CopyError("both must have the same migrations: run this release's `wallet migrate` for both")
    unknown = {name for (name,) in sides.target.execute(_SQL["tables"]).fetchall()} - KNOWN
    if unknown:
        raise CopyError(f"nobody knows how to copy {', '.join(sorted(unknown))}")


def _copy_round(  # noqa: PLR0917 - what, until when, and what is told of it
    sides: Sides, marks: Marks, tx_id: str, moment: datetime, found: Comparison, on_progress: OnProgress
) -> None:
    """Copy what has changed, and what is older than an id and a time; compare what is sliced.

    Accounts and wallets come first: all that slices tell of are there, since what is in a slice was settled before.
    """
    copy_kept(sides, marks)
    copied, compared = (marks.get(step) or FIRST_UUID for step in ("ledger", "ledger compared"))
    if compared < copied:  # it was broken off between the two
        compare_ledger(sides, Stretch(begins=compared, ends=copied), found)
        _refuse_differences(found)
        marks.put("ledger compared", copied)
    for slice_ in copy_ledger(sides, marks, tx_id):
        compare_ledger(sides, slice_, found)
        _refuse_differences(found)
        marks.put("ledger compared", slice_.ends)
        on_progress(
            Progress(
                phase="transactions",
                done=found.rows["ledger_transactions"],
                expected=found.rows["ledger_transactions"],
            )
        )
    journal, journal_compared = (marks.get(step) for step in ("journal", "journal compared"))
    if journal is not None and journal_compared != journal:  # as above
        compare_journal(sides, Stretch(begins=journal_compared or "-infinity", ends=journal), found)
        _refuse_differences(found)
        marks.put("journal compared", journal)
    for slice_ in copy_journal(sides, marks, moment):
        compare_journal(sides, slice_, found)
        _refuse_differences(found)
        marks.put("journal compared", marks.get("journal"))
        rows = found.rows["subledger_entries"]
        on_progress(Progress(phase="journal", done=rows, expected=rows))


def _refuse_differences(found: Comparison) -> None:
    if found.differences:
        raise CopyError(
            "source and target differ; throw the target away, and lift the freeze if there is one:\n  "
            + "\n  ".join(found.differences)
        )


def _count_days(target_url: str, sides: Sides, until: datetime, on_progress: OnProgress) -> None:
    """Count the target's days, anew and of the same rows, as far as both have them."""
    facts = [_one(sides.source, "days") for _ in sides.of_cells(sides.source)]
    begun = [(begins_at, hour) for hour, _, begins_at in facts if begins_at is not None]
    if not begun:
        return
    begins_at, hour = min(begun)
    day = BusinessDay.of(begins_at, hour)
    named: dict[str, object] = {
        "day": day.day, "begins_at": day.begins_at, "ends_at": day.ends_at, "begins_at_hour": hour,
    }  # fmt: skip
    for cell in sides.to_cells:
        look_into(sides.target, cell)
        sides.target.execute(_SQL["begin_days"], named)
        sides.target.execute(_SQL["count_from"], {"counting_until": until})
        closed = asyncio.run(_count_days_of(target_url, cell, hour, until))
        on_progress(Progress(phase=f"days of cell {cell}", done=closed, expected=closed))


async def _count_days_of(target_url: str, cell: Cell, hour: int, until: datetime) -> int:
    pool = Pool(
        target_url, connections_max=1, wait_ms=_DAY_TIMEOUT_MS, timeout_ms=_DAY_TIMEOUT_MS, writes=True, cell=cell
    )
    try:
        days = DayStore(DaySettings(begins_at_hour=hour, interval_ms=0, slices_max=1), pool)
        return await days.count_until(until)
    finally:
        await pool.close()


def _freeze(sides: Sides, marks: Marks, reason: str) -> None:
    """Freeze the source, and wait for the relays that may still remove what they published.

    Raises:
        CopyError: The rest was copied over another freeze, which was lifted; or a relay does not leave.
    """
    freeze(sides.source, reason=reason or "wallet copy")
    (frozen_by,) = _one(sides.source, "last_freeze")
    known = marks.get("frozen")
    if known is not None and known != frozen_by:
        raise CopyError("the freeze was lifted after the rest had been copied: throw the target away, and begin anew")
    with sides.target.transaction():
        marks.put("frozen", frozen_by)
    left = set(relays_here(sides.source))
    ends_at = time.monotonic() + _RELAYS_LEAVE_WITHIN_S
    while left := left & set(relays_here(sides.source)):
        if time.monotonic() > ends_at:
            raise CopyError(f"relays of the source are still there: {sorted(map(str, left))}; stop them")
        time.sleep(0.05)


def _become(sides: Sides, marks: Marks) -> None:
    """Make the target the installation that the source was: the last thing, in one transaction."""
    assert is_frozen(sides.source)
    _, uuid = _one(sides.source, "installation")
    until = given_out_until(sides)
    with sides.target.transaction():
        for cell in sides.to_cells:
            look_into(sides.target, cell)
            sides.target.execute(_SQL["count_from"], {"counting_until": until})
        look_at_shared(sides.target)
        # Citus wants it before a trigger may be touched, elsewhere it is a name without a meaning.
        sides.target.execute("SET LOCAL citus.enable_unsafe_triggers = on")
        table = sql.SQL("ALTER TABLE public.installation {} TRIGGER installation_append_only")
        sides.target.execute(table.format(sql.SQL("DISABLE")))
        sides.target.execute(_SQL["become"], {"installation_uuid": uuid})
        sides.target.execute(table.format(sql.SQL("ENABLE")))
        marks.put("copy", {**marks.get("copy"), "state": _READY})


def _one(connection: psycopg.Connection[Any], name: str) -> Any:
    row = connection.execute(_SQL[name]).fetchone()
    assert row is not None
    return row
