"""Days: each row is counted once into the day that it is of, whatever ends, races or goes back; closed ones stay.

Long because what days promise is held to one play, by one clock.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import errors
from store.lanes import SteppedLane, until
from store.played_days import BEGINNING, Clock, Play, clock_of
from store.recounted_days import Stored, check_days, check_open_play
from support.database import Installation
from unit.credit_desk import credit
from unit.desk import GAMES, TRON, bet, deposit, rollback

from wallet_grpc.domain.credit.state import wallet_address
from wallet_grpc.domain.days import BusinessDay
from wallet_grpc.domain.identifiers import PlayerId, Source
from wallet_grpc.store.background.days import DayMark, DaySettings, DayStore, OtherHourError
from wallet_grpc.store.background.wallet_postings import PostingSettings, PostingStore
from wallet_grpc.store.batch.store import BatchStore, LostRaceError, StoreSettings
from wallet_grpc.store.connection.pool import Connection, DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.ledgers import create_ledger
from wallet_grpc.store.proofs.verify import verify
from wallet_grpc.store.proofs.verify_days import day_problems
from wallet_grpc.store.reads import slices
from wallet_grpc.store.reads.moments import ClockAheadError

NewDays = Callable[..., DayStore]
NewLane = Callable[..., SteppedLane]
FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)
"""A process's own clock, where only the database's matters."""


@pytest.fixture
def clock(own_ledger: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with clock_of(own_ledger, monkeypatch) as clock:
        yield clock


@pytest_asyncio.fixture
async def new_lane_by_clock(own_ledger: Installation, clock: Clock) -> AsyncIterator[NewLane]:
    """Make lanes that read the test's clock, each as if of another process."""
    assert clock.installation is own_ledger
    settings = StoreSettings(
        database_url=own_ledger.service_dsn, timeout_ms=5_000, lock_timeout_ms=2_000, batch_operations_max=100
    )
    made: list[SteppedLane] = []

    def make(*, own_clock: Callable[[], datetime] = lambda: FAR_AHEAD) -> SteppedLane:
        made.append(SteppedLane(BatchStore(settings, own_clock=own_clock)))
        return made[-1]

    yield make
    for lane in made:
        await lane.store.close()


@pytest.fixture
def lane(new_lane_by_clock: NewLane) -> SteppedLane:
    return new_lane_by_clock()


@pytest_asyncio.fixture
async def new_days(own_ledger: Installation, clock: Clock) -> AsyncIterator[NewDays]:
    """Make stores of days, each as if of another process."""
    assert clock.installation is own_ledger
    pool = Pool(own_ledger.service_dsn, connections_max=4, wait_ms=5_000, timeout_ms=5_000, writes=True)

    def make(*, begins_at_hour: int = 0, slices_max: int = 1_000, own_clock: datetime = FAR_AHEAD) -> DayStore:
        settings = DaySettings(begins_at_hour=begins_at_hour, interval_ms=1, slices_max=slices_max)
        return DayStore(settings, pool, own_clock=lambda: own_clock)

    yield make
    await pool.close()


async def stays(task: "asyncio.Task[Any]") -> None:
    """See that a task goes on, for as long as it would take to end."""
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done, task


KINDS = {
    ("LEDGER", "BET"), ("LEDGER", "WIN"), ("LEDGER", "BET_AND_WIN"), ("LEDGER", "BET_ROLLBACK"),
    ("LEDGER", "WIN_ROLLBACK"), ("LEDGER", "BET_AND_WIN_ROLLBACK"), ("LEDGER", "DEPOSIT"), ("LEDGER", "ADJUSTMENT"),
    ("LEDGER", "WITHDRAWAL_RESERVATION"), ("LEDGER", "SESSION_OPENING"), ("LEDGER", "SESSION_SETTLEMENT"),
    ("SESSION", "BET"), ("SESSION", "WIN"), ("SESSION", "BET_ROLLBACK"), ("SESSION", "WIN_ROLLBACK"),
}  # fmt: skip
"""What random play brings in any case."""
_LATE = "SELECT kind FROM ledger_transactions WHERE kind IN ('WIN', 'ROLLBACK') AND details ? 'session_token'"


