"""A lane's connection: answers in order, the first error told, nothing of a failed or lost trip left for the next."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio
import uvloop
from support.database import Installation
from support.waiting import wait_until

from wallet_grpc.store.connection import pipeline as module
from wallet_grpc.store.connection.arrays import nullable_uuids
from wallet_grpc.store.connection.pipeline import Pipeline, RoundTrip
from wallet_grpc.store.connection.statements import positional

_SOON_S = 10.0

BEGIN, COMMIT, ROLLBACK = positional("BEGIN"), positional("COMMIT"), positional("ROLLBACK")
TWICE = positional("SELECT 2 * %(number)s::INTEGER, %(word)s::TEXT")
KEEP = positional("INSERT INTO kept VALUES (%(number)s::INTEGER)")
KEPT = positional("SELECT number FROM kept ORDER BY number")
DIVIDE = positional("SELECT 1 / %(number)s::INTEGER")
PREPARED = positional("SELECT count(*) FROM pg_prepared_statements")
_RUNS = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
UUIDS = positional("SELECT unnest(%(ids)s::UUID[])::TEXT, %(beside)s::INTEGER")
SLEEP = positional("SELECT pg_sleep(60)")


@pytest_asyncio.fixture
async def pipeline(ledger: Installation) -> AsyncIterator[Pipeline]:
    """A connection with a table of its own, in which a number may stand once: looked at when a transaction ends."""
    connection = await psycopg.AsyncConnection.connect(ledger.admin_dsn, autocommit=True)
    await connection.execute("CREATE TEMPORARY TABLE kept (number INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    made = Pipeline(connection)
    yield made
    await made.close()


async def kept(pipeline: Pipeline) -> list[int]:
    return [number for (number,) in (await pipeline.execute(KEPT)).rows]


async def test_each_question_has_its_answer(pipeline: Pipeline) -> None:
    for _ in range(3):  # prepared by the first trip, known to the next
        trip = RoundTrip()
        trip.ask(BEGIN)
        first = trip.ask(TWICE, {"number": 4, "word": "four"})
        nothing = trip.ask(KEPT)
        second = trip.ask(TWICE, {"number": 5, "word": None})
        await pipeline.make(trip)
        assert (first.rows, nothing.rows, second.rows) == ([(8, "four")], (), [(10, None)])
        assert not pipeline.is_idle
        await pipeline.execute(COMMIT)
        assert pipeline.is_idle


_UUID, _OTHER = "0189abcd-0000-7000-8000-00000000dead", "ffffffff-ffff-ffff-ffff-ffffffffffff"


@pytest.mark.parametrize(
    "ids",
    [
        [],
        [_UUID],
        [_UUID, _OTHER, _UUID],
        [None, _UUID],
        [_UUID, None, _OTHER, None],
        [_UUID, _OTHER] * 50,
        [_UUID, _OTHER, None] * 50,
    ],
    ids=["none", "one", "some", "a missing one", "some that are missing", "many", "many and missing ones"],
)
async def test_uuids_arrive_as_they_were_sent(pipeline: Pipeline, ids: list[str | None]) -> None:
    trip = RoundTrip()
    dashed = trip.ask(UUIDS, {"ids": nullable_uuids(ids), "beside": 7})
    plain = trip.ask(UUIDS, {"ids": nullable_uuids([value and value.replace("-", "") for value in ids]), "beside": 7})
    await pipeline.make(trip)
    assert [value for value, _ in dashed.rows] == [value for value, _ in plain.rows] == ids
    assert all(beside == 7 for _, beside in dashed.rows)


async def test_of_columns_that_are_unnested_side_by_side_one_without_any_uuid_is_filled_up(pipeline: Pipeline) -> None:
    statement = positional("SELECT unnest(%(numbers)s::BIGINT[]), unnest(%(ids)s::UUID[])")
    answer = await pipeline.execute(statement, {"numbers": "{1,2}", "ids": nullable_uuids([None, None])})
    assert answer.rows == [(1, None), (2, None)]


@pytest.mark.parametrize("ids", [["0189abcd"], [_UUID, "00"], ["not a uuid"]])
def test_what_is_no_uuid_is_not_sent(ids: list[str]) -> None:
    with pytest.raises((ValueError, AssertionError)):
        nullable_uuids(ids)


async def test_a_nul_is_refused_and_never_cuts_a_text_off(pipeline: Pipeline) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        await pipeline.execute(TWICE, {"number": 1, "word": "before\0after"})
    assert (await pipeline.execute(TWICE, {"number": 1, "word": "whole"})).rows == [(2, "whole")]


async def test_after_the_first_error_nothing_is_executed(pipeline: Pipeline) -> None:
    trip = RoundTrip()
    trip.ask(BEGIN)
    trip.ask(KEEP, {"number": 1})
    trip.ask(DIVIDE, {"number": 0})
    trip.ask(KEEP, {"number": 2})
    trip.ask(SLEEP)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await asyncio.wait_for(pipeline.make(trip), _SOON_S)
    assert pipeline.is_open
    await pipeline.execute(ROLLBACK)
    assert pipeline.is_idle
    assert await kept(pipeline) == []
    await pipeline.execute(KEEP, {"number": 3})
    assert await kept(pipeline) == [3]


async def test_a_statement_that_cannot_be_prepared_keeps_all_of_its_trip_from_being_executed(
    pipeline: Pipeline,
) -> None:
    trip = RoundTrip()
    trip.ask(KEEP, {"number": 1})
    trip.ask(positional("SELECT nonsense"))
    trip.ask(TWICE, {"number": 1, "word": "one"})
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await pipeline.make(trip)
    assert pipeline.is_open
    assert await kept(pipeline) == []
    assert (await pipeline.execute(TWICE, {"number": 1, "word": "one"})).rows == [(2, "one")]
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await pipeline.make(trip)
    assert (await pipeline.execute(PREPARED)).rows == [(4,)], "insert, select, the other one, this: each once"


async def test_an_error_at_the_end_of_the_transaction_is_told(pipeline: Pipeline) -> None:
    """It comes after the answers."""
    await pipeline.execute(KEEP, {"number": 1})
    for _ in range(2):
        with pytest.raises(psycopg.errors.UniqueViolation):
            await pipeline.execute(KEEP, {"number": 1})
        trip = RoundTrip()
        trip.ask(KEEP, {"number": 2})
        trip.ask(KEEP, {"number": 2})
        with pytest.raises(psycopg.errors.UniqueViolation):
            await pipeline.make(trip)
        assert pipeline.is_open
        assert pipeline.is_idle
        assert await kept(pipeline) == [1]


async def test_a_trip_that_is_interrupted_costs_the_connection(pipeline: Pipeline) -> None:
    sleeping = asyncio.create_task(pipeline.execute(SLEEP))
    await asyncio.sleep(0.2)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(sleeping, _SOON_S)
    assert not pipeline.is_open


async def test_a_connection_that_is_lost_is_told(pipeline: Pipeline, admin: psycopg.Connection) -> None:
    sleeping = asyncio.create_task(pipeline.execute(SLEEP))
    await asyncio.sleep(0.2)
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pipeline.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(sleeping, _SOON_S)
    assert not pipeline.is_open
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(pipeline.execute(KEPT), _SOON_S)


async def test_a_connection_that_is_lost_between_trips_is_told_and_its_socket_is_forgotten(
    pipeline: Pipeline, ledger: Installation, admin: psycopg.Connection
) -> None:
    """A new connection may get the very number of its socket, which the loop must not take for the lost one's."""
    await pipeline.execute(KEPT)
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pipeline.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(pipeline.execute(KEPT), _SOON_S)
    assert not pipeline.is_open
    others = [Pipeline(await psycopg.AsyncConnection.connect(ledger.admin_dsn, autocommit=True)) for _ in range(3)]
    for other in others:
        answer = await asyncio.wait_for(other.execute(TWICE, {"number": 1, "word": "one"}), _SOON_S)
        assert answer.rows == [(2, "one")]
        await other.close()


