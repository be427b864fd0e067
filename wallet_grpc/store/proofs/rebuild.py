"""Rebuilding what is derived from what was only ever appended: balances, holds, counts and versions.

Players' accounts from their postings, sessions and credit wallets from their journals, the accounts of ledgers from
their histories, chunk by chunk under the owners' locks; then the house accounts.

A history is only appended to, so most of a long one is summed before the lock, part by part, and under it only what is
left, by a statement of bounded size. A session alone is read whole under its lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, namedtuple_row

from wallet_grpc.domain.identifiers import FIRST_UUID
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.store.connection.kinds import command, connect
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.cells import all_cells, look_into
from wallet_grpc.store.trail.acts import note

from .verify import Progress, cut_of
from .verify_histories import ENDED

_SQL = statements(
    __package__,
    "verify_transactions.sql",
    "rebuild.sql",
    "rebuild_players.sql",
    "rebuild_sessions.sql",
    "rebuild_credit.sql",
    "rebuild_ledgers.sql",
)
_VERIFY_SQL = statements(__package__, "verify_players.sql", "verify_journals.sql", "verify_ledgers.sql")
_CUTS: dict[str, LiteralString] = {
    "players": _VERIFY_SQL["owners_chunk_cut"],
    "sessions": _VERIFY_SQL["journals_chunk_cut"],
    "wallets": _SQL["wallets_chunk_cut"],
    "journal_accounts": _VERIFY_SQL["journal_accounts_chunk_cut"],
}
"""What tells where a chunk has as many rows of histories as one statement reads."""
_HISTORY_ROWS_MAX = 50_000
"""Rows of histories that a statement sums, beside what is written meanwhile. A session is read whole: only there it
shows which rounds are open."""
_KINDS: dict[str, tuple[str, int]] = {
    "players": ("0", 200),
    "sessions": (FIRST_UUID, 50),
    "wallets": (FIRST_UUID, 100),
    "journal_accounts": ("0", 100),
}
"""What is rebuilt in chunks: the id before the first, and how many are locked at once."""
_HOUSE_CHUNK = 20_000
"""Transactions, of which the entries of house accounts are summed by one statement."""
_SHORT_PASS_S = 5.0
"""A pass that took less has left little for the next."""
_PASSES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One derived value that was wrong, and what it is now."""

    subject: str
    """As `wallet verify` names it: account 17, session ..., wallet ..."""
    name: str
    """What that is, in the callers' terms."""
    field: str
    was: str | None
    """None: the row was missing."""
    now: str


def rebuild_balances(
    admin_database_url: str, *, on_progress: Callable[[Progress], None] = lambda _: None
) -> Iterator[Correction]:
    """Rebuild every derived balance, giving each value that it changed. The service may run on.

    A chunk is one transaction that holds its owners' locks. Of the house accounts all is summed beside the service that
    can no longer change, as `verify` does; only what is newer is summed while nobody posts to them, for seconds. What a
    balance and the rows that are yet to be folded into it lack together is added to the balance.

    Raises:
        psycopg.Error: The database does not answer, or nobody let the house accounts be locked. The same call may work.
    """
    with connect(admin_database_url, command("wallet-rebuild"), autocommit=True) as connection:
        for cell in all_cells(connection):
            look_into(connection, cell)
            yield from _rebuild_cell(connection, on_progress)


def _rebuild_cell(connection: psycopg.Connection[Any], on_progress: Callable[[Progress], None]) -> Iterator[Correction]:
    """Rebuild what is derived in the cell that the connection looks into."""
    expected = _rows(connection, "expected", {})[0]
    for kind in _KINDS:
        for done, corrections in _rebuild(connection, kind):
            on_progress(Progress(phase=kind.replace("_", " "), done=done, expected=getattr(expected, kind)))
            yield from corrections
    after, totals = _sum_house(connection)
    house: dict[str, object] = {"after": after, "account_ids": list(totals), "totals_minor": list(totals.values())}
    with connection.transaction():
        connection.execute(_SQL["bound_stop"])
        connection.execute(_SQL["lock_house"])
        corrections = _corrections(connection, "rebuild_house", house)
        _note(connection, "house accounts", corrections)
    yield from corrections


