"""What days came to: recounted in Python, from every row, and as it is stored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from support.database import Installation

TotalKey = tuple[date, int, str, str, str, str, str]
MovementKey = tuple[date, int, str, str]


@dataclass(slots=True)
class Recount:
    """What the rows say, by business day: each is read whole and added up here."""

    begins_at_hour: int = 0
    totals: dict[TotalKey, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0]))
    movements: dict[MovementKey, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))

    def day_of(self, moment: datetime) -> date:
        return (moment - timedelta(hours=self.begins_at_hour)).date()

    @classmethod
    def of(cls, installation: Installation, *, begins_at_hour: int = 0, until: datetime | None = None) -> Recount:
        """Recount everything, or what happened before a time."""
        made = cls(begins_at_hour=begins_at_hour)
        with psycopg.connect(installation.admin_dsn, row_factory=dict_row, options="-c timezone=UTC") as connection:
            rows = {
                table: connection.execute(f"SELECT * FROM {table}").fetchall()  # type: ignore[arg-type]
                for table in ("ledger_transactions", "ledger_entries", "accounts", "subledger_entries", "sessions")
            }
        if until is not None:
            rows["ledger_transactions"] = [row for row in rows["ledger_transactions"] if _minted(row) < until]
            rows["subledger_entries"] = [row for row in rows["subledger_entries"] if row["created_at"] < until]
        by_id = {row["tx_id"]: row for row in rows["ledger_transactions"]}
        journal = {row["key_hash"]: row for row in rows["subledger_entries"]}
        late = {row["tx_id"]: row for row in rows["subledger_entries"] if row["tx_id"]}
        accounts = {row["account_id"]: row for row in rows["accounts"]}
        sessions = {row["session_id"]: row for row in rows["sessions"]}
        for row in by_id.values():
            if row["status"] == "APPLIED" and row["kind"] not in {"PLAYER_STATE", "LEDGER_CREATION"}:
                made._count_transaction(row, by_id, journal, late)
        for row in rows["ledger_entries"]:
            if row["tx_id"] in by_id:
                transaction = by_id[row["tx_id"]]
                named = (row["currency_network_id"], accounts[row["account_id"]]["account_type"], transaction["kind"])
                made._move(made.day_of(_minted(transaction)), named, int(row["amount_minor"]))
        for row in rows["subledger_entries"]:
            if row["status"] == "APPLIED" and row["kind"] in {"BET", "WIN", "ROLLBACK"} and not row["tx_id"]:
                made._count_entry(row, sessions[row["subledger_id"]], journal)
        return made

    def _count_transaction(self, row: Row, by_id: Rows, journal: Rows, late: Rows) -> None:
        kind = row["kind"]
        if kind == "ROLLBACK":
            undone = (
                by_id[row["reverses_tx_id"]] if row["reverses_tx_id"] else journal[late[row["tx_id"]]["reverses_key"]]
            )
            kind = f"{undone['kind']}_ROLLBACK"
        day, network = self.day_of(_minted(row)), row["currency_network_id"]
        key = (day, network, row["source"], row["game_code"] or "", "LEDGER", kind, row["variant"] or "")
        payout = int(row["win_amount_minor"] or 0)
        _add(self.totals[key], 1, int(row["amount_minor"]), payout, int(row["fee_minor"] or 0))
        if kind == "SESSION_SETTLEMENT":
            _add(self.movements[day, network, "SESSION_PLAY", kind], 1, payout, int(row["amount_minor"]))

    def _count_entry(self, row: Row, session: Row, journal: Rows) -> None:
        kind = row["kind"]
        if kind == "ROLLBACK":
            kind = f"{journal[row['reverses_key']]['kind']}_ROLLBACK"
        day, network = self.day_of(row["created_at"]), session["currency_network_id"]
        key = (day, network, session["source"], session["game_code"], "SESSION", kind, row["variant"] or "")
        _add(self.totals[key], 1, int(row["amount_minor"]), 0, 0)
        self._move(day, (network, "SESSION_PLAY", kind), int(row["change_minor"]))

    def _move(self, day: date, key: tuple[int, str, str], amount: int) -> None:
        _add(self.movements[(day, *key)], 1, max(-amount, 0), max(amount, 0))


Row = dict[str, Any]
Rows = dict[Any, Row]


def _minted(row: Row) -> datetime:
    """The time in a transaction's id."""
    return datetime.fromtimestamp((row["tx_id"].int >> 80) / 1000, UTC)