@pytest.mark.parametrize("begins_at_hour", [0, 6])
async def test_days_of_random_play_are_what_the_rows_say(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays, begins_at_hour: int
) -> None:
    """Counted at any moment, over midnights, sessions and what comes late; and closed days stay as they were."""
    draw = random.Random(begins_at_hour)
    play = Play(lane, draw)
    await play.fund()
    days = new_days(begins_at_hour=begins_at_hour)
    closed: dict[date, Stored] = {}
    for _ in range(200):
        if draw.random() < 0.15:
            clock.turn(timedelta(minutes=draw.choice([1, 50, 200])))
        await play.step()
        if draw.random() < 0.06:
            await days.count()
            stored = check_days(own_ledger, begins_at_hour=begins_at_hour)
            for day, as_it_was in closed.items():
                assert stored.of_day(day) == as_it_was.of_day(day)
            closed |= {day: stored for day in stored.days if day not in closed}
    await play.come_late()
    clock.turn(timedelta(days=2))
    while (await days.count()).full:
        pass
    stored = check_days(own_ledger, begins_at_hour=begins_at_hour)
    assert len(closed) >= 2
    assert {(key[4], key[5]) for key in stored.totals} >= KINDS
    assert {kind for (kind,) in own_ledger.rows(_LATE)} == {"WIN", "ROLLBACK"}
    check_open_play(own_ledger, stored)
    assert verify(own_ledger.admin_dsn).clean


