"""Steps apart: what ends too late is not stored, and nothing later is answered inside of a transaction it left open.

On Citus such steps are written on all nodes. Their time is the same on any PostgreSQL, so they sleep here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from store.lanes import SteppedLane, until
from support.database import Installation
from support.waiting import wait_until
from unit.desk import bet, deposit

from wallet_grpc.store.batch import store as store_module
from wallet_grpc.store.batch.shared_writes import OtherNodeAwayError, SharedWrites
from wallet_grpc.store.batch.steps import ToStore, steps_of
from wallet_grpc.store.batch.store import LostRaceError
from wallet_grpc.store.connection.dialing import BoundedConnection, Place
from wallet_grpc.store.connection.pipeline import BEGIN, Pipeline
from wallet_grpc.store.connection.relations import Relations
from wallet_grpc.store.connection.standby import Commits, NotCommittedError, StepApart, StepLostError, UnconfirmedError
from wallet_grpc.store.connection.statements import positional

NewLane = Callable[..., SteppedLane]
KEEP = positional("INSERT INTO public.kept_apart VALUES (%(number)s::INTEGER)")
CLAIM = positional("INSERT INTO public.claimed_apart VALUES (1) ON CONFLICT DO NOTHING RETURNING number")
_TIMEOUT_MS = 1_000


def sleeping(part: float, *, rows: int = 1) -> StepApart:
    """Make a step that takes a part of the time that there is for all."""
    return StepApart(f"sleep {part}", positional(f"SELECT pg_sleep({part * _TIMEOUT_MS / 1000})"), rows)


THREE_TOO_LONG = [sleeping(0.4)] * 3
"""Each ends in its own time, and together they do not."""


@pytest_asyncio.fixture
async def pipeline(ledger: Installation, admin: psycopg.Connection) -> AsyncIterator[Pipeline]:
    admin.execute("CREATE TABLE public.kept_apart (number INTEGER)")
    made = Pipeline(await psycopg.AsyncConnection.connect(ledger.admin_dsn, autocommit=True))
    yield made
    await made.close()
    admin.execute("DROP TABLE public.kept_apart")


def kept(admin: psycopg.Connection) -> list[Any]:
    return [number for (number,) in admin.execute("SELECT number FROM public.kept_apart ORDER BY number")]


async def test_what_is_given_up_before_its_commit_leaves_no_transaction_to_commit_into(
    pipeline: Pipeline, admin: psycopg.Connection
) -> None:
    commits = Commits(pipeline, timeout_s=_TIMEOUT_MS / 1000)
    await commits.commit_together(KEEP, {"number": 1}, [sleeping(0)])
    with pytest.raises(NotCommittedError):
        await commits.commit_together(KEEP, {"number": 2}, THREE_TOO_LONG)
    assert not commits.is_open
    assert not commits.is_under_way
    with pytest.raises(psycopg.OperationalError):
        await commits.commit(KEEP, {"number": 3})
    assert kept(admin) == [1]


async def test_a_step_that_wrote_too_few_rows_is_rolled_back_and_the_connection_goes_on(
    pipeline: Pipeline, admin: psycopg.Connection
) -> None:
    commits = Commits(pipeline, timeout_s=_TIMEOUT_MS / 1000)
    with pytest.raises(StepLostError):
        await commits.commit_together(KEEP, {"number": 1}, [sleeping(0, rows=2)])
    await commits.commit(KEEP, {"number": 2})
    assert kept(admin) == [2]


async def test_nothing_is_committed_or_confirmed_inside_of_a_transaction_that_was_left_open(
    ledger: Installation, admin: psycopg.Connection, pipeline: Pipeline
) -> None:
    assert pipeline.is_idle

    async def left_open() -> Commits:
        opened = Pipeline(await psycopg.AsyncConnection.connect(ledger.admin_dsn, autocommit=True))
        await opened.execute(BEGIN)
        return Commits(opened, timeout_s=_TIMEOUT_MS / 1000)

    commits = [await left_open() for _ in range(3)]
    asked = (
        commits[0].commit(KEEP, {"number": 1}),
        commits[1].commit_together(KEEP, {"number": 2}, [sleeping(0)]),
        commits[2].confirm(),
    )
    answers = await asyncio.gather(*asked, return_exceptions=True)
    are_open = [commit.is_open for commit in commits]
    for commit in commits:
        await commit.close()
    assert [type(answer) for answer in answers] == [psycopg.OperationalError] * 3
    assert are_open == [False] * 3
    assert kept(admin) == []


_WARN_AND_FORGET = """
    CREATE FUNCTION public.warn() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        RAISE WARNING 'as of a wait for the standby that was given up';
        DEALLOCATE ALL;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON public.kept_apart DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.warn()