def _sum_house(connection: psycopg.Connection[Any]) -> tuple[str, dict[int, int]]:
    """Sum what house accounts gained by transactions that can no longer change, in minor units; gives the last's id."""
    after, totals = FIRST_UUID, dict[int, int]()
    for _ in range(_PASSES_MAX):
        began = time.monotonic()
        cut = cut_of(connection)
        while after < cut:
            asked = {"after": after, "chunk": _HOUSE_CHUNK}
            end = connection.execute(_SQL["transactions_chunk_end"], asked).fetchone()
            upto = min(cut, end[0]) if end else cut
            for account_id, total in connection.execute(_SQL["house_chunk"], {"after": after, "upto": upto}):
                totals[account_id] = totals.get(account_id, 0) + int(total)
            after = upto
        if time.monotonic() - began < _SHORT_PASS_S:
            break
    return after, totals


def _rebuild(connection: psycopg.Connection[Any], kind: str) -> Iterator[tuple[int, list[Correction]]]:
    """Rebuild one kind of row, chunk by chunk: gives how many are done, and what was wrong in the chunk."""
    after, chunk = _KINDS[kind]
    done = 0
    while rows := _rows(connection, f"{kind}_chunk", {"after": after, "chunk": chunk}):
        bounded, is_long = _bounded(connection, kind, after, rows)
        ids = [row.id for row in bounded]
        owner_ids = sorted({owner_id for row in bounded for owner_id in row.owner_ids})
        summed = _Summed()
        if is_long:
            _sum_parts(connection, kind, ids[0], summed)
        with connection.transaction():
            connection.execute(_SQL["lock_owners"], {"owner_ids": owner_ids})
            connection.execute(_SQL[f"lock_{kind}"], {"ids": ids})
            corrections = _corrections(connection, f"rebuild_{kind}", {"ids": ids, **summed.named})
            _note(connection, kind.replace("_", " "), corrections)
        after = ids[-1]
        done += len(ids)
        yield done, corrections


def _bounded(
    connection: psycopg.Connection[Any], kind: str, after: str, rows: Sequence[Any]
) -> tuple[Sequence[Any], bool]:
    """Give the first rows of a chunk whose histories one statement sums, or the first alone, if its own is longer."""
    place = {"after": after, "after_no": ENDED, "upto": rows[-1].id, "rows_max": _HISTORY_ROWS_MAX}
    cut = connection.execute(_CUTS[kind], place).fetchone()
    if cut is None:
        return rows, False
    before = [row for row in rows if type(cut[0])(row.id) < cut[0]]
    return (before, False) if before else (rows[:1], kind != "sessions")


@dataclass(slots=True)
class _Summed:
    """What is summed of a history before its owner is locked: up to which of its rows, and by account or wallet."""

    after_no: int = 0
    totals: dict[int | str, tuple[int, int]] = field(default_factory=dict)
    """In minor units, and of how many rows."""

    @property
    def named(self) -> dict[str, object]:
        """Give it as the statements take it."""
        return {
            "after_no": self.after_no,
            "keys": list(self.totals),
            "totals_minor": [total for total, _ in self.totals.values()],
            "counts": [counted for _, counted in self.totals.values()],
        }


def _sum_parts(connection: psycopg.Connection[Any], kind: str, id_: str, summed: _Summed) -> None:
    """Sum a long history, until less than a part of it is left."""
    while True:
        place = {"after": id_, "after_no": summed.after_no, "upto": id_, "rows_max": _HISTORY_ROWS_MAX}
        cut = connection.execute(_CUTS[kind], place).fetchone()
        if cut is None:
            return
        part = {"id": id_, "after_no": summed.after_no, "upto_no": cut[1]}
        for row in _rows(connection, f"{kind}_part", part):
            total, counted = summed.totals.get(row.key, (0, 0))
            summed.totals[row.key] = total + int(row.total), counted + row.counted
        summed.after_no = cut[1]


def _note(connection: psycopg.Connection[Any], kind: str, corrections: Sequence[Correction]) -> None:
    """Write a row of the trail for what a transaction corrects."""
    if corrections:
        before = {f"{it.subject}: {it.field}": it.was for it in corrections}
        after = {f"{it.subject}: {it.field}": it.now for it in corrections}
        act = Act(kind=ActKind.BALANCES_REBUILD, subject=f"balances of {kind}", before=before, after=after)
        note(connection, act)


def _rows(connection: psycopg.Connection[Any], name: str, parameters: dict[str, object]) -> list[Any]:
    return connection.cursor(row_factory=namedtuple_row).execute(_SQL[name], parameters).fetchall()


def _corrections(connection: psycopg.Connection[Any], name: str, parameters: dict[str, object]) -> list[Correction]:
    return connection.cursor(row_factory=class_row(Correction)).execute(_SQL[name], parameters).fetchall()