async def test_what_comes_unasked_waits_for_the_next_trip_and_is_not_told_again_and_again(
    pipeline: Pipeline, admin: psycopg.Connection
) -> None:
    await pipeline.execute(positional("LISTEN news"))
    admin.execute("NOTIFY news")
    await asyncio.sleep(0.1)
    before_s = time.thread_time()
    await asyncio.sleep(0.5)
    assert time.thread_time() - before_s < 0.25, "the loop is told all the time that there is something to read"
    assert (await pipeline.execute(TWICE, {"number": 1, "word": "one"})).rows == [(2, "one")]


async def test_a_trip_that_is_given_up_is_under_way_until_it_ends(pipeline: Pipeline) -> None:
    trip = RoundTrip()
    answer = trip.ask(positional("SELECT 'kept' FROM pg_sleep(0.2)"))
    under_way = pipeline.begin(trip)
    await asyncio.wait([under_way], timeout=0.01)
    assert not under_way.done()
    pipeline.fill(trip, await asyncio.wait_for(under_way, _SOON_S))
    assert answer.rows == [("kept",)]
    assert pipeline.is_open


async def test_a_trip_may_be_larger_than_every_buffer(pipeline: Pipeline) -> None:
    word = "x" * 2_000_000
    trip = RoundTrip()
    answers = [trip.ask(TWICE, {"number": number, "word": word}) for number in range(16)]
    await asyncio.wait_for(pipeline.make(trip), _SOON_S)
    assert [answer.rows for answer in answers] == [[(2 * number, word)] for number in range(16)]


async def test_prepared_statements_are_bounded(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PREPARED_MAX", 10)
    for number in range(40):
        assert (await pipeline.execute(positional(f"SELECT {number}"))).rows == [(number,)]
    ((count,),) = (await pipeline.execute(PREPARED)).rows
    assert 0 < count <= 12


def test_a_connection_that_is_reset_is_told_at_once(ledger: Installation, admin: psycopg.Connection) -> None:
    """A backend that ends with a question unread resets its socket, of which uvloop, the servers' loop, tells once."""

    async def lose() -> None:
        pipeline = Pipeline(await psycopg.AsyncConnection.connect(ledger.admin_dsn, autocommit=True))
        await pipeline.execute(TWICE, {"number": 1, "word": "one"})
        os.kill(pipeline.backend_pid, signal.SIGSTOP)
        try:
            asking = asyncio.ensure_future(pipeline.execute(TWICE, {"number": 2, "word": "two"}))
            await asyncio.sleep(0.1)
            admin.execute("SELECT pg_terminate_backend(%s)", [pipeline.backend_pid])
        finally:
            os.kill(pipeline.backend_pid, signal.SIGCONT)
        # Meanwhile the loop stands still: it is told of its last words and of the reset at once.
        wait_until(lambda: not admin.execute(_RUNS, [pipeline.backend_pid]).fetchone(), what="the backend has ended")
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(asking, _SOON_S)

    uvloop.run(lose())
