"""Reservations that are over, swept in bounded chunks.

Nobody waits for this: that a reservation is over is a matter of the clock, for writers and readers alike. A sweep keeps
the indexes of open reservations small, and what a reader must subtract from a wallet that nobody writes to.

Lock order: owners, ascending, each tried and not waited for; then their rows. A version that a sweep raised makes a
batch that had lost its locks load again.
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
    """How many were marked; fewer than were found where wallets were being written to."""
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
        """Mark up to about so many reservations that are over, but those of wallets that are left alone now."""
        marked = 0
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_SQL["expired"], {"rows_max": rows_max, "left_out": literal(left_out)})
            found = await cursor.fetchall()

            async def sweep_part(rows: Sequence[Any]) -> None:
                nonlocal marked
                marked += await _swept(connection, rows)

            halved = await by_halves(found, sweep_part, failures_max=_FAILURES_MAX)
        failed = tuple((row[0], error) for row, error in halved.failed)
        undone = {wallet_id for wallet_id, _ in failed} | {row[0] for row in halved.untried}
        return Swept(
            reservations=marked,
            more=sum(row[3] for row in found) >= rows_max,
            wallets=tuple(row[0] for row in found if row[0] not in undone),
            failed=failed,
        )


async def _swept(connection: Connection, found: Sequence[Any]) -> int:
    """Sweep some wallets in one transaction; gives how many reservations were marked."""
    async with connection.transaction():
        await look_up_by_key(connection)
        owners = sorted({owner_id for _, owner_id, _, _ in found})
        cursor = await connection.execute(_SQL["try_owners"], {"owner_ids": literal(owners)})
        held = {owner_id for (owner_id,) in await cursor.fetchall()}
        await connection.execute(_SQL["sweep_wallets"], _columns([row for row in found if row[1] in held]))
        marked = await connection.execute(_SQL["mark_expired"], _columns(found))
        return marked.rowcount


def _columns(rows: Sequence[Any]) -> dict[str, object]:
    return {
        "wallet_ids": literal([wallet_id for wallet_id, _, _, _ in rows]),
        "moments": [upto for _, _, upto, _ in rows],
    }
