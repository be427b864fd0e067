"""Cells: where an owner lives.

An installation has a number of cells, fixed when it was created. A cell is a schema that holds a whole ledger: every
mutation of an owner touches the owner's cell alone, and each cell balances to zero by itself.

An owner's cell follows from its id, for ever. What is asked for without its owner is looked for by its own id, in which
the wallet keeps the number of the cell that made it (`identifiers.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Generic, NewType, TypeVar

T = TypeVar("T")

Cell = NewType("Cell", int)
"""A cell's number, from 0."""

ONLY_CELL = Cell(0)
"""The first cell, which is the only one where an installation has not been given more."""
CELL_BITS = 10
"""How much room an id keeps for its cell's number."""
CELLS_MAX = 1 << CELL_BITS
_HASH_DIGITS = 8
_OWNERS_KEPT = 100_000


class CellElsewhereError(Exception):
    """Another process serves the cell, not this one."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(f"cell {cell} is served by another process")
        self.cell = cell


def schema_of(cell: Cell) -> str:
    """Name the schema that holds a cell."""
    return f"cell_{cell}"


@lru_cache(maxsize=_OWNERS_KEPT)
def cell_of_owner(owner_id: int, count: int) -> Cell:
    """Give the cell of an owner among so many: 32 bits of SHA-256 over its decimal digits, modulo their number.

    `wallet verify` computes the same in SQL. It must never change: it tells where everything is.
    """
    return Cell(int(sha256(str(owner_id).encode()).hexdigest()[:_HASH_DIGITS], 16) % count)


def cell_in_id(uuid: str) -> Cell:
    """Give the number in the last bits of an id that the wallet made; of any other UUID they are just some number."""
    return Cell(int(uuid.replace("-", "")[-3:], 16) % CELLS_MAX)


class Cells:
    """The cells of an installation, and those of them that a process serves."""

    __slots__ = ("count", "served")

    def __init__(self, count: int = 1, served: Iterable[int] | None = None) -> None:
        """Describe an installation of `count` cells; all of them are served unless it is said which.

        Raises:
            ValueError: One that is to be served is not there.
        """
        self.count = count
        wanted = range(count) if served is None else sorted(set(served))
        if wanted[-1] >= count:
            raise ValueError(f"the installation has {count} cells, from 0 on: there is no cell {wanted[-1]}")
        self.served: tuple[Cell, ...] = tuple(map(Cell, wanted))

    def of(self, owner_id: int) -> Cell:
        """Give the cell of an owner, served here or not."""
        return ONLY_CELL if self.count == 1 else cell_of_owner(owner_id, self.count)

    def name(self, cell: Cell, base: str) -> str:
        """Name a cell's part of something: as ever, where there is only one."""
        return base if self.count == 1 else f"{base} of cell {cell}"


class ByCell(Generic[T]):
    """Something that each of the cells that a process serves has of its own."""

    __slots__ = ("_made", "_only", "cells")

    def __init__(self, cells: Cells, made: Mapping[Cell, T]) -> None:
        assert tuple(made) == cells.served, "one for each cell that is served, in their order"
        self.cells = cells
        self._made = dict(made)
        self._only = made[ONLY_CELL] if cells.count == 1 else None

    def of(self, owner_id: int) -> T:
        """Give that of an owner's cell.

        Raises:
            CellElsewhereError: Another process serves it.
        """
        return self._only if self._only is not None else self.at(self.cells.of(owner_id))

    def at(self, cell: Cell) -> T:
        """Give that of a cell.

        Raises:
            CellElsewhereError: Another process serves it.
        """
        found = self._made.get(cell)
        if found is None:
            raise CellElsewhereError(cell)
        return found

    def only(self, cell: Cell) -> ByCell[T]:
        """Give one cell's part of it.

        Raises:
            CellElsewhereError: Another process serves it.
        """
        return ByCell(Cells(self.cells.count, (cell,)), {cell: self.at(cell)})

    def items(self) -> Iterator[tuple[Cell, T]]:
        """Give all, with their cells, in order."""
        return iter(self._made.items())

    def __iter__(self) -> Iterator[T]:
        """Give all, in the order of their cells."""
        return iter(self._made.values())

    def __len__(self) -> int:
        """How many cells are served."""
        return len(self._made)
