"""A ledger of years by SQL: transactions with their entries, sessions with journals, and all that operators look at.

Every table is written to disk as the wallet's own (none is unlogged), and has all its indexes in the end: those that
every row comes into are left out while it is filled, and made afterwards as the migrations made them. Two sessions fill
beside each other, each tables of its own. Triggers are out of force meanwhile; nothing audits this database, whose
balances follow from no postings. What is looked up by a key has the key that the wallet would have given it.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.servers.database import Server

_SQL = Path(__file__).with_name("sql")
_PERIOD_MS = 30 * 86_400_000
_ENDED_MS_AGO = 60_000
_CHUNK = 500_000
_MAKE_INDEXES = "SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 0"
_FEW_ROWS_COME_INTO = (
    "ledger_transactions_state_idx", "ledger_transactions_rare_idx", "ledger_transactions_tx_hash_idx",
    "ledger_transactions_reverses_key", "subledger_entries_reverses_key",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much there is."""

    transactions: int
    players: int
    proposals: int
    actions: int
    events: int

    @classmethod
    def of(cls, transactions: int) -> "Extent":
        """Give a ledger of so many transactions the rest in its proportion."""
        return cls(
            transactions=transactions,
            players=transactions // 100,
            proposals=transactions // 500,
            actions=transactions // 100,
            events=transactions // 5_000,
        )


class FillFailedError(Exception):
    """One of the sessions that fill failed; the message holds what PostgreSQL said."""


def fill(server: Server, database: str, extent: Extent, *, say: Callable[[str], None]) -> float:
    """Fill a database that is migrated and holds nothing; gives how long it took, in seconds.

    Raises:
        FillFailedError: A statement failed.
    """
    began = time.monotonic()
    filling = _Filling(server, database, extent, say)
    filling.run("numbers.sql")
    filling.beside(filling.transactions, filling.entries_and_journals)
    filling.run("operators.sql")
    with filling.connect() as connection:
        connection.execute("DROP SCHEMA fill CASCADE")
        connection.execute("ANALYZE")
    server.checkpoint()
    return time.monotonic() - began


class _Filling:
    def __init__(self, server: Server, database: str, extent: Extent, say: Callable[[str], None]) -> None:
        self._server = server
        self._database = database
        self._extent = extent
        self._say = say
        self._values = {
            "transactions": extent.transactions,
            "players": extent.players,
            "others": extent.players - 1,
            "proposals": extent.proposals,
            "actions": extent.actions,
            "events": extent.events,
            "period_ms": _PERIOD_MS,
            "begins_ms": int(time.time() * 1000) - _ENDED_MS_AGO - _PERIOD_MS,
        }
        house = dict(server.rows(database, _HOUSE))
        self._values |= {"house_id": house["HOUSE"], "wager_id": house["HOUSE:WAGER"]}
        self._failures: list[str] = []

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            self._server.cluster.dsn(self._database), options="-c search_path=cell_0,public", autocommit=True
        )

    def run(self, name: str, **more: int) -> None:
        text = (_SQL / name).read_text()
        for parameter, value in (self._values | more).items():
            text = re.sub(rf"(?<!:):{parameter}\b", str(value), text)
        with self.connect() as connection:
            connection.execute(text.encode())

    def beside(self, *works: Callable[[], None]) -> None:
        threads = [threading.Thread(target=self._kept, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise FillFailedError("; ".join(self._failures))

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except psycopg.Error as error:
            self._failures.append(str(error))

    def transactions(self) -> None:
        with self._without_indexes(("ledger_transactions",)):
            self._in_chunks("transactions.sql")
        self._vacuum("ledger_transactions")

    def entries_and_journals(self) -> None:
        with self._without_indexes(("ledger_entries", "subledger_entries")):
            self._in_chunks("entries.sql")
            self.run("journals.sql")
        self._vacuum("ledger_entries", "subledger_entries", "sessions", "withdrawals", "deposit_outputs", "accounts")

    def _in_chunks(self, name: str) -> None:
        """Run it range by range: a chunk of numbers at a time shows how it goes."""
        for first in range(1, self._extent.transactions + 1, _CHUNK):
            last = min(first + _CHUNK - 1, self._extent.transactions)
            self.run(name, first=first, last=last)
            self._say(f"{name.removesuffix('.sql')}: {last:,}")

    def _vacuum(self, *tables: str) -> None:
        with self.connect() as connection:
            for table in tables:
                connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))

    def _without_indexes(self, tables: Sequence[str]) -> "_WhenWell":
        """Take away the tables' indexes that every row comes into; they are made again when the block ends well."""
        made: list[sql.Composed] = []
        with self.connect() as connection:
            for table in tables:
                for name, as_index, as_constraint in connection.execute(_INDEXES, (table,)).fetchall():
                    if name in _FEW_ROWS_COME_INTO:
                        continue
                    if as_constraint is None:
                        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
                        made.append(sql.SQL(as_index).format())
                    else:
                        alter = sql.SQL("ALTER TABLE {}").format(sql.Identifier(table))
                        connection.execute(alter + sql.SQL(" DROP CONSTRAINT {}").format(sql.Identifier(name)))
                        made.append(
                            alter + sql.SQL(" ADD CONSTRAINT {} ").format(sql.Identifier(name)) + sql.SQL(as_constraint)
                        )

        def make() -> None:
            with self.connect() as connection:
                connection.execute(_MAKE_INDEXES)
                for statement in made:
                    connection.execute(statement)
                    self._say(f"{', '.join(tables)}: indexes")

        return _WhenWell(make)


class _WhenWell:
    """Does something when its block ends without an error."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *details: object) -> None:
        if details[0] is None:
            self._work()


_HOUSE = "SELECT account_type, account_id FROM accounts WHERE player_id IS NULL AND currency_network_id = 1"
_INDEXES = """
    SELECT indexes.relname, pg_get_indexdef(pg_index.indexrelid), pg_get_constraintdef(pg_constraint.oid)
      FROM pg_index
      JOIN pg_class AS indexes ON pg_index.indexrelid = indexes.oid
      LEFT JOIN pg_constraint ON pg_index.indexrelid = pg_constraint.conindid AND pg_constraint.contype IN ('p', 'u')
     WHERE pg_index.indrelid = %s::REGCLASS
     ORDER BY pg_index.indexrelid
"""
