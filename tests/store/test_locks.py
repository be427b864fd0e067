"""Locks of owners: who waits for whom, for how long, and what a dead holder leaves behind."""

import asyncio
import time
from collections.abc import Callable

import psycopg
import pytest
from store.lanes import SteppedLane, until
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import BOB, bet, deposit

from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.store.batch.store import Locking, LostRaceError
from wallet_grpc.store.connection.statements import positional

NewLane = Callable[..., SteppedLane]

_SOON_S = 15.0


def waiting_lanes(admin: psycopg.Connection) -> int:
    row = admin.execute(
        """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
        """
    ).fetchone()
    assert row is not None
    return int(row[0])


async def until_waiting(admin: psycopg.Connection, lanes: int = 1) -> None:
    """Wait until so many lanes wait for an owner."""
    await until(lambda: waiting_lanes(admin) >= lanes)


async def test_a_second_lane_waits_for_the_owner_and_then_sees_what_the_first_did(
    new_lane: NewLane, admin: psycopg.Connection
) -> None:
    first, second = new_lane(), new_lane()
    await first.accepted(deposit("d", 100))
    batch = await first.decide(bet("x", 60))
    waiting = asyncio.create_task(second.decide(bet("y", 60)))
    await until_waiting(admin)
    await first.write(batch)
    assert not waiting.done()
    await first.store.release()
    decided = await asyncio.wait_for(waiting, _SOON_S)
    assert getattr(decided.outcomes[0], "metadata", None) == {"balance_minor": "40"}


async def test_lanes_of_other_owners_do_not_wait(new_lane: NewLane) -> None:
    first, second = new_lane(), new_lane()
    await first.decide(deposit("x"))
    await asyncio.wait_for(second.accepted(deposit("y", player=BOB)), _SOON_S)


async def test_two_batches_that_share_owners_crosswise_do_not_deadlock(ledger: Installation, new_lane: NewLane) -> None:
    lanes = [new_lane(), new_lane()]

    async def play(number: int, lane: SteppedLane) -> None:
        players = range(1, 9) if number else range(8, 0, -1)
        for turn in range(15):
            await lane.send(*(deposit(f"d{number}-{turn}-{player}", 1, player=player) for player in players))

    await asyncio.wait_for(asyncio.gather(*(play(number, lane) for number, lane in enumerate(lanes))), 60)
    assert ledger.rows("SELECT DISTINCT balance_minor FROM account_balances WHERE owner_id IS NOT NULL") == [(30,)]


async def test_a_lock_that_is_not_had_in_time_is_a_lost_race(new_lane: NewLane) -> None:
    holder, waiter = new_lane(), new_lane(lock_timeout_ms=100)
    await holder.decide(deposit("x"))
    started = time.monotonic()
    with pytest.raises(LostRaceError, match="55P03"):
        await waiter.decide(deposit("y"))
    assert 0.1 <= time.monotonic() - started < _SOON_S
    await holder.store.release()
    assert isinstance((await waiter.attempt(deposit("y")))[0], Accepted)


async def test_a_lane_that_waits_in_vain_keeps_its_connections(new_lane: NewLane, admin: psycopg.Connection) -> None:
    holder, waiter = new_lane(), new_lane(lock_timeout_ms=50)
    await waiter.accepted(deposit("w", player=BOB))
    before = lane_backends(admin)
    await holder.decide(deposit("x"))
    for _ in range(3):
        with pytest.raises(LostRaceError):
            await waiter.decide(deposit("y"))
    assert before <= lane_backends(admin)
    await holder.store.release()
    await waiter.accepted(deposit("y"))


async def test_locks_of_several_owners_are_all_or_none_for_others(new_lane: NewLane) -> None:
    """A batch that times out on its second owner leaves the first free."""
    holder, waiter, third = new_lane(), new_lane(lock_timeout_ms=50), new_lane(lock_timeout_ms=50)
    await holder.decide(deposit("x", player=BOB))
    with pytest.raises(LostRaceError):
        await waiter.decide(deposit("y1"), deposit("y2", player=BOB))
    await third.attempt(deposit("z"))


