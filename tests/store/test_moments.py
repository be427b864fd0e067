"""Answers about the past: what they wait for, what they do not, and what is refused so that they can be final."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
import pytest_asyncio
from store.lanes import SteppedLane, until
from support.database import Installation
from unit.desk import BOB, bet, deposit

from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.store.batch import store
from wallet_grpc.store.batch.store import LostRaceError
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads import moments
from wallet_grpc.store.reads.moments import FutureMomentError, Moments, UnsettledMomentError, clock_class_of

NewLane = Callable[..., SteppedLane]
Settle = Callable[[], "asyncio.Task[datetime]"]


@pytest_asyncio.fixture
async def settling(ledger: Installation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settle]:
    """Begin to settle the present, as a reader with the fewest rights that there are; gives the moment."""
    monkeypatch.setattr(moments, "WAIT_MAX_S", 30.0)
    async with await psycopg.AsyncConnection.connect(ledger.api_dsn, autocommit=True) as connection:

        async def ask(statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
            return await (await connection.execute(statement, parameters)).fetchall()

        async def settle() -> datetime:
            past = Moments(ask)
            moment = await past.now()
            await past.settle(moment)
            return moment

        yield lambda: asyncio.create_task(settle())


def times(admin: psycopg.Connection) -> list[datetime]:
    return [row[0] for row in admin.execute("SELECT created_at FROM ledger_transactions").fetchall()]


async def stays(task: "asyncio.Task[Any]") -> None:
    """See that a task goes on, for as long as it would take to end."""
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done, task


async def test_with_nothing_under_way_the_present_is_settled_at_once(settling: Settle) -> None:
    assert datetime.now(UTC) - await settling() < timedelta(seconds=30)


async def test_a_batch_that_is_decided_and_not_stored_is_waited_for(
    new_lane: NewLane, admin: psycopg.Connection, settling: Settle
) -> None:
    lane = new_lane()
    batch = await lane.decide(deposit("d"))
    settled = settling()
    await stays(settled)
    await lane.write(batch)
    await stays(settled)  # it may go on until the owners are free, which is no longer than the next load
    await lane.store.release()
    assert [created_at < await settled for created_at in times(admin)] == [True]


async def test_a_store_is_waited_for_also_when_its_locks_are_lost(
    new_lane: NewLane, admin: psycopg.Connection, ledger: Installation, settling: Settle
) -> None:
    lane = new_lane(lock_timeout_ms=20_000, timeout_ms=30_000)
    await lane.send(deposit("d", player=BOB))
    batch = await lane.decide(bet("x", player=BOB))
    with ledger.connect() as holder:
        holder.execute("SELECT FROM account_balances WHERE owner_id = %s FOR UPDATE", [BOB])
        storing = asyncio.create_task(lane.write(batch))
        waits = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'wallet-lane-ledger' AND wait_event_type = 'Lock'"
        )
        await until(lambda: bool(ledger.rows(waits)))
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'wallet-lane-locks' AND datname = current_database()"
        )
        settled = settling()
        await stays(settled)
        assert len(times(admin)) == 1
    await storing
    moment = await settled
    assert len(times(admin)) == 2
    assert all(created_at < moment for created_at in times(admin))


async def test_a_batch_whose_locks_are_lost_before_it_is_stored_is_decided_anew(
    new_lane: NewLane, admin: psycopg.Connection, settling: Settle
) -> None:
    """Nobody waits for it: it takes another time."""
    lane = new_lane()
    batch = await lane.decide(deposit("d"))
    admin.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE application_name = 'wallet-lane-locks' AND datname = current_database()"
    )
    moment = await settling()
    with pytest.raises(LostRaceError):
        await lane.write(batch)
    await lane.send(deposit("d"))
    assert [created_at > moment for created_at in times(admin)] == [True]


async def test_a_poster_that_has_taken_its_time_is_waited_for(ledger: Installation, settling: Settle) -> None:
    with psycopg.connect(ledger.service_dsn) as poster:
        named = {"lock_id": 7, "clock_class": clock_class_of(ONLY_CELL)}
        poster.execute(statements("wallet_grpc.store.background", "wallet_postings.sql")["try_ledger"], named)
        settled = settling()
        await stays(settled)
        poster.commit()
        await settled


async def test_who_reads_locks_or_builds_holds_nobody_up(
    new_lane: NewLane, ledger: Installation, settling: Settle
) -> None:
    await new_lane().send(deposit("d"))
    with ledger.connect() as reader, ledger.connect() as locker, ledger.connect() as builder:
        reader.execute("SELECT count(*) FROM ledger_transactions")
        locker.execute("SELECT FROM account_balances FOR UPDATE")
        locker.execute("SELECT pg_advisory_lock(1)")
        builder.execute("CREATE TABLE of_somebody (n INT)")
        builder.execute("LOCK TABLE ledger_transactions IN SHARE UPDATE EXCLUSIVE MODE")
        await settling()
        builder.rollback()


async def test_a_moment_ahead_is_waited_for_or_refused(ledger: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await psycopg.AsyncConnection.connect(ledger.service_dsn, autocommit=True) as connection:

        async def ask(statement: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
            return await (await connection.execute(statement, parameters)).fetchall()

        past = Moments(ask)
        soon = await past.now() + timedelta(seconds=0.3)
        await past.settle(soon)
        assert await past.now() > soon
        with pytest.raises(FutureMomentError):
            await past.settle(soon + timedelta(hours=1))
        monkeypatch.setattr(moments, "WAIT_MAX_S", 0.2)
        with ledger.connect() as writer:
            writer.execute("LOCK TABLE subledger_entries IN ROW EXCLUSIVE MODE")
            with pytest.raises(UnsettledMomentError):
                await past.settle(await past.now())
            await past.settle(soon)  # which was settled before


def test_lanes_of_processes_with_the_same_seed_have_keys_of_their_own() -> None:
    """Hypothesis seeds, and so may whoever forks: a key that is taken already costs a batch its first try."""
    drawn = set()
    for _ in range(4):
        random.seed(7)
        drawn.add(store._new_clock_key())
    assert len(drawn) == 4


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(seconds=30)])
async def test_what_a_clock_that_is_ahead_takes_for_past_is_not_settled(ahead: timedelta) -> None:
    """It may be set right, and then all that time is still to come."""
    own = datetime(2026, 3, 1, tzinfo=UTC)

    async def ask(statement: LiteralString, _: Mapping[str, object]) -> list[Any]:
        return [(own + ahead,)] if "clock_timestamp" in statement else []

    past = Moments(ask, own_clock=lambda: own)
    await past.settle(own)
    assert await past.now() == min(own + ahead, own + timedelta(minutes=1))
    with pytest.raises(FutureMomentError):
        await past.settle(own + timedelta(minutes=2))
