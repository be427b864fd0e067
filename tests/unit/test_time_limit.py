"""A limit of time ends what takes too long, and is taken for nobody else's cancellation."""

from __future__ import annotations

import asyncio

import pytest

from wallet_grpc.rpc.time_limit import TimeLimit

LONG_S = 30.0


async def test_what_takes_too_long_ends_with_a_timeout() -> None:
    with pytest.raises(TimeoutError), TimeLimit(0.01):
        await asyncio.sleep(LONG_S)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling(), "and leaves nothing of the cancellation behind"


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_without_any_time_left_the_first_wait_ends(seconds: float) -> None:
    with pytest.raises(TimeoutError), TimeLimit(seconds):
        await asyncio.sleep(LONG_S)


async def test_what_ends_in_time_is_left_alone() -> None:
    with TimeLimit(0.01):
        await asyncio.sleep(0)
    await asyncio.sleep(0.03)


async def test_an_error_in_the_block_is_not_replaced() -> None:
    with pytest.raises(ZeroDivisionError), TimeLimit(LONG_S):
        raise ZeroDivisionError


async def test_somebody_elses_cancellation_stays_one() -> None:
    async def work() -> None:
        with TimeLimit(LONG_S):
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_with_the_end_of_the_time_stays_one() -> None:
    async def work() -> None:
        with TimeLimit(0.0):
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)  # it waits, and its time is over in the next turn
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
