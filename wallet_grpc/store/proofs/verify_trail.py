"""Verification of approvals: each was another person's than the proposal, and is applied as it was proposed, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.identifiers import FIRST_UUID
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "verify_trail.sql")

_CHUNK = 10_000


def approval_problems(
    connection: psycopg.Connection[Any], cell: Cell, cells: int
) -> Iterator[Sequence[tuple[str, str, str]]]:
    """Give what is wrong with decisions about players of a cell, which the connection looks into, chunk by chunk."""
    after: str | None = FIRST_UUID
    while after is not None:
        named = {"after": after, "chunk": _CHUNK, "cell": cell, "cells": cells}
        row = connection.execute(_SQL["decisions_chunk"], named).fetchone()
        assert row is not None
        after, problems = row
        yield problems or ()
