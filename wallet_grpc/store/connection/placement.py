"""Where a cell is: on Citus its connections lead to the node that it is on, and they follow it when it is moved.

The DSN leads to any node, as a rule to the coordinator; each of them knows where every cell is. So a new connection
asks the first node that it reaches, and goes on to the cell's own, with the login, the password and all else of the
DSN. What was learnt is remembered for the process, so that a cell is found without the coordinator, which may be away.

A connection that stays where its cell was must be noticed. A lane holds its cell (`hold_cell`) for each of its batches,
and a worker for each of its transactions past Citus' planner: Citus' own writers take the same lock, a move waits for
it, and nobody gets it at a place that the cell has left. All else goes through Citus' planner, which finds the cell
wherever it is; a pool looks before it lends a connection, so that the next one is made to the right node.

A server that is frozen takes connections and says nothing. Whoever asked it tries again after a second beside that
attempt, by another server, and for a while others ask that one first.

On plain PostgreSQL nothing of this is asked, but once a process whether it is Citus.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import namedtuple_row

from .dialing import BoundedConnection, Place
from .relations import Relations
from .statements import positional, statements

_SQL = statements(__package__, "placement.sql")

IS_CITUS = _SQL["is_citus"]
WHERE_TO = positional(_SQL["where_to"])
HOLD_CELL = positional(_SQL["hold_cell"])
HOLD_CELL_AS_WELL = positional(_SQL["hold_cell_as_well"])
IS_HERE = positional(_SQL["is_here"])
EPOCH = positional(_SQL["epoch"])
_SILENT_AFTER_S = 0.9
"""Less than the second after which an attempt gets another one beside it (dialing.py): that one takes another road."""
_ASKED_FIRST_AGAIN_AFTER_S = 10.0
_READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
_SEE_CATALOG_AS_IT_IS = "SET citus.override_table_visibility = off"
"""Else Citus calls a function for each row of pg_class to hide the shards: 20 to 70 ms of processor time a connection,
and after a move all callers of a cell wait for its connections."""
MOVED_SQLSTATES = frozenset({"42P01"})
"""What a statement with physical relations meets once those of a cell that has left were removed."""
_OF_ITS_SERVER = ("host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts")
"""What a DSN says of its own server, and not of the node that a cell is on."""


class CellMovedError(psycopg.OperationalError):
    """The cell is not here any more; nothing was done. A new connection finds it."""


@dataclass(slots=True)
class _Cluster:
    """What a process has learnt of the servers behind a DSN."""

    database_url: str
    is_citus: bool | None = None
    nodes: list[tuple[str, int]] = field(default_factory=list)
    of_cells: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The node that a cell was on when last asked, by its schema."""
    places: dict[str, Place] = field(default_factory=dict)
    """What relations a cell has, by its schema: they are called the same wherever it is."""
    asked_at: dict[str, float] = field(default_factory=dict)
    """Since when a server was asked for a connection and has said nothing, neither yes nor no, by its road."""

    def at(self, host: str, port: int) -> str:
        """Give the DSN with another server in it."""
        given = {
            name: value for name, value in conninfo_to_dict(self.database_url).items() if name not in _OF_ITS_SERVER
        }
        return make_conninfo("", **given, host=host, port=port)

    def roads(self, schema: str | None) -> list[str]:
        """Give the servers that can tell where a cell is: its node as it was last known, the DSN's, all others.

        Each of them has what all cells share.
        """
        known = None if schema is None else self.of_cells.get(schema)
        first = [] if known is None else [self.at(*known)]
        roads = [*first, self.database_url, *(self.at(*node) for node in self.nodes if node != known)]
        return sorted(roads, key=self._is_silent)  # which leaves their order as it is, but for those

    def _is_silent(self, road: str) -> bool:
        """Whether a server was asked a while ago and has not said a word since; at times it is asked first again."""
        asked_at = self.asked_at.get(road)
        if asked_at is None:
            return False
        since_s = time.monotonic() - asked_at
        if since_s > _ASKED_FIRST_AGAIN_AFTER_S:
            del self.asked_at[road]
        return since_s > _SILENT_AFTER_S


class Schemas(NamedTuple):
    """A cell's, if there is one that matters, and that of what all cells share."""

    schema: str | None
    shared_schema: str


_clusters: dict[str, _Cluster] = {}
"""By their DSN, for the life of the process."""


def note_place(database_url: str, schema: str, host: str, port: int) -> None:
    """Remember where a cell is, from who knows it, so that the next connection goes there at once."""
    _clusters.setdefault(database_url, _Cluster(database_url)).of_cells[schema] = host, int(port)


def forget_relations(database_url: str, schema: str) -> None:
    """Have the next connection ask what relations a cell has: one that a statement named was not there."""
    _clusters.setdefault(database_url, _Cluster(database_url)).places.pop(schema, None)


