"""The API's connections: few, read-only, each query bounded in time, each plan made once.

A query that finds its connection dead (the database was restarted, or a replica cancelled it) is run again on another
one: reading twice harms nobody, and asking a connection whether it lives before each use would be one more round trip
for every request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import psycopg
import structlog

from wallet_grpc.domain.cells import ONLY_CELL, Cell, Cells
from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.store.connection.kinds import ConnectionKind, connect_async
from wallet_grpc.store.connection.lending import ConnectionPool, ConnectionsBusyError, DatabaseUnavailableError
from wallet_grpc.store.connection.statements import Positional, positional
from wallet_grpc.store.reads.moments import FutureMomentError, Moments

from .sql import PROBES, statement

_log = structlog.get_logger(__name__)

_PLANS = {
    # A statement is planned once, for any player: one with 20 transactions must not make a plan that sorts, which would
    # read all the transactions of one with a million.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
_CONNECT_TIMEOUT_MS_MIN = 2_000
_WAITING_PER_CONNECTION = 50
_AS_OF = statement(PROBES, "as_of")
_CELL_COUNT = statement(PROBES, "cell_count")
_WRITABLE_TABLES = statement(PROBES, "writable_tables")


def kind_of_connections(timeout_ms: int) -> ConnectionKind:
    """Give the kind of all the API's connections; `timeout_ms` is a query's limit."""
    return ConnectionKind(
        application_name="wallet-api",
        timeout_ms=max(timeout_ms, _CONNECT_TIMEOUT_MS_MIN),
        reads_only=True,
        statement_timeout_ms=timeout_ms,
        idle_in_transaction_timeout_ms=2 * max(timeout_ms, _CONNECT_TIMEOUT_MS_MIN),
        plans=_PLANS,
    )


class QueryResult(NamedTuple):
    """What a query gave."""

    rows: list[tuple[Any, ...]]
    as_of: datetime | None
    """On a replica: everything committed until then is in the rows."""


class Database:
    """Runs the API's queries in one cell, or on what all cells share."""

    def __init__(
        self,
        dsn: str,
        *,
        connections_max: int,
        wait_ms: int,
        timeout_ms: int,
        is_replica: bool = False,
        cell: Cell | None = ONLY_CELL,
    ) -> None:
        self.cell = cell
        """Whose tables it sees; None: those that all cells share, which any node has."""
        self._wait_s = wait_ms / 1000
        self._connections_max = connections_max
        self._is_replica = is_replica
        self._is_away = False
        self._moments = Moments(self._ask, ONLY_CELL if cell is None else cell)
        kind = kind_of_connections(timeout_ms).of_cell(cell)
        self.pool = ConnectionPool(
            lambda: connect_async(dsn, kind, cursor_factory=psycopg.AsyncRawCursor, prepare_threshold=0),
            connections_max=connections_max,
            waiting_max=connections_max * _WAITING_PER_CONNECTION,
            wait_ms=wait_ms,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()

    async def read(self, query: Positional, values: Sequence[Any] = ()) -> QueryResult:
        """Run a query.

        Raises:
            ConnectionsBusyError: Too many others read at this moment.
            DatabaseUnavailableError: It was not answered in time.
        """
        try:
            answer = await self._read_anyhow(query, values)
        except ConnectionsBusyError:
            raise
        except (DatabaseUnavailableError, psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._note_failure(error)
            raise DatabaseUnavailableError(str(error)) from error
        if self._is_away:
            self._is_away = False
            _log.info("database_back", cell=self.cell)
        return answer

    async def settle(self, moment: datetime) -> None:
        """Wait until nothing of a past moment can appear any more. Of one that is yet to come anything may.

        On a replica nobody can tell: its answers say by `as_of` how far they go.

        Raises:
            UnsettledMomentError: What happened until then is still being stored.
            DatabaseUnavailableError: The database does not answer.
        """
        if not self._is_replica:
            with suppress(FutureMomentError):
                await self._moments.settle(moment)

    async def _ask(self, statement: LiteralString, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        query = positional(statement)
        return (await self.read(query, query.values(parameters))).rows

    async def cell_count(self) -> int:
        """Give how many cells the installation has.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        ((count,),) = (await self.read(_CELL_COUNT)).rows
        assert isinstance(count, int)
        return count

    async def writable_tables(self) -> list[str]:
        """Name the tables that this login can change: none, if it is the one that it should be.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        return [name for (name,) in (await self.read(_WRITABLE_TABLES)).rows]

    def _note_failure(self, error: Exception) -> None:
        """Tell once that the database is away, and each time that a query took too long."""
        if isinstance(error, psycopg.errors.QueryCanceled):
            _log.warning("query_too_slow", cell=self.cell, problem=str(error))
        elif not self._is_away:
            self._is_away = True
            _log.warning("database_unavailable", cell=self.cell, problem=type(error).__name__)

    async def _read_anyhow(self, query: Positional, values: Sequence[Any]) -> QueryResult:
        """Run a query on one connection after the other: at worst, each of them was dead."""
        deadline = time.monotonic() + self._wait_s
        for _ in range(self._connections_max):
            try:
                return await self._read(query, values, deadline)
            except psycopg.errors.QueryCanceled:
                raise
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if time.monotonic() >= deadline:
                    raise
        return await self._read(query, values, deadline)

    async def _read(self, query: Positional, values: Sequence[Any], deadline: float) -> QueryResult:
        connection = await self.pool.take(deadline=deadline)
        try:
            as_of = None
            if self._is_replica:
                ((as_of,),) = await (await connection.execute(_AS_OF.text)).fetchall()
            cursor = await connection.execute(query.text, values)
            return QueryResult(await cursor.fetchall(), as_of)
        finally:
            await self.pool.give_back(connection)


class CellDatabases:
    """The databases of all cells: each has connections of its own, so that one that does not answer keeps no other."""

    def __init__(self, shared: Database, of_cell: Callable[[Cell], Database]) -> None:
        """Take what reads what all cells share, of the only cell where there is but one, and what makes a cell's."""
        self.shared = shared
        self._of_cell = of_cell
        self._cells: Cells | None = None
        self._made: dict[Cell, Database] = {}

    async def of(self, player_id: PlayerId) -> Database:
        """Give the database of a player's cell.

        Raises:
            DatabaseUnavailableError: How many cells there are is not known yet, and the database does not answer.
        """
        if self._cells is None:
            self._cells = Cells(await self.shared.cell_count())
        cell = self._cells.of(player_id)
        if cell == self.shared.cell:
            return self.shared
        if cell not in self._made:
            self._made[cell] = self._of_cell(cell)
        return self._made[cell]

    async def close(self) -> None:
        """Close every connection."""
        for database in (self.shared, *self._made.values()):
            await database.close()
