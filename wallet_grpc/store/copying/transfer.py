"""How rows come to the target: in slices of time, what has changed since, and the queues at the end.

Why no row is missed while the source serves. A slice ends at the mark up to which days are counted, in whichever cell
it is the earliest: no row of a time before that can be stored any more, whatever a clock does (decision 27). What
changes (KEPT) has no time; of it all rows are taken that a transaction wrote which had not ended at the round before,
or began later: by the row's `xmin`, and the oldest transaction that was under way when the round's snapshot was taken.
A commit that comes late is of such a transaction.

Why none comes twice. Each slice, each round of what changes, and the queues are one transaction of the target, with the
mark that says so. A copy that is killed goes on behind the last mark.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.cells import Cell, cell_of_owner, schema_of
from wallet_grpc.domain.identifiers import FIRST_UUID, CurrencyNetworkId, first_id_at
from wallet_grpc.domain.ledgers.state import WALLET_POSTING_NAMESPACE
from wallet_grpc.store.connection.kinds import SHARED_SCHEMA
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.cells import look_into
from wallet_grpc.store.operator.citus import is_citus
from wallet_grpc.store.operator.networks import open_house
from wallet_grpc.store.reads.slices import MILLISECOND, SLICES, SliceLengths, time_of

from .sides import Sides, staged_name
from .tables import JOURNAL_SLICED, KEPT, LEDGER_SLICED, OUTBOX, SHARED_KEPT, Table

_SQL = statements(__package__, "copying.sql")
_POSTINGS = statements(__package__, "postings.sql")

_ROWS_MAX = 50_000
"""Transactions of a slice, of each cell, about."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class CopyError(Exception):
    """What keeps the copy from going on; the message says what, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Rows of a table from one value of its time on, and before another."""

    begins: object
    ends: object

    def of(self, table: Table) -> sql.Composable:
        """Give the condition for the rows of a table."""
        column = sql.Identifier("copied", table.time)
        return sql.SQL("{} >= {} AND {} < {}").format(column, sql.Literal(self.begins), column, sql.Literal(self.ends))


class Marks:
    """How far the copy is, as the target keeps it."""

    def __init__(self, target: psycopg.Connection[Any]) -> None:
        self._target = target

    def get(self, step: str) -> Any:
        """Give what is kept of a step; None where it was not begun."""
        row = self._target.execute(_SQL["mark"], {"step": step}).fetchone()
        return None if row is None else row[0]

    def put(self, step: str, facts: object) -> None:
        """Keep it, in the transaction that is under way."""
        self._target.execute(_SQL["put_mark"], {"step": step, "facts": json.dumps(facts)})


def settled_until(sides: Sides) -> datetime:
    """Give the time before which no row can be stored in any cell of the source any more."""
    marks = []
    for _ in sides.of_cells(sides.source):
        (counted_until,) = _row(sides.source, "settled_until")
        marks.append(counted_until or _BEGINNING)
    return min(marks)


# ---- slices of the ledger, and of the journal of sessions and wallets


def copy_ledger(sides: Sides, marks: Marks, until: str) -> Iterator[Stretch]:
    """Copy transactions, and what belongs to them, with ids before `until`; gives each slice when it is copied."""
    while (begins := marks.get("ledger") or FIRST_UUID) < until:
        slice_ = Stretch(begins=begins, ends=end_of_slice(sides, begins, until))
        with sides.target.transaction():
            for table in LEDGER_SLICED:
                for cell in sides.from_cells:
                    sides.stage(table, cell, slice_.of(table))
            if not sides.move.is_same:
                _split_postings(sides, marks)
            for table in LEDGER_SLICED:
                _insert(sides, table)
            for cell in sides.to_cells:
                look_into(sides.target, cell)
                sides.target.execute(_SQL["add_house_postings"], {"cell": cell})
            if len(sides.to_cells) > 1:
                sides.target.execute(_SQL["claim_transactions"])
            marks.put("ledger", slice_.ends)
        yield slice_


def end_of_slice(sides: Sides, begins: str, until: str) -> str:
    """Give where a slice ends that holds a bounded number of transactions, about: with a millisecond."""
    ends = until
    for _ in sides.of_cells(sides.source):
        row = sides.source.execute(
            SLICES["transaction_after"], {"first_tx_id": begins, "end_tx_id": ends, "rows_max": _ROWS_MAX}
        ).fetchone()
        if row is not None:
            ends = min(ends, first_id_at(time_of(row[0]) + MILLISECOND))
    return ends


