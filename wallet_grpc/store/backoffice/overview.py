"""The state of things: what waits and for how long, how the ledger was last proven, who may call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.identifiers import Source
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of, rows_together

_SQL = statements(__package__, "overview.sql")
_OUTBOX = statements("wallet_grpc.store.queues", "outbox.sql")["backlog"]
_POSTINGS = statements("wallet_grpc.store.background", "backlog.sql")["postings"]

COUNT_MAX = 100_000
"""Where counts stop."""
RAILS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What stands and waits. Ages are in seconds; None where nothing waits."""

    as_of: datetime
    environment: str
    cells: int
    outbox_waiting: int
    outbox_oldest_age_s: float | None
    outbox_parked: int
    inbox_waiting: int
    inbox_parked: int
    withdrawals_under_way: int
    oldest_withdrawal_age_s: float | None
    sessions_open: int
    session_overdue_s: float | None
    """How long the one that is overdue most has been."""
    posting_lag_s: float | None
    last_verified_at: datetime | None
    last_verification_clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A run of `wallet verify`."""

    began_at: datetime
    ended_at: datetime
    clean: bool
    transactions: int
    entries: int
    accounts: int
    checks: Sequence[tuple[str, int]]
    """Each check, and how many findings it has."""
    findings: Sequence[tuple[str, str, str]]
    """Check, subject, problem: the first of them."""
    findings_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """A key, without its secret."""

    key_id: str
    source: str
    roles: Sequence[str]
    rate_per_s: int | None
    operator: str | None
    """The person whose key it is, where one is named."""
    speaks_for_logins: bool
    """Whether its calls name the person who is logged in where they come from."""
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    """When a call last showed it; None if none has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRail:
    """Where a source's sessions are settled."""

    source: str
    currency_network_id: int
    rail: str
    changed_at: datetime


class OverviewReader:
    """Tells the state of things. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, shared: Pool, pools: ByCell[Pool]) -> None:
        self._shared = shared
        self._pools = pools

    async def behind_s(self) -> float:
        """Tell how old what is read is, in seconds: of a replica the last commit that it has; 0 of a primary."""
        ((behind_s,),) = await self._rows(self._shared, "behind", {})
        return float(behind_s)

    async def overview(self) -> Overview:
        """Give what stands and waits in all cells: sums, and the longest waits."""
        (shared,), *cells = await asyncio.gather(
            self._rows(self._shared, "shared", {"count_max": COUNT_MAX}), *map(self._of_cell, self._pools)
        )
        parts, outboxes, postings = zip(*cells, strict=True)
        overdue_s = _longest(parts, "session_overdue_s")
        return Overview(
            as_of=shared.as_of,
            environment=shared.environment.lower(),
            cells=shared.cells,
            outbox_waiting=_count(outboxes, "waiting"),
            outbox_oldest_age_s=_longest([outbox for outbox in outboxes if outbox.waiting], "oldest_age_s"),
            outbox_parked=_count(outboxes, "parked"),
            inbox_waiting=shared.inbox_waiting,
            inbox_parked=shared.inbox_parked,
            withdrawals_under_way=_count(parts, "withdrawals_under_way"),
            oldest_withdrawal_age_s=_longest(parts, "oldest_withdrawal_age_s"),
            sessions_open=_count(parts, "sessions_open"),
            session_overdue_s=overdue_s if overdue_s is not None and overdue_s > 0 else None,
            posting_lag_s=_longest([queue for queue in postings if queue.waiting], "oldest_s"),
            last_verified_at=shared.last_verified_at,
            last_verification_clean=shared.last_verification_clean,
        )

    async def last_verification(self) -> Verification | None:
        """Give the last run of `wallet verify` that came to its end; None if there was none."""
        rows = await self._rows(self._shared, "last_verification", {})
        if not rows:
            return None
        (row,) = rows
        return Verification(
            began_at=row.began_at,
            ended_at=row.ended_at,
            clean=row.clean,
            transactions=row.transactions,
            entries=row.entries,
            accounts=row.accounts,
            checks=[(it["check"], it["findings"]) for it in row.checks],
            findings=[(it["check"], it["subject"], it["problem"]) for it in row.findings],
            findings_left_out=row.findings_left_out,
        )

    async def keys(self, source: Source | None, *, revoked: bool, after: str, rows_max: int) -> list[ShownKey]:
        """Give the next keys, of a source or of all, by key_id, at most so many."""
        parameters = {"source": source, "revoked": revoked, "after": after, "rows_max": rows_max}
        return [
            ShownKey(
                key_id=row.key_id,
                source=row.source,
                roles=row.roles,
                rate_per_s=row.rate_per_s,
                operator=row.operator,
                speaks_for_logins=row.speaks_for_logins,
                created_at=row.created_at,
                revoked_at=row.revoked_at,
                last_used_at=row.last_used_at,
            )
            for row in await self._rows(self._shared, "keys", parameters)
        ]

    async def rails(self) -> list[ShownRail]:
        """Give the rails, by source and currency network."""
        return [
            ShownRail(
                source=row.source,
                currency_network_id=row.currency_network_id,
                rail=row.rail,
                changed_at=row.changed_at,
            )
            for row in await self._rows(self._shared, "rails", {"rows_max": RAILS_MAX})
        ]

    @staticmethod
    async def _of_cell(pool: Pool) -> list[Any]:
        """Give what a cell has, its outbox and its queue of postings, in one round trip."""
        named = {"count_max": COUNT_MAX}
        asked = [(statement, named) for statement in (_SQL["of_cell"], _OUTBOX, _POSTINGS)]
        async with pool.connection() as connection:
            return [row for (row,) in await rows_together(connection, asked)]

    @staticmethod
    async def _rows(pool: Pool, name: str, parameters: Mapping[str, object]) -> list[Any]:
        async with pool.connection() as connection:
            return await rows_of(connection, _SQL[name], parameters)


def _count(parts: Sequence[Any], name: str) -> int:
    return min(COUNT_MAX, sum(int(getattr(part, name)) for part in parts))


def _longest(parts: Sequence[Any], name: str) -> float | None:
    return max((float(getattr(part, name)) for part in parts if getattr(part, name) is not None), default=None)
