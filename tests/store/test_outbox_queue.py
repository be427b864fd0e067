"""The outbox as a queue: an idle relay's floor rises, and no event is ever below it, however late its commit ends."""

import json
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio
from support.database import Installation
from support.outbox import make_up_events
from support.poison import poisoned
from support.waiting import wait_until

from wallet_grpc.domain.identifiers import TxIdSequence
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool
from wallet_grpc.store.operator.freeze import freeze, lift, relays_here
from wallet_grpc.store.proofs.stuck import find_stuck
from wallet_grpc.store.queues import outbox as outbox_queue
from wallet_grpc.store.queues.outbox import PARTITIONS, OutboxQueue, OutboxReader
from wallet_grpc.store.queues.told_events import UntellableEventError

pytestmark = pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])

INSERT = """
    INSERT INTO outbox_events (owner_id, tx_id, event_no, sequence)
    VALUES (42, gen_random_uuid(), 1, 1) RETURNING outbox_id
"""
LOOKS = 4


@pytest_asyncio.fixture
async def queue(own_ledger: Installation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OutboxQueue]:
    """A relay's queue that looks each time what it may pass over, instead of each second."""
    monkeypatch.setattr(outbox_queue, "_LOOK_EVERY_S", 0.0)
    made = OutboxQueue(own_ledger.service_dsn, timeout_ms=5_000)
    await made.share()
    yield made
    await made.close()


async def waiting(queue: OutboxQueue) -> list[int]:
    return [row.outbox_id for row in await queue.next(10)]


def inserted(connection: psycopg.Connection) -> int:
    row = connection.execute(INSERT).fetchone()
    assert row is not None
    return int(row[0])


async def test_the_first_event_of_an_installation_that_was_idle_is_published(
    queue: OutboxQueue, own_ledger: Installation
) -> None:
    for _ in range(LOOKS):
        assert await waiting(queue) == []
    with own_ledger.connect(autocommit=True) as connection:
        assert inserted(connection) == 1
    assert await waiting(queue) == [1]


async def test_no_owners_lock_is_taken_for_a_relay(queue: OutboxQueue, own_ledger: Installation) -> None:
    """Every number is some player's id: who is there would have a share of the owners, and publish nothing."""
    with own_ledger.connect(autocommit=True) as player:
        player.execute("SELECT pg_advisory_lock_shared(%s)", [outbox_queue.PRESENCE_LOCK << 32])
        assert len(relays_here(player)) == 1
        await queue.share()
        assert len(queue.partitions) == PARTITIONS


async def test_of_a_frozen_installation_nothing_is_published_and_what_was_is_removed(
    queue: OutboxQueue, own_ledger: Installation
) -> None:
    with own_ledger.connect(autocommit=True) as others, own_ledger.connect(autocommit=True) as connection:
        published = inserted(others)
        assert await waiting(queue) == [published]
        freeze(connection, reason="we move")
        (relay,) = relays_here(connection)
        await queue.remove([published])
        with pytest.raises(DatabaseUnavailableError, match="frozen"):
            await waiting(queue)
        wait_until(lambda: relay not in relays_here(connection), what="it has left")
        lift(connection, reason="we stay")
        assert own_ledger.rows("SELECT FROM outbox_events") == []
        again = inserted(others)
    await queue.share()
    assert await waiting(queue) == [again]


async def test_what_is_committed_late_is_not_passed_over(queue: OutboxQueue, own_ledger: Installation) -> None:
    with own_ledger.connect() as late, own_ledger.connect(autocommit=True) as others:
        first = inserted(late)
        for _ in range(LOOKS):
            assert await waiting(queue) == []
        removed = [inserted(others) for _ in range(3)]
        assert await waiting(queue) == removed
        await queue.remove(removed)
        for _ in range(LOOKS):
            assert await waiting(queue) == []
        late.commit()
        assert await waiting(queue) == [first]
        await queue.remove([first])
        for _ in range(LOOKS):
            assert await waiting(queue) == []
        assert queue._floor.outbox_id == removed[-1], "what has ended is looked at no more"