@pytest.mark.parametrize("end", ["its process dies", "its backend is killed"])
async def test_a_holder_that_dies_frees_its_owners(new_lane: NewLane, admin: psycopg.Connection, end: str) -> None:
    holder, waiter = new_lane(), new_lane(lock_timeout_ms=20_000, timeout_ms=20_000)
    await holder.accepted(deposit("d", 100))
    await holder.decide(bet("x", 60))
    waiting = asyncio.create_task(waiter.attempt(bet("y", 60)))
    await until_waiting(admin)
    locks = holder.store._locks
    assert locks is not None
    if end == "its process dies":
        await locks.close()  # the socket closes without a word, as the kernel does it for a process that is gone
    else:
        admin.execute("SELECT pg_terminate_backend(%s)", [locks.backend_pid])
    (outcome,) = await asyncio.wait_for(waiting, _SOON_S)
    assert isinstance(outcome, Accepted)
    assert outcome.balance_after_minor == 40


async def test_what_a_holder_decided_before_it_lost_its_locks_is_not_stored(
    ledger: Installation, new_lane: NewLane, admin: psycopg.Connection
) -> None:
    holder, other = new_lane(), new_lane()
    await holder.accepted(deposit("d", 100))
    batch = await holder.decide(bet("x", 60))
    locks = holder.store._locks
    assert locks is not None
    admin.execute("SELECT pg_terminate_backend(%s)", [locks.backend_pid])
    await other.accepted(bet("y", 60))
    with pytest.raises(LostRaceError):
        await holder.write(batch)
    assert (await holder.refused(bet("x", 60))).metadata["balance_minor"] == "40"
    check_invariants(ledger)


# --------------------------------------------------------------------------------------- locks that somebody else holds


async def test_case_65_a_batch_leaves_out_owners_whose_locks_others_hold(new_lane: NewLane) -> None:
    holder, lane = new_lane(), new_lane()
    lane.locking = Locking.TRY
    await holder.decide(deposit("x", player=BOB))
    batch = await asyncio.wait_for(lane.decide(deposit("y")), _SOON_S)
    assert batch.loaded.held == frozenset()
    both = await asyncio.wait_for(lane.decide(deposit("z"), deposit("z2", player=BOB)), _SOON_S)
    assert both.loaded.held == {BOB}


async def test_a_holder_that_does_not_go_on_loses_its_locks(new_lane: NewLane) -> None:
    """What is asked of the database is bounded in time, and so is the time between."""
    holder, waiter = new_lane(timeout_ms=500), new_lane(lock_timeout_ms=20_000, timeout_ms=40_000)
    batch = await holder.decide(deposit("x"))
    await asyncio.wait_for(waiter.accepted(deposit("y")), 20.0)
    with pytest.raises(LostRaceError):
        await holder.write(batch)


async def test_a_wait_for_a_lock_is_shorter_than_one_for_the_database(new_lane: NewLane) -> None:
    holder, waiter = new_lane(), new_lane(lock_timeout_ms=2_000, timeout_ms=2_000)
    await holder.decide(deposit("x"))
    with pytest.raises(LostRaceError, match="55P03"):
        await waiter.decide(deposit("y"))


async def test_without_the_lock_nothing_is_stored_over_what_its_holder_did(
    ledger: Installation, new_lane: NewLane
) -> None:
    holder, lane = new_lane(), new_lane()
    await holder.accepted(deposit("d", 100))
    lane.locking = Locking.NONE
    held = await holder.decide(bet("x", 60))
    batch = await asyncio.wait_for(lane.decide(bet("y", 60)), _SOON_S)
    await holder.write(held)
    with pytest.raises(LostRaceError):
        await lane.write(batch)
    assert (await lane.refused(bet("y", 60))).metadata["balance_minor"] == "40", "the holder keeps the lock still"
    await lane.accepted(bet("z", 40))
    await holder.store.release()
    lane.locking = Locking.TRY
    await lane.accepted(deposit("e", 5))
    check_invariants(ledger)


async def test_a_load_without_the_lock_reads_one_moment(new_lane: NewLane) -> None:
    """And the next one, with a lock, does not go on reading it."""
    lane = new_lane()
    await lane.accepted(deposit("d", 100))
    isolation = positional("SELECT current_setting('transaction_isolation')")
    for locking, level in (
        (Locking.NONE, "repeatable read"),
        (Locking.TRY, "read committed"),
        (Locking.TRY, "read committed"),
        (Locking.NONE, "repeatable read"),
        (Locking.NONE, "repeatable read"),
        (Locking.WAIT, "read committed"),
    ):
        lane.locking = locking
        await lane.decide(bet("x", 1))
        assert lane.store._locks is not None
        assert (await lane.store._locks.execute(isolation)).rows == [(level,)]


def lane_backends(admin: psycopg.Connection) -> set[int]:
    found = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'wallet-lane%'"
    )
    return {pid for (pid,) in found}
