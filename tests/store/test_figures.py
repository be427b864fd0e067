"""Figures of finance: from closed days and the open one, they are what all rows come to, and they follow each other."""

import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from store.lanes import SteppedLane
from store.played_days import BEGINNING, Clock, Play, clock_of
from store.recounted_days import Recount
from support.database import Installation
from unit.desk import BOB, bet, deposit, reserve

from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cells
from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.store.background.days import DaySettings, DayStore
from wallet_grpc.store.backoffice.figures import FigureReader, FutureDayError
from wallet_grpc.store.backoffice.open_day import DaysBehindError
from wallet_grpc.store.backoffice.player_statements import (
    StatementLine,
    StatementPeriod,
    StatementReader,
    StatementsBusyError,
    StatementTooLongError,
)
from wallet_grpc.store.backoffice.revenue import FIRST_PART, Revenue, RevenueKey, RevenueSplit
from wallet_grpc.store.batch.store import BatchStore, StoreSettings
from wallet_grpc.store.connection.pool import Connection, Pool

Pools = ByCell[Pool]
DAYS = DaySettings(begins_at_hour=0, interval_ms=1, slices_max=1_000)
ALL_WAYS = RevenueSplit(by_day=True, by_source=True, by_game=True)


@pytest.fixture
def clock(own_ledger: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with clock_of(own_ledger, monkeypatch) as clock:
        yield clock


@pytest_asyncio.fixture
async def pools(own_ledger: Installation, clock: Clock) -> AsyncIterator[Pools]:
    assert clock.installation is own_ledger
    pool = Pool(own_ledger.service_dsn, connections_max=4, wait_ms=5_000, timeout_ms=5_000, writes=True)
    yield ByCell(Cells(), {ONLY_CELL: pool})
    await pool.close()


@pytest_asyncio.fixture
async def lane(own_ledger: Installation) -> AsyncIterator[SteppedLane]:
    settings = StoreSettings(
        database_url=own_ledger.service_dsn, timeout_ms=5_000, lock_timeout_ms=2_000, batch_operations_max=100
    )
    lane = SteppedLane(BatchStore(settings))
    yield lane
    await lane.store.close()


async def play_days(lane: SteppedLane, clock: Clock, pools: Pools, seed: int) -> Play:
    """Play for two days and a half; the last hours of it are not counted."""
    play = Play(lane, random.Random(seed))
    await play.fund()
    for _ in range(60):
        await play.step()
        clock.turn(timedelta(hours=1))
    await play.come_late()
    await DayStore(DAYS, pools.at(ONLY_CELL)).count()
    for _ in range(8):
        await play.step()
    return play


def sums(recount: Recount, until: datetime | None = None) -> dict[tuple[int, str], tuple[int, int]]:
    """What accounts were debited and credited until a day began."""
    accounts: dict[tuple[int, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (day, network, account, _), (_, debits, credits_) in recount.movements.items():
        if until is None or day < until.date():
            before = accounts[network, account]
            accounts[network, account] = before[0] + debits, before[1] + credits_
    return dict(accounts)


async def test_accounts_hold_what_all_postings_come_to(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, pools: Pools
) -> None:
    """At the end of each closed day and now; accounts of the ledger sum to zero in each currency network."""
    await play_days(lane, clock, pools, seed=11)
    reader, recount = FigureReader(pools), Recount.of(own_ledger)
    first = datetime(2026, 3, 1, tzinfo=UTC)
    for at, until in [
        (None, None),
        *((first + timedelta(days=day, hours=5), first + timedelta(days=day)) for day in range(4)),
    ]:
        found = await reader.accounts(at)
        told = {
            (row.currency_network_id, row.account_type): (row.debits_minor, row.credits_minor) for row in found.accounts
        }
        assert told == sums(recount, until), at
        by_network: dict[int, int] = defaultdict(int)
        for row in found.accounts:
            if row.account_type != "SESSION_PLAY":
                by_network[row.currency_network_id] += row.balance_minor
        assert set(by_network.values()) <= {0}
        assert found.basis.as_of == (until or found.basis.open_day_as_of)
        assert found.basis.closed_until == (None if until == first else until or first + timedelta(days=3))
    with pytest.raises(FutureDayError):
        await reader.accounts(first + timedelta(days=30))


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_revenue_is_what_all_play_comes_to(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, pools: Pools, size: int
) -> None:
    """Part by part, in pages of any size; and in all it is what HOUSE:WAGER has, with play that is not settled."""
    await play_days(lane, clock, pools, seed=12)
    reader, recount = FigureReader(pools), Recount.of(own_ledger)
    wanted: dict[RevenueKey, Revenue] = defaultdict(Revenue)
    for (day, network, source, game, _, kind, _), (count, amount, win, _) in recount.totals.items():
        part = RevenueKey(datetime(day.year, day.month, day.day, tzinfo=UTC), network, source, game)
        came_to = {
            "BET": Revenue(bets_minor=amount, bets=count),
            "WIN": Revenue(wins_minor=amount, wins=count),
            "BET_AND_WIN": Revenue(amount, win, 0, 0, count, count),
            "BET_ROLLBACK": Revenue(rolled_back_bets_minor=amount),
            "WIN_ROLLBACK": Revenue(rolled_back_wins_minor=amount),
            "BET_AND_WIN_ROLLBACK": Revenue(0, 0, amount, win),
        }.get(kind)
        if came_to is not None:
            wanted[part] = wanted[part].plus(came_to)
    told: dict[RevenueKey, Revenue] = {}
    after, more = FIRST_PART, True
    while more:
        page = await reader.revenue(ALL_WAYS, after, size)
        assert [part for part, _, _ in page.parts] == sorted(part for part, _, _ in page.parts)
        told |= {part: revenue for part, revenue, _ in page.parts}
        after, more = page.parts[-1][0], page.more
    assert told == dict(wanted)
    balances = {key: credits_ - debits for key, (debits, credits_) in sums(recount).items()}
    for part, revenue, is_open in (await reader.revenue(RevenueSplit(), FIRST_PART, 10)).parts:
        network = part.currency_network_id
        assert revenue.revenue_minor == balances[network, "HOUSE:WAGER"] - balances.get((network, "SESSION_PLAY"), 0)
        assert is_open


async def test_revenue_of_closed_days_stays(clock: Clock, lane: SteppedLane, pools: Pools) -> None:
    play = await play_days(lane, clock, pools, seed=13)
    reader = FigureReader(pools)
    split = RevenueSplit(ends_at=datetime(2026, 3, 3, 7, tzinfo=UTC), by_game=True)
    before = await reader.revenue(split, FIRST_PART, 100)
    assert before.basis.closed_until == datetime(2026, 3, 4, tzinfo=UTC)
    for _ in range(30):
        await play.step()
    clock.turn(timedelta(days=1))
    await DayStore(DAYS, pools.at(ONLY_CELL)).count()
    after = await reader.revenue(split, FIRST_PART, 100)
    assert (after.parts, after.basis.as_of) == (before.parts, before.basis.as_of)


async def test_what_is_not_counted_yet_is_not_told(clock: Clock, lane: SteppedLane, pools: Pools) -> None:
    reader = FigureReader(pools)
    with pytest.raises(DaysBehindError, match="no business day has begun"):
        await reader.accounts(None)
    await lane.accepted(deposit("d"))
    await DayStore(DAYS, pools.at(ONLY_CELL)).count()
    clock.turn(timedelta(days=1))
    with pytest.raises(DaysBehindError, match="is counted up to 2026-03-01"):
        await reader.accounts(None)
    with pytest.raises(DaysBehindError, match="is not closed yet"):
        await reader.accounts(BEGINNING + timedelta(hours=12))


async def test_a_statement_opens_moves_and_closes(
    own_ledger: Installation, clock: Clock, lane: SteppedLane, pools: Pools
) -> None:
    """Of any period: what opens it and its lines make what closes it, which is what the entries say."""
    play = Play(lane, random.Random(14))
    await play.fund()
    for _ in range(70):
        await play.step()
        clock.turn(timedelta(minutes=10))
    reader = StatementReader(pools, pools, scan_rows_max=10)
    times = [None, BEGINNING + timedelta(hours=3), BEGINNING + timedelta(hours=7), None]
    for begins_at, ends_at in itertools.pairwise(times):
        period = StatementPeriod(player_id=PlayerId(1), begins_at=begins_at, ends_at=ends_at)
        lines = await lines_of(reader, period, 3)
        accounts = await reader.accounts(period)
        for account in accounts:
            of_account = [
                line
                for line in lines
                if (line.currency_network_id, line.account_type) == (account.currency_network_id, account.account_type)
            ]
            balance = account.opening_minor
            for line in of_account:
                balance += int(line.amount_minor)
                assert balance == int(line.balance_after_minor)
            assert balance == account.closing_minor
            assert sum(moved for _, moved in account.totals.values()) == balance - account.opening_minor
    told = own_ledger.rows("SELECT count(*) FROM ledger_entries WHERE owner_id = 1 AND account_version IS NOT NULL")
    whole = await lines_of(reader, StatementPeriod(player_id=PlayerId(1)), 10_000)
    assert told == [(len(whole),)]


async def test_what_accounts_had_is_the_same_however_few_transactions_a_query_sums(
    clock: Clock, lane: SteppedLane, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(lane, random.Random(15))
    await play.fund()
    for _ in range(50):
        await play.step()
        clock.turn(timedelta(minutes=10))
    reader = StatementReader(pools, pools, scan_rows_max=10)
    period = StatementPeriod(
        player_id=PlayerId(1), begins_at=BEGINNING + timedelta(hours=2), ends_at=BEGINNING + timedelta(hours=6)
    )
    whole = await reader.accounts(period)
    assert any(account.totals for account in whole)
    for part in (1, 7):
        monkeypatch.setattr("wallet_grpc.store.backoffice.player_statements._PART", part)
        assert await reader.accounts(period) == whole


async def test_a_player_who_did_more_since_than_is_summed_has_lines_and_a_later_statement(
    clock: Clock, lane: SteppedLane, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet_grpc.store.backoffice.player_statements._SUMMED_MAX", 3)
    await lane.accepted(deposit("d", 50))
    clock.turn(timedelta(hours=1))
    for number in range(3):
        await lane.accepted(bet(f"b{number}", 5))
    reader = StatementReader(pools, pools, scan_rows_max=10)
    whole = StatementPeriod(player_id=PlayerId(1))
    for asked in (reader.accounts(whole), reader.page(whole, None, 10)):
        with pytest.raises(StatementTooLongError, match="has made 4 transactions since then"):
            await asked
    assert (
        len(await lines_of(reader, whole, 10))
        == len(await lines_of(StatementReader(pools, pools, scan_rows_max=1), whole, 10))
        == 4
    )
    (account,) = await reader.accounts(replace(whole, begins_at=BEGINNING + timedelta(minutes=30)))
    assert (account.opening_minor, account.closing_minor) == (50, 35)


async def test_a_long_statement_leaves_connections_to_others_and_waits_for_the_one_before(
    lane: SteppedLane, pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await lane.accepted(deposit(f"d{number}", 50))
    monkeypatch.setattr("wallet_grpc.store.backoffice.player_statements._PART", 2)
    monkeypatch.setattr("wallet_grpc.store.backoffice.player_statements._TURN_WAIT_S", 0.1)
    reader, whole, pool = (
        StatementReader(pools, pools, scan_rows_max=10),
        StatementPeriod(player_id=PlayerId(1)),
        pools.at(ONLY_CELL),
    )
    lent: list[int] = []
    plain = pool.connection

    def counted() -> AbstractAsyncContextManager[Connection]:
        lent.append(pool.lent)
        return plain()

    monkeypatch.setattr(pool, "connection", counted)
    (account,) = (await reader.page(whole, None, 10)).accounts
    assert account.closing_minor == 200
    assert lent == [0, 0, 0], "one for the lines and one for each part, and none is held meanwhile"
    async with reader._turns.at(ONLY_CELL):
        with pytest.raises(StatementsBusyError):
            await reader.accounts(whole)
        monkeypatch.setattr("wallet_grpc.store.backoffice.player_statements._PART", 4)
        assert await reader.accounts(whole) == [account], "a short one waits for nobody"


async def lines_of(reader: StatementReader, period: StatementPeriod, limit: int) -> list[StatementLine]:
    """Give all lines of a statement, page by page."""
    lines: list[StatementLine] = []
    page = await reader.page(period, None, limit, with_accounts=False)
    lines += page.lines
    while page.next_place is not None:
        page = await reader.page(period, page.next_place, limit)
        lines += page.lines
        assert not page.accounts
    return lines


async def test_a_statement_is_of_one_player_and_one_currency_network(
    clock: Clock, lane: SteppedLane, pools: Pools
) -> None:
    for player in (PlayerId(1), BOB):
        for network in (1, 2):
            await lane.accepted(deposit(f"d{player}-{network}", 50, player=player, network=network))
    await lane.accepted(bet("b", 5))
    await lane.accepted(reserve("w", 10))
    clock.turn(timedelta(minutes=1))
    period = StatementPeriod(player_id=PlayerId(1), currency_network_id=1)
    reader = StatementReader(pools, pools, scan_rows_max=10)
    lines = await lines_of(reader, period, 10)
    assert [(line.kind, line.account_type, line.amount_minor) for line in lines] == [
        ("DEPOSIT", "MAIN", "50"),
        ("BET", "MAIN", "-5"),
        ("WITHDRAWAL_RESERVATION", "MAIN", "-10"),
        ("WITHDRAWAL_RESERVATION", "WITHDRAW_HOLD", "10"),
    ]
    accounts = await reader.accounts(period)
    assert [(it.account_type, it.opening_minor, it.closing_minor) for it in accounts] == [
        ("MAIN", 0, 35),
        ("WITHDRAW_HOLD", 0, 10),
    ]
