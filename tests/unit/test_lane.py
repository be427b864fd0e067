"""How long a lane lets calls come in before it starts, hardly at all where one calls alone; and what wakes one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from unit.desk import bet, deposit

from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.identifiers import OwnerId, Source
from wallet_grpc.engine.backlog import Backlog
from wallet_grpc.engine.lane import Lane
from wallet_grpc.engine.tickets import Job, Ticket

BATCH_MAX = 100
ALONE, BESIDE_OTHERS = 2, 20


class Settings:
    """What a lane that only gathers asks of its settings."""

    batch_operations_max = BATCH_MAX


FLOOD, QUIET = Source("flood"), Source("quiet")


def job(owner_id: int, source: Source | None = None) -> Job:
    return Job(None, owner_id, Ticket([None], source=source), 0)  # type: ignore[arg-type] - nobody executes it


class Ground:
    """A lane that gathers, and the turns of the event loop meanwhile."""

    def __init__(self, *, crowd: int) -> None:
        self.backlog = Backlog(batch_operations_max=BATCH_MAX)
        nothing, store = cast("Any", None), cast("Any", SimpleNamespace(may_be_on_citus=False))
        self._lane = Lane(self.backlog, store, cast("Any", Settings()), nothing, nothing, nothing)
        self._lane._crowd = crowd

    def crowd_after(self, batch: int) -> int:
        for owner_id in range(batch):
            self.backlog.put(job(owner_id))
        self.backlog.done(self._lane._take())
        return self._lane._crowd

    async def turns(self, in_each_turn: Callable[[int], object] = lambda _: None) -> int:
        gathering = asyncio.create_task(self._lane._gather())
        turns = 0
        while not gathering.done():
            in_each_turn(turns)
            turns += 1
            await asyncio.sleep(0)
        await gathering
        return turns - 1


@pytest.mark.parametrize(("crowd", "turns"), [(0, ALONE), (1, ALONE), (2, BESIDE_OTHERS), (BATCH_MAX, BESIDE_OTHERS)])
async def test_who_calls_alone_waits_for_nobody(crowd: int, turns: int) -> None:
    assert await Ground(crowd=crowd).turns() == turns


async def test_what_comes_makes_it_wait_on() -> None:
    ground = Ground(crowd=1)
    assert await ground.turns(lambda turn: ground.backlog.put(job(turn)) if 0 < turn <= 10 else None) == 10 + ALONE


async def test_a_full_batch_is_not_waited_for() -> None:
    ground = Ground(crowd=BATCH_MAX)
    for owner_id in range(BATCH_MAX):
        ground.backlog.put(job(owner_id))
    assert await ground.turns() == 0


def test_a_crowd_is_forgotten_one_batch_after_the_other() -> None:
    """One small batch in a lull does not make the next ones small as well."""
    ground = Ground(crowd=0)
    assert [ground.crowd_after(batch) for batch in (5, 1, 1, 1, 1, 1)] == [5, 4, 3, 2, 1, 1]


async def test_who_comes_while_a_lane_works_for_another_wakes_an_idle_one() -> None:
    """Also after commands of the source that is worked for had woken nobody."""
    backlog = Backlog(batch_operations_max=BATCH_MAX)
    backlog.put(job(1, FLOOD))
    first = backlog.take()
    idle = asyncio.create_task(backlog.changed())
    await asyncio.sleep(0)
    backlog.put(job(2, FLOOD))
    await asyncio.sleep(0)
    assert not idle.done()
    backlog.done(first)
    assert [taken.owner_id for taken in backlog.take()] == [2]
    backlog.put(job(3, QUIET))
    await asyncio.wait_for(idle, 1)


async def test_who_comes_when_no_lane_works_any_more_wakes_an_idle_one() -> None:
    backlog = Backlog(batch_operations_max=BATCH_MAX)
    backlog.put(job(1, FLOOD))
    backlog.done(backlog.take())
    idle = asyncio.create_task(backlog.changed())
    await asyncio.sleep(0)
    backlog.put(job(2, FLOOD))
    await asyncio.wait_for(idle, 1)


def mixed() -> list[Job]:
    """Bets of three players, of whom the second deposits between its bets, and an event of a fourth."""
    commands = [bet("a", 1, player=1), bet("b", 1, player=2), deposit("c", 1, player=2), bet("d", 1, player=2)]
    commands += [bet("e", 1, player=3), bet("f", 1, player=4)]
    jobs = [Job(command, owner_of(command), Ticket([None]), 0) for command in commands]
    jobs[-1].ticket.receipt = cast("Any", "an event")
    return jobs


def lane_of(backlog: Backlog, *, may_be_on_citus: bool) -> Lane:
    nothing = cast("Any", None)
    store = cast("Any", SimpleNamespace(may_be_on_citus=may_be_on_citus))
    return Lane(backlog, store, nothing, nothing, nothing, nothing)


def test_on_citus_nobodys_bet_is_in_one_commit_with_what_is_written_on_all_nodes_of_another() -> None:
    """Else a node that freezes in that commit keeps them all. Those of one owner stay in their order."""
    backlog, jobs = Backlog(batch_operations_max=BATCH_MAX), mixed()
    lane, other = lane_of(backlog, may_be_on_citus=True), lane_of(backlog, may_be_on_citus=True)
    for job in jobs:
        backlog.put(job)
    first = lane._take()
    assert first == [jobs[0], jobs[4]]
    backlog.done(first)
    apart = lane._take()
    assert apart == [*jobs[1:4], jobs[5]]
    # while that hangs, who was answered may play on, with another lane; who is in it waits
    backlog.is_held_up(apart)
    for id_, player in (("g", 2), ("h", 1)):
        backlog.put(Job(bet(id_, 1, player=player), OwnerId(player), Ticket([None]), 0))
    assert [job.owner_id for job in other._take()] == [1]


def test_on_one_server_all_commit_together() -> None:
    backlog, jobs = Backlog(batch_operations_max=BATCH_MAX), mixed()
    for job in jobs:
        backlog.put(job)
    assert lane_of(backlog, may_be_on_citus=False)._take() == jobs
