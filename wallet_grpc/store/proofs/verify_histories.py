"""How `wallet verify` walks through histories: of players, sessions, credit wallets and callers' accounts.

A chunk is as many owners as take some two seconds. One of them may have a history longer than any statement should
read: its chunk then ends in the middle of it, and the next one begins there, with what was summed so far carried over.
A history is only appended to, so what was read of it in an earlier snapshot is in the last one as well; what is derived
from it is compared in that one, when all is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from wallet_grpc.store.connection.statements import statements

_SQL = statements(
    __package__,
    "verify_transactions.sql",
    "verify_players.sql",
    "verify_journals.sql",
    "verify_sessions.sql",
    "verify_credit.sql",
    "verify_ledgers.sql",
)

_CHUNK_MAX = 5_000
_CHUNK_WANTED_S = 2.0
_HISTORY_ROWS_MAX = 50_000
"""What one statement reads: entries of journals, transactions of players, or postings of accounts. Those that are
written between two statements come on top."""
_CUTS = {"sessions": "journals", "wallets": "journals"}
"""Whose statement tells where a chunk is cut, where it is not its own."""
_ROWS_CHUNK = 20_000
ENDED = 2**63 - 1
"""In place of the number of a history's row: the last one, whichever that is."""
NOTHING_CARRIED = "{}"


def walk_histories(
    connection: psycopg.Connection[Any], name: str, after: int | str, *, last: str | None = None, first: int
) -> Iterator[tuple[int, Any]]:
    """Ask for `<name>_chunk` after the id `after`, chunk by chunk: gives how many owners were aimed at, and the row.

    With `last`, the chunks cover every id up to it, since something may be there that belongs to none of the rows that
    they are measured by; without, they end with those rows. Chunks grow and shrink with how long they take: one session
    may hold as many entries as thousands of others. The last column of a row is what is carried over.
    """
    chunk, after_no, carried = first, ENDED, NOTHING_CARRIED
    chunk_cut = _SQL[f"{_CUTS.get(name, name)}_chunk_cut"]
    while after != last or after_no != ENDED:
        end = connection.execute(_SQL[f"{name}_chunk_end"], {"after": after, "chunk": chunk}).fetchone()
        upto = end[0] if end and end[0] is not None else last
        if upto is None and after_no == ENDED:
            return
        place = {"after": after, "after_no": after_no, "upto": after if upto is None else upto}
        cut = connection.execute(chunk_cut, place | {"rows_max": _HISTORY_ROWS_MAX}).fetchone()
        upto, upto_no = cut or (place["upto"], ENDED)
        place |= {"upto": upto, "upto_no": upto_no, "ended": ENDED, "carried": carried}
        started = time.monotonic()
        *row, carries = one_row(connection, _SQL[f"{name}_chunk"], place)
        took_s = max(time.monotonic() - started, 0.001)
        yield chunk if upto_no == ENDED else 0, row
        after, after_no, carried = upto, upto_no, carries or NOTHING_CARRIED
        chunk = max(1, min(_CHUNK_MAX, chunk * 2, int(chunk * _CHUNK_WANTED_S / took_s)))


def walk_rows(
    connection: psycopg.Connection[Any], name: str, first: str
) -> Iterator[tuple[int, Sequence[tuple[str, str, str]] | None]]:
    """Ask for `<name>_chunk` of rows that stand for themselves: gives how many were looked at, and what is wrong."""
    after: str | None = first
    done = 0
    while after is not None:
        after, rows, problems = one_row(connection, _SQL[f"{name}_chunk"], {"after": after, "chunk": _ROWS_CHUNK})
        done += rows
        yield done, problems


def one_row(connection: psycopg.Connection[Any], statement: str, parameters: dict[str, object]) -> Any:
    """Execute a statement that gives one row."""
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return row
