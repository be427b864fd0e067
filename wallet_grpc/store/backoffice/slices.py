"""A slice of a list that lies in all cells: each cell gives its next rows, and they are put together in their order.

A list has one order over all cells, and each row its place in it. A cell that looks at no more rows than it may tells
how far it looked: what another cell has beyond that place waits for the next slice, so that none is left out and none
comes twice.

A walk gives the keys of what fits, or the rows where they are small; rows that may be large are read by their keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.store.connection.pool import Connection, Pool

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")
Place = TypeVar("Place", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Generic[Place, Row]):
    """A row at its place."""

    place: Place
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSlice(Generic[Place, Row]):
    """What one cell has, in its order."""

    cell: Cell
    rows: Sequence[Placed[Place, Row]]
    looked_to: Place | None
    """Where it stopped to look; None: it has nothing after these rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[Place, Row]):
    """What all cells have, in order."""

    rows: Sequence[Placed[Place, Row]]
    next_place: Place | None
    """Where the next slice goes on; None: there is nothing after this one."""
    cells: Sequence[Cell]
    """The cell of each row."""


ReadCell = Callable[[Cell, Pool, int], Awaitable[CellSlice[Place, Row]]]
"""Reads so many rows of a cell."""


async def slice_of(
    pools: ByCell[Pool], read: ReadCell[Place, Row], *, rows_max: int, newest_first: bool
) -> Slice[Place, Row]:
    """Give the next rows of all cells, at most so many.

    Raises:
        DatabaseUnavailableError: A cell does not answer.
    """
    parts = await asyncio.gather(*(read(cell, pool, rows_max + 1) for cell, pool in pools.items()))
    return merge(parts, rows_max=rows_max, newest_first=newest_first)


def merge(parts: Sequence[CellSlice[Place, Row]], *, rows_max: int, newest_first: bool) -> Slice[Place, Row]:
    """Put the cells' rows together, up to where all of them have looked."""
    ends = [part.looked_to for part in parts if part.looked_to is not None]
    horizon = None if not ends else (max if newest_first else min)(ends)
    found = [(placed, part.cell) for part in parts for placed in part.rows]
    if horizon is not None:
        found = [
            (placed, cell)
            for placed, cell in found
            if (placed.place >= horizon if newest_first else placed.place <= horizon)
        ]
    found.sort(key=lambda it: it[0].place, reverse=newest_first)
    taken = found[:rows_max]
    return Slice(
        rows=[placed for placed, _ in taken],
        next_place=taken[-1][0].place if len(found) > rows_max else horizon,
        cells=[cell for _, cell in taken],
    )


async def read_by_key(
    pools: ByCell[Pool],
    wanted: Sequence[tuple[Cell, Key]],
    read: Callable[[Connection, Sequence[Key]], Awaitable[Mapping[Key, Row]]],
) -> list[Row]:
    """Read rows that a walk has found, each in its cell: one statement a cell, and the rows in the walk's order.

    Raises:
        DatabaseUnavailableError: A cell does not answer.
    """
    cells = list(dict.fromkeys(cell for cell, _ in wanted))

    async def of_cell(cell: Cell) -> Mapping[Key, Row]:
        async with pools.at(cell).connection() as connection:
            return await read(connection, [key for at, key in wanted if at == cell])

    found = dict(zip(cells, await asyncio.gather(*map(of_cell, cells)), strict=True))
    return [found[cell][key] for cell, key in wanted]


async def with_rows(
    found: Slice[Place, Key], read: Callable[[Sequence[tuple[Cell, Key]]], Awaitable[Sequence[Row]]]
) -> Slice[Place, Row]:
    """Give a slice of keys with the rows in their places."""
    rows = await read([(cell, placed.row) for cell, placed in zip(found.cells, found.rows, strict=True)])
    return Slice(
        rows=[Placed(place=placed.place, row=row) for placed, row in zip(found.rows, rows, strict=True)],
        next_place=found.next_place,
        cells=found.cells,
    )
