"""Slices of time: what was done in one, and what that moved. Days are counted of them, recounted and counted live.

A transaction's time is that of its tx_id, by whose key a slice is found: the database's time of its batch, or a later
one where the clock had gone back. An entry of a session's journal has its batch's time alone, which a BRIN index finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, NamedTuple

from wallet_grpc.domain.identifiers import first_id_at
from wallet_grpc.store.connection.statements import statements

SLICES = statements(__package__, "slices.sql")
LEDGER_TOTALS = "ledger_totals"
TOTALS = (LEDGER_TOTALS, "session_totals")
MOVEMENTS = "ledger_movements"
"""The statements that a slice is asked by."""
_BETS_AND_WINS = frozenset({"BET", "WIN", "BET_AND_WIN"})
"""Kinds whose transactions tell what their entries moved: stakes from MAIN to HOUSE:WAGER, wins back."""
PLANS: LiteralString = """SET LOCAL enable_seqscan = off; SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off;
SET LOCAL enable_bitmapscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"""
"""Have the rest of a transaction read slices by their keys, both sides of a join once, and leave cores to others."""

SESSION_PLAY = "SESSION_PLAY"
"""What play in sessions under way has won for players. It is no account: the ledger has it once they are settled."""
MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP_FIRST = timedelta(minutes=1)
_STEP_MAX = timedelta(days=1)
_STEP_WANTED_S = 0.5
_ROWS_MAX = 20_000
"""Transactions in a slice, about: some hundred milliseconds."""


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """From a time on, and before another; both are whole milliseconds."""

    begins_at: datetime
    ends_at: datetime

    @property
    def parameters(self) -> dict[str, object]:
        """Give it as the statements take it."""
        return {
            "begins_at": self.begins_at,
            "ends_at": self.ends_at,
            "first_tx_id": first_id_at(self.begins_at),
            "end_tx_id": first_id_at(self.ends_at),
        }

    @property
    def rows_asked(self) -> dict[str, object]:
        """Give the parameters of `transaction_after`."""
        return self.parameters | {"rows_max": _ROWS_MAX}

    def up_to(self, tx_id: str) -> TimeSlice:
        """Give what is before the time of a transaction; a millisecond at least."""
        return TimeSlice(self.begins_at, min(self.ends_at, max(time_of(tx_id), self.begins_at + MILLISECOND)))


def time_of(tx_id: str) -> datetime:
    """Give the millisecond that a tx_id carries."""
    return _EPOCH + int(tx_id[:8] + tx_id[9:13], 16) * MILLISECOND


class TotalKey(NamedTuple):
    """What a total is of."""

    currency_network_id: int
    source: str
    game_code: str
    place: str
    """`LEDGER` or `SESSION`."""
    kind: str
    variant: str


class Total(NamedTuple):
    """How much was done; amounts in minor units."""

    transactions: int = 0
    amount_minor: int = 0
    win_minor: int = 0
    fee_minor: int = 0

    def plus(self, other: Total) -> Total:
        """Add two."""
        return Total(*map(sum, zip(self, other, strict=True)))


class MovementKey(NamedTuple):
    """What a movement is of."""

    currency_network_id: int
    account_type: str
    kind: str


class Movement(NamedTuple):
    """What accounts were debited and credited, both without sign, in minor units."""

    entries: int = 0
    debits_minor: int = 0
    credits_minor: int = 0

    def plus(self, other: Movement) -> Movement:
        """Add two."""
        return Movement(*map(sum, zip(self, other, strict=True)))


_TOTAL_WIDTH = len(TotalKey._fields) + len(Total._fields)


class Counted:
    """What was counted of one slice, or of several together."""

    __slots__ = ("movements", "totals")

    def __init__(self) -> None:
        self.totals: dict[TotalKey, Total] = {}
        self.movements: dict[MovementKey, Movement] = {}

    @property
    def transactions(self) -> int:
        """How many transactions and entries of sessions."""
        return sum(total.transactions for total in self.totals.values())

    def add_totals(self, rows: Iterable[Any]) -> None:
        """Add rows of totals. What play in sessions comes to is a movement as well: of what is owed to players."""
        for *key, transactions, amount_minor, win_minor, fee_minor in (row[:_TOTAL_WIDTH] for row in rows):
            named = TotalKey(*key)
            total = Total(transactions, int(amount_minor), int(win_minor), int(fee_minor))
            self.totals[named] = self.totals.get(named, Total()).plus(total)

    def add_bets_and_wins(self, rows: Iterable[Any]) -> None:
        """Add what bets and wins of the ledger moved, of the rows of LEDGER_TOTALS: half of their entries are of MAIN.

        An amount of 0 has no entries. That the entries are these is proven by `wallet verify`, which reads them.
        """
        for network_id, _, _, _, kind, _, _, amount_minor, win_minor, _, entries in rows:
            if kind in _BETS_AND_WINS and entries:
                stakes, wins = (0, int(amount_minor)) if kind == "WIN" else (int(amount_minor), int(win_minor))
                self._move(MovementKey(network_id, "MAIN", kind), Movement(entries // 2, stakes, wins))
                self._move(MovementKey(network_id, "HOUSE:WAGER", kind), Movement(entries // 2, wins, stakes))

    def add_movements(self, rows: Iterable[Any]) -> None:
        """Add rows of movements."""
        for network_id, account_type, kind, entries, debits_minor, credits_minor in rows:
            self._move(
                MovementKey(network_id, account_type, kind), Movement(entries, int(debits_minor), int(credits_minor))
            )

    def add_play(self) -> None:
        """Add what play in sessions moved, of a slice whose totals are known: it is in no entry of the ledger.

        A settlement posts what was won, so it takes that away: its payout is a debit, the lock a credit.
        """
        for key, total in self.totals.items():
            movement: Movement | None = None
            if key.place == "SESSION":
                gives = key.kind in {"WIN", "BET_ROLLBACK"}
                debit, credit = (0, total.amount_minor) if gives else (total.amount_minor, 0)
                movement = Movement(total.transactions, debit, credit)
            elif key.kind == "SESSION_SETTLEMENT":
                movement = Movement(total.transactions, total.win_minor, total.amount_minor)
            if movement is not None:
                self._move(MovementKey(key.currency_network_id, SESSION_PLAY, key.kind), movement)

    def add(self, other: Counted) -> None:
        """Add what was counted of another slice."""
        for key, total in other.totals.items():
            self.totals[key] = self.totals.get(key, Total()).plus(total)
        for named, movement in other.movements.items():
            self._move(named, movement)

    def _move(self, key: MovementKey, movement: Movement) -> None:
        self.movements[key] = self.movements.get(key, Movement()).plus(movement)


class SliceLengths:
    """How long slices are: longer or shorter after how long one took, since a minute may hold nothing or millions."""

    def __init__(self) -> None:
        self.length = _STEP_FIRST

    def next(self, begins_at: datetime, until: datetime) -> TimeSlice:
        """Give the next slice, before a time."""
        return TimeSlice(begins_at, min(until, begins_at + self.length))

    def took(self, slice_: TimeSlice, seconds: float) -> None:
        """Learn from how long a slice took: of one that took too long the next is a fourth."""
        if seconds > 2 * _STEP_WANTED_S:
            length_ms = (slice_.ends_at - slice_.begins_at) // MILLISECOND // 4
            self.length = max(1, length_ms) * MILLISECOND
        elif seconds < _STEP_WANTED_S / 2 and slice_.ends_at - slice_.begins_at == self.length:
            self.length = min(_STEP_MAX, 2 * self.length)


def columns(rows: Mapping[Any, Any], names: tuple[str, ...]) -> dict[str, list[str]]:
    """Give keys and sums as one list of texts a column, by name."""
    lists: list[list[str]] = [[] for _ in names]
    for key, sums in rows.items():
        for values, value in zip(lists, (*key, *sums), strict=True):
            values.append(str(value))
    return dict(zip(names, lists, strict=True))
