"""The backlog beside others: who floods leaves them a lane, works in small batches, rests and gives way."""

from __future__ import annotations

import asyncio
import time

from unit.rivals import FLOOD, QUIET, THIRD, Told, job

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.engine.backlog import Backlog
from wallet_grpc.engine.tickets import Job

LIMIT = 100
BESIDE = 8
"""How large a batch of those who flood is beside others."""


def test_a_flood_leaves_a_lane_free_while_another_source_calls_now_and_then() -> None:
    rivalry = Told()
    backlog = Backlog(batch_operations_max=LIMIT, lanes_of_a_source=1, rivalry=rivalry)
    for index in range(500):
        backlog.put(job(index, index, FLOOD))
    first = backlog.take()
    assert len(first) == LIMIT
    assert backlog.take() == [], "it has its share of the lanes"
    backlog.put(job(1_000, 0, QUIET))
    second = backlog.take()
    assert QUIET in {taken.ticket.source for taken in second}
    assert len(second) <= 2
    backlog.done(second)
    rivalry.rivals = False
    assert len(backlog.take()) == LIMIT, "alone it has all lanes"


async def test_a_lane_is_woken_for_one_command_of_a_source_that_no_lane_works_for() -> None:
    backlog = Backlog(batch_operations_max=LIMIT, rivalry=Told())
    for index in range(LIMIT):
        backlog.put(job(index, index, FLOOD))
    first = backlog.take()
    idle = asyncio.create_task(backlog.changed())
    backlog.put(job(1_000, 0, FLOOD))
    await asyncio.sleep(0)
    assert not idle.done()
    backlog.put(job(1_001, 0, QUIET))
    await asyncio.wait_for(idle, 1)
    backlog.done(first)


class Beside:
    """A backlog whose flooding source has half of everything while another one calls."""

    def __init__(self, *floods: Source) -> None:
        self.now = 1_000.0
        self.rivalry = Told(*floods)
        self.backlog = Backlog(
            batch_operations_max=LIMIT,
            source_share=0.5,
            rivalry=self.rivalry,
            clock=lambda: self.now,
        )
        for index in range(500):
            self.backlog.put(job(index, index, FLOOD))

    def work(self, seconds: float) -> list[Job]:
        """Take a batch, and be done with it after a while."""
        batch = self.backlog.take()
        self.now += seconds
        self.backlog.done(batch)
        return batch


def test_beside_others_a_flood_works_in_small_batches_and_rests_as_long_as_it_worked() -> None:
    beside = Beside()
    assert len(beside.work(0.02)) == BESIDE
    beside.now += 0.019
    assert beside.backlog.take() == []
    beside.now += 0.002
    assert len(beside.work(0.02)) == BESIDE
    assert beside.backlog.take() == []
    beside.rivalry.rivals = False
    assert len(beside.backlog.take()) == LIMIT, "it waits for nobody who calls no more"


def test_a_batch_that_waited_for_the_database_is_not_rested_for_as_long() -> None:
    beside = Beside()
    beside.work(30)
    beside.now += 0.11
    assert len(beside.backlog.take()) == BESIDE


def test_others_are_served_while_a_flood_rests() -> None:
    beside = Beside()
    beside.work(0.02)
    beside.backlog.put(job(1_000, 0, QUIET))
    batch = beside.backlog.take()
    assert QUIET in {taken.ticket.source for taken in batch}
    assert len(batch) <= 2


def test_a_source_that_asks_for_little_does_not_rest() -> None:
    beside = Beside()
    modest = Backlog(batch_operations_max=LIMIT, source_share=0.5, rivalry=Told(), clock=lambda: beside.now)
    for operations in (1, BESIDE, 1):
        for index in range(operations):
            modest.put(job(index, index, QUIET))
        batch = modest.take()
        assert len(batch) == operations
        beside.now += 0.02
        modest.done(batch)


def test_a_flood_s_batches_beside_others_are_no_larger_where_batches_are_large() -> None:
    backlog = Backlog(batch_operations_max=5 * LIMIT, source_share=0.5, rivalry=Told())
    for index in range(5 * LIMIT):
        backlog.put(job(index, index, FLOOD))
    assert len(backlog.take()) == BESIDE


def test_nothing_is_begun_for_a_flood_that_has_to_give_way() -> None:
    beside = Beside()
    beside.rivalry.waits = True
    assert beside.backlog.take() == []
    beside.backlog.put(job(1_000, 0, QUIET))
    first = beside.backlog.take()
    assert QUIET in {taken.ticket.source for taken in first}, "but for the one to whom it gives way"
    assert len(first) <= 2
    assert beside.backlog.take() == []
    beside.rivalry.rivals = False
    assert len(beside.backlog.take()) == LIMIT, "it waits for nobody who calls no more"


def test_one_command_that_waits_for_a_busy_owner_frees_no_flood_of_its_bounds() -> None:
    beside = Beside()
    beside.backlog.put(job(7_000, 0, QUIET))
    busy = beside.backlog.take()
    assert [taken.owner_id for taken in busy if taken.ticket.source == QUIET] == [7_000]
    beside.backlog.put(job(7_000, 1, QUIET))
    beside.rivalry.waits = True
    assert beside.backlog.take() == [], "those who flood give way"
    beside.rivalry.waits = False
    flood = beside.backlog.take()
    assert len(flood) == BESIDE
    assert beside.backlog.take() == [], "they have their share of the lanes"
    beside.now += 0.02
    beside.backlog.done(flood)
    assert beside.backlog.take() == [], "they rest"
    beside.backlog.done(busy)
    assert QUIET in {taken.ticket.source for taken in beside.backlog.take()}


