"""Rows that are read: a class's fields are the columns of its statement, by name and in order, on a real server.

A column that is read by another's place would be a wrong amount that still has the right type.
"""

import re
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg import RawCursor

from wallet_api.sql import HISTORY
from wallet_api.sql import statement as api_statement
from wallet_api.views import HistoryRow
from wallet_grpc.store.batch import (
    accounts,
    credit,
    events,
    inbox,
    ledgers,
    players,
    sessions,
    store,
    subledger,
    trail,
    transactions,
)
from wallet_grpc.store.batch.part import Query
from wallet_grpc.store.batch.steps import PARTS
from wallet_grpc.store.connection.statements import positional, statements

MODULES = (accounts, credit, events, inbox, ledgers, players, sessions, store, trail, transactions)
QUERIES = {
    f"{module.__name__.rpartition('.')[2]}.{name}": thing
    for module in MODULES
    for name, thing in vars(module).items()
    if isinstance(thing, Query)
}


def columns_of(admin: psycopg.Connection, text: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Ask a server for the names of a statement's columns; of no rows, since it is asked with NULLs."""
    with admin.transaction(force_rollback=True), RawCursor(admin) as cursor:
        cursor.execute(b"SELECT * FROM (" + text + b") AS asked LIMIT 0", [None] * len(names))
        assert cursor.description is not None
        return tuple(column.name for column in cursor.description)


def test_every_statement_of_the_load_is_looked_at() -> None:
    assert set(PARTS) <= set(MODULES)
    assert len(QUERIES) == 24


@pytest.mark.parametrize("name", QUERIES)
def test_the_fields_of_a_row_are_the_columns_of_its_statement(admin: psycopg.Connection, name: str) -> None:
    query: Query[Any] = QUERIES[name]
    assert columns_of(admin, query.statement.text, query.statement.names) == query.row._fields


def test_the_fields_of_a_page_of_history_are_the_columns_of_its_statement(admin: psycopg.Connection) -> None:
    page = api_statement(HISTORY, "page")
    assert columns_of(admin, page.text, page.names) == HistoryRow._fields


def test_a_journal_is_read_with_every_column_that_makes_an_entry(admin: psycopg.Connection) -> None:
    """The rows of a page of a journal have their columns by name."""
    journal = positional(statements("wallet_grpc.store.reads", "sessions.sql")["journal"])
    read = set(subledger.entry_of.__code__.co_names) & set(subledger.LoadedEntry._fields)
    assert {"session_id", "amount_minor", "created_at"} <= read
    assert read <= set(columns_of(admin, journal.text, journal.names))


# ------------------------------------------------------------------------------------------------------------- mutants


def test_two_columns_swapped_in_a_statement_are_seen(admin: psycopg.Connection) -> None:
    query = transactions.LOAD_TRANSACTIONS
    swapped = re.sub(
        rb"(found\.win_amount_minor::TEXT),(\s+)(found\.fee_minor::TEXT)", rb"\3,\2\1", query.statement.text
    )
    assert swapped != query.statement.text
    assert columns_of(admin, swapped, query.statement.names) != query.row._fields


def test_two_fields_swapped_in_a_class_are_seen(admin: psycopg.Connection) -> None:
    query = sessions.LOAD_SESSION_ROUNDS
    fields = list(query.row._fields)
    fields[2], fields[3] = fields[3], fields[2]
    assert columns_of(admin, query.statement.text, query.statement.names) != tuple(fields)
