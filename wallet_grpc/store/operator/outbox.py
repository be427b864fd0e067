"""The outbox as an operator sees it: lists events that are not published, has them published again, removes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import RawCursor
from psycopg.rows import args_row

from wallet_grpc.domain.cells import Cell
from wallet_grpc.store.backoffice.events import EventRef
from wallet_grpc.store.batch.transactions import TOLD_TRANSACTIONS, ToldTransaction
from wallet_grpc.store.connection.relations import COUNTED_BITS
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.queues.told_events import (
    NamedEvent,
    OutboxRow,
    UntellableEventError,
    facts_parameters,
    outbox_rows,
)
from wallet_grpc.store.trail.acts import note
from wallet_grpc.store.trail.event_acts import Settling, TakenEvent, published_act

from .cells import ask_each, look_into

_SQL = statements(__package__, "outbox.sql")
_DIGITS_OF_TIME = 13
"""An event's id begins with its transaction's, which begins with the time: twelve digits of milliseconds and a dash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOutboxEvent:
    """An event that was not published yet, as it is listed. What the ledger does not tell of it is None."""

    cell: int
    """Each cell numbers its events by itself."""
    outbox_id: int
    event_id: str
    event_type: str | None
    player_id: int
    created_at: datetime | None
    parked_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOutbox:
    """What cells told of their events."""

    events: Sequence[ListedOutboxEvent]
    silent: Sequence[Cell]
    """Those that did not answer: nothing is told of their events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOutboxEvent:
    """Everything about an event that was not published yet. What the ledger does not tell of it is None."""

    cell: int
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
    connection: psycopg.Connection[Any], cells: Sequence[Cell], *, parked: bool, after: int, limit: int
) -> ListedOutbox:
    """Give events of cells that were not published yet: all of them, or the parked ones.

    They come oldest first; those of several cells merged by the times that their transactions' ids tell.
    """
    statement = "list_parked" if parked else "list_all"
    found: list[ListedOutboxEvent] = []
    silent: list[Cell] = []

    def events_of(cell: Cell) -> list[ListedOutboxEvent]:
        rows = _events(connection, statement, {"after": after, "rows_max": limit})
        return [_listed(cell, stored, told) for stored, told in rows]

    for cell, events in ask_each(connection, cells, events_of):
        if events is None:
            silent.append(cell)
        else:
            found += events
    if len(cells) > 1:
        found.sort(key=lambda event: event.event_id[:_DIGITS_OF_TIME])
    return ListedOutbox(events=found[:limit], silent=silent)


def _listed(cell: Cell, stored: _StoredEvent, told: OutboxRow) -> ListedOutboxEvent:
    return ListedOutboxEvent(
        cell=cell,
        outbox_id=told.outbox_id,
        event_id=told.event_id,
        event_type=_tell(told, "event_type"),
        player_id=told.owner_id,
        created_at=_tell(told, "created_at"),
        parked_at=stored.parked_at,
        failure=stored.failure,
    )


def show_event(connection: psycopg.Connection[Any], cell: Cell, outbox_id: int) -> ShownOutboxEvent | None:
    """Give everything about one event of a cell."""
    look_into(connection, cell)
    for stored, told in _events(connection, "show", {"outbox_id": outbox_id}):
        data = None
        with suppress(UntellableEventError, ValueError):
            data = msgspec.json.decode(told.tell().data)
        return ShownOutboxEvent(
            cell=cell,
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


def replay_event(connection: psycopg.Connection[Any], cell: Cell, outbox_id: int, *, reason: str = "") -> bool:
    """Have a parked event of a cell published again, under a new outbox_id; False if none of that id is parked."""
    look_into(connection, cell)
    return bool(_put_back(connection, cell, outbox_id, reason))


def replay_parked_events(connection: psycopg.Connection[Any], cell: Cell, *, reason: str = "") -> list[int]:
    """Have every parked event of a cell published again, in their order; gives their new outbox_ids."""
    look_into(connection, cell)
    return _put_back(connection, cell, None, reason)


def discard_event(connection: psycopg.Connection[Any], cell: Cell, outbox_id: int, *, reason: str = "") -> bool:
    """Remove a parked event of a cell for good; False if none of that id is parked."""
    look_into(connection, cell)
    with connection.transaction():
        row = connection.execute(_SQL["take_parked"], {"outbox_id": outbox_id}).fetchone()
        if row is None:
            return False
        event = TakenEvent(*row)
        note(connection, published_act(Settling.DISCARD, event, _ref(cell, event.outbox_id), reason))
    return True


def next_outbox_id(number: int, epoch: int) -> int:
    """Make the id of an event that is put back of the next number that was counted.

    Once the cell has moved, on Citus, ids begin with its epoch. Then this connection may lead to another node than the
    lanes', which counts by itself: what it numbers comes after all that lanes number in the same epoch.
    """
    half = 1 << (COUNTED_BITS - 1)
    return number if epoch == 0 else epoch << COUNTED_BITS | half | number % half


def _put_back(connection: psycopg.Connection[Any], cell: Cell, outbox_id: int | None, reason: str) -> list[int]:
    """Put a parked event back under a new id, or all of them in their order; gives the new ids."""
    with connection.transaction():
        found = connection.execute(_SQL["take_parked"], {"outbox_id": outbox_id}).fetchall()
        taken = sorted((TakenEvent(*row) for row in found), key=lambda event: event.outbox_id)
        (epoch,) = connection.execute(_SQL["epoch"]).fetchone() or (0,)
        outbox_ids = []
        for event in taken:
            (number,) = connection.execute(_SQL["next_number"]).fetchone() or (0,)
            new_id = next_outbox_id(number, epoch)
            connection.execute(
                _SQL["put_back"],
                {
                    "outbox_id": new_id,
                    "owner_id": event.owner_id,
                    "tx_id": event.tx_id,
                    "event_no": event.event_no,
                    "sequence": event.sequence,
                    "traceparent": event.traceparent,
                },
            )
            outbox_ids.append(new_id)
        if taken:
            replayed = zip(taken, outbox_ids, strict=True)
            acts = [
                published_act(Settling.REPLAY, event, _ref(cell, event.outbox_id), reason, _ref(cell, new_id))
                for event, new_id in replayed
            ]
            note(connection, *acts)
    return outbox_ids


def _ref(cell: Cell, outbox_id: int) -> EventRef:
    return EventRef(cell=cell, number=outbox_id)


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
