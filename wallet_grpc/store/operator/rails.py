"""Settlement rails: where a source's sessions are settled, for each currency network. Set by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.domain.sessions.state import Rail
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.trail.acts import note

_SQL = statements(__package__, "rails.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRail:
    """A rail as it is listed."""

    source: str
    currency_network_id: int
    rail: str
    changed_at: datetime


def set_rail(
    connection: psycopg.Connection[Any], *, source: str, currency_network_id: int, rail: Rail, reason: str = ""
) -> bool:
    """Set where new sessions are settled; False if there is no such currency network. Open sessions keep theirs."""
    parameters = {"source": source, "currency_network_id": currency_network_id, "rail": rail.value}
    with connection.transaction():
        before = connection.execute(_SQL["lock_rail"], parameters).fetchone()
        if connection.execute(_SQL["set_rail"], parameters).fetchone() is None:
            return False
        act = Act(
            kind=ActKind.RAIL,
            subject=f"source {source} in currency network {currency_network_id}",
            reason=reason,
            before={} if before is None else {"rail": before[0]},
            after={"rail": rail.value},
        )
        note(connection, act)
    return True


def list_rails(connection: psycopg.Connection[Any]) -> list[ListedRail]:
    """Give all rails, by source."""
    with connection.cursor(row_factory=class_row(ListedRail)) as cursor:
        return cursor.execute(_SQL["list_rails"]).fetchall()