async def test_a_slice_that_is_killed_before_its_commit_has_counted_nothing(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slice once, those that close a day among them, after the last of its statements."""
    play = Play(lane, random.Random(3))
    await play.fund()
    for _ in range(30):
        await play.step()
        clock.turn(timedelta(hours=1))
    monkeypatch.setattr(slices, "_STEP_FIRST", timedelta(hours=4))
    monkeypatch.setattr(slices, "_STEP_MAX", timedelta(hours=4))
    await new_days(slices_max=0).count()
    days = new_days(slices_max=1)
    keep, killed, spared = DayStore._keep, 0, set()

    async def keep_and_die(self: DayStore, connection: Connection, mark: DayMark, *rest: Any) -> None:
        await keep(self, connection, mark, *rest)
        if mark.counted_until not in spared:
            spared.add(mark.counted_until)
            own_ledger.rows("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)

    monkeypatch.setattr(DayStore, "_keep", keep_and_die)
    done = False
    while not done:
        before = Stored.of(own_ledger)
        try:
            done = (await days.count()).lag_s < 60
        except DatabaseUnavailableError:
            killed += 1
            assert Stored.of(own_ledger) == before
    assert killed >= 8
    assert len(check_days(own_ledger).days) >= 1


async def test_two_workers_count_each_row_once(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(lane, random.Random(5))
    await play.fund()
    for _ in range(30):
        await play.step()
        clock.turn(timedelta(hours=1))
    monkeypatch.setattr(slices, "_STEP_MAX", timedelta(hours=1))
    rounds = [0, 0, 0]

    async def count(number: int) -> None:
        days = new_days(slices_max=3)
        while (await days.count()).lag_s > 60:
            rounds[number] += 1

    await asyncio.gather(*(count(number) for number in range(3)))
    assert min(rounds) > 0
    assert len(check_days(own_ledger).days) >= 1


async def test_a_store_that_is_under_way_is_waited_for_and_counted(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays
) -> None:
    """However long it takes, and whatever day it is by now."""
    await lane.accepted(deposit("d"))
    batch = await lane.decide(bet("b"))
    with own_ledger.connect() as other:
        other.execute(_SAME_KEY, [bet("b").key])
        storing = asyncio.create_task(lane.write(batch))
        await until(lambda: own_ledger.rows(_WAITS_FOR_THE_KEY) == [(1,)])
        clock.turn(timedelta(hours=5))
        counting = asyncio.create_task(new_days().count())
        await stays(counting)
        assert Stored.of(own_ledger).days == []
        other.rollback()
        await storing
        await lane.store.release()
        assert (await counting).days_closed == 1
    assert check_days(own_ledger).totals[BEGINNING.date(), 1, "games", "g1", "LEDGER", "BET", ""] == [1, 10, 0, 0]


async def test_a_batch_that_is_stored_after_its_time_is_counted_takes_another(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays
) -> None:
    await lane.accepted(deposit("d"))
    await new_days().count()  # the first one waits before it says up to when it counts
    batch = await lane.decide(bet("b"))
    clock.turn(timedelta(hours=5))
    before = own_ledger.rows("SELECT counting_until FROM day_marks")
    counting = asyncio.create_task(new_days().count())
    await until(lambda: own_ledger.rows("SELECT counting_until FROM day_marks") != before)
    await stays(counting)  # it waits for whoever has taken a time
    with pytest.raises(LostRaceError, match="day"):
        await lane.write(batch)
    await lane.store.release()
    await counting
    await lane.accepted(bet("b"))
    clock.turn(timedelta(days=1))
    await new_days().count()
    totals = check_days(own_ledger).totals
    assert {key[0].day: sums[0] for key, sums in totals.items() if key[5] == "BET"} == {2: 1}


_SAME_KEY = """
    INSERT INTO ledger_transactions (
        tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, amount_minor, closes_round,
        entry_count, created_at
    )
    SELECT gen_random_uuid(), 9, 1, 'games', 'b', %s::UUID, 'BET', 'APPLIED', 1, FALSE, 0, now()
"""
_WAITS_FOR_THE_KEY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'wallet-lane-ledger'
"""


async def test_where_the_clock_goes_back_nothing_comes_to_what_is_counted(
    own_ledger: Installation, clock: Clock, new_lane_by_clock: NewLane, new_days: NewDays
) -> None:
    """Time stands still for batches until the clock has passed again what is counted: for a new process as well."""
    days = new_days()
    await new_lane_by_clock().accepted(deposit("d"))
    clock.turn(timedelta(hours=5))
    await days.count()
    marked = Stored.of(own_ledger).counted_until
    clock.turn(timedelta(hours=-8))
    await new_lane_by_clock().accepted(bet("b1"))
    await days.count()
    assert own_ledger.rows("SELECT created_at FROM ledger_transactions WHERE reference = 'b1'") == [(marked,)]
    assert check_days(own_ledger).counted_until == marked
    clock.turn(timedelta(hours=9))
    await new_lane_by_clock().accepted(bet("b2"))
    clock.turn(timedelta(hours=9))
    await days.count()
    (first, second), totals = (BEGINNING.date(), BEGINNING.date() + timedelta(days=1)), check_days(own_ledger).totals
    assert totals[first, 1, "games", "", "LEDGER", "DEPOSIT", ""][0] == 1
    assert totals[second, 1, "games", "g1", "LEDGER", "BET", ""] == [2, 20, 0, 0]


async def test_a_store_with_a_time_that_is_counted_is_refused(
    clock: Clock, lane: SteppedLane, new_days: NewDays
) -> None:
    """A lane that took its time from a clock that was set back, before it could see up to when all is counted."""
    await lane.accepted(deposit("d"))
    clock.turn(timedelta(minutes=5))
    await new_days().count()
    batch = await lane.decide(bet("b"))
    early = replace(batch.loaded, now=batch.loaded.now - timedelta(minutes=3))
    with pytest.raises(LostRaceError, match="day"):
        await lane.write(replace(batch, loaded=early))
    await lane.accepted(bet("b"))


async def test_a_poster_takes_no_time_that_is_counted(
    own_ledger: Installation, clock: Clock, new_days: NewDays
) -> None:
    await new_days().count()
    clock.turn(timedelta(hours=-1))
    with psycopg.connect(own_ledger.service_dsn, options="-c search_path=cell_0,public,pg_catalog") as poster:
        asked = statements("wallet_grpc.store.background", "wallet_postings.sql")["posting_time"]
        assert poster.execute(asked).fetchone() == (Stored.of(own_ledger).counted_until,)


@pytest.mark.parametrize("table", ["days", "day_totals", "day_movements", "day_balances"])
async def test_a_closed_day_cannot_be_changed(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays, table: str
) -> None:
    """By anybody who has not switched triggers off: nothing is added, changed or taken away, nor closed twice."""
    await lane.accepted(deposit("d"))
    clock.turn(timedelta(days=1))
    await new_days().count()
    changes = [
        f"UPDATE {table} SET closed_at = now()",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        f"INSERT INTO {table} SELECT * FROM {table}",
    ]
    if table == "days":
        changes += ["INSERT INTO days SELECT day, begins_at, ends_at, now() FROM days"]
    else:
        copied = f"CREATE TEMPORARY TABLE t AS SELECT * FROM {table}; UPDATE t SET currency_network_id = 2"
        added = f"INSERT INTO {table} SELECT * FROM t"
        changes += [f"{copied}; {added}", f"{copied}, closed_at = now(); {added}"]
    assert own_ledger.rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)]
    for change in changes:
        with own_ledger.connect() as connection, pytest.raises(errors.IntegrityError):
            connection.execute(change)  # type: ignore[arg-type]


