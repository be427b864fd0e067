"""What is stuck: what workers should have done by now and have not, wherever they run.

None of it makes the ledger wrong. It is shown beside a verification, since what a worker has set aside is known to its
process alone, and what no worker runs for is known to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "stuck.sql")
_AFTER_S = 60.0
"""How late a worker may be before it is told."""
_SHOWN_MAX = 50
"""How many are told of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """One thing that waits for too long."""

    subject: str
    """`ledger <ledger_id>`, `session <session_id>`, `wallet <wallet_id>`, `event <inbox_id>`,
    `outbox event <outbox_id>`."""
    since: datetime
    problem: str


def find_stuck(connection: psycopg.Connection[Any], *, posting_interval_ms: int, expiry_grace_ms: int) -> list[Stuck]:
    """Give what waits for too long, up to fifty of each kind, the longest waiting first."""
    allowed_s = {
        "postings": posting_interval_ms / 1000,
        "sessions": expiry_grace_ms / 1000,
        "reservations": 0.0,
        "received": 0.0,
        "published": 0.0,
    }
    return [
        Stuck(subject=subject, since=since, problem=problem)
        for name, late_s in allowed_s.items()
        for since, problem, subject in connection.execute(
            _SQL[name], {"after_s": _AFTER_S + late_s, "rows_max": _SHOWN_MAX}
        ).fetchall()
    ]