async def test_many_events_that_cannot_be_removed_keep_no_other_one(
    queue: OutboxQueue, own_ledger: Installation
) -> None:
    """Each other one of three hundred: the search for them never gives up on those between."""
    with own_ledger.connect(autocommit=True) as connection:
        rows = connection.execute(
            INSERT.replace("VALUES (42,", "SELECT number,").replace(
                "1) RETURNING", "1 FROM generate_series(1, 300) AS number RETURNING"
            )
        ).fetchall()
    every = [outbox_id for (outbox_id,) in rows]
    assert await waiting(queue) == every[:10]
    with poisoned(own_ledger, "outbox_events", "DELETE", "OLD.owner_id % 2 = 0"):
        kept = await queue.remove(every)
    assert sorted(outbox_id for outbox_id, _ in kept.failed) == every[1::2]
    assert [outbox_id for (outbox_id,) in own_ledger.rows("SELECT outbox_id FROM outbox_events ORDER BY 1")] == every[
        1::2
    ]


async def test_an_event_of_a_time_that_python_does_not_know_is_the_fault_of_that_event(
    queue: OutboxQueue, own_ledger: Installation
) -> None:
    with own_ledger.connect(autocommit=True) as connection:
        make_up_events(connection, [42], created_at="infinity")
        make_up_events(connection, [42])
    strange, plain = await queue.next(10)
    assert plain.created_at.tzinfo is not None
    with pytest.raises(ValueError, match="infinity"):
        _ = strange.created_at
    with pytest.raises(ValueError, match="infinity"):
        strange.tell()


async def test_an_event_that_the_ledger_does_not_tell_is_the_fault_of_that_event(
    queue: OutboxQueue, own_ledger: Installation
) -> None:
    with own_ledger.connect(autocommit=True) as connection:
        inserted(connection)
        for kind in ("TOMBSTONE", "DEPOSIT", "DEPOSIT"):
            make_up_events(connection, [42], kind=kind)
        connection.execute("UPDATE outbox_events SET event_no = 2 WHERE outbox_id = 3")
        connection.execute("UPDATE outbox_events SET owner_id = 43 WHERE outbox_id = 4")
        make_up_events(connection, [42])
    *untold, plain = await queue.next(10)
    assert plain.event_type == "wallet.deposit.applied"
    assert json.loads(plain.tell().data)["transactionId"] == "made up"
    problems = ["has no transaction", "TOMBSTONE has no event 1", "DEPOSIT has no event 2", "of owner 43"]
    for row, problem in zip(untold, problems, strict=True):
        with pytest.raises(UntellableEventError, match=problem):
            _ = row.event_type
        with pytest.raises(UntellableEventError, match=problem):
            row.tell()
        assert row.event_id.startswith(row.tx_id)


async def test_how_long_events_have_waited_is_told_by_the_ids_of_their_transactions(
    queue: OutboxQueue, own_ledger: Installation
) -> None:
    now_ms = int(time.time() * 1000)
    ids = [TxIdSequence().next(now_ms - age_s * 1000) for age_s in (3_600, 600, 0)]
    with own_ledger.connect(autocommit=True) as connection:
        for tx_id in ids:
            connection.execute(INSERT.replace("gen_random_uuid()", f"'{tx_id}'"))
        stuck = find_stuck(connection, posting_interval_ms=0, expiry_grace_ms=0)
    assert [(one.subject, one.since.timestamp()) for one in stuck] == [
        ("outbox event 1", now_ms / 1000 - 3_600),
        ("outbox event 2", now_ms / 1000 - 600),
    ]
    pool = Pool(own_ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000)
    backlog = await OutboxReader(pool).backlog()
    await queue.park([1], "UNROUTABLE")
    later = await OutboxReader(pool).backlog()
    await pool.close()
    assert (backlog.waiting, backlog.parked, later.waiting, later.parked) == (3, 0, 2, 1)
    assert 3_600 <= backlog.oldest_age_s < 3_700
    assert 600 <= later.oldest_age_s < 700