def _split_postings(sides: Sides, marks: Marks) -> None:
    """Make a posting of credit wallets one in each cell of its wallets; and number what ledgers have there."""
    named = {
        "entry_max": BALANCE_MAX,
        "namespace": WALLET_POSTING_NAMESPACE,
        "copy_id": marks.get("copy")["copy_id"],
    }
    for statement in _POSTINGS.values():
        sides.target.execute(statement, named)
    for cell in sides.of_cells(sides.target):
        _number_ledgers(sides.target, cell)


def _number_ledgers(target: psycopg.Connection[Any], cell: Cell) -> None:
    """Number what is staged of a cell's ledgers from where each of them is in it."""
    owner_ids = [owner_id for (owner_id,) in target.execute(_SQL["staged_ledgers"], {"cell": cell}).fetchall()]
    if not owner_ids:
        return
    versions = dict(target.execute(_SQL["last_versions"], {"owner_ids": owner_ids}).fetchall())
    target.execute(
        _SQL["number_ledgers"],
        {"cell": cell, "owner_ids": list(versions), "owner_versions": list(versions.values())},
    )


def copy_journal(sides: Sides, marks: Marks, until: datetime) -> Iterator[Stretch]:
    """Copy what was written to the journal before a time; gives each slice when it is copied."""
    lengths = SliceLengths()
    begins = marks.get("journal")
    at = datetime.fromisoformat(begins) if begins else _first_entry(sides, until)
    while at < until:
        slice_ = lengths.next(at, until)
        condition = Stretch(begins=slice_.begins_at, ends=slice_.ends_at)
        began = time.monotonic()
        with sides.target.transaction():
            for cell in sides.from_cells:
                sides.stage(JOURNAL_SLICED, cell, condition.of(JOURNAL_SLICED))
            _insert(sides, JOURNAL_SLICED)
            marks.put("journal", slice_.ends_at.isoformat())
        lengths.took(slice_, time.monotonic() - began)
        at = slice_.ends_at
        yield condition


def _first_entry(sides: Sides, until: datetime) -> datetime:
    firsts = [_row(sides.source, "first_entry")[0] for _ in sides.of_cells(sides.source)]
    first = min((moment for moment in firsts if moment is not None), default=until)
    return min(until, first.replace(microsecond=0))


def end_of_journal(sides: Sides, marks: Marks) -> datetime:
    """Give a time after the last entry of the journal that is not copied; of a source that is frozen."""
    begins_at = {"begins_at": marks.get("journal") or "-infinity"}
    lasts = [_row(sides.source, "last_entry", begins_at)[0] for _ in sides.of_cells(sides.source)]
    return max((moment + timedelta(seconds=1) for moment in lasts if moment is not None), default=_BEGINNING)


def given_out_until(sides: Sides) -> datetime:
    """Give a time that is not before any that a row of the source has; of one that is frozen.

    A transaction's id has a later time than its row where the clock went back.
    """
    until = _BEGINNING
    for _ in sides.of_cells(sides.source):
        until = max(until, _row(sides.source, "given_out_until")[0])
        last = sides.source.execute(_SQL["last_transaction"]).fetchone()
        if last is not None:
            until = max(until, time_of(last[0]) + MILLISECOND)
    return until


# ---- what changes


def copy_kept(sides: Sides, marks: Marks) -> None:
    """Copy what has changed since it was last copied, of tables whose rows change; each cell over one snapshot."""
    _copy_changed(sides, marks, None, SHARED_KEPT)
    for cell in sides.from_cells:
        _copy_changed(sides, marks, cell, KEPT)


def _copy_changed(sides: Sides, marks: Marks, cell: Cell | None, tables: tuple[Table, ...]) -> None:
    step = "kept" if cell is None else f"kept {cell}"
    since = marks.get(step)
    sides.source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        (oldest,) = _row(sides.source, "oldest_under_way")
        changed = (
            sql.SQL("TRUE")
            if since is None
            else sql.SQL("age(copied.xmin) <= age({}::XID)").format(sql.Literal(str(since)))
        )
        with sides.target.transaction():
            for table in tables:
                sides.stage(table, cell, changed)
                if table.name == "deposit_outputs" and len(sides.to_cells) > 1:
                    sides.target.execute(_SQL["claim_outputs"])
                if cell is None:
                    _upsert(sides, table, None)
                    if table.name == "currency_networks":
                        _open_houses(sides)
                else:
                    for to_cell in sides.to_cells:
                        _upsert(sides, table, to_cell)
            marks.put(step, oldest)
    finally:
        sides.source.execute("COMMIT")


