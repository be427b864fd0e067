"""A caller's own books: what it believes has moved, as a CSV file with a row for each movement.

Columns: `transaction_id`, `kind` (bet, win, rollback), `amount_minor`; of a rollback `reference_transaction_id`; of
what was played in a session `session_token`. A bet and its rollback are two rows, or none.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_ROWS_MAX = 1_000_000
_REQUIRED = ("transaction_id", "kind", "amount_minor")
_SIGNS = {"bet": -1, "win": 1}
_ROLLBACK = "rollback"

Key = tuple[str, str]


class UnreadableBooksError(Exception):
    """The file holds no such rows; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What a caller has booked."""

    moves: dict[Key, int]
    """What each bet or win has moved in all, its rollbacks taken off; by session and id."""
    rows: Counter[tuple[Key, str]]
    """How many rows there are of an id and a kind."""


def read_books(path: Path) -> Books:
    """Read the file.

    Raises:
        UnreadableBooksError: It cannot be used.
    """
    moves: dict[Key, int] = {}
    rows: Counter[tuple[Key, str]] = Counter()
    rolled_back: list[tuple[Key, int]] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise UnreadableBooksError(f"{path} has no column {missing[0]}")
            for number, row in enumerate(reader, start=2):
                if number > _ROWS_MAX:
                    raise UnreadableBooksError(f"{path} has more than {_ROWS_MAX} rows")
                scope, kind, amount = row.get("session_token") or "", row["kind"], row["amount_minor"] or ""
                key = (scope, row["transaction_id"])
                if not (amount.isascii() and amount.isdigit()) or not (kind in _SIGNS or kind == _ROLLBACK):
                    raise UnreadableBooksError(f"{path}, line {number}: no kind or no amount in digits")
                rows[key, kind] += 1
                if kind == _ROLLBACK:
                    rolled_back.append(((scope, row.get("reference_transaction_id") or ""), int(amount)))
                else:
                    moves[key] = moves.get(key, 0) + _SIGNS[kind] * int(amount)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableBooksError(f"{path} cannot be read: {error}") from error
    for key, amount in rolled_back:
        taken = moves.get(key, 0)
        moves[key] = taken + (amount if taken < 0 else -amount)
    return Books(moves=moves, rows=rows)