async def test_days_begin_at_one_hour_for_ever(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays
) -> None:
    await new_days(begins_at_hour=6).count()
    await lane.accepted(deposit("d"))
    clock.turn(timedelta(days=1))
    with pytest.raises(OtherHourError, match="begin at 6:00 UTC here, and WALLET_DAY_BEGINS_AT_HOUR says 7"):
        await new_days(begins_at_hour=7).count()
    await new_days(begins_at_hour=6).count()
    assert own_ledger.rows("SELECT begins_at::TEXT FROM days") == [("2026-03-01 06:00:00+00",)]


async def test_a_ledger_without_transactions_begins_its_days_now(own_ledger: Installation, new_days: NewDays) -> None:
    assert (await new_days().count()).transactions == 0
    assert own_ledger.rows("SELECT day FROM day_marks") == [(BEGINNING.date(),)]


@pytest.mark.parametrize("others_first", [False, True])
async def test_the_first_day_begins_before_what_is_still_being_stored_at_midnight(
    own_ledger: Installation, clock: Clock, new_lane_by_clock: NewLane, new_days: NewDays, *, others_first: bool
) -> None:
    """It is not seen yet, and of the day before; whether or not another transaction of the new day can be seen."""
    storing_lane = new_lane_by_clock()
    batch = await storing_lane.decide(deposit("d"))
    clock.turn(timedelta(hours=5))
    if others_first:
        await new_lane_by_clock().accepted(deposit("other", player=PlayerId(2)))
    with own_ledger.connect() as rival:
        rival.execute(_SAME_KEY, [batch.loaded.book.changes[0].transactions[0].key])
        storing = asyncio.create_task(storing_lane.write(batch))
        await until(lambda: own_ledger.rows(_WAITS_FOR_THE_KEY) == [(1,)])
        counting = asyncio.create_task(new_days().count())
        await stays(counting)
        rival.rollback()
        await storing
        await storing_lane.store.release()
        await counting
    assert own_ledger.rows("SELECT day FROM days") == [(BEGINNING.date(),)]
    assert check_days(own_ledger).totals[BEGINNING.date(), 1, "games", "", "LEDGER", "DEPOSIT", ""][0] == 1