async def connect_to_cell(
    database_url: str,
    schemas: Schemas,
    connect: Callable[[str], Awaitable[BoundedConnection]],
    *,
    is_physical: bool,
) -> BoundedConnection:
    """Give a connection to the node of a cell, made by `connect`, which is told a DSN; `place` tells of it.

    Without a cell to any node, the DSN's own if it is there.

    `is_physical`: for statements with physical relations. Any others are planned by Citus, which cannot plan for
    parameters that it does not know.

    Raises:
        psycopg.Error, OSError: None can be made.
    """
    cluster = _clusters.setdefault(database_url, _Cluster(database_url))
    roads = cluster.roads(schemas.schema)
    while True:
        road = roads.pop(0)
        cluster.asked_at.setdefault(road, time.monotonic())
        try:
            connection = await connect(road)
        except (psycopg.Error, OSError):
            cluster.asked_at.pop(road, None)
            if not roads:
                raise
            continue
        cluster.asked_at.pop(road, None)
        try:
            if not await _leads_to_known_place(cluster, connection, schemas.schema, road):
                connection = await _led_on(cluster, connection, schemas, connect)
            if connection.place is not None and is_physical:
                await _learn_epoch(connection)
            elif cluster.is_citus:
                await connection.execute("SET plan_cache_mode = 'force_custom_plan'", prepare=False)
        except BaseException:
            await connection.close()
            raise
        return connection


def node_of_cell(connection: psycopg.Connection[Any], schema: str) -> str | None:
    """Tell for an operator which node a cell is on, as host and port; None, where this is no Citus cluster."""
    row = connection.execute(IS_CITUS).fetchone()
    if row is None or not row[0]:
        return None
    place = connection.execute(_SQL["place"], {"schema": schema}).fetchone()
    return None if place is None else f"{place[0]}:{place[1]}"


async def _leads_to_known_place(
    cluster: _Cluster, connection: BoundedConnection, schema: str | None, road: str
) -> bool:
    """Tell whether a cell is where it is known to be, and its relations are known; the connection is told of them.

    After a move all callers of the cell wait for its connections: this is one look at one row.
    """
    if schema is None or schema not in cluster.of_cells or road != cluster.at(*cluster.of_cells[schema]):
        return False
    place = cluster.places.get(schema)
    if place is None:
        return False
    (known,) = await _rows(connection, _SQL["is_here"], place.named())
    if known.is_here:
        connection.place = place
    return bool(known.is_here)


async def _led_on(
    cluster: _Cluster,
    connection: BoundedConnection,
    schemas: Schemas,
    connect: Callable[[str], Awaitable[BoundedConnection]],
) -> BoundedConnection:
    """Give this connection, if the cell is where it leads to, or another one."""
    if cluster.is_citus is None:
        (known,) = await _rows(connection, IS_CITUS, {})
        cluster.is_citus = known.is_citus
    if not cluster.is_citus:
        return connection
    await connection.execute(_SEE_CATALOG_AS_IT_IS, prepare=False)
    cluster.nodes = [(node.host, node.port) for node in await _rows(connection, _SQL["nodes"], {})]
    if schemas.schema is None:
        return connection
    schema = schemas.schema
    found = await _rows(connection, _SQL["place"], {"schema": schema})
    if not found:
        return connection  # the installation is not set up yet
    place = found[0]
    cluster.of_cells[schema] = place.host, place.port
    if not place.is_here:
        await connection.close()
        connection = await connect(cluster.at(place.host, place.port))
        await connection.execute(_SEE_CATALOG_AS_IT_IS, prepare=False)
        (place,) = await _rows(connection, _SQL["place"], {"schema": schema})
        if not place.is_here:
            await connection.close()
            raise CellMovedError(f"{schema} is being moved")
    named = await _rows(connection, _SQL["relations"], schemas._asdict())
    connection.place = cluster.places[schema] = Place(
        shard_id=place.shard_id,
        relations=Relations(
            of_cell={row.name: row.physical for row in named if row.of_cell},
            shared={row.name: row.physical for row in named if not row.of_cell},
        ),
    )
    return connection


async def _learn_epoch(connection: BoundedConnection) -> None:
    """Have a lane's connection know how often its cell has moved, after counting that it has come here.

    Raises:
        CellMovedError: The cell has left meanwhile.
    """
    assert connection.place is not None
    async with holding_cell(connection):
        relations = connection.place.relations
        async with connection.pipeline():
            await connection.execute(relations.put_into(_SQL["come_home"]).encode(), prepare=False)
            (home,) = await _rows(connection, relations.put_into(_SQL["epoch"]), {})
    connection.place = replace(connection.place, relations=replace(relations, epoch=home.epoch))


async def _rows(connection: BoundedConnection, statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    cursor = psycopg.AsyncCursor(connection, row_factory=namedtuple_row)
    await cursor.execute(statement.encode(), parameters, prepare=False)
    return await cursor.fetchall()


def named_here(connection: psycopg.AsyncConnection[Any], statement: LiteralString) -> LiteralString:
    """Give a statement with the physical relations of the cell in it, where the connection leads to one on Citus.

    For what looks at locks, and for transactions that hold the cell (`holding_cell`).
    """
    place = connection.place if isinstance(connection, BoundedConnection) else None
    return statement if place is None else place.relations.put_into(statement)


@asynccontextmanager
async def holding_cell(connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """Be in a transaction that keeps the cell from being moved, where that matters; else as the connection is.

    Raises:
        CellMovedError: The cell is not here any more. The connection is closed.
    """
    place = connection.place if isinstance(connection, BoundedConnection) else None
    if place is None:
        yield
        return
    async with connection.transaction():
        cursor = psycopg.AsyncCursor(connection)
        async with connection.pipeline():
            await connection.execute(_READ_COMMITTED)  # it looks after it has the lock; and two may come home at once
            await cursor.execute(_SQL["hold_cell"], place.named())
        if await cursor.fetchone() != (True,):
            await connection.close()
            raise CellMovedError("the cell was moved")
        yield
