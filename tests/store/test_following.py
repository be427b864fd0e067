"""Lanes of a cell that was moved: the first one connects anew before the others do, and keeps none of them waiting."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest
from store.lanes import SteppedLane, until
from unit.desk import BOB, deposit

from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.batch.store import Loaded, Locking
from wallet_grpc.store.connection.kinds import ConnectionKind
from wallet_grpc.store.connection.pipeline import Pipeline
from wallet_grpc.store.connection.placement import CellMovedError

NewLane = Callable[..., SteppedLane]

_WAITS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-locks' AND wait_event = 'advisory'
"""


def with_a_move_behind_it(lane: SteppedLane, following: asyncio.Lock, monkeypatch: pytest.MonkeyPatch) -> SteppedLane:
    """Have a lane's first load find that its cell has left; it follows together with others."""
    load, has_moved = lane.store._load, [True]

    async def load_after_move(needs: Needs, locking: Locking) -> Loaded:
        if has_moved:
            has_moved.clear()
            raise CellMovedError("the cell was moved")
        return await load(needs, locking)

    monkeypatch.setattr(lane.store, "_load", load_after_move)
    lane.store._following = following
    return lane


async def test_a_lane_that_waits_for_an_owner_where_the_cell_went_keeps_no_other_from_following(
    new_lane: NewLane, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, following = new_lane(timeout_ms=60_000), asyncio.Lock()
    await holder.decide(deposit("held", player=BOB))
    patient, other = (
        with_a_move_behind_it(new_lane(timeout_ms=60_000, lock_timeout_ms=30_000), following, monkeypatch)
        for _ in range(2)
    )
    other.locking = Locking.TRY
    waiting = asyncio.create_task(patient.decide(deposit("waits", player=BOB)))
    await until(lambda: admin.execute(_WAITS).fetchone() is not None)
    await other.attempt(deposit("other"))
    assert not waiting.done()
    await holder.store.release()
    await waiting


async def test_lanes_that_follow_a_cell_connect_one_after_the_other(
    new_lane: NewLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patient one too: it connects before it waits."""
    following = asyncio.Lock()
    lanes = [with_a_move_behind_it(new_lane(), following, monkeypatch) for _ in range(4)]
    connecting: list[SteppedLane] = []
    at_once: list[int] = []

    def noted(lane: SteppedLane) -> None:
        connect = lane.store._connect

        async def connect_noted(*kinds: ConnectionKind) -> list[Pipeline]:
            connecting.append(lane)
            at_once.append(len(connecting))
            try:
                return await connect(*kinds)
            finally:
                connecting.remove(lane)

        monkeypatch.setattr(lane.store, "_connect", connect_noted)

    for lane in lanes:
        noted(lane)
    for lane in lanes[1:]:
        lane.locking = Locking.TRY
    await asyncio.gather(*(lane.decide(deposit(f"d{n}", player=PlayerId(n + 1))) for n, lane in enumerate(lanes)))
    assert at_once == [1] * 4
