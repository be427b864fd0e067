"""Reservations that are over, swept in bounded chunks.

Nobody waits for this: that a reservation is over is a matter of the clock, for writers and readers alike. A sweep keeps
the indexes of open reservations small, and what a reader must subtract from a wallet that nobody writes to.

Lock order: owners, ascending, each tried and not waited for; then their rows. A version that a sweep raised makes a
batch that had lost its locks load again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .arrays import literal
from .pool import Pool, look_up_by_key
from .sql import statements

_SQL = statements("reservations.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep came to."""

    reservations: int
    """How many were marked; fewer than were found where wallets were being written to."""
    more: bool
    """Whether there may be more that are over."""


class ReservationStore:
    """Sweeps reservations. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sweep(self, *, rows_max: int) -> Swept:
        """Mark up to about so many reservations that are over."""
        async with self._pool.connection() as connection:
            found = await (await connection.execute(_SQL["expired"], {"rows_max": rows_max})).fetchall()
            if not found:
                return Swept(reservations=0, more=False)
            async with connection.transaction():
                await look_up_by_key(connection)
                owners = sorted({owner_id for _, owner_id, _, _ in found})
                cursor = await connection.execute(_SQL["try_owners"], {"owner_ids": literal(owners)})
                held = {owner_id for (owner_id,) in await cursor.fetchall()}
                await connection.execute(_SQL["sweep_wallets"], _columns([row for row in found if row[1] in held]))
                marked = await connection.execute(_SQL["mark_expired"], _columns(found))
        return Swept(reservations=marked.rowcount, more=sum(row[3] for row in found) >= rows_max)


def _columns(rows: Sequence[Any]) -> dict[str, object]:
    return {
        "wallet_ids": literal([wallet_id for wallet_id, _, _, _ in rows]),
        "moments": [upto for _, _, upto, _ in rows],
    }
