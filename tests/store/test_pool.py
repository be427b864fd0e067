"""A worker that is cancelled at any moment of its wait for a connection ends, and leaves the pool whole."""

import asyncio

import pytest
from support.database import Installation

from wallet_grpc.store.pool import Pool
from wallet_grpc.tasks import end

_TURNS = 12
"""Of the event loop, from the connection's return on. In the first three a cancellation gets lost: measured."""


async def _works(pool: Pool) -> None:
    """Do as every worker does: a look at the database, a pause, for ever."""
    while True:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("turns", range(_TURNS))
async def test_a_worker_that_is_cancelled_as_it_is_given_a_connection(ledger: Installation, turns: int) -> None:
    pool = Pool(ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000)
    await pool.open()
    try:
        async with pool.connection():
            worker = asyncio.create_task(_works(pool))
            await asyncio.sleep(0.05)  # by now it waits for the only connection
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await end([worker])
        assert worker.cancelled()
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    finally:
        await pool.close()
