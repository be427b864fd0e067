"""A lane whose first connection dies while its cell is moved away: what it stores is not lost where the cell was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psycopg
import pytest_asyncio
from store.lanes import SteppedLane, until
from support.citus import at, move, node_of, other_worker
from support.contests import player_of
from support.database import Installation
from support.ledger import verify
from unit.desk import deposit

from wallet_grpc.domain.cells import Cell, Cells
from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.store.batch.store import BatchStore, LostRaceError, StoreSettings

_TIMEOUT_MS = 60_000
_MOVE_WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ExclusiveLock'"
_STORE_WAITS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-ledger' AND state <> 'idle'
"""
_KILL_LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-locks'
"""


@pytest_asyncio.fixture
async def lane(citus_installation: Installation) -> AsyncIterator[SteppedLane]:
    """A lane of the first cell."""
    settings = StoreSettings(
        database_url=citus_installation.service_dsn,
        timeout_ms=_TIMEOUT_MS,
        lock_timeout_ms=_TIMEOUT_MS,
        batch_operations_max=100,
    )
    made = SteppedLane(BatchStore(settings, Cells(citus_installation.cells), Cell(0)))
    yield made
    await made.store.close()


class Node:
    """The superuser's connection to a node of the cluster."""

    def __init__(self, installation: Installation, node: tuple[str, int]) -> None:
        self._dsn = at(installation.cluster.admin_dsn, node, installation.database)

    def number(self, query: str) -> int:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return 0 if row is None else int(row[0])


async def test_what_is_stored_beside_a_move_is_not_lost(citus_installation: Installation, lane: SteppedLane) -> None:
    """The store waits for a claim, the connection that kept the move waiting dies, and the move goes on."""
    player = player_of(0)
    home = node_of(citus_installation, "cell_0")
    node = Node(citus_installation, home)
    command = deposit("d", 100, player=PlayerId(player.player_id))
    await lane.accepted(deposit("before", 100, player=PlayerId(player.player_id)))
    batch = await lane.decide(command)  # it has account ids at hand, so it has no xid that a move waits for
    claimed = batch.loaded.book.changes[0].transactions[0].key
    moving = asyncio.create_task(
        asyncio.to_thread(move, citus_installation, "cell_0", other_worker(citus_installation, "cell_0"))
    )
    await until(lambda: node.number(_MOVE_WAITS) > 0, timeout_s=60)
    with _claimed(citus_installation, claimed):
        store = asyncio.create_task(lane.write(batch))
        await until(lambda: store.done() or node.number(_STORE_WAITS) > 0)
        node.number(_KILL_LOCKS)
        if not store.done():
            await moving
    try:
        await store
    except LostRaceError:
        await lane.send(command)
    await moving
    assert node_of(citus_installation, "cell_0") != home
    stored = citus_installation.rows("SELECT owner_id FROM cell_0.ledger_transactions WHERE key_hash = %s", claimed)
    assert stored == [(player.player_id,)]
    verify(citus_installation)


@contextmanager
def _claimed(installation: Installation, claim: str) -> Iterator[None]:
    """Hold a claim for the time of the block, and then let it be."""
    with psycopg.connect(installation.admin_dsn) as connection:
        connection.execute("INSERT INTO public.claims VALUES (%s, 1, gen_random_uuid())", [claim])
        yield
        connection.rollback()
