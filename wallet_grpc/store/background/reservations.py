"""Reservations that are over, marked in bounded chunks.

Nobody waits for this: that a reservation is over is a matter of the clock, for writers and readers alike, and what a
wallet holds leaves it out whether it is marked or not. A sweep keeps the index of open reservations small.

It takes no owner's lock. Whoever ends a reservation in the moment in which its time is over finds it marked: that batch
is loaded again. Lock order: reservations in the order of their ids, as a batch that ends them has it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from wallet_grpc.store.connection.arrays import literal
from wallet_grpc.store.connection.halves import by_halves
from wallet_grpc.store.connection.pool import Connection, Pool, look_up_by_key
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "reservations.sql")

_FAILURES_MAX = 100
"""How many failed transactions a sweep may cost in search of the wallets that break it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep came to."""

    reservations: int
    """How many were marked."""
    more: bool
    """Whether there may be more that are over."""
    wallets: tuple[str, ...] = ()
    """Those that were swept, by their ids."""
    failed: tuple[tuple[str, Exception], ...] = ()
    """Those that cannot be, and why."""


class ReservationStore:
    """Sweeps reservations. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sweep(self, left_out: Collection[str] = (), *, rows_max: int) -> Swept:
        """Mark up to so many reservations that are over, but those of wallets that are left alone now."""
        marked = 0
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_SQL["expired"], {"rows_max": rows_max, "left_out": literal(left_out)})
            found = await cursor.fetchall()

            async def sweep_part(rows: Sequence[Any]) -> None:
                nonlocal marked
                marked += await _mark(connection, rows)

            halved = await by_halves(found, sweep_part, failures_max=_FAILURES_MAX)
        failed = tuple((row[0], error) for row, error in halved.failed)
        undone = {wallet_id for wallet_id, _ in failed} | {row[0] for row in halved.untried}
        return Swept(
            reservations=marked,
            more=sum(len(row[1]) for row in found) >= rows_max,
            wallets=tuple(row[0] for row in found if row[0] not in undone),
            failed=failed,
        )


async def _mark(connection: Connection, found: Sequence[Any]) -> int:
    """Mark those of some wallets in one transaction; gives how many were."""
    async with connection.transaction():
        await look_up_by_key(connection)
        over = sorted(reservation_id for _, reservation_ids in found for reservation_id in reservation_ids)
        marked = await connection.execute(_SQL["mark_expired"], {"reservation_ids": literal(over)})
        return marked.rowcount
