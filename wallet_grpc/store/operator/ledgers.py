"""Ledgers as an operator creates and lists them, for any source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.identifiers import Source, TxIdSequence, caller_key
from wallet_grpc.domain.ledgers.state import new_ledger_owner
from wallet_grpc.store.connection.statements import statements

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
    connection: psycopg.Connection[Any], *, source: Source, name: str, currency_network_id: int
) -> str | None:
    """Create a ledger for a source; gives its id, or None if there is no such currency network."""
    row = connection.execute(_SQL["clock"]).fetchone()
    assert row is not None
    ledger_id = TxIdSequence().next(row[0])
    reference = f"wallet:ledger:{ledger_id}"
    made = connection.execute(
        _SQL["create_ledger"],
        {
            "ledger_id": ledger_id,
            "owner_id": new_ledger_owner(source, reference),
            "source": source,
            "reference": reference,
            "key": caller_key(source, reference),
            "name": name,
            "currency_network_id": currency_network_id,
        },
    ).fetchone()
    return None if made is None else ledger_id
