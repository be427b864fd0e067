"""How source and target are compared: row by row, by the sum of the rows' hashes, and named where they differ.

What is sliced is compared slice by slice, right after it was copied, as it stands in the target's tables; what changes,
the queues and the sums of the houses when the source is frozen. A hash is of a row's text, its account numbered as the
target does; what is made anew on the way (`blurred` in tables.py) is left out where cells are others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import sql

from wallet_grpc.domain.cells import Cell
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.cells import look_at_shared, look_into

from .sides import Sides
from .tables import JOURNAL_SLICED, KEPT, LEDGER_SLICED, OUTBOX, SHARED_KEPT, Table
from .transfer import Stretch

_SQL = statements(__package__, "comparing.sql")

NAMED_MAX = 20
"""How many differences of one table are named."""
_PARTS = 4096
"""Into how many parts a table is cut where it differs, by hashes of its keys; a power of two."""
_ALL = sql.SQL("TRUE")


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What was compared, and what differs."""

    rows: Counter[str] = field(default_factory=Counter)
    """Of each table, in the source."""
    differences: list[str] = field(default_factory=list)


def compare_ledger(sides: Sides, slice_: Stretch, found: Comparison) -> None:
    """Compare a slice of the ledger."""
    for table in LEDGER_SLICED:
        _compare(sides, table, slice_.of(table), found)


def compare_journal(sides: Sides, slice_: Stretch, found: Comparison) -> None:
    """Compare a slice of the journal of sessions and wallets."""
    _compare(sides, JOURNAL_SLICED, slice_.of(JOURNAL_SLICED), found)


def compare_rest(sides: Sides, found: Comparison) -> None:
    """Compare all that is not sliced; of a source that is frozen."""
    for table in SHARED_KEPT:
        _compare(sides, table, _ALL, found, of_cell=False)
    for table in (*KEPT, OUTBOX):
        _compare(sides, table, _ALL, found)
    for name in ("house_sums", "account_sums", "queued", "events_in_order"):
        _compare_sums(sides, name, found)
    _compare_houses(sides, found)


def _compare(sides: Sides, table: Table, condition: sql.Composable, found: Comparison, *, of_cell: bool = True) -> None:
    """Compare rows by their number and the sum of their hashes; name those that differ, if these do."""
    source, target = (_of_side(sides, table, condition, is_source=it, of_cell=of_cell) for it in (True, False))
    with ThreadPoolExecutor(max_workers=2) as both:  # each is one server's work, and the source may be frozen meanwhile
        sums = list(both.map(_sums_of, (source, target)))
    found.rows[table.name] += sums[0][0]
    if sums[0] != sums[1]:
        found.differences += _named(table, source, target)


_Queries = list[tuple[Any, "Cell | None", sql.Composable]]


def _sums_of(queries: _Queries) -> tuple[int, int]:
    """Give how many rows one side has, and the sum of their hashes."""
    rows = total = 0
    for connection, cell, query in queries:
        _look(connection, cell)
        summed = sql.SQL(
            "SELECT count(*), coalesce(sum(hashtextextended(row_text, 0)), 0) FROM ({}) AS compared"
        ).format(query)
        count, hashes = connection.execute(summed).fetchone() or (0, 0)
        rows += int(count)
        total += int(hashes)
    return rows, total


def _of_side(sides: Sides, table: Table, condition: sql.Composable, *, is_source: bool, of_cell: bool) -> _Queries:
    """Give what asks one side for a table's rows, cell by cell: each by its key and its text."""
    connection = sides.source if is_source else sides.target
    cells: list[Cell | None] = [None]
    if of_cell:
        cells = list(sides.from_cells if is_source else sides.to_cells)
    blurred = {} if sides.move.is_same else table.blurred
    queries: _Queries = []
    for cell in cells:
        values, key = {}, []
        for column in sides.columns(table, of_cell=of_cell):
            value: sql.Composable = sql.Identifier("copied", column)
            if is_source and cell is not None:
                value = sides.move.value(column, cell)
            if column in table.key:
                key.append(value)
            if column in blurred or (table is OUTBOX and column == "outbox_id"):
                value = sql.SQL(table.blurred[column])
            values[column] = value
        row_key = sql.SQL("concat_ws(' ', {})").format(sql.SQL(", ").join(key))
        row_text = sql.SQL("ROW({})::TEXT").format(sql.SQL(", ").join(values.values()))
        moved: LiteralString = "TRUE" if sides.move.is_same else table.moved
        query = sql.SQL("SELECT {} AS row_key, {} AS row_text FROM {} WHERE ({}) AND ({}) AND ({})").format(
            row_key, row_text, table.source, sql.SQL(table.condition), sql.SQL(moved), condition
        )
        queries.append((connection, cell, query))
    return queries


