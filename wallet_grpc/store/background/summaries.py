"""Summaries: what operators' searches look through instead of the ledger, kept up with what is written.

An index of summaries (BRIN) tells which ranges of pages cannot have an id; a range without a summary is read whole. The
database makes them by itself once a minute at best, and forgets some where much is written: a search then reads all
the bets of the last minutes. Nothing waits for this, and any number of processes may do it.
"""

from __future__ import annotations

from wallet_grpc.store.connection.pool import Pool, only_row
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "summaries.sql")

INDEXES = ("ledger_transactions_round_ids_idx", "subledger_entries_ids_idx", "subledger_entries_created_idx")
"""Those of a cell."""


class SummaryStore:
    """Makes summaries. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def summarize(self, index_name: str, *, since_page: int) -> int:
        """Summarize what is full of a table since a page; gives the page to go on from."""
        async with self._pool.connection() as connection:
            named = {"index_name": index_name, "since_page": since_page}
            (next_page,) = await only_row(connection, _SQL["summarize"], named)
        assert isinstance(next_page, int)
        return next_page
