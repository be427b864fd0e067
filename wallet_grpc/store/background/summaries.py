"""Summaries: what operators' searches look through instead of the ledger, kept up with what is written.

An index of summaries (BRIN) tells which ranges of pages cannot have an id; a range without a summary is read whole. The
database makes them by itself once a minute at best, and forgets some where much is written: a search then reads all
the bets of the last minutes. Nothing waits for this, and any number of processes may do it.
"""

from __future__ import annotations

from wallet_grpc.store.connection.dialing import BoundedConnection
from wallet_grpc.store.connection.pool import Connection, Pool, only_row
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "summaries.sql")

INDEXES = {
    "ledger_transactions_round_id_idx": "ledger_transactions",
    "subledger_entries_ids_idx": "subledger_entries",
    "subledger_entries_created_idx": "subledger_entries",
}
"""Those of a cell, and the tables that they are of."""


class SummaryStore:
    """Makes summaries. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def summarize(self, index_name: str, *, since_page: int) -> int:
        """Summarize what is full of a table since a page; gives the page to go on from."""
        async with self._pool.connection() as connection:
            named = {"index_name": _physical(index_name, connection), "since_page": since_page}
            (next_page,) = await only_row(connection, _SQL["summarize"], named)
        assert isinstance(next_page, int)
        return next_page


def _physical(index_name: str, connection: Connection) -> str:
    """Give the index that holds the rows: on Citus it is that of the table's shard, and called after it."""
    place = connection.place if isinstance(connection, BoundedConnection) else None
    if place is None:
        return index_name
    physical = place.relations.of_cell[INDEXES[index_name]]
    return index_name + physical.removeprefix(INDEXES[index_name])
