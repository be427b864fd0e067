"""The inbox as an operator sees it: lists events that wait or are parked, has them tried again, gives them up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.receipts import ReceiptState
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.trail.acts import note
from wallet_grpc.store.trail.event_acts import Settling, received_act

_SQL = statements(__package__, "inbox.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInboxEvent:
    """A received event as it is listed."""

    inbox_id: int
    state: str
    source: str
    event_id: str
    event_type: str
    reason: str | None
    attempts: int
    received_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInboxEvent:
    """Everything about a received event."""

    inbox_id: int
    state: str
    source: str
    event_id: str
    event_type: str
    reason: str | None
    detail: str | None
    waits_for: str | None
    attempts: int
    due_at: datetime | None
    received_at: datetime
    changed_at: datetime
    traceparent: str | None
    body: Any


def list_events(
    connection: psycopg.Connection[Any], *, state: ReceiptState | None, after: int, limit: int
) -> list[ListedInboxEvent]:
    """Give received events, oldest first: those of a state, or all that wait or are parked."""
    statement = _SQL["list_open"] if state is None else _SQL["list_state"]
    with connection.cursor(row_factory=class_row(ListedInboxEvent)) as cursor:
        return cursor.execute(statement, {"state": state, "after": after, "rows_max": limit}).fetchall()


def show_event(connection: psycopg.Connection[Any], inbox_id: int) -> ShownInboxEvent | None:
    """Give everything about one event."""
    with connection.cursor(row_factory=class_row(ShownInboxEvent)) as cursor:
        return cursor.execute(_SQL["show"], {"inbox_id": inbox_id}).fetchone()


def replay_event(connection: psycopg.Connection[Any], inbox_id: int, *, reason: str = "") -> bool:
    """Have an event tried again now; False if none of that id waits or is parked."""
    return bool(_settle(connection, Settling.REPLAY, inbox_id, reason))


def replay_parked_events(connection: psycopg.Connection[Any], *, reason: str = "") -> list[int]:
    """Have every parked event tried again now but those that contradict another; gives their ids."""
    return _settle(connection, Settling.REPLAY, None, reason)


def discard_event(connection: psycopg.Connection[Any], inbox_id: int, *, reason: str = "") -> bool:
    """Give an event up for good; False if none of that id waits or is parked."""
    return bool(_settle(connection, Settling.DISCARD, inbox_id, reason))


def _settle(connection: psycopg.Connection[Any], settling: Settling, inbox_id: int | None, reason: str) -> list[int]:
    """Settle one event, or every one that is parked, each with its row of the trail; gives their ids."""
    lock = "lock_parked" if inbox_id is None else "lock_one"
    with connection.transaction():
        found = connection.execute(_SQL[lock], {"inbox_id": inbox_id}).fetchall()
        inbox_ids = [event_id for event_id, *_ in found]
        if inbox_ids:
            connection.execute(_SQL[settling.value], {"inbox_ids": inbox_ids})
            acts = [received_act(settling, event_id, facts, reason) for event_id, *facts in found]
            note(connection, *acts)
    return inbox_ids
