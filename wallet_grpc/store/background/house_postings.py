"""House postings: what batches added to house accounts, folded into the accounts' balances.

Every bet posts to a house account. A batch appends what it adds to one, in a row of `house_postings`, so that batches
never write the same row. A house account's balance is its row of `account_balances` and these, in one snapshot.

Why it is exactly once. One statement, a transaction of its own, removes rows and adds what it removed: whatever is
killed, both are done, or neither. A row is removed once, also where two fold at a time: READ COMMITTED, who comes
second finds it gone. Stores only append here and never touch a house account's balance, so folding and stores do not
wait for each other, and SERIALIZABLE finds nothing that both read and wrote.
"""

from __future__ import annotations

from wallet_grpc.store.connection.placement import holding_cell, named_here
from wallet_grpc.store.connection.pool import Pool, only_row
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "house_postings.sql")

_FOLD_CLASS = 0x57414C48
"""The class of the advisory locks of whoever folds, of each cell: with many processes one works, and the others not."""


class HousePostingStore:
    """Folds house postings. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fold(self, *, rows_max: int) -> int:
        """Fold up to so many rows, unless somebody else does; gives how many it was."""
        async with self._pool.connection() as connection, holding_cell(connection):
            fold = named_here(connection, _SQL["fold"])
            named = {"fold_class": _FOLD_CLASS, "cell": self._pool.cell, "rows_max": rows_max}
            (folded,) = await only_row(connection, fold, named)
        assert isinstance(folded, int)
        return folded