def _open_houses(sides: Sides) -> None:
    """Give each currency network that is new its house accounts, in every cell."""
    look_into(sides.target, sides.to_cells[0])
    for (network_id,) in sides.target.execute(_SQL["networks_without_house"]).fetchall():
        open_house(sides.target, CurrencyNetworkId(network_id))


def _upsert(sides: Sides, table: Table, to_cell: Cell | None) -> None:
    of_cell = to_cell is not None
    columns = sides.columns(table, of_cell=of_cell)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    others = [column for column in columns if column not in table.key]
    schema = SHARED_SCHEMA if to_cell is None else schema_of(to_cell)
    if sides.is_appended(table, of_cell=of_cell) or not others:
        known: sql.Composable = sql.SQL("NOTHING")
    else:
        changes = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in others]
        known = sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(changes))
    sides.target.execute(
        sql.SQL(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} WHERE to_cell IS NOT DISTINCT FROM {} "
            "ON CONFLICT ({}) DO {}"
        ).format(
            sql.Identifier(schema, table.name),
            names,
            names,
            staged_name(table),
            sql.SQL("{}::INTEGER").format(sql.Literal(to_cell)),
            sql.SQL(", ").join(map(sql.Identifier, table.key)),
            known,
        )
    )
    if to_cell is None or to_cell == sides.to_cells[-1]:
        sides.target.execute(sql.SQL("TRUNCATE {}").format(staged_name(table)))


def _insert(sides: Sides, table: Table) -> None:
    """Insert what is staged of a table into the cells that it comes to."""
    names = sql.SQL(", ").join(map(sql.Identifier, sides.columns(table, of_cell=True)))
    for cell in sides.to_cells:
        try:
            sides.target.execute(
                sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE to_cell = {}").format(
                    sql.Identifier(schema_of(cell), table.name), names, names, staged_name(table), sql.Literal(cell)
                )
            )
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name != "ledger_transactions_key_hash_key":
                raise
            raise CopyError(
                f"a source used one id for players of two cells, who cannot live in one ({error.diag.message_detail}): "
                f"copy to a multiple of {len(sides.from_cells)} cells, where they never meet"
            ) from error


# ---- the end


def copy_queues(sides: Sides, marks: Marks) -> None:
    """Copy the queues of a source that is frozen: events that are not published, wallets that are not posted."""
    if marks.get("queues"):
        return
    with sides.target.transaction():
        for cell in sides.from_cells:
            sides.stage(OUTBOX, cell, sql.SQL("TRUE"))
            look_into(sides.source, cell)
            queued = sides.source.execute(_SQL["queued_wallets"]).fetchall()
            for to_cell in sides.to_cells:
                look_into(sides.target, to_cell)
                sides.target.execute(_SQL["add_outbox"], {"cell": to_cell})
                for ledger_id, queued_at, wallets in queued:
                    of_cell = [it for it, owner_id in wallets if _cell_of(sides, owner_id, cell) == to_cell]
                    if of_cell:
                        named = {"ledger_id": ledger_id, "wallet_ids": of_cell, "queued_at": queued_at}
                        sides.target.execute(_SQL["add_queued"], named)
            sides.target.execute(sql.SQL("TRUNCATE {}").format(staged_name(OUTBOX)))
        sides.target.execute(_SQL["go_on_with_inbox"])
        for cell in sides.of_cells(sides.target):
            _go_on_with_accounts(sides.target, cell)
        marks.put("queues", "copied")


def _go_on_with_accounts(target: psycopg.Connection[Any], cell: Cell) -> None:
    """Let a cell's new accounts have ids that none of the copied ones has, on whatever node they come into being.

    Raises:
        CopyError: A node of Citus could not be told.
    """
    last_ids = [account_id for (account_id,) in target.execute(_SQL["last_accounts"]).fetchall()]
    named = {"account_ids": last_ids, "schema": schema_of(cell)}
    if not is_citus(target):
        target.execute(_SQL["go_on_with_accounts"], named)
        return
    command = psycopg.ClientCursor(target).mogrify(_SQL["go_on_with_accounts"], named)
    for success, result in target.execute(_SQL["on_all_nodes"], {"command": command}).fetchall():
        if not success:
            raise CopyError(f"a node of the target could not be told where ids of accounts go on: {result}")


def _cell_of(sides: Sides, owner_id: int, cell: Cell) -> Cell:
    return cell if sides.move.is_same else cell_of_owner(owner_id, len(sides.to_cells))


def _row(connection: psycopg.Connection[Any], name: str, named: dict[str, object] | None = None) -> Any:
    row = connection.execute(_SQL[name], named or {}).fetchone()
    assert row is not None
    return row
