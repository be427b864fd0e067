"""The outbox as an operator sees it: lists events that are not published, has them published again, removes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import RawCursor
from psycopg.rows import args_row

from wallet_grpc.store.batch.transactions import TOLD_TRANSACTIONS, ToldTransaction
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.queues.told_events import (
    NamedEvent,
    OutboxRow,
    UntellableEventError,
    facts_parameters,
    outbox_rows,
)

_SQL = statements(__package__, "outbox.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOutboxEvent:
    """An event that was not published yet, as it is listed. What the ledger does not tell of it is None."""

    outbox_id: int
    event_id: str
    event_type: str | None
    player_id: int
    created_at: datetime | None
    parked_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOutboxEvent:
    """Everything about an event that was not published yet. What the ledger does not tell of it is None."""

    outbox_id: int
    event_id: str
    event_type: str | None
    player_id: int
    sequence: int
    created_at: datetime | None
    parked_at: datetime | None
    failure: str | None
    traceparent: str | None
    data: Any


class _StoredEvent(NamedTuple):
    """A row of the statements: what names the event, and why it is parked."""

    outbox_id: int
    owner_id: int
    tx_id: str
    event_no: int
    sequence: int
    traceparent: str | None
    parked_at: datetime | None
    failure: str | None


def list_events(
    connection: psycopg.Connection[Any], *, parked: bool, after: int, limit: int
) -> list[ListedOutboxEvent]:
    """Give events that were not published yet, oldest first: all of them, or the parked ones."""
    statement = "list_parked" if parked else "list_all"
    return [
        ListedOutboxEvent(
            outbox_id=told.outbox_id,
            event_id=told.event_id,
            event_type=_tell(told, "event_type"),
            player_id=told.owner_id,
            created_at=_tell(told, "created_at"),
            parked_at=stored.parked_at,
            failure=stored.failure,
        )
        for stored, told in _events(connection, statement, {"after": after, "rows_max": limit})
    ]


def show_event(connection: psycopg.Connection[Any], outbox_id: int) -> ShownOutboxEvent | None:
    """Give everything about one event."""
    for stored, told in _events(connection, "show", {"outbox_id": outbox_id}):
        data = None
        with suppress(UntellableEventError, ValueError):
            data = msgspec.json.decode(told.tell().data)
        return ShownOutboxEvent(
            outbox_id=told.outbox_id,
            event_id=told.event_id,
            event_type=_tell(told, "event_type"),
            player_id=told.owner_id,
            sequence=told.sequence,
            created_at=_tell(told, "created_at"),
            parked_at=stored.parked_at,
            failure=stored.failure,
            traceparent=told.traceparent,
            data=data,
        )
    return None


def replay_event(connection: psycopg.Connection[Any], outbox_id: int) -> bool:
    """Have a parked event published again, under a new outbox_id; False if none of that id is parked."""
    return connection.execute(_SQL["replay"], {"outbox_id": outbox_id}).fetchone() is not None


def replay_parked_events(connection: psycopg.Connection[Any]) -> list[int]:
    """Have every parked event published again, in their order; gives their new outbox_ids."""
    return [row[0] for row in connection.execute(_SQL["replay_parked"]).fetchall()]


def discard_event(connection: psycopg.Connection[Any], outbox_id: int) -> bool:
    """Remove a parked event for good; False if none of that id is parked."""
    return connection.execute(_SQL["discard"], {"outbox_id": outbox_id}).fetchone() is not None


def _events(
    connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, object]
) -> Iterator[tuple[_StoredEvent, OutboxRow]]:
    """Read events, and what the ledger tells of them as a relay reads it."""
    with connection.cursor(row_factory=args_row(_StoredEvent)) as cursor:
        stored = cursor.execute(_SQL[statement], parameters).fetchall()
    named = [
        NamedEvent(event.outbox_id, event.owner_id, event.tx_id, event.event_no, event.sequence, event.traceparent)
        for event in stored
    ]
    facts = TOLD_TRANSACTIONS.statement
    with RawCursor(connection, row_factory=args_row(ToldTransaction)) as cursor_of_facts:
        cursor_of_facts.execute(facts.text, facts.values(facts_parameters(named)))
        told = outbox_rows(named, cursor_of_facts.fetchall())
    return zip(stored, told, strict=True)


def _tell(told: OutboxRow, what: str) -> Any:
    with suppress(UntellableEventError, ValueError):
        return getattr(told, what)
    return None
