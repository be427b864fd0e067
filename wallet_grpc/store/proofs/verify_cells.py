"""Verification of what holds where there are several cells: owners are in theirs, and claims fit what they are for.

What was received by event and the list of callers' ledgers stand in no cell, and have what they tell of in some cell:
each cell names what it does not have, and what all of them name is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.identifiers import FIRST_UUID, LAST_UUID
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "verify_transactions.sql", "verify_cells.sql")

_FIRST_OWNER = -(2**63)
_CHUNK = 10_000

Problems = Sequence[tuple[str, str, str]]
"""Of each a check's name, a subject and a problem."""


def cell_problems(connection: psycopg.Connection[Any], cell: Cell, cells: int) -> Iterator[Problems]:
    """Give what is wrong in a cell, which the connection looks into, chunk by chunk."""
    named: dict[str, object] = {"cell": cell, "cells": cells, "chunk": _CHUNK}
    owner_id: int | None = _FIRST_OWNER
    while owner_id is not None:
        owner_id, problems = _row(connection, "cell_owners_chunk", {**named, "after": owner_id})
        yield problems or ()
    yield _row(connection, "cell_wallets", named)[0] or ()
    after = FIRST_UUID
    while after != LAST_UUID:
        end = connection.execute(_SQL["transactions_chunk_end"], {"after": after, "chunk": _CHUNK}).fetchone()
        upto = end[0] if end else LAST_UUID
        yield _row(connection, "claimed_transactions_chunk", {"after": after, "upto": upto})[0] or ()
        after = upto
    output: str | None = FIRST_UUID
    while output is not None:
        output, problems = _row(connection, "claimed_outputs_chunk", {"after": output, "chunk": _CHUNK})
        yield problems or ()
    claim: str | None = FIRST_UUID
    while claim is not None:
        claim, problems = _row(connection, "claims_chunk", {**named, "after": claim})
        yield problems or ()


def _row(connection: psycopg.Connection[Any], name: str, parameters: dict[str, object]) -> Any:
    row = connection.execute(_SQL[name], parameters).fetchone()
    assert row is not None
    return row