async def test_an_idle_lane_is_woken_when_a_flood_need_no_longer_give_way() -> None:
    beside = Beside()
    beside.rivalry.waits = True
    assert beside.backlog.take() == []
    idle = asyncio.create_task(beside.backlog.changed())
    await asyncio.sleep(0)
    beside.backlog.look_again()
    await asyncio.sleep(0)
    assert not idle.done()
    beside.rivalry.waits = False
    beside.backlog.look_again()
    await asyncio.wait_for(idle, 1)
    assert len(beside.backlog.take()) == BESIDE


def test_two_that_flood_have_together_what_one_has() -> None:
    beside = Beside(FLOOD, THIRD)
    for index in range(500):
        beside.backlog.put(job(5_000 + index, index, THIRD))
    batch = beside.work(0.02)
    assert len(batch) == BESIDE
    assert {taken.ticket.source for taken in batch} == {FLOOD, THIRD}
    assert beside.backlog.take() == [], "both rest"
    beside.now += 0.021
    assert len(beside.backlog.take()) == BESIDE
    assert beside.backlog.take() == [], "in one lane"
    beside.backlog.put(job(1_000, 0, QUIET))
    batch = beside.backlog.take()
    assert QUIET in {taken.ticket.source for taken in batch}
    assert len(batch) <= 3, "and not as many as both of them have left"


def test_the_rest_of_one_that_floods_is_the_rest_of_another() -> None:
    beside = Beside(FLOOD, THIRD)
    beside.work(0.02)
    for index in range(500):
        beside.backlog.put(job(5_000 + index, index, THIRD))
    assert beside.backlog.take() == []
    beside.rivalry.rivals = False
    assert len(beside.backlog.take()) == LIMIT, "who have nobody beside them share all there is"


async def test_an_idle_lane_is_woken_when_a_source_has_rested() -> None:
    backlog = Backlog(batch_operations_max=LIMIT, source_share=0.5, rivalry=Told())
    for index in range(500):
        backlog.put(job(index, index, FLOOD))
    batch = backlog.take()
    await asyncio.sleep(0.02)
    backlog.done(batch)
    assert backlog.take() == []
    await asyncio.wait_for(backlog.changed(), 1)
    assert len(backlog.take()) == BESIDE


async def test_a_timer_that_is_early_leaves_nobody_waiting() -> None:
    backlog = Backlog(batch_operations_max=LIMIT, source_share=0.5, rivalry=Told(), clock=lambda: time.monotonic() / 4)
    for index in range(500):
        backlog.put(job(index, index, FLOOD))
    batch = backlog.take()
    await asyncio.sleep(0.1)
    backlog.done(batch)
    assert backlog.take() == []
    await asyncio.wait_for(backlog.changed(), 2)
    assert len(backlog.take()) == BESIDE


async def test_an_idle_lane_does_not_look_on_and_on_after_a_rest() -> None:
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return time.monotonic()

    backlog = Backlog(batch_operations_max=LIMIT, source_share=0.5, rivalry=Told(), clock=clock)
    for index in range(BESIDE + 1):
        backlog.put(job(index, index, FLOOD))
    batch = backlog.take()
    await asyncio.sleep(0.02)
    backlog.done(batch)
    assert backlog.take() == []
    backlog.put(job(1_000, 0, QUIET))
    assert len(backlog.take()) == 2, "with another's command what rests is taken as well"
    idle = asyncio.create_task(backlog.changed())
    looks = 0
    await asyncio.sleep(0.1)
    assert looks < 10, "nothing waits: it looks once, when the rest is over"
    backlog.put(job(2_000, 0, THIRD))
    await asyncio.wait_for(idle, 1)


async def test_a_lane_is_woken_for_a_source_that_no_lane_works_for_however_little_is_at_work() -> None:
    backlog = Backlog(batch_operations_max=LIMIT, rivalry=Told())
    backlog.put(job(1, 0, FLOOD))
    first = backlog.take()
    idle = asyncio.create_task(backlog.changed())
    await asyncio.sleep(0)
    backlog.put(job(1_001, 0, QUIET))
    await asyncio.wait_for(idle, 1)
    assert len(backlog.take()) == 1
    backlog.done(first)


def test_a_batch_for_others_has_nothing_of_a_flood_that_has_to_give_way() -> None:
    beside = Beside()
    beside.rivalry.waits = True
    for index in range(3):
        beside.backlog.put(job(1_000 + index, index, QUIET))
    assert [taken.ticket.source for taken in beside.backlog.take()] == [QUIET] * 3
    assert beside.backlog.take() == []
    beside.rivalry.waits = False
    assert {taken.ticket.source for taken in beside.backlog.take()} == {FLOOD}, "and loses no place by it"


async def test_a_batch_of_a_flood_pauses_between_its_parts_and_a_batch_of_others_does_not() -> None:
    beside = Beside()
    batch = beside.backlog.take()
    beside.rivalry.waits = True
    pausing = asyncio.create_task(beside.backlog.pause(batch))
    async with asyncio.timeout(1):
        await beside.backlog.pause([job(1_000, 0, QUIET)])
        await beside.backlog.pause([*batch, job(1_001, 0, QUIET)])
    for _ in range(3):
        await asyncio.sleep(0)
    assert not pausing.done()
    beside.rivalry.let_go()
    await asyncio.wait_for(pausing, 1)
    beside.rivalry.waits, beside.rivalry.rivals = True, False
    await asyncio.wait_for(beside.backlog.pause(batch), 1)