"""
"""At the end of the transaction. What was prepared is gone: what comes next fails, and the connection lives on."""


@pytest.mark.parametrize("apart", [[], [sleeping(0)]], ids=["alone", "with steps apart"])
async def test_what_is_committed_is_never_told_as_failed_because_its_confirmation_fails(
    pipeline: Pipeline, admin: psycopg.Connection, apart: list[StepApart]
) -> None:
    """Else callers would be told that nothing was changed."""
    commits = Commits(pipeline, timeout_s=_TIMEOUT_MS / 1000)
    await commits.confirm()
    ask = partial(commits.commit_together, apart=apart) if apart else commits.commit
    admin.execute(_WARN_AND_FORGET)
    try:
        with pytest.raises(UnconfirmedError):
            await ask(KEEP, {"number": 1})
    finally:
        admin.execute("DROP TRIGGER warn ON public.kept_apart; DROP FUNCTION public.warn()")
    assert commits.is_open
    assert kept(admin) == [1]


def with_steps_apart(monkeypatch: pytest.MonkeyPatch, apart: Sequence[StepApart]) -> None:
    def with_them(*args: Any, **options: Any) -> ToStore:
        return steps_of(*args, **options)._replace(apart=apart)

    monkeypatch.setattr(store_module, "steps_of", with_them)


def references(ledger: Installation) -> list[Any]:
    return [reference for (reference,) in ledger.rows("SELECT reference FROM ledger_transactions ORDER BY tx_id")]


async def test_a_batch_after_one_that_was_given_up_is_durable(
    ledger: Installation, new_lane: NewLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = new_lane(timeout_ms=_TIMEOUT_MS)
    await lane.accepted(deposit("d"))
    batch = await lane.decide(bet("b1"))
    with monkeypatch.context() as patched:
        with_steps_apart(patched, THREE_TOO_LONG)
        with pytest.raises(OtherNodeAwayError):
            await lane.write(batch)
    wait_until(lambda: not ledger.rows(_STORES), what="the server has ended what was given up")
    await lane.accepted(bet("b2"))
    await lane.store.close()
    assert references(ledger) == ["d", "b2"]


_STORES = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-ledger' AND state = 'active'
"""


