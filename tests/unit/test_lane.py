"""How long a lane lets calls come in before it starts: a few turns where one calls alone, more where many do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from wallet_grpc.engine.backlog import Backlog
from wallet_grpc.engine.lane import Lane
from wallet_grpc.engine.tickets import Job, Ticket

BATCH_MAX = 100
FEW, MANY = 2, 20


class Settings:
    """What a lane that only gathers asks of its settings."""

    batch_operations_max = BATCH_MAX


def job(owner_id: int) -> Job:
    return Job(None, owner_id, Ticket([None]), 0)  # type: ignore[arg-type] - nobody executes it


class Ground:
    """A lane that gathers, and the turns of the event loop meanwhile."""

    def __init__(self, *, last_batch: int) -> None:
        self.backlog = Backlog(batch_operations_max=BATCH_MAX)
        nothing = cast("Any", None)
        self._lane = Lane(self.backlog, nothing, cast("Any", Settings()), nothing, nothing, nothing)
        self._lane._last_batch = last_batch

    async def turns(self, in_each_turn: Callable[[int], object] = lambda _: None) -> int:
        gathering = asyncio.create_task(self._lane._gather())
        turns = 0
        while not gathering.done():
            in_each_turn(turns)
            turns += 1
            await asyncio.sleep(0)
        await gathering
        return turns - 1


@pytest.mark.parametrize(
    ("last_batch", "turns"), [(0, FEW), (1, FEW), (FEW, FEW), (7, 7), (MANY, MANY), (BATCH_MAX, MANY)]
)
async def test_a_lane_waits_as_many_barren_turns_as_its_last_batch_had_commands(last_batch: int, turns: int) -> None:
    assert await Ground(last_batch=last_batch).turns() == turns


async def test_what_comes_makes_it_wait_on() -> None:
    ground = Ground(last_batch=5)
    assert await ground.turns(lambda turn: ground.backlog.put(job(turn)) if 0 < turn <= 10 else None) == 10 + 5


async def test_a_full_batch_is_not_waited_for() -> None:
    ground = Ground(last_batch=BATCH_MAX)
    for owner_id in range(BATCH_MAX):
        ground.backlog.put(job(owner_id))
    assert await ground.turns() == 0
