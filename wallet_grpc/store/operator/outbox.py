"""The outbox as an operator sees it: lists events that are not published, has them published again, removes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "outbox.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOutboxEvent:
    """An event that was not published yet, as it is listed."""

    outbox_id: int
    event_id: str
    event_type: str
    player_id: int
    created_at: datetime
    parked_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOutboxEvent:
    """Everything about an event that was not published yet."""

    outbox_id: int
    event_id: str
    event_type: str
    player_id: int
    sequence: int
    created_at: datetime
    parked_at: datetime | None
    failure: str | None
    traceparent: str | None
    data: Any


def list_events(
    connection: psycopg.Connection[Any], *, parked: bool, after: int, limit: int
) -> list[ListedOutboxEvent]:
    """Give events that were not published yet, oldest first: all of them, or the parked ones."""
    with connection.cursor(row_factory=class_row(ListedOutboxEvent)) as cursor:
        statement = _SQL["list_parked"] if parked else _SQL["list_all"]
        return cursor.execute(statement, {"after": after, "rows_max": limit}).fetchall()


def show_event(connection: psycopg.Connection[Any], outbox_id: int) -> ShownOutboxEvent | None:
    """Give everything about one event."""
    with connection.cursor(row_factory=class_row(ShownOutboxEvent)) as cursor:
        return cursor.execute(_SQL["show"], {"outbox_id": outbox_id}).fetchone()


def replay_event(connection: psycopg.Connection[Any], outbox_id: int) -> bool:
    """Have a parked event published again, under a new outbox_id; False if none of that id is parked."""
    return connection.execute(_SQL["replay"], {"outbox_id": outbox_id}).fetchone() is not None


def replay_parked_events(connection: psycopg.Connection[Any]) -> list[int]:
    """Have every parked event published again, in their order; gives their new outbox_ids."""
    return [row[0] for row in connection.execute(_SQL["replay_parked"]).fetchall()]


def discard_event(connection: psycopg.Connection[Any], outbox_id: int) -> bool:
    """Remove a parked event for good; False if none of that id is parked."""
    return connection.execute(_SQL["discard"], {"outbox_id": outbox_id}).fetchone() is not None