async def test_the_first_day_begins_before_what_takes_its_time_while_it_is_settled(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Midnight comes between the wait and the look for the first transaction."""
    settle, decided = DayStore._settle, []

    async def settle_before_midnight(self: DayStore) -> None:
        await settle(self)
        if not decided:
            decided.append(await lane.decide(deposit("d")))
            clock.turn(timedelta(hours=5))

    monkeypatch.setattr(DayStore, "_settle", settle_before_midnight)
    counting = asyncio.create_task(new_days().count())
    await until(lambda: own_ledger.rows("SELECT day FROM day_marks") == [(BEGINNING.date(),)])
    await stays(counting)
    await lane.store.release()
    await counting


async def test_a_rollback_counts_on_the_day_on_which_it_happens(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays
) -> None:
    await lane.accepted(deposit("d"))
    await lane.accepted(bet("b", 40))
    clock.turn(timedelta(hours=4))
    await lane.accepted(rollback("r", "b"))
    clock.turn(timedelta(days=1))
    await new_days().count()
    totals = check_days(own_ledger).totals
    assert {(key[0].day, key[5]): sums for key, sums in totals.items() if "BET" in key[5]} == {
        (1, "BET"): [1, 40, 0, 0],
        (2, "BET_ROLLBACK"): [1, 40, 0, 0],
    }


FAULTS = {
    "UPDATE day_totals SET amount_minor = amount_minor + 1 WHERE kind = 'BET'": [
        ("days_equal_their_rows", "2026-03-01")
    ],
    "UPDATE day_movements SET credits_minor = credits_minor + 1 WHERE account_type = 'HOUSE:WAGER'": [
        ("days_equal_their_rows", "2026-03-01"),
        ("days_follow_each_other", "2026-03-01"),
    ],
    "UPDATE day_balances SET debits_minor = debits_minor + 1 WHERE account_type = 'MAIN' AND day = '2026-03-02'": [
        ("days_follow_each_other", "2026-03-02"),
    ],
    "UPDATE open_day_totals SET transactions = transactions + 1": [("days_equal_their_rows", "2026-03-03")],
    "DELETE FROM days WHERE day = '2026-03-02'": [("days_follow_each_other", "2026-03-03")],
    "DELETE FROM ledger_transactions WHERE kind = 'DEPOSIT'": [
        ("days_equal_their_rows", "2026-03-01"),
        ("days_equal_their_rows", "2026-03-03"),
    ],
    "UPDATE day_marks SET begins_at = begins_at + interval '1 second', day = '2026-03-01'; DELETE FROM days": [
        ("days_equal_their_rows", "2026-03-01"),
    ],
}


async def test_verify_names_what_is_wrong_with_days(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, new_days: NewDays
) -> None:
    await lane.accepted(deposit("d"))
    await lane.accepted(bet("b"))
    clock.turn(timedelta(days=2))
    await lane.accepted(deposit("d2"))
    clock.turn(timedelta(minutes=1))
    await new_days().count()
    assert verify(own_ledger.admin_dsn).clean
    for fault, wanted in FAULTS.items():
        with own_ledger.connect() as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(fault)  # type: ignore[arg-type]
            problems = [problem for _, of_day in day_problems(connection) for problem in of_day]
            connection.rollback()
        assert {(check, subject.removeprefix("day ")) for check, subject, _ in problems} == set(wanted), fault


def test_a_ledger_that_an_operator_creates_has_no_time_that_is_counted(own_ledger: Installation) -> None:
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        ((mark,),) = connection.execute(
            "UPDATE day_marks SET counting_until = date_trunc('second', now() + INTERVAL '50 seconds')"
            " RETURNING counting_until"
        ).fetchall()
        ledger_id = create_ledger(connection, source=Source("credit"), name="by hand", currency_network_id=1)
        times = connection.execute("SELECT created_at FROM ledger_transactions WHERE tx_id = %s", [ledger_id])
        assert times.fetchall() == [(mark,)]
    assert ledger_id is not None
    assert slices.time_of(ledger_id) == mark


def test_a_ledger_is_not_created_at_a_time_of_a_clock_that_is_hours_ahead(own_ledger: Installation) -> None:
    """An operator can create it once the clock is right."""
    named: dict[str, Any] = {"source": GAMES, "name": "points", "currency_network_id": TRON}
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        with pytest.raises(ClockAheadError):
            create_ledger(connection, **named, own_clock=lambda: datetime.now(UTC) - timedelta(hours=3))
        assert connection.execute("SELECT FROM ledgers").rowcount == 0
        assert create_ledger(connection, **named) is not None


def test_what_a_player_did_today_is_of_finances_day(own_ledger: Installation) -> None:
    now = datetime.now(UTC)
    hour = (now.hour - 5) % 24 or 1  # some hours ago, and not at midnight
    day = BusinessDay.of(now, hour)
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE day_marks SET counting_until = %s, counted_until = %s, day = %s, begins_at = %s, ends_at = %s,"
            " begins_at_hour = %s",
            [day.begins_at, day.begins_at, day.day, day.begins_at, day.ends_at, hour],
        )
        for number in range(30):
            connection.execute(
                "INSERT INTO ledger_transactions (tx_id, owner_id, owner_version, source, reference, key_hash, kind,"
                " status, currency_network_id, amount_minor, closes_round, entry_count, created_at) VALUES"
                " (gen_random_uuid(), 7, %s, 'games', 'r', gen_random_uuid(), 'BET', 'APPLIED', 1, 1, FALSE, 0, %s)",
                [number + 1, now - timedelta(hours=29 - number)],
            )
        today = statements("wallet_grpc.store.backoffice", "players.sql")["today"]
        told = connection.execute(today, {"player_id": 7, "scan_rows_max": 100}).fetchall()
    wanted = sum(now - timedelta(hours=number) >= day.begins_at for number in range(30))
    assert [(kind, transactions) for _, kind, transactions, _, _ in told] == [("BET", wanted)]


async def test_a_server_whose_clock_is_hours_ahead_stores_nothing_and_closes_no_day(
    own_ledger: Installation, clock: Clock, new_lane_by_clock: NewLane, new_days: NewDays
) -> None:
    """The process's own clock has to agree; and when the server's is right again, all goes on, at the right time."""
    own = [BEGINNING]
    lane = new_lane_by_clock(own_clock=lambda: own[0])
    await lane.accepted(deposit("d", 100))
    await new_days(own_clock=BEGINNING).count()
    clock.turn(timedelta(days=2))
    own[0] = BEGINNING + timedelta(seconds=30)
    with pytest.raises(ClockAheadError, match="ahead of this process's own"):
        await lane.attempt(bet("ahead"))
    assert not lane.store.holds_locks
    counted = await new_days(own_clock=own[0]).count()
    assert counted.days_closed == 0
    assert counted.clock_ahead
    ((until,),) = own_ledger.rows("SELECT counting_until FROM day_marks")
    assert until <= BEGINNING + timedelta(seconds=90)
    own[0] = BEGINNING + timedelta(minutes=2)
    clock.set(own[0])
    await lane.accepted(bet("b"))
    right = await new_days(own_clock=own[0]).count()
    assert right.days_closed == 0
    assert not right.clock_ahead
    rows = own_ledger.rows("SELECT created_at, tx_id::TEXT FROM ledger_transactions ORDER BY owner_version")
    for made_at, tx_id in rows:
        assert BEGINNING <= made_at < BEGINNING + timedelta(minutes=3)
        assert abs(slices.time_of(tx_id) - made_at) < timedelta(seconds=1)
    assert len(rows) == 2
    clock.turn(timedelta(days=2))
    assert (await new_days().count()).days_closed > 0
    check_days(own_ledger)


async def test_a_server_whose_clock_is_a_little_ahead_stores(clock: Clock, new_lane_by_clock: NewLane) -> None:
    assert clock.installation
    lane = new_lane_by_clock(own_clock=lambda: BEGINNING - timedelta(seconds=30))
    await lane.accepted(deposit("d"))


async def test_a_poster_takes_no_time_of_a_clock_that_is_hours_ahead(
    own_ledger: Installation, clock: Clock, new_lane_by_clock: NewLane
) -> None:
    """It posts once the clock is right."""
    assert clock.installation is own_ledger
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        ledger_id = create_ledger(connection, source=GAMES, name="points", currency_network_id=TRON)
    purse = wallet_address(f"{ledger_id}:purse")
    assert purse is not None
    await new_lane_by_clock().send(credit("c", 5, purse))
    pool = Pool(own_ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000, writes=True)
    own = [BEGINNING - timedelta(hours=3)]
    settings = PostingSettings(interval_ms=0, wallets_max=10, queue_rows_max=10, ledgers_max=10)
    posting = PostingStore(settings, pool, own_clock=lambda: own[0])
    (due,) = await posting.due()
    with pytest.raises(ClockAheadError):
        await posting.post(due)
    own[0] = BEGINNING
    assert (await posting.post(due)).wallets == 1
    await pool.close()
