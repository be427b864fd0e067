"""Freezing: nothing is written to an installation any more, and all of it can be read. It can be lifted.

Frozen is an installation whose tables have a trigger that refuses. Why nothing is stored after it: the triggers come by
one transaction, and each waits for whoever writes to its table, holding off who comes next. So once it is committed,
all that was stored before can be seen, and every later statement meets the trigger, of whatever process, at whatever
release. Nobody pays for it until then.

The outbox refuses new events only. Relays leave when they see the freeze, after they have removed what they published;
whoever needs the outbox to stand still waits for those that were there (`relays_here`).

Locks: who waits for one holds up all who come after. So it is waited for briefly, all are given back if one cannot be
had, and it is tried again. A deadlock with a lane that has one of two tables is the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection

import psycopg
from psycopg import sql

from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.store.connection.sqlstates import RACES_LOST
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.queues.outbox import PRESENCE_LOCK
from wallet_grpc.store.trail.acts import note

from .cells import look_at_shared

_SQL = statements(__package__, "freeze.sql")

_OUTBOX = "outbox_events"
_LOCK_TIMEOUT_MS = 300
"""Less than PostgreSQL takes to look for a deadlock: it is this side that gives up, and not a lane."""
_TRIES_MAX = 200
_PAUSE_S = 0.05
"""Between two tries, on the average."""


class FreezeError(Exception):
    """Locks could not be had; nothing has changed."""


def is_frozen(connection: psycopg.Connection[object]) -> bool:
    """Tell whether the installation is frozen."""
    row = connection.execute(_SQL["is_frozen"]).fetchone()
    assert row is not None
    return bool(row[0])  # type: ignore[index]


def freeze(connection: psycopg.Connection[tuple[object, ...]], *, reason: str) -> bool:
    """Freeze the installation, as the owner of its schemas; False if it was frozen.

    Raises:
        FreezeError: Those who write did not let it.
    """

    def put_triggers() -> bool:
        if is_frozen(connection):
            return False
        note(connection, Act(kind=ActKind.FREEZE, subject="installation", reason=reason, after={"frozen": True}))
        tables = _tables(connection)
        wanted = sql.SQL(", ").join(table for table, _ in tables)
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(wanted))
        for table, events in tables:
            connection.execute(
                sql.SQL(
                    "CREATE TRIGGER frozen BEFORE {} ON {} FOR EACH STATEMENT EXECUTE FUNCTION "
                    "public.refuse_while_frozen()"
                ).format(sql.SQL(events), table)
            )
        return True

    return _tried(connection, put_triggers)


def lift(connection: psycopg.Connection[tuple[object, ...]], *, reason: str) -> bool:
    """End the freeze, as the owner of the schemas; False if there was none.

    Raises:
        FreezeError: Those who read did not let it.
    """

    def take_triggers() -> bool:
        if not is_frozen(connection):
            return False
        for table, _ in _tables(connection):
            connection.execute(sql.SQL("DROP TRIGGER IF EXISTS frozen ON {}").format(table))
        note(connection, Act(kind=ActKind.FREEZE, subject="installation", reason=reason, after={"frozen": False}))
        return True

    return _tried(connection, take_triggers)


def relays_here(connection: psycopg.Connection[tuple[object, ...]]) -> Collection[tuple[object, ...]]:
    """Name the relays' sessions that are here; asked right after the freeze, those that may still remove events."""
    return set(connection.execute(_SQL["relays"], {"lock_class": PRESENCE_LOCK}).fetchall())


def _tables(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[sql.Identifier, str]]:
    return [
        (sql.Identifier(str(schema), str(table)), "INSERT" if table == _OUTBOX else "INSERT OR UPDATE OR DELETE")
        for schema, table in connection.execute(_SQL["tables"]).fetchall()
    ]


def _tried(connection: psycopg.Connection[tuple[object, ...]], work: Callable[[], bool]) -> bool:
    look_at_shared(connection)
    for _ in range(_TRIES_MAX):
        try:
            with connection.transaction():
                connection.execute(_SQL["bound_waits"], {"lock_timeout_ms": _LOCK_TIMEOUT_MS})
                return work()
        except psycopg.Error as error:
            if error.sqlstate not in RACES_LOST:
                raise
        time.sleep(_PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311 - not for secrets
    raise FreezeError(f"the tables' locks could not be had in {_TRIES_MAX} tries; nothing is changed")
