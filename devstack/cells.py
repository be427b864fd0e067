"""How many cells a new wallet of `make run` has."""

from collections.abc import Callable

import psycopg

from wallet_grpc.store.operator.cells import all_cells


def cells_at_creation(admin_url: str, *, wanted: int | None, say: Callable[[str], None]) -> tuple[str, ...]:
    """Give what `wallet migrate` is told of cells: how many a new wallet has. One that is there keeps its own."""
    if wanted is None:
        return ()
    with psycopg.connect(admin_url) as connection:
        known = len(all_cells(connection))
    if not known:
        return "--cells", str(wanted)
    if known != wanted:
        say(f"WALLET_CELLS_AT_CREATION is for a new wallet: this one has {known} cells, for ever.")
    return ()
