"""Ledgers as an operator creates and lists them, for any source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.cells import Cells
from wallet_grpc.domain.identifiers import Source, TxIdSequence, caller_key, unix_ms_of
from wallet_grpc.domain.ledgers.state import new_ledger_owner
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import check_clock, clock_class_of, own_clock
from wallet_grpc.store.trail.acts import note

from .cells import all_cells, look_into, looking_around

_SQL = statements(__package__, "ledgers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLedger:
    """A ledger as an operator sees it."""

    ledger_id: str
    owner_id: int
    source: str
    name: str
    currency_network_id: int
    created_at: datetime


def list_ledgers(connection: psycopg.Connection[Any]) -> list[ListedLedger]:
    """Give all ledgers, oldest first."""
    with connection.cursor(row_factory=class_row(ListedLedger)) as cursor:
        return cursor.execute(_SQL["list_ledgers"]).fetchall()


def create_ledger(
    connection: psycopg.Connection[Any],
    *,
    source: Source,
    name: str,
    currency_network_id: int,
    reason: str = "",
    own_clock: Callable[[], datetime] = own_clock,
) -> str | None:
    """Create a ledger for a source; gives its id, or None if there is no such currency network.

    It has one time, which was taken under the clock's lock and is not before what is counted into days.

    Raises:
        ClockAheadError: The database's time cannot be taken.
    """
    reference = f"wallet:ledger:{uuid4()}"
    owner_id = new_ledger_owner(source, reference)
    cell = Cells(len(all_cells(connection))).of(owner_id)
    asked: dict[str, Any] = {"source": source, "name": name, "currency_network_id": currency_network_id}
    hidden = {"owner_id": owner_id, "reference": reference, "key": caller_key(source, reference)}
    with connection.transaction(), looking_around(connection):
        look_into(connection, cell)
        connection.execute(_SQL["share_clock"], {"clock_class": clock_class_of(cell)})
        (now,) = connection.execute(_SQL["time"]).fetchone() or (None,)
        assert now is not None
        check_clock(now, own_clock())
        ledger_id = TxIdSequence(cell).next(unix_ms_of(now))
        made = connection.execute(
            _SQL["create_ledger"], {**asked, **hidden, "ledger_id": ledger_id, "now": now}
        ).fetchone()
        if made is None:
            return None
        act = Act(
            kind=ActKind.LEDGER_CREATION,
            subject=f"ledger {ledger_id}",
            reason=reason,
            result_id=ledger_id,
            after=asked,
        )
        note(connection, act)
    return ledger_id
