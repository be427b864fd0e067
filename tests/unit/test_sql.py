"""Named SQL, and its form for raw cursors."""

from __future__ import annotations

import pytest

from wallet_grpc.store.connection.statements import positional, statements


def test_placeholders_are_numbered_in_the_order_of_their_first_use() -> None:
    statement = positional("SELECT %(b)s::INTEGER, %(a)s::TEXT, %(b)s::INTEGER")
    assert statement.text == b"SELECT $1::INTEGER, $2::TEXT, $1::INTEGER"
    assert statement.values({"a": "x", "b": 1, "unused": 2}) == [1, "x"]


def test_a_missing_parameter_is_told() -> None:
    with pytest.raises(KeyError, match="a"):
        positional("SELECT %(a)s").values({})


def test_a_file_gives_its_statements_by_name() -> None:
    assert statements("wallet_grpc.store.batch", "accounts.sql")["load_owners"].startswith("SELECT")
