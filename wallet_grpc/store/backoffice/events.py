"""Events that are not done: received ones that wait or were set aside, and those of the outbox.

An event is named by where it stands: `in-17` is row 17 of the inbox, `out-2-17` row 17 of the outbox of cell 2. What is
listed of both comes one after the other: first what was received, then the outboxes, cell by cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import AsyncRawCursor
from psycopg.rows import args_row

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.identifiers import PLAYER_ID_MAX
from wallet_grpc.store.batch.transactions import TOLD_TRANSACTIONS, ToldTransaction
from wallet_grpc.store.connection.pool import Connection, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.queues.told_events import (
    NamedEvent,
    OutboxRow,
    UntellableEventError,
    facts_parameters,
    outbox_rows,
)
from wallet_grpc.store.reads.rows import rows_of

_SQL = statements(__package__, "events.sql")
_parse_ref = re.compile(r"in-([1-9][0-9]{0,17})|out-(0|[1-9][0-9]{0,3})-([1-9][0-9]{0,17})", re.ASCII).fullmatch


_EFFECTS = {
    "payments.deposit.settled": (
        "credits {amountMinor} minor units of currency network {currencyNetworkId} to player {playerId}, once for "
        "deposit {depositId}"
    ),
    "payments.withdrawal.broadcasted": "marks withdrawal {withdrawalId} as on its way, and posts nothing",
    "payments.withdrawal.settled": "ends withdrawal {withdrawalId} as paid out, with a fee of {feeMinor} minor units",
    "payments.withdrawal.failed": "ends withdrawal {withdrawalId} as failed: its amount goes back to the player",
}


class EventDirection(StrEnum):
    """Which way an event goes."""

    RECEIVED = "RECEIVED"
    PUBLISHED = "PUBLISHED"


class EventState(StrEnum):
    """Where an event stands that is not done."""

    PARKED = "PARKED"
    WAITING = "WAITING"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRef:
    """What names an event."""

    cell: Cell | None
    """Of whose outbox it is a row; None: of the inbox."""
    number: int

    def __str__(self) -> str:
        """Write it as callers know it."""
        return f"in-{self.number}" if self.cell is None else f"out-{self.cell}-{self.number}"


def event_ref(text: str) -> EventRef | None:
    """Read what names an event; None if it is nothing of the kind."""
    parts = _parse_ref(text)
    if parts is None:
        return None
    if parts[1]:
        return EventRef(cell=None, number=int(parts[1]))
    return EventRef(cell=Cell(int(parts[2])), number=int(parts[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """An event that is not done."""

    event_ref: str
    direction: EventDirection
    state: EventState
    source: str
    event_id: str
    event_type: str
    player_id: int
    tx_id: str
    reason: str
    detail: str
    waits_for: str
    attempts: int
    received_at: datetime | None
    changed_at: datetime | None
    due_at: datetime | None
    body: str
    """JSON; empty in lists, of received events, and where the ledger does not tell it."""

    @property
    def replay_effect(self) -> str:
        """Tell people what trying it again would do."""
        if self.direction is EventDirection.PUBLISHED:
            return f"It is published again as {self.event_id}: subscribers know it by that, and take it once."
        try:
            effect = _EFFECTS[self.event_type].format(**json.loads(self.body))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
            effect = "has the effect that its sender meant, or is refused again"
        return f"If nothing stands against it any more, it {effect}."


class EventLookup:
    """Looks events up. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, shared: Pool, pools: ByCell[Pool]) -> None:
        self._shared = shared
        self._pools = pools

    async def page(
        self, direction: EventDirection | None, state: EventState, after: EventRef | None, rows_max: int
    ) -> tuple[Sequence[ParkedEvent], EventRef | None]:
        """Give the next events of a state, at most so many, and which is the last of them if there may be more."""
        found: list[ParkedEvent] = []
        if direction is not EventDirection.PUBLISHED and (after is None or after.cell is None):
            found += await self._received(state, after.number if after else 0, rows_max + 1)
        if direction is not EventDirection.RECEIVED:
            for cell, pool in self._pools.items():
                if len(found) > rows_max:
                    break
                first = 0
                if after is not None and after.cell is not None:
                    if cell < after.cell:
                        continue
                    first = after.number if cell == after.cell else 0
                found += await self._published(cell, pool, state, first, rows_max + 1 - len(found))
        if len(found) <= rows_max:
            return found, None
        return found[:rows_max], event_ref(found[rows_max - 1].event_ref)

    async def one(self, ref: EventRef) -> ParkedEvent | None:
        """Give an event; None if it is done, or there never was one."""
        if ref.cell is None:
            async with self._shared.connection() as connection:
                rows = await rows_of(connection, _SQL["received_one"], {"inbox_id": ref.number})
            return _received(rows[0], body=rows[0].body) if rows else None
        if ref.cell not in self._pools.cells.served:
            return None
        async with self._pools.at(ref.cell).connection() as connection:
            found = await _told(connection, ref.cell, "published_one", {"outbox_id": ref.number})
        return found[0] if found else None

    async def _received(self, state: EventState, after: int, rows_max: int) -> list[ParkedEvent]:
        async with self._shared.connection() as connection:
            parameters = {"state": state, "after": after, "rows_max": rows_max}
            return list(map(_received, await rows_of(connection, _SQL["received"], parameters)))

    async def _published(
        self, cell: Cell, pool: Pool, state: EventState, after: int, rows_max: int
    ) -> list[ParkedEvent]:
        statement = "published_parked" if state is EventState.PARKED else "published_waiting"
        async with pool.connection() as connection:
            return await _told(connection, cell, statement, {"after": after, "rows_max": rows_max})


