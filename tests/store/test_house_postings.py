"""What batches add to house accounts: appended without a meeting, and folded into the balances once, whatever ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import errors
from store.lanes import SteppedLane, until
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import bet, deposit

from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.store.background.house_postings import _FOLD_CLASS, HousePostingStore
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

NewLane = Callable[..., SteppedLane]

_FOLD = statements("wallet_grpc.store.background", "house_postings.sql")["fold"]
_BALANCES = """
    SELECT account_type, balance_minor::INTEGER FROM account_balances JOIN accounts USING (account_id)
    WHERE player_id IS NULL ORDER BY account_type
"""


@pytest_asyncio.fixture
async def house(ledger: Installation) -> AsyncIterator[HousePostingStore]:
    pool = Pool(ledger.service_dsn, connections_max=2, wait_ms=5_000, timeout_ms=5_000, writes=True)
    yield HousePostingStore(pool)
    await pool.close()


def appended(ledger: Installation) -> list[tuple[Any, ...]]:
    return ledger.rows("SELECT amount_minor::INTEGER FROM house_postings ORDER BY 1")


async def deposited(new_lane: NewLane, count: int) -> None:
    lane = new_lane()
    for number in range(count):
        await lane.accepted(deposit(f"d{number}", 7))


async def test_lanes_do_not_wait_for_each_other_on_a_house_account(ledger: Installation, new_lane: NewLane) -> None:
    """Whatever a lane does, or does not do, while it stores."""
    lanes = [new_lane() for _ in range(4)]
    batches = [await lane.decide(deposit(f"d{player}", 7, player=player)) for player, lane in enumerate(lanes, start=1)]
    with ledger.connect() as another:
        another.execute("INSERT INTO house_postings SELECT account_id, 0 FROM accounts WHERE account_type = 'HOUSE'")
        for lane, batch in zip(lanes, batches, strict=True):
            await lane.write(batch)
        another.rollback()
    assert appended(ledger) == [(-7,)] * 4
    check_invariants(ledger)


async def test_folding_moves_what_was_appended_into_the_balances(
    ledger: Installation, new_lane: NewLane, house: HousePostingStore
) -> None:
    await deposited(new_lane, 3)
    assert await house.fold(rows_max=100) == 3
    assert ledger.rows(_BALANCES) == [("HOUSE", -21)]
    check_invariants(ledger)
    lane = new_lane()
    await lane.send(bet("b0", 1), bet("b1", 2))
    await lane.accepted(deposit("later", 9))
    assert appended(ledger) == [(-9,), (3,)]
    check_invariants(ledger)
    assert await house.fold(rows_max=100) == 2
    assert ledger.rows(_BALANCES) == [("HOUSE", -30), ("HOUSE:WAGER", 3)]
    assert await house.fold(rows_max=100) == 0
    assert appended(ledger) == []
    check_invariants(ledger)


async def test_a_round_is_bounded(ledger: Installation, new_lane: NewLane, house: HousePostingStore) -> None:
    await deposited(new_lane, 5)
    assert [await house.fold(rows_max=2) for _ in range(4)] == [2, 2, 1, 0]
    assert ledger.rows(_BALANCES) == [("HOUSE", -35)]
    check_invariants(ledger)


async def test_who_comes_while_another_folds_leaves_it_to_them(
    ledger: Installation, new_lane: NewLane, house: HousePostingStore
) -> None:
    await deposited(new_lane, 3)
    with psycopg.connect(ledger.service_dsn) as other:
        assert other.execute(_FOLD, {"fold_class": _FOLD_CLASS, "cell": ONLY_CELL, "rows_max": 2}).fetchone() == (2,)
        assert await asyncio.wait_for(house.fold(rows_max=100), 5.0) == 0
        check_invariants(ledger)
    assert await house.fold(rows_max=100) == 1
    assert ledger.rows(_BALANCES) == [("HOUSE", -21)]
    check_invariants(ledger)


async def test_without_the_lock_a_row_is_folded_once_as_well(
    ledger: Installation, new_lane: NewLane, house: HousePostingStore, admin: psycopg.Connection
) -> None:
    await deposited(new_lane, 3)
    with psycopg.connect(ledger.service_dsn) as other:
        other.execute(_FOLD, {"fold_class": _FOLD_CLASS + 1, "cell": ONLY_CELL, "rows_max": 2})
        waiting = asyncio.create_task(house.fold(rows_max=100))
        await until(lambda: admin.execute(_WAITING).fetchone() == (1,))
        other.commit()
        assert await asyncio.wait_for(waiting, 5.0) == 1
    assert ledger.rows(_BALANCES) == [("HOUSE", -21)]
    check_invariants(ledger)


_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%house_postings%'
"""


async def test_a_round_that_is_killed_has_done_nothing(
    ledger: Installation, new_lane: NewLane, house: HousePostingStore, admin: psycopg.Connection
) -> None:
    await deposited(new_lane, 3)
    other = psycopg.connect(ledger.service_dsn)
    assert other.execute(_FOLD, {"fold_class": _FOLD_CLASS, "cell": ONLY_CELL, "rows_max": 2}).fetchone() == (2,)
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [other.info.backend_pid])
    with pytest.raises(errors.AdminShutdown):
        other.execute("COMMIT")
    assert appended(ledger) == [(-7,)] * 3
    check_invariants(ledger)
    assert await house.fold(rows_max=100) == 3
    assert ledger.rows(_BALANCES) == [("HOUSE", -21)]
    check_invariants(ledger)


async def test_folding_makes_no_lane_lose_a_race(
    ledger: Installation, new_lane: NewLane, house: HousePostingStore
) -> None:
    """A lane alone, which nobody else can be to blame for, beside rounds that go on all the time."""
    lane = new_lane()
    await lane.accepted(deposit("d", 1_000))
    folded = 0
    stopped = asyncio.Event()

    async def fold() -> None:
        nonlocal folded
        while not stopped.is_set():
            folded += await house.fold(rows_max=2)

    folding = asyncio.create_task(fold())
    for number in range(200):
        await lane.attempt(bet(f"b{number}", 1))
    stopped.set()
    await folding
    folded += await house.fold(rows_max=1_000)
    assert folded == 201
    assert ledger.rows(_BALANCES) == [("HOUSE", -1_000), ("HOUSE:WAGER", 200)]
    check_invariants(ledger)
