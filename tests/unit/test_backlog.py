"""The backlog: owners keep their order, no two lanes share one, a second lane joins only when there is enough, and
sources take turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.engine.backlog import Backlog
from wallet_grpc.engine.tickets import Job, Ticket

LIMIT = 100
ENOUGH = 64


FLOOD, QUIET, THIRD = Source("flood"), Source("quiet"), Source("third")


class Told:
    """A rivalry in which one source floods, and others call, or none."""

    def __init__(self, *floods: Source) -> None:
        self._floods = floods or (FLOOD,)
        self.rivals = True
        self.waits = False

    def floods(self, source: Source | None) -> bool:
        return source in self._floods

    def has_rivals(self, _sources: Collection[Source | None]) -> bool:
        return self.rivals

    def gives_way(self) -> bool:
        return self.waits


def job(owner_id: int, index: int = 0, source: Source | None = None) -> Job:
    return Job(None, owner_id, Ticket([None], source=source), index)  # type: ignore[arg-type] - the backlog looks at owners only


def backlog_of(owner_ids: Sequence[int], *, limit: int = LIMIT) -> Backlog:
    backlog = Backlog(batch_operations_max=limit)
    for index, owner_id in enumerate(owner_ids):
        backlog.put(job(owner_id, index))
    return backlog


def test_a_lane_takes_what_waits_up_to_a_batch() -> None:
    backlog = backlog_of(range(150))
    assert [taken.owner_id for taken in backlog.take()] == list(range(100))
    assert len(backlog) == 50


@pytest.mark.parametrize(("waiting", "taken"), [(ENOUGH - 1, 0), (ENOUGH, ENOUGH)])
def test_a_second_lane_joins_from_a_worthwhile_number_on(waiting: int, taken: int) -> None:
    backlog = backlog_of([1])
    backlog.take()
    for owner_id in range(2, 2 + waiting):
        backlog.put(job(owner_id))
    assert len(backlog.take()) == taken


def test_lanes_of_one_mutation_a_transaction_all_work() -> None:
    backlog = backlog_of([1, 2, 3], limit=1)
    assert [len(backlog.take()) for _ in range(4)] == [1, 1, 1, 0]


def test_an_owner_who_is_worked_on_waits_and_keeps_the_order() -> None:
    backlog = backlog_of([7])
    first = backlog.take()
    for index, owner_id in enumerate([7, 8] * ENOUGH):
        backlog.put(job(owner_id, index))
    second = backlog.take()
    assert {taken.owner_id for taken in second} == {8}
    backlog.done(first)
    backlog.done(second)
    third = backlog.take()
    assert [taken.index for taken in third] == list(range(0, 2 * ENOUGH, 2))


def test_what_is_looked_through_in_one_turn_is_bounded() -> None:
    backlog = backlog_of([7], limit=2)
    backlog.take()
    for _ in range(100):
        backlog.put(job(7))
    backlog.put(job(8))
    assert backlog.take() == []
    assert len(backlog) == 101


async def test_an_idle_lane_is_woken_by_what_it_can_take() -> None:
    backlog = backlog_of([7])
    first = backlog.take()
    idle = asyncio.create_task(backlog.changed())
    backlog.put(job(8))
    await asyncio.sleep(0)
    assert not idle.done(), "one waiting command is not worth a second lane"
    for owner_id in range(9, 8 + ENOUGH):
        backlog.put(job(owner_id))
    await asyncio.wait_for(idle, 1)
    backlog.done(first)


async def test_a_batch_that_leaves_enough_behind_wakes_another_lane() -> None:
    backlog = backlog_of(range(LIMIT + ENOUGH))
    idle = asyncio.create_task(backlog.changed())
    await asyncio.sleep(0)
    backlog.take()
    await asyncio.wait_for(idle, 1)


def test_sources_take_turns_and_a_batch_ends_when_only_the_flood_has_more() -> None:
    rivalry = Told()
    backlog = Backlog(batch_operations_max=LIMIT, rivalry=rivalry)
    for index in range(500):
        backlog.put(job(index, index, FLOOD))
    for index in range(3):
        backlog.put(job(1_000 + index, index, QUIET))
    batch = backlog.take()
    assert [taken.index for taken in batch if taken.ticket.source == QUIET] == [0, 1, 2]
    assert len(batch) <= 7
    assert len(backlog) == 503 - len(batch)
    backlog.done(batch)
    rivalry.rivals = False
    assert len(backlog.take()) == LIMIT, "and alone the flood has whole batches again"


def test_what_fits_into_one_batch_is_taken_whole_whoever_it_is_of() -> None:
    backlog = Backlog(batch_operations_max=LIMIT)
    for index in range(90):
        backlog.put(job(index, index, FLOOD))
    backlog.put(job(1_000, 0, QUIET))
    assert len(backlog.take()) == 91


def test_turns_go_on_from_batch_to_batch() -> None:
    backlog = Backlog(batch_operations_max=1)
    for index in range(10):
        backlog.put(job(index, index, FLOOD))
        backlog.put(job(100 + index, index, QUIET))
    taken = [backlog.take()[0].ticket.source for _ in range(10)]
    assert set(taken[:2]) == set(taken[2:4]) == {FLOOD, QUIET}


def test_an_owner_of_two_sources_keeps_the_order_and_its_earlier_commands_jump_the_queue_with_it() -> None:
    backlog = Backlog(batch_operations_max=LIMIT)
    for index in range(400):
        backlog.put(job(index, index, FLOOD))
    backlog.put(job(7_777, 400, FLOOD))
    backlog.put(job(7_777, 401, QUIET))
    batch = backlog.take()
    assert [taken.index for taken in batch if taken.owner_id == 7_777] == [400, 401]
    left = len(backlog)
    backlog.done(batch)
    rest = []
    while backlog:
        batch = backlog.take()
        rest += batch
        backlog.done(batch)
    assert len(rest) == left
    assert all(taken.owner_id != 7_777 for taken in rest), "nothing is taken twice"


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
    assert len(beside.work(0.02)) == LIMIT // 4
    beside.now += 0.019
    assert beside.backlog.take() == []
    beside.now += 0.002
    assert len(beside.work(0.02)) == LIMIT // 4
    assert beside.backlog.take() == []
    beside.rivalry.rivals = False
    assert len(beside.backlog.take()) == LIMIT, "it waits for nobody who calls no more"


def test_a_batch_that_waited_for_the_database_is_not_rested_for_as_long() -> None:
    beside = Beside()
    beside.work(30)
    beside.now += 0.11
    assert len(beside.backlog.take()) == LIMIT // 4


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
    for operations in (1, LIMIT // 4, 1):
        for index in range(operations):
            modest.put(job(index, index, QUIET))
        batch = modest.take()
        assert len(batch) == operations
        beside.now += 0.02
        modest.done(batch)


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
    assert len(beside.backlog.take()) == LIMIT // 4


def test_two_that_flood_have_together_what_one_has() -> None:
    beside = Beside(FLOOD, THIRD)
    for index in range(500):
        beside.backlog.put(job(5_000 + index, index, THIRD))
    batch = beside.work(0.02)
    assert len(batch) == LIMIT // 4
    assert {taken.ticket.source for taken in batch} == {FLOOD, THIRD}
    assert beside.backlog.take() == [], "both rest"
    beside.now += 0.021
    assert len(beside.backlog.take()) == LIMIT // 4
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
    assert len(backlog.take()) == LIMIT // 4


async def test_a_timer_that_is_early_leaves_nobody_waiting() -> None:
    backlog = Backlog(batch_operations_max=LIMIT, source_share=0.5, rivalry=Told(), clock=lambda: time.monotonic() / 4)
    for index in range(500):
        backlog.put(job(index, index, FLOOD))
    batch = backlog.take()
    await asyncio.sleep(0.1)
    backlog.done(batch)
    assert backlog.take() == []
    await asyncio.wait_for(backlog.changed(), 2)
    assert len(backlog.take()) == LIMIT // 4


async def test_an_idle_lane_does_not_look_on_and_on_after_a_rest() -> None:
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return time.monotonic()

    backlog = Backlog(batch_operations_max=LIMIT, source_share=0.5, rivalry=Told(), clock=clock)
    for index in range(LIMIT // 4 + 1):
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


@given(
    commands=st.lists(st.tuples(st.integers(1, 5), st.sampled_from([FLOOD, QUIET, THIRD])), min_size=1, max_size=60),
    early=st.integers(0, 60),
    limit=st.integers(1, 10),
    steps=st.lists(st.sampled_from(["take", "done"]), max_size=80),
)
def test_any_interleaving_keeps_each_owner_in_order_and_with_one_lane(
    commands: list[tuple[int, Source]], early: int, limit: int, steps: list[str]
) -> None:
    backlog = Backlog(batch_operations_max=limit)
    waiting = [job(owner_id, index, source) for index, (owner_id, source) in enumerate(commands)]
    working: list[list[Job]] = []
    order: list[Job] = []
    for number, step in enumerate([*steps, *["done", "take"] * (2 * len(commands))]):
        while waiting and (number > 0 or waiting[0].index < early):  # some come early, the others after the first step
            backlog.put(waiting.pop(0))
        if step == "take":
            batch = backlog.take()
            owners = {taken.owner_id for taken in batch}
            assert all(owners.isdisjoint({taken.owner_id for taken in other}) for other in working)
            if batch:
                working.append(batch)
                order += batch
        elif working:
            backlog.done(working.pop(0))
    assert len(order) == len(commands)
    assert not backlog
    for owner_id in {owner_id for owner_id, _ in commands}:
        indexes = [taken.index for taken in order if taken.owner_id == owner_id]
        assert indexes == sorted(indexes)
