"""The outbox as a queue: an idle relay's floor rises, and no event is ever below it, however late its commit ends."""

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio
from support.database import Installation
from support.poison import poisoned

from wallet_grpc.store.queues import outbox as outbox_queue
from wallet_grpc.store.queues.outbox import OutboxQueue

pytestmark = pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])

INSERT = """
    INSERT INTO outbox_events (owner_id, tx_id, event_no, event_type, sequence, data, created_at)
    VALUES (42, gen_random_uuid(), 1, 'wallet.deposit.applied', 1, '{}', now()) RETURNING outbox_id
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
                "now()) RETURNING", "now() FROM generate_series(1, 300) AS number RETURNING"
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
        connection.execute(INSERT.replace("now()", "'infinity'"))
        connection.execute(INSERT)
    strange, plain = await queue.next(10)
    assert plain.created_at.tzinfo is not None
    with pytest.raises(ValueError, match="infinity"):
        _ = strange.created_at
