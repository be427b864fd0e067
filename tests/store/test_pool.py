"""The pool of connections: what is taken of it, who waits for it, and what an outage leaves of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from support.database import Installation
from support.proxy import Proxy

from wallet_grpc.store.connection.pool import ConnectionsBusyError, DatabaseUnavailableError, Pool
from wallet_grpc.tasks import end

_TURNS = 12
"""Of the event loop, from the connection's return on."""
_BACK_WITHIN_S = 8.0
"""The pool looks again after half a second at most, and beside an attempt that is silent after one; the rest is for a
machine that does other things as well. What it must not wait for takes ten seconds and more."""
_PATIENCE_S = 10.0
newest = pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])
"""Of what takes seconds and does not depend on the version."""


@pytest.fixture
def proxy(ledger: Installation) -> Iterator[Proxy]:
    with Proxy(ledger.service_dsn) as standing:
        yield standing


@asynccontextmanager
async def open_pool(
    dsn: str, *, connections_max: int = 1, waiting_max: int = 20, wait_ms: int = 5_000, timeout_ms: int = 5_000
) -> AsyncIterator[Pool]:
    pool = Pool(dsn, connections_max=connections_max, waiting_max=waiting_max, wait_ms=wait_ms, timeout_ms=timeout_ms)
    try:
        yield pool
    finally:
        await pool.close()


async def read(pool: Pool) -> Any:
    async with pool.connection() as connection:
        return await (await connection.execute("SELECT 1")).fetchone()


async def works(pool: Pool) -> None:
    """Do as every worker does: a look at the database, a pause, for ever."""
    while True:
        await read(pool)
        await asyncio.sleep(0.01)


