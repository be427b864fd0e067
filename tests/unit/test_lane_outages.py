"""What a lane does while the database is away or its rows are held: how long it waits, and what it tells."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from unit.desk import ANN, bet

from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.engine import lane as module
from wallet_grpc.engine.backlog import Backlog
from wallet_grpc.engine.lane import CONFLICT, DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN, Lane, LaneSettings
from wallet_grpc.engine.metrics import standstill_s
from wallet_grpc.engine.tickets import Job, Ticket
from wallet_grpc.store.batch.store import LostRaceError, StoredMeanwhileError
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.tracing import BatchTimes

APPLIED = cast("Outcome", "applied")
BATCH = [Job(None, 7, Ticket([None]), 0)]  # type: ignore[arg-type] - nobody executes it


async def _nothing() -> None:
    """Release nothing."""


class LaneOfAnOutage(Lane):
    """A lane whose tries fail until a time."""

    def __init__(self, *, outage_wait_ms: int, away_s: float) -> None:
        settings = LaneSettings(
            batch_operations_max=1, attempts_max=3, backoff_ms=2, outage_wait_ms=outage_wait_ms, lock_timeout_ms=1_000
        )
        store = cast("Any", SimpleNamespace(release=_nothing))
        retries = SimpleNamespace(inc=lambda: None)
        counted = SimpleNamespace(batch_stored=lambda _: None, answered=lambda *_: None, retries=retries)
        metrics = cast("Any", counted)
        backlog = Backlog(batch_operations_max=1)
        super().__init__(backlog, store, settings, cast("Any", None), metrics, lambda _: None)
        self.back_at = time.monotonic() + away_s
        self.tries = 0

    async def _attempt(self, batch: Sequence[Job], times: BatchTimes) -> Sequence[Outcome | None]:
        self.tries += 1
        if time.monotonic() < self.back_at:
            raise DatabaseUnavailableError("it is started again")
        times.stored_at = time.monotonic()
        return [APPLIED] * len(batch)


async def test_a_batch_that_meets_a_restart_waits_for_its_end() -> None:
    lane = LaneOfAnOutage(outage_wait_ms=5_000, away_s=0.3)
    assert await lane._outcomes(BATCH) == [APPLIED]
    assert lane.tries < 60, "the pauses grow"


async def test_a_batch_waits_no_longer_than_it_may_and_those_after_it_are_told_at_once() -> None:
    lane = LaneOfAnOutage(outage_wait_ms=100, away_s=60)
    assert await lane._outcomes(BATCH) == [DATABASE_UNAVAILABLE]
    assert lane.tries > 2
    before = lane.tries
    assert await lane._outcomes(BATCH) == [DATABASE_UNAVAILABLE]
    assert lane.tries == before + 1


async def test_a_lane_that_failed_once_and_had_nothing_to_do_has_not_tried_for_all_that_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lane = LaneOfAnOutage(outage_wait_ms=0, away_s=60)
    await lane._execute(BATCH)
    failed_at = lane.trying_since
    assert failed_at is not None
    lane.is_busy = True
    assert standstill_s([lane], time.monotonic() + 5) >= 5, "what fails for a while is told"
    await lane._execute(BATCH)
    assert lane.trying_since == failed_at, "and tries that follow each other are one"
    later = time.monotonic() + 3_600
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: later))
    await lane._execute(BATCH)
    lane.is_busy = True
    assert standstill_s([lane], later + 1) == pytest.approx(1)


class LaneOfHeldRows(LaneOfAnOutage):
    """A lane that nobody lets store."""

    async def _attempt(self, batch: Sequence[Job], times: BatchTimes) -> Sequence[Outcome | None]:
        del batch, times
        raise LostRaceError("somebody holds them", timed_out=True)


async def test_who_waits_behind_an_owner_whose_rows_are_held_is_looked_for_as_well() -> None:
    """Its own first try may be the commit that held them, and has ended since."""
    lane = LaneOfHeldRows(outage_wait_ms=0, away_s=0)
    stored = bet("second").key

    async def look(unseen: Collection[Key], *, was_held: bool) -> bool:
        assert was_held
        if stored in unseen:
            raise StoredMeanwhileError
        return False

    cast("Any", lane._store).refusals_may_be_wrong = look
    ticket = Ticket([None, None])
    await lane._execute([Job(bet(name), ANN, ticket, place) for place, name in enumerate(("first", "second"))])
    assert ticket.outcomes == [CONFLICT, OUTCOME_UNKNOWN]


async def test_a_look_that_fails_is_not_repeated_for_each_who_waits_there() -> None:
    lane, looks = LaneOfHeldRows(outage_wait_ms=0, away_s=0), 0

    async def look(unseen: Collection[Key], *, was_held: bool) -> bool:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise DatabaseUnavailableError("the table is locked as well")
        return not (unseen and was_held)

    cast("Any", lane._store).refusals_may_be_wrong = look
    ticket = Ticket([None] * 5)
    await lane._execute([Job(bet(f"b{place}"), ANN, ticket, place) for place in range(5)])
    assert ticket.outcomes == [CONFLICT, *[OUTCOME_UNKNOWN] * 4]
    assert looks == 2
