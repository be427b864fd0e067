"""The backlog: owners keep their order, no two lanes share one, a second lane joins only when there is enough, and
sources take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.rivals import FLOOD, QUIET, THIRD, Told, job

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.engine.backlog import Backlog
from wallet_grpc.engine.tickets import Job

LIMIT = 100
ENOUGH = 64


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


def test_a_batch_that_is_held_up_is_no_company() -> None:
    """Who calls meanwhile is served by another lane, however few they are; but its owners stay its own."""
    backlog = backlog_of([1])
    held = backlog.take()
    for owner_id in (1, 2):
        backlog.put(job(owner_id))
    assert backlog.take() == []
    backlog.is_held_up(held)
    others = backlog.take()
    assert [other.owner_id for other in others] == [2]
    for batch in (held, others):
        backlog.done(batch)
    assert [later.owner_id for later in backlog.take()] == [1]


def test_lanes_of_one_mutation_a_transaction_all_work() -> None:
    backlog = backlog_of([1, 2, 3], limit=1)
    assert [len(backlog.take()) for _ in range(4)] == [1, 1, 1, 0]


def test_a_backlog_stands_still_while_no_batch_ends() -> None:
    now = 0.0
    backlog = Backlog(batch_operations_max=1, clock=lambda: now)
    for owner_id in range(4):
        backlog.put(job(owner_id))
    first, second = backlog.take(), backlog.take()
    now = 0.9
    assert not backlog.stands_still
    backlog.done(first)
    now = 1.8
    assert not backlog.stands_still, "a batch ended meanwhile"
    now = 2.0
    assert backlog.stands_still
    assert [given_up.owner_id for given_up in backlog.drain()] == [2, 3]
    assert len(backlog) == 0
    backlog.done(second)
    assert not backlog.stands_still, "nobody is at work"


def test_what_is_given_up_is_of_every_source() -> None:
    backlog = Backlog(batch_operations_max=1)
    for index, source in enumerate([QUIET, FLOOD, THIRD, FLOOD]):
        backlog.put(job(index, source=source))
    assert {given_up.owner_id for given_up in backlog.drain()} == {0, 1, 2, 3}
    assert backlog.take() == []


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
