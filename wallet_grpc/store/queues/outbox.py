"""The outbox as a queue: what relays publish and remove, and what they had to set aside.

Owners are split over a fixed number of partitions; a relay publishes those whose advisory lock it holds. The locks are
the session's: a relay that dies, loses its connection, or is frozen for longer than its session may be idle, loses
them, and others take over. A row is removed after the broker confirmed it, on the session that holds its partition.

A relay looks from a floor upwards: rows are removed all the time, and a reader of the lowest ids would walk over what
is left of them. Why nothing is missed: ids are given in order, and who is given one holds the lock of the table until
its row can be seen, however long that takes: a commit waits for a synchronous standby without a limit. So once all who
held the lock when an id was the last have ended, every row up to it that will ever be there can be seen; the floor is
raised to it, or to just below the first that waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncRawCursor
from psycopg.rows import args_row

from wallet_grpc.domain.cells import ONLY_CELL, Cell
from wallet_grpc.store.batch.transactions import TOLD_TRANSACTIONS, ToldTransaction
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.dialing import BoundedConnection
from wallet_grpc.store.connection.halves import Halved, by_halves
from wallet_grpc.store.connection.kinds import connect_async
from wallet_grpc.store.connection.placement import MOVED_SQLSTATES, CellMovedError, named_here
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool, only_row
from wallet_grpc.store.connection.sqlstates import is_outage
from wallet_grpc.store.connection.standby import UnconfirmedError, confirm
from wallet_grpc.store.connection.statements import statements

from .told_events import NamedEvent, OutboxRow, facts_parameters, outbox_rows

_SQL = statements(__package__, "outbox.sql")

PARTITIONS = 16
_PARTITION_LOCK = 0x57414C50
PRESENCE_LOCK = 0x57414C51
"""The classes of the advisory locks of partitions, and of the relays that are there."""
_LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class _Floor:
    """The outbox_id up to which there is nothing to publish any more, and what it takes to raise it."""

    outbox_id: int = 0
    settled: int = 0
    """Up to here every row can be seen."""
    given: int = 0
    """The id that is settled once the writers have ended."""
    writers: frozenset[str] = frozenset()
    looked_at: float = float("-inf")

    def rise(self, first_waiting: int | None) -> None:
        """Rise to what is settled, but stay below the first of the rows that wait."""
        settled = self.settled if first_waiting is None else min(self.settled, first_waiting - 1)
        self.outbox_id = max(self.outbox_id, settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxBacklog:
    """What the outbox holds, of all relays."""

    waiting: int
    """Up to a hundred thousand; more are not counted."""
    oldest_age_s: float
    parked: int


class OutboxQueue:
    """One relay's session with the outbox. Not for use by two tasks at once.

    Every method raises DatabaseUnavailableError where the database does not answer; the session is closed then, and its
    partitions with it.
    """

    def __init__(self, database_url: str, *, timeout_ms: int, cell: Cell = ONLY_CELL) -> None:
        self.cell = cell
        self._database_url = database_url
        self._timeout_ms = timeout_ms
        self._connection: BoundedConnection | None = None
        self._partitions: set[int] = set()
        self._floor = _Floor()

    @property
    def partitions(self) -> Collection[int]:
        """Those that are this relay's."""
        return self._partitions

    async def share(self) -> None:
        """Take or give back partitions, so that every relay has about as many. Nothing may be under way."""
        (relays,) = await self._row("relays", {"lock_class": PRESENCE_LOCK, "cell": self.cell})
        fair = -(-PARTITIONS // relays)
        for partition in sorted(self._partitions)[fair:]:
            await self._row("leave_partition", self._partition(partition))
            self._partitions.discard(partition)
        missing = [partition for partition in range(PARTITIONS) if partition not in self._partitions]
        for partition in missing:
            if len(self._partitions) >= fair:
                break
            (taken,) = await self._row("take_partition", self._partition(partition))
            if taken:
                self._partitions.add(partition)
                self._floor = _Floor()  # the old one was that of the other partitions

    def _partition(self, partition: int) -> dict[str, object]:
        """Name the lock of a partition: advisory locks are the database's, so each cell has numbers of its own."""
        return {"lock_class": _PARTITION_LOCK, "partition": PARTITIONS * self.cell + partition}

    async def next(self, limit: int, left_out: Collection[int] = ()) -> list[OutboxRow]:
        """Give the next events of this relay's partitions, in order, without removing them. `left_out` are owners.

        They are safe to publish: a synchronous standby has them, and the server takes it that they are removed.
        """
        floor = self._floor
        if time.monotonic() - floor.looked_at >= _LOOK_EVERY_S:
            await self._look(floor)
        named = {
            "floor": floor.outbox_id,
            "partitions": sorted(self._partitions),
            "partition_count": PARTITIONS,
            "rows_max": limit,
            "left_out": list(left_out),
        }
        events = [NamedEvent(*row) for row in await self._rows("next", named)]
        if events:
            await self._confirm()
        if not left_out:  # what is left out waits as well, and is not to be passed over
            floor.rise(events[0].outbox_id if events else None)
        return outbox_rows(events, await self._facts(events) if events else ())

    async def _look(self, floor: _Floor) -> None:
        """See whether those have ended that were writing; then, up to which id others are. The id comes first.

        Of an installation that is frozen nothing more is published: another one may publish it.
        """
        await self._stay()
        (is_frozen,) = await self._row("is_frozen", {})
        if is_frozen:
            await self.close()
            raise DatabaseUnavailableError("the installation is frozen")
        if floor.writers:
            floor.writers &= await self._writers()
        if not floor.writers:
            floor.settled = floor.given
            (floor.given,) = await self._row("last_id", {})
            floor.writers = await self._writers()
        floor.looked_at = time.monotonic()

    async def remove(self, outbox_ids: Sequence[int]) -> Halved[int]:
        """Remove events that were published; gives those that could not be, after up to two statements for each."""

        async def remove(part: Sequence[int]) -> None:
            await self._rows("remove", {"outbox_ids": list(part)})

        return await by_halves(outbox_ids, remove, failures_max=2 * len(outbox_ids))

    async def park(self, outbox_ids: Sequence[int], failure: str) -> Halved[int]:
        """Park events that no queue takes; gives those that could not be, after up to two statements for each."""

        async def park(part: Sequence[int]) -> None:
            await self._rows("park", {"outbox_ids": list(part), "failure": failure})

        return await by_halves(outbox_ids, park, failures_max=2 * len(outbox_ids))

    async def close(self) -> None:
        """Give everything back."""
        connection, self._connection = self._connection, None
        self._partitions.clear()
        self._floor = _Floor()
        if connection is not None:
            await connection.close()

    async def _row(self, name: str, parameters: dict[str, object]) -> Any:
        return (await self._rows(name, parameters))[0]

    async def _rows(self, name: str, parameters: dict[str, object]) -> list[Any]:
        async with self._session() as connection:
            statement = named_here(connection, _SQL[name]) if name == "last_id" else _SQL[name]
            cursor = await connection.execute(statement, parameters, prepare=True)
            return await cursor.fetchall() if cursor.description else []

    async def _facts(self, events: Sequence[NamedEvent]) -> list[ToldTransaction]:
        """Read what the ledger tells of events. Their rows were committed with it, so whoever sees these sees that."""
        statement = TOLD_TRANSACTIONS.statement
        async with self._session() as connection:
            cursor = AsyncRawCursor(connection, row_factory=args_row(ToldTransaction))
            await cursor.execute(statement.text, statement.values(facts_parameters(events)), prepare=True)
            return await cursor.fetchall()

    async def _stay(self) -> None:
        """See that the cell has not been moved away: who writes now is seen at its own node only."""
        async with self._session() as connection:
            if connection.place is not None and not await connection.answers(within_s=self._timeout_ms / 1000):
                raise CellMovedError("the cell was moved")

    async def _writers(self) -> frozenset[str]:
        return frozenset(writer for (writer,) in await self._rows("writers", {}))

    async def _confirm(self) -> None:
        async with self._session() as connection:
            await confirm(connection, before_writing=True)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[BoundedConnection]:
        """Lend the connection for one statement, and close the session unless only the statement fails."""
        try:
            async with asyncio.timeout(kinds.connecting_s(self._database_url, timeout_ms=self._timeout_ms)):
                yield self._connection or await self._connect()
        except (psycopg.Error, UnconfirmedError, TimeoutError, OSError) as error:
            if isinstance(error, psycopg.Error) and not (is_outage(error) or self._has_left(error)):
                raise
            await self.close()
            raise DatabaseUnavailableError(str(error)) from error

    def _has_left(self, error: psycopg.Error) -> bool:
        """Tell whether the cell was moved away, and what it had here was removed."""
        at_place = self._connection is not None and self._connection.place is not None
        return at_place and error.sqlstate in MOVED_SQLSTATES

    async def _connect(self) -> BoundedConnection:
        kind = kinds.relay(timeout_ms=self._timeout_ms).of_cell(self.cell)
        connection = await connect_async(self._database_url, kind)
        self._connection = connection
        await connection.execute(_SQL["be_present"], {"lock_class": PRESENCE_LOCK, "cell": self.cell})
        return connection


class OutboxReader:
    """Looks at the outbox without taking part."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def backlog(self) -> OutboxBacklog:
        """Tell what waits and what is parked.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
        """
        async with self._pool.connection() as connection:
            waiting, oldest_age_s, parked = await only_row(connection, _SQL["backlog"])
        return OutboxBacklog(waiting=waiting, oldest_age_s=float(oldest_age_s), parked=parked)
