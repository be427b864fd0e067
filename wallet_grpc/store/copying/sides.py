"""The two installations of a copy: how each is asked, and how rows go from one to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from wallet_grpc.domain.cells import Cell, schema_of
from wallet_grpc.store.connection.kinds import SHARED_SCHEMA, command, connect
from wallet_grpc.store.operator.cells import all_cells, look_at_shared, look_into

from .tables import Move, Table

Connection = psycopg.Connection[Any]

_COLUMNS: LiteralString = """
SELECT pg_attribute.attname
FROM pg_attribute
WHERE pg_attribute.attrelid = %s::REGCLASS AND pg_attribute.attnum > 0 AND NOT pg_attribute.attisdropped
ORDER BY pg_attribute.attnum
"""
_IS_APPENDED: LiteralString = """
SELECT count(*) > 0
FROM pg_trigger
INNER JOIN pg_proc ON pg_trigger.tgfoid = pg_proc.oid
WHERE pg_trigger.tgrelid = %s::REGCLASS AND pg_proc.proname = 'refuse_change' AND pg_trigger.tgtype & 16 <> 0
"""
"""Whether its rows never change: a trigger refuses an UPDATE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Two connections of the schemas' owners, in autocommit, and what is known of both."""

    source: Connection
    target: Connection
    from_cells: Sequence[Cell]
    to_cells: Sequence[Cell]

    @property
    def move(self) -> Move:
        """From how many cells to how many."""
        return Move(from_cells=len(self.from_cells), to_cells=len(self.to_cells))

    def columns(self, table: Table, *, of_cell: bool) -> list[str]:
        """Name a table's columns, in their order."""
        schema = schema_of(Cell(0)) if of_cell else SHARED_SCHEMA
        return [name for (name,) in self.target.execute(_COLUMNS, [f"{schema}.{table.name}"]).fetchall()]

    def is_appended(self, table: Table, *, of_cell: bool) -> bool:
        """Tell whether rows of a table never change."""
        schema = schema_of(Cell(0)) if of_cell else SHARED_SCHEMA
        row = self.target.execute(_IS_APPENDED, [f"{schema}.{table.name}"]).fetchone()
        assert row is not None
        return bool(row[0])

    def stage(self, table: Table, cell: Cell | None, condition: sql.Composable) -> None:
        """Stream rows of an old cell, as they are in the new ones, to where they are staged; None: of what all share.

        `staged_<table>` is there for the target's transaction: its columns, and the number of the cell it comes to.
        """
        of_cell = cell is not None
        columns = self.columns(table, of_cell=of_cell)
        staged = staged_name(table)
        model = sql.Identifier(schema_of(Cell(0)) if of_cell else SHARED_SCHEMA, table.name)
        self.target.execute(
            sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {}, to_cell INTEGER) ON COMMIT DROP").format(
                staged, model
            )
        )
        if cell is None:
            look_at_shared(self.source)
        else:
            look_into(self.source, cell)
        values = [self.move.value(column, cell or 0) for column in columns]
        to_cell = sql.SQL("NULL::INTEGER") if cell is None else self.move.to_cell(table, cell)
        query = sql.SQL("COPY (SELECT {}, {} FROM {} WHERE ({}) AND ({})) TO STDOUT (FORMAT binary)").format(
            sql.SQL(", ").join(values), to_cell, table.source, sql.SQL(table.condition), condition
        )
        into = sql.SQL("COPY {} ({}, to_cell) FROM STDIN (FORMAT binary)").format(
            staged, sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self.source.cursor().copy(query) as rows, self.target.cursor().copy(into) as staging:
            for block in rows:
                staging.write(block)

    def of_cells(self, where: Connection) -> Iterator[Cell]:
        """Look into each cell of a side, one after the other."""
        for cell in self.from_cells if where is self.source else self.to_cells:
            look_into(where, cell)
            yield cell


def staged_name(table: Table) -> sql.Identifier:
    """Name where rows of a table are staged."""
    return sql.Identifier(f"staged_{table.name}")


@contextmanager
def both_sides(source_url: str, target_url: str) -> Iterator[Sides]:
    """Connect to both.

    Raises:
        psycopg.Error: One cannot be reached.
    """
    kind = command("wallet-copy")
    with (
        connect(source_url, kind, autocommit=True) as source,
        connect(target_url, kind, autocommit=True) as target,
    ):
        yield Sides(source=source, target=target, from_cells=all_cells(source), to_cells=all_cells(target))
