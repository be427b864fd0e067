"""A database that goes away between two steps of a batch: it is stored whole or not at all, and the lane says which."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from store.lanes import SteppedLane, until
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import bet, bet_and_win, deposit

from wallet_grpc.store.batch.store import OutcomeUnknownError
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool

NewLane = Callable[..., SteppedLane]

_SOON_S = 20.0
_TIMEOUT_MS = 2_000
_GIVEN_UP_S = 8 * _TIMEOUT_MS / 1000
"""A round trip and what looks after it each have their time."""
newest = pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])
"""Of what takes seconds and does not depend on the version."""

STORES = "SELECT count(*) FROM ledger_transactions"


@contextmanager
def table_held(ledger: Installation) -> Iterator[None]:
    """Hold a table that every store writes, so that a load goes through and a store starts and does not end."""
    with ledger.connect() as connection:
        connection.execute("LOCK TABLE ledger_transactions IN SHARE MODE")
        yield
        connection.rollback()


async def until_storing(admin: psycopg.Connection) -> int:
    """Wait until a lane's store waits for the table, and give its backend."""
    found: list[tuple[int]] = []

    def stores() -> bool:
        found[:] = admin.execute(
            """
            SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'wallet-lane-ledger' AND wait_event_type = 'Lock'
            """
        ).fetchall()
        return bool(found)

    await until(stores)
    return found[0][0]


async def until_done(admin: psycopg.Connection, pid: int) -> None:
    """Wait until a backend has ended what it was at."""
    at_work = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state <> 'idle'"
    await until(lambda: admin.execute(at_work, [pid]).fetchone() is None)


@pytest.mark.parametrize("which", ["locks", "ledger"])
async def test_a_backend_killed_between_batches_costs_one_try(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection, which: str
) -> None:
    lane = new_lane()
    await lane.accepted(deposit("d", 100))
    connection = lane.store._locks if which == "locks" else lane.store._ledger
    assert connection is not None
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.backend_pid])
    try:
        await lane.attempt(bet("x", 10))
    except (DatabaseUnavailableError, OutcomeUnknownError):
        assert ledger.rows(STORES) == [(1,)]
    assert (await lane.accepted(bet("x", 10))).balance_after_minor == 90
    check_invariants(ledger)


async def test_a_backend_killed_while_it_stores_leaves_the_outcome_unknown(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection
) -> None:
    lane = new_lane()
    await lane.accepted(deposit("d", 100))
    with table_held(ledger):
        storing = asyncio.create_task(lane.attempt(bet("x", 10), bet_and_win("y")))
        pid = await until_storing(admin)
        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises((OutcomeUnknownError, DatabaseUnavailableError)):
            await asyncio.wait_for(storing, _SOON_S)
    assert ledger.rows(STORES) == [(1,)]
    assert (await lane.accepted(bet("x", 10))).replayed is False


async def test_a_store_that_takes_too_long_is_undone(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection
) -> None:
    lane, other = new_lane(timeout_ms=_TIMEOUT_MS), new_lane()
    await other.accepted(deposit("d", 100))
    with table_held(ledger):
        storing = asyncio.create_task(lane.attempt(bet("x", 60)))
        await until_storing(admin)
        with pytest.raises((OutcomeUnknownError, DatabaseUnavailableError)):
            await asyncio.wait_for(storing, _SOON_S)
    await other.accepted(bet("y", 60))
    assert (await lane.refused(bet("x", 60))).metadata["balance_minor"] == "40"
    check_invariants(ledger)


@newest
async def test_a_store_whose_answer_is_lost_is_a_replay_for_its_retry(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection
) -> None:
    """The backend stops while it stores, is given up, and commits all the same once it goes on."""
    lane, other = new_lane(timeout_ms=_TIMEOUT_MS), new_lane()
    await lane.accepted(deposit("d", 100))
    batch = await lane.decide(bet("x", 60))
    assert lane.store._ledger is not None
    pid = lane.store._ledger.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(OutcomeUnknownError):
            await asyncio.wait_for(lane.write(batch), _GIVEN_UP_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    await until_done(admin, pid)
    first = await other.accepted(bet("x", 60))
    assert first.balance_after_minor == 40
    again = await lane.accepted(bet("x", 60))
    assert (again.tx_id, again.replayed) == (first.tx_id, True)
    check_invariants(ledger)


@newest
async def test_a_store_that_was_given_up_loses_to_the_retry_that_came_before_its_commit(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection
) -> None:
    lane = new_lane(timeout_ms=_TIMEOUT_MS)
    await lane.accepted(deposit("d", 100))
    batch = await lane.decide(bet("x", 60))
    assert lane.store._ledger is not None
    pid = lane.store._ledger.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(OutcomeUnknownError):
            await asyncio.wait_for(lane.write(batch), _GIVEN_UP_S)
        retried = await lane.accepted(bet("x", 60))
        assert retried.replayed is False
    finally:
        os.kill(pid, signal.SIGCONT)
    await until_done(admin, pid)
    assert ledger.rows("SELECT tx_id::TEXT FROM ledger_transactions WHERE reference = 'x'") == [(retried.tx_id,)]
    assert ledger.rows("SELECT balance_minor FROM account_balances WHERE owner_id = 1") == [(40,)]
    check_invariants(ledger)


@newest
async def test_a_database_that_does_not_answer_a_load_is_unavailable(ledger: Installation, new_lane: NewLane) -> None:
    lane = new_lane(timeout_ms=_TIMEOUT_MS)
    await lane.accepted(deposit("d", 100))
    assert lane.store._locks is not None
    pid = lane.store._locks.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnavailableError):
            await asyncio.wait_for(lane.decide(bet("x", 60)), _GIVEN_UP_S)
        await asyncio.wait_for(lane.accepted(bet("x", 60)), _SOON_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    check_invariants(ledger)


# ------------------------------------------------------------------------------------------------------------ read-only


@contextmanager
def read_only(ledger: Installation, admin: psycopg.Connection) -> Iterator[None]:
    """Make the database read-only, as a managed service does when its disk is full; for all who connect from now on."""
    name = sql.Identifier(ledger.database)
    admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    yield
    admin.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))


async def test_a_read_only_primary_is_unavailable_and_the_lane_looks_for_a_better_one(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection
) -> None:
    lane = new_lane()
    await lane.accepted(deposit("d", 100))
    with read_only(ledger, admin):
        for _ in range(3):
            with pytest.raises(DatabaseUnavailableError):
                await lane.send(bet("x", 60))
    assert (await lane.accepted(bet("x", 60))).balance_after_minor == 40
    check_invariants(ledger)


async def test_a_pool_that_writes_looks_for_a_better_server_than_a_read_only_one(
    ledger: Installation, admin: psycopg.Connection
) -> None:
    pool = Pool(ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000, writes=True)

    async def write() -> None:
        async with pool.connection() as connection:
            await connection.execute("UPDATE withdrawals SET state = state")

    try:
        await write()
        with read_only(ledger, admin):
            for _ in range(3):
                with pytest.raises(DatabaseUnavailableError):
                    await write()
        await write()
    finally:
        await pool.close()
