"""Statements that are asked in one round trip: each has its own time limit, as if it were asked alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import waiting
from support.database import Installation

from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cells
from wallet_grpc.store.backoffice.search import Search
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.dialing import BoundedConnection, together
from wallet_grpc.store.connection.kinds import connect_async
from wallet_grpc.store.connection.pool import Pool

_MANY = 20
newest = pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])


@pytest_asyncio.fixture
async def connection(ledger: Installation) -> AsyncIterator[BoundedConnection]:
    """A connection that waits half a second and the margin, of a server that would let a statement take a minute."""
    made = await connect_async(ledger.service_dsn, kinds.pooled(writes=False, timeout_ms=60_000).of_cell(ONLY_CELL))
    made.answer_within_s = 1.5
    yield made
    await made.close()


async def slept(connection: BoundedConnection, asking: AbstractAsyncContextManager[Any]) -> int:
    """Ask for many naps, of two seconds in all; gives how many were answered."""
    async with asking:
        cursors = [connection.cursor() for _ in range(_MANY)]
        for cursor in cursors:
            await cursor.execute("SELECT pg_sleep(0.1)")
        return sum([len(await cursor.fetchall()) for cursor in cursors])


@newest
async def test_many_that_take_longer_than_one_may_are_answered(connection: BoundedConnection) -> None:
    assert await slept(connection, together(connection, _MANY)) == _MANY
    assert connection.answer_within_s == 1.5


@newest
async def test_who_does_not_tell_that_there_are_many_has_the_time_of_one(connection: BoundedConnection) -> None:
    with pytest.raises(psycopg.OperationalError):
        await slept(connection, connection.pipeline())
    assert connection.closed


@newest
async def test_a_search_gives_each_of_its_statements_the_time_of_a_query(
    ledger: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What all cells share is asked by two or three statements, a cell by three and more."""
    allowed: set[float] = set()
    wait = waiting.wait_async

    async def noted(gen: Any, fileno: int, interval: float, within_s: float) -> Any:
        allowed.add(within_s)
        return await wait(gen, fileno, interval, within_s)

    pools = [
        Pool(ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000, cell=cell,
             kind=kinds.backoffice(timeout_ms=5_000))
        for cell in (None, ONLY_CELL)
    ]  # fmt: skip
    shared, of_cell = pools
    search = Search(shared, ByCell(Cells(1), {ONLY_CELL: of_cell}))
    try:
        assert (await search.find("nothing")).hits == []  # connected
        monkeypatch.setattr(waiting, "wait_async", noted)
        assert (await search.find("nothing")).hits == []
    finally:
        for pool in pools:
            await pool.close()
    assert {2 * 5 + 1, 3 * 5 + 1} <= allowed
