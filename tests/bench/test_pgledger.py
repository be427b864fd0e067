"""The yardstick that is not ours: skipped and said so, refused by name, and a bet of it on a real PostgreSQL."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from rich.console import Console
from support.database import Installation

from bench.report.display import Display
from bench.report.results import Results
from bench.yardsticks.pgledger import BET, VARIABLE, Pgledger, PgledgerError, install

STAND_IN = """
CREATE TABLE pgledger_accounts (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, currency TEXT NOT NULL, balance NUMERIC NOT NULL,
    allow_negative_balance BOOLEAN NOT NULL, allow_positive_balance BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL, updated_at TIMESTAMPTZ NOT NULL
);
CREATE FUNCTION pgledger_create_transfer(from_id TEXT, to_id TEXT, amount NUMERIC) RETURNS TABLE (id TEXT)
LANGUAGE sql AS $$
UPDATE pgledger_accounts SET balance = balance + CASE id WHEN from_id THEN -amount ELSE amount END
WHERE id IN (from_id, to_id) RETURNING id
$$
"""
"""The names that the benchmark relies on, as pgledger has them."""


def folder_of(path: Path, sql: str) -> Path:
    ulid = path / "vendor" / "scoville-pgsql-ulid"
    ulid.mkdir(parents=True)
    (ulid / "ulid-to-uuid.sql").write_text("SELECT 1")
    (ulid / "uuid-to-ulid.sql").write_text("SELECT 1")
    (path / "pgledger.sql").write_text(sql)
    return path


def test_without_its_source_it_is_skipped_and_said_so() -> None:
    results = Results(display=Display(Console(file=io.StringIO())))
    testbed: Any = SimpleNamespace(results=results)
    Pgledger(environment={}).run(testbed)
    assert list(results.skipped) == ["pgledger"]
    assert VARIABLE in results.skipped["pgledger"]
    assert results.readings == {}


def test_a_folder_without_it_is_refused_by_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PgledgerError, match=r"uuid-to-ulid\.sql, pgledger\.sql: fetch pgr0ss/pgledger whole"):
        install(tmp_path, "postgresql://nowhere.invalid/none", players=1)


def test_a_bet_moves_money_from_the_player_to_the_house(
    new_empty_installation: Callable[[], Installation], tmp_path: Path
) -> None:
    dsn = new_empty_installation().admin_dsn
    install(folder_of(tmp_path, STAND_IN), dsn, players=3)
    bet = BET.read_text().splitlines()[-1].replace(":player", "2", 1).replace(":cents", "5", 1)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(bet.encode())
        rows = connection.execute("SELECT id, balance, allow_negative_balance FROM pgledger_accounts").fetchall()
    found = {name: (int(balance), negative) for name, balance, negative in rows}
    assert found.pop("house") == (50_000 - 3 * found["player_1"][0], True)
    assert found["player_1"] == found["player_3"]
    assert found["player_2"] == (found["player_1"][0] - 50_000, False)


def test_sql_that_cannot_be_run_is_told(new_empty_installation: Callable[[], Installation], tmp_path: Path) -> None:
    with pytest.raises(PgledgerError, match="cannot be run"):
        install(folder_of(tmp_path, "CREATE TABLE"), new_empty_installation().admin_dsn, players=3)