def _add(sums: list[int], *amounts: int) -> None:
    for place, amount in enumerate(amounts):
        sums[place] += amount


@dataclass(slots=True)
class Stored:
    """What stands in the tables of closed days and of the open one."""

    days: list[date]
    totals: dict[TotalKey, list[int]]
    movements: dict[MovementKey, list[int]]
    balances: dict[tuple[date, int, str], tuple[int, int]]
    open_day: date | None
    counted_until: datetime | None

    def of_day(self, day: date) -> list[dict[Any, Any]]:
        """Give what is stored of one day."""
        return [
            {key: sums for key, sums in rows.items() if key[0] == day}
            for rows in (self.totals, self.movements, self.balances)
        ]

    @classmethod
    def of(cls, installation: Installation) -> Stored:
        with installation.connect() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SET LOCAL timezone = 'UTC'")
            mark = connection.execute("SELECT day, counted_until FROM day_marks").fetchone()
            assert mark is not None
            totals = connection.execute(
                f"""
                SELECT day, {_TOTALS} FROM day_totals UNION ALL SELECT %(day)s::DATE, {_TOTALS} FROM open_day_totals
                """,
                {"day": mark[0]},
            ).fetchall()
            movements = connection.execute(
                f"""
                SELECT day, {_MOVEMENTS} FROM day_movements
                UNION ALL SELECT %(day)s::DATE, {_MOVEMENTS} FROM open_day_movements
                """,
                {"day": mark[0]},
            ).fetchall()
            balances = connection.execute(
                "SELECT day, currency_network_id, account_type, debits_minor, credits_minor FROM day_balances"
            ).fetchall()
            days = connection.execute("SELECT day FROM days ORDER BY day").fetchall()
        return cls(
            days=[day for (day,) in days],
            totals={row[:7]: [int(value) for value in row[7:]] for row in totals},
            movements={row[:4]: [int(value) for value in row[4:]] for row in movements},
            balances={row[:3]: (int(row[3]), int(row[4])) for row in balances},
            open_day=mark[0],
            counted_until=mark[1],
        )


_TOTALS = (
    "currency_network_id, source, game_code, place, kind, variant, transactions, amount_minor, win_minor, fee_minor"
)
_MOVEMENTS = "currency_network_id, account_type, kind, entries, debits_minor, credits_minor"


def check_days(installation: Installation, *, begins_at_hour: int = 0) -> Stored:
    """Hold what is stored of days to the rows, as far as they are counted; gives it."""
    stored = Stored.of(installation)
    recount = Recount.of(installation, begins_at_hour=begins_at_hour, until=stored.counted_until)
    assert stored.totals == dict(recount.totals)
    assert stored.movements == dict(recount.movements)
    for day in stored.days:
        until: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
        for (moved, network, account, _), (_, debits, credits_) in recount.movements.items():
            if moved <= day:
                _add(until[network, account], debits, credits_)
        told = {(network, account): list(sums) for (of, network, account), sums in stored.balances.items() if of == day}
        assert told == dict(until), day
    return stored


_OPEN_PLAY = """
    SELECT sessions.currency_network_id, sum(last_entry.balance_after_minor - sessions.lock_amount_minor)::BIGINT
    FROM sessions
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (
                SELECT balance_after_minor FROM subledger_entries
                WHERE subledger_id = session_id AND created_at < %(at)s AND NOT late
                ORDER BY entry_no DESC LIMIT 1
            ),
            lock_amount_minor
        ) AS balance_after_minor
    ) AS last_entry
    WHERE opened_at < %(at)s AND (settled_at IS NULL OR settled_at >= %(at)s)
    GROUP BY sessions.currency_network_id
"""


def check_open_play(installation: Installation, stored: Stored) -> None:
    """Hold what is told of play in sessions to what the sessions under way at the end of each day had left then."""
    for day in stored.days:
        with installation.connect() as connection:
            row = connection.execute("SELECT ends_at FROM days WHERE day = %s", [day]).fetchone()
            assert row is not None
            left = dict(connection.execute(_OPEN_PLAY, {"at": row[0]}).fetchall())
        told = {
            network: credits_ - debits
            for (of, network, account), (debits, credits_) in stored.balances.items()
            if of == day and account == "SESSION_PLAY"
        }
        assert {network: net for network, net in told.items() if net} == {n: net for n, net in left.items() if net}