def _named(table: Table, source: _Queries, target: _Queries) -> Iterator[str]:
    """Name what differs, by the rows' keys. Rows are looked at in parts, by hashes of their keys: few are loaded."""
    parts = [_parts_of(queries) for queries in (source, target)]
    unlike = sorted(part for part in parts[0].keys() | parts[1].keys() if parts[0].get(part) != parts[1].get(part))
    looked_at = unlike[:NAMED_MAX]
    here, there = (_rows_of(queries, looked_at) for queries in (source, target))
    different = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    for key in different[:NAMED_MAX]:
        how = "is missing" if key not in there else "is there and not in the source" if key not in here else "differs"
        yield f"{table.name} ({', '.join(table.key)}) = ({key}) {how}"
    more = len(different) - NAMED_MAX
    if len(unlike) > NAMED_MAX:
        yield f"at least {max(more, 0) + len(unlike) - NAMED_MAX} more rows of {table.name} differ"
    elif more > 0:
        yield f"{more} more rows of {table.name} differ"


def _parts_of(queries: _Queries) -> dict[int, tuple[int, int]]:
    """Give the number and the sum of the hashes of the rows in each part, of all cells together."""
    parts: dict[int, tuple[int, int]] = {}
    for connection, cell, query in queries:
        _look(connection, cell)
        summed = sql.SQL(
            "SELECT hashtextextended(row_key, 0) & {}, count(*), sum(hashtextextended(row_text, 0)) "
            "FROM ({}) AS compared GROUP BY 1"
        ).format(sql.Literal(_PARTS - 1), query)
        for part, count, hashes in connection.execute(summed):
            known = parts.get(part, (0, 0))
            parts[part] = (known[0] + int(count), known[1] + int(hashes))
    return parts


def _rows_of(queries: _Queries, parts: list[int]) -> dict[str, str]:
    """Give the hashes of the rows in some parts, by their keys."""
    rows: dict[str, str] = {}
    for connection, cell, query in queries:
        _look(connection, cell)
        hashed = sql.SQL(
            "SELECT row_key, md5(row_text) FROM ({}) AS compared WHERE hashtextextended(row_key, 0) & {} = ANY({})"
        ).format(query, sql.Literal(_PARTS - 1), sql.Literal(parts))
        rows.update(connection.execute(hashed).fetchall())
    return rows


def _compare_sums(sides: Sides, name: str, found: Comparison) -> None:
    """Compare what cells together come to, by key."""
    totals: list[dict[str, int]] = []
    for connection in (sides.source, sides.target):
        total: dict[str, int] = {}
        for _ in sides.of_cells(connection):
            for key, amount in connection.execute(_SQL[name]).fetchall():
                total[key] = total.get(key, 0) + int(amount)
        totals.append(total)
    here, there = totals
    different = sorted(key for key in here.keys() | there.keys() if here.get(key, 0) != there.get(key, 0))
    found.rows[name] += len(here)
    found.differences += [
        f"{name.replace('_', ' ')}, {key}: {here.get(key, 0)} in the source, {there.get(key, 0)} in the target"
        for key in different[:NAMED_MAX]
    ]


def _compare_houses(sides: Sides, found: Comparison) -> None:
    """See that every cell of the target has the house accounts that each cell of the source has."""
    wanted: set[str] = set()
    for _ in sides.of_cells(sides.source):
        wanted |= {account for (account,) in sides.source.execute(_SQL["houses"]).fetchall()}
    for cell in sides.of_cells(sides.target):
        missing = wanted - {account for (account,) in sides.target.execute(_SQL["houses"]).fetchall()}
        found.differences += [f"house {account} is missing in cell {cell}" for account in sorted(missing)]


def _look(connection: Any, cell: Cell | None) -> None:
    if cell is None:
        look_at_shared(connection)
    else:
        look_into(connection, cell)