def _received(row: Any, body: str = "") -> ParkedEvent:
    return ParkedEvent(
        event_ref=str(EventRef(cell=None, number=row.inbox_id)),
        direction=EventDirection.RECEIVED,
        state=EventState(row.state),
        source=row.source,
        event_id=row.event_id,
        event_type=row.event_type,
        player_id=_player_id(row.player_id),
        tx_id="",
        reason=row.reason or "",
        detail=row.detail or "",
        waits_for=row.waits_for or "",
        attempts=row.attempts,
        received_at=row.received_at,
        changed_at=row.changed_at,
        due_at=row.due_at,
        body=body,
    )


def _player_id(told: str | None) -> int:
    """Give the player that an event names; 0 if there can be no such player: senders tell whatever they like."""
    if told is None or not (told.isascii() and told.isdecimal()):
        return 0
    number = int(told)
    return number if number <= PLAYER_ID_MAX else 0


async def _told(connection: Connection, cell: Cell, statement: str, parameters: dict[str, object]) -> list[ParkedEvent]:
    """Give events of an outbox, with what the ledger tells of them."""
    stored = await rows_of(connection, _SQL[statement], parameters)
    named = [
        NamedEvent(row.outbox_id, row.owner_id, row.tx_id, row.event_no, row.sequence, row.traceparent)
        for row in stored
    ]
    facts = TOLD_TRANSACTIONS.statement
    cursor = AsyncRawCursor(connection, row_factory=args_row(ToldTransaction))
    await cursor.execute(facts.text, facts.values(facts_parameters(named)))
    told = outbox_rows(named, await cursor.fetchall())
    return [_published(cell, row, event) for row, event in zip(stored, told, strict=True)]


def _published(cell: Cell, row: Any, told: OutboxRow) -> ParkedEvent:
    event_type, body = "", ""
    happened_at = None
    with suppress(UntellableEventError, ValueError):
        event_type, happened_at = told.event_type, told.created_at
        body = told.tell().data
    return ParkedEvent(
        event_ref=str(EventRef(cell=cell, number=row.outbox_id)),
        direction=EventDirection.PUBLISHED,
        state=EventState.WAITING if row.parked_at is None else EventState.PARKED,
        source="",
        event_id=told.event_id,
        event_type=event_type,
        player_id=max(row.owner_id, 0),
        tx_id=row.tx_id,
        reason=row.failure or "",
        detail="",
        waits_for="",
        attempts=0,
        received_at=happened_at,
        changed_at=row.parked_at,
        due_at=None,
        body=body,
    )