async def back_after_s(pool: Pool) -> float:
    """Try until a read succeeds; how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE_S:
        try:
            await read(pool)
        except DatabaseUnavailableError:
            await asyncio.sleep(0.01)
        else:
            break
    return time.monotonic() - began


async def is_there(pool: Pool) -> None:
    """See that it works; its first connection may take longer than anybody waits for one."""
    assert await back_after_s(pool) < _PATIENCE_S


@pytest.mark.parametrize("turns", range(_TURNS))
async def test_a_worker_that_is_cancelled_as_it_is_given_a_connection(ledger: Installation, turns: int) -> None:
    async with open_pool(ledger.service_dsn) as pool:
        async with pool.connection():
            worker = asyncio.create_task(works(pool))
            await asyncio.sleep(0.05)  # by now it waits for the only connection
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(_PATIENCE_S):
            await end([worker])
        assert worker.cancelled()
        assert await read(pool) == (1,)


async def test_more_readers_than_it_has_room_for_are_told_that_it_is_busy_and_the_others_are_served(
    ledger: Installation,
) -> None:
    async with open_pool(ledger.service_dsn, connections_max=2, waiting_max=10) as pool:
        await read(pool)
        answers = await asyncio.gather(*(read(pool) for _ in range(250)), return_exceptions=True)
        served = [answer for answer in answers if answer == (1,)]
        assert len(served) >= 10
        refused = [answer for answer in answers if answer != (1,)]
        assert refused
        assert {type(answer) for answer in refused} == {ConnectionsBusyError}
        assert await read(pool) == (1,)


async def test_a_reader_that_waits_too_long_behind_others_is_told_that_it_is_busy(ledger: Installation) -> None:
    async with open_pool(ledger.service_dsn, wait_ms=1_000) as pool, pool.connection() as connection:
        busy = asyncio.create_task(read(pool))
        while not busy.done():
            await connection.execute("SELECT 1")
        with pytest.raises(ConnectionsBusyError):
            await busy


@pytest.mark.parametrize("readers", [0, 200])
async def test_it_is_back_as_soon_as_the_database_is(ledger: Installation, proxy: Proxy, readers: int) -> None:
    """However many asked meanwhile, and whatever the room for those who wait."""
    async with open_pool(proxy.before(ledger.service_dsn), connections_max=2, wait_ms=200) as pool:
        await is_there(pool)
        proxy.refuse()
        for _ in range(2):  # of the first, those whom there is no room for learn of that alone
            asked = await asyncio.gather(*(read(pool) for _ in range(readers)), return_exceptions=True)
        assert {type(answer) for answer in asked} <= {DatabaseUnavailableError}
        proxy.serve()
        assert await back_after_s(pool) < _BACK_WITHIN_S


async def test_who_waits_while_the_database_is_restarted_is_served(ledger: Installation, proxy: Proxy) -> None:
    async with open_pool(proxy.before(ledger.service_dsn), connections_max=2) as pool:
        assert await read(pool) == (1,)
        proxy.refuse()
        waiting = [asyncio.create_task(read(pool)) for _ in range(10)]
        await asyncio.sleep(0.3)
        proxy.serve()
        assert await asyncio.gather(*waiting) == [(1,)] * 10


@newest
async def test_it_is_back_from_a_network_that_swallowed_everything(ledger: Installation, proxy: Proxy) -> None:
    """Old connections never answer again, attempts under way neither: only new ones do."""
    async with open_pool(proxy.before(ledger.service_dsn), connections_max=2, wait_ms=500, timeout_ms=30_000) as pool:
        await is_there(pool)
        proxy.fall_silent()
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            asked = await asyncio.gather(*(read(pool) for _ in range(5)), return_exceptions=True)
            assert {type(answer) for answer in asked} == {DatabaseUnavailableError}
        proxy.serve()
        assert await back_after_s(pool) < _BACK_WITHIN_S


@newest
async def test_a_statement_that_is_never_answered_costs_its_connection_and_no_more(
    ledger: Installation, proxy: Proxy
) -> None:
    async with open_pool(proxy.before(ledger.service_dsn), timeout_ms=500) as pool:
        connection = await pool.take_sound()
        proxy.fall_silent()
        with pytest.raises(psycopg.OperationalError):
            await connection.execute("SELECT 1")
        await pool.give_back(connection)
        proxy.serve()
        assert await back_after_s(pool) < _BACK_WITHIN_S


@newest
@pytest.mark.parametrize("refused_by", ["password", "full server"])
async def test_it_is_back_from_a_server_that_let_nobody_in(own_ledger: Installation, refused_by: str) -> None:
    """A password that was changed too early (28P01), and a server out of connections (53300)."""
    role = f"wallet_pool_test_{refused_by.split(maxsplit=1)[0]}"
    with own_ledger.connect(autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right' IN ROLE wallet_service")
        try:
            async with open_pool(own_ledger.cluster.dsn(own_ledger.database, user=role, password="right")) as pool:
                assert await read(pool) == (1,)
                change, undo = {
                    "password": ("PASSWORD 'wrong'", "PASSWORD 'right'"),
                    "full server": ("CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
                }[refused_by]
                admin.execute(f"ALTER ROLE {role} {change}")
                admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [role])
                waiting = [asyncio.create_task(read(pool)) for _ in range(10)]
                await asyncio.sleep(0.3)
                admin.execute(f"ALTER ROLE {role} {undo}")
                asked = await asyncio.gather(*waiting, return_exceptions=True)
                assert {answer if answer == (1,) else type(answer) for answer in asked} <= {
                    (1,),
                    DatabaseUnavailableError,
                }
                assert await back_after_s(pool) < _BACK_WITHIN_S
        finally:
            admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [role])
            admin.execute(f"DROP ROLE {role}")


async def test_a_connection_that_is_given_back_in_a_transaction_is_not_lent_again(ledger: Installation) -> None:
    async with open_pool(ledger.service_dsn) as pool:
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            left = connection.info.backend_pid
        async with pool.connection() as connection:
            assert connection.info.backend_pid != left
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


async def test_a_pool_that_is_closed_lets_nobody_wait(ledger: Installation) -> None:
    async with open_pool(ledger.service_dsn) as pool, pool.connection():
        waiting = asyncio.create_task(read(pool))
        await asyncio.sleep(0.05)
        await pool.close()
        with pytest.raises(DatabaseUnavailableError):
            await asyncio.wait_for(waiting, _PATIENCE_S)
        with pytest.raises(DatabaseUnavailableError):
            await read(pool)


@newest
async def test_it_is_back_from_a_silent_network_when_its_readers_gave_up_first(
    ledger: Installation, proxy: Proxy
) -> None:
    """Whoever gives up frees the connection at once: a cancel would go nowhere, and wait there for ten seconds."""
    async with open_pool(proxy.before(ledger.service_dsn), wait_ms=500, timeout_ms=30_000) as pool:
        await is_there(pool)
        proxy.fall_silent()
        readers = [asyncio.create_task(read(pool)) for _ in range(2)]
        await asyncio.sleep(0.2)
        for reader in readers:
            reader.cancel()
        proxy.serve()
        assert await back_after_s(pool) < _BACK_WITHIN_S
        await asyncio.gather(*readers, return_exceptions=True)