async def test_a_step_that_hangs_is_told_by_the_server_and_the_lane_keeps_its_connections(
    ledger: Installation, new_lane: NewLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limit is its transaction's own: the next batch has all of its time again."""
    lane = new_lane(timeout_ms=4 * _TIMEOUT_MS)
    await lane.accepted(deposit("d"))
    before = ledger.rows(_OF_LANE)
    batch = await lane.decide(bet("b1"))
    began = time.monotonic()
    with monkeypatch.context() as patched:
        with_steps_apart(patched, [sleeping(60)])
        with pytest.raises(OtherNodeAwayError, match="statement timeout"):
            await lane.write(batch)
    assert time.monotonic() - began < 4 * _TIMEOUT_MS / 1000
    await lane.accepted(bet("b2"))
    assert ledger.rows(_OF_LANE) == before
    assert references(ledger) == ["d", "b2"]


async def test_after_a_step_in_vain_those_of_all_lanes_are_refused_at_once_and_one_tries(
    ledger: Installation, new_lane: NewLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    shared_writes = SharedWrites(clock=lambda: now)
    lanes = [new_lane(timeout_ms=4 * _TIMEOUT_MS) for _ in range(2)]
    for lane in lanes:
        lane.store._shared_writes = shared_writes
    await lanes[0].accepted(deposit("d"))

    async def refused_after_s(lane: SteppedLane) -> float:
        batch = await lane.decide(bet("claims"))
        began = time.monotonic()
        with pytest.raises(OtherNodeAwayError):
            await lane.write(batch)
        await lane.store.release()
        return time.monotonic() - began

    with monkeypatch.context() as patched:
        with_steps_apart(patched, [sleeping(60)])
        assert await refused_after_s(lanes[0]) >= 2 * _TIMEOUT_MS / 1000  # half of a lane's time
        with monkeypatch.context() as unasked:  # the database is not asked at all
            unasked.setattr(Commits, "commit_together", None)
            for lane in lanes:
                await refused_after_s(lane)
        now += 60
        tried = await lanes[1].decide(bet("tried"))
        trying = asyncio.create_task(lanes[1].write(tried))
        await until(lambda: bool(ledger.rows(_STORES)))
        with pytest.raises(OtherNodeAwayError, match="statement timeout"):
            await trying
        await lanes[1].store.release()
    await lanes[0].accepted(bet("b"))
    now += 60
    with monkeypatch.context() as patched:
        with_steps_apart(patched, [sleeping(0)])
        for name in ("back", "and for all"):
            await lanes[0].accepted(bet(name))
    for lane in lanes:
        await lane.store.close()
    assert references(ledger) == ["d", "b", "back", "and for all"]


async def test_a_race_lost_in_a_step_is_no_node_that_is_away(
    ledger: Installation, admin: psycopg.Connection, new_lane: NewLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else commits what the step waits for: the batch is decided anew, and steps of others are not refused."""
    lane = new_lane()
    await lane.accepted(deposit("d"))
    admin.execute("CREATE TABLE public.claimed_apart (number INTEGER PRIMARY KEY)")
    admin.execute("GRANT SELECT, INSERT ON public.claimed_apart TO wallet_service")
    batch = await lane.decide(bet("b1"))
    with ledger.connect() as winner, monkeypatch.context() as patched:
        winner.execute(CLAIM.text)
        with_steps_apart(patched, [StepApart("claims", CLAIM, 1)])
        losing = asyncio.create_task(lane.write(batch))
        await until(lambda: bool(ledger.rows(_WAITS)))
        winner.commit()
        with pytest.raises(LostRaceError, match="serialize"):
            await losing
    with monkeypatch.context() as patched:
        with_steps_apart(patched, [sleeping(0)])
        await lane.accepted(bet("b2"))
    await lane.store.close()
    admin.execute("DROP TABLE public.claimed_apart")
    assert references(ledger) == ["d", "b2"]


async def test_nor_is_a_row_that_somebody_holds_for_too_long(
    ledger: Installation, admin: psycopg.Connection, new_lane: NewLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit of the same that hangs, perhaps: it delays who waits for it, and refuses nobody else's steps."""
    lane = new_lane(timeout_ms=4 * _TIMEOUT_MS, lock_timeout_ms=500)
    await lane.accepted(deposit("d"))
    admin.execute("CREATE TABLE public.claimed_apart (number INTEGER PRIMARY KEY)")
    admin.execute("GRANT SELECT, INSERT ON public.claimed_apart TO wallet_service")
    batch = await lane.decide(bet("b1"))
    with ledger.connect() as holder, monkeypatch.context() as patched:
        holder.execute(CLAIM.text)
        with_steps_apart(patched, [StepApart("claims", CLAIM, 1)])
        with pytest.raises(LostRaceError, match="lock timeout") as lost:
            await lane.write(batch)
        holder.rollback()
    assert lost.value.timed_out
    with monkeypatch.context() as patched:
        with_steps_apart(patched, [sleeping(0)])
        await lane.accepted(bet("b2"))
    await lane.store.close()
    admin.execute("DROP TABLE public.claimed_apart")
    assert references(ledger) == ["d", "b2"]


_WAITS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-ledger' AND wait_event_type = 'Lock'
"""
_OF_LANE = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^wallet-lane-' ORDER BY pid
"""


async def test_a_connection_that_was_left_in_a_transaction_is_not_stored_on(
    ledger: Installation, new_lane: NewLane
) -> None:
    """Whatever left it there: the lane opens another one."""
    lane = new_lane()
    await lane.accepted(deposit("d"))
    ledger_connection = lane.store._ledger
    assert ledger_connection is not None
    await ledger_connection._pipeline.execute(BEGIN)
    await lane.accepted(bet("b"))
    await lane.store.close()
    assert references(ledger) == ["d", "b"]


async def test_a_store_whose_cell_has_left_is_a_lost_race(
    ledger: Installation, admin: psycopg.Connection, new_lane: NewLane
) -> None:
    """What kept the cell here was lost with its locks, and its relations were removed: here one is renamed."""
    lane = new_lane()
    await lane.accepted(deposit("d"))
    batch = await lane.decide_unlocked(bet("b"))
    assert lane.store._locks is not None
    connection = lane.store._locks._connection
    assert isinstance(connection, BoundedConnection)
    connection.place = Place(shard_id=0, relations=Relations(of_cell={}, shared={}))
    admin.execute("ALTER TABLE cell_0.ledger_transactions RENAME TO left_for_elsewhere")
    try:
        with pytest.raises(LostRaceError, match="ledger_transactions"):
            await lane.write(batch)
    finally:
        admin.execute("ALTER TABLE cell_0.left_for_elsewhere RENAME TO ledger_transactions")
    await lane.accepted(bet("b"))
    assert references(ledger) == ["d", "b"]
