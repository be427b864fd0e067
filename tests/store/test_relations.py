"""Physical relations: wherever a statement names a table it is found, and nothing else is taken for one."""

import re
from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest
from support.database import Installation

from wallet_grpc.store.connection.relations import Relations, tables_written
from wallet_grpc.store.connection.statements import positional, statements
from wallet_grpc.store.operator.migration_files import migrations

_CREATED = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)
_OF_CELL, _SHARED = (
    {name for migration in migrations() if migration.of_cell is of_cell for name in _CREATED.findall(migration.sql)}
    for of_cell in (True, False)
)
_PREPARED = re.compile(r"(SELECT|WITH|INSERT|UPDATE|DELETE)\b")
_QUOTED = re.compile(r"'[^']*'")


def _statements() -> Iterator[tuple[str, str, str]]:
    for folder in ("background", "batch", "connection", "queues", "reads"):  # commands' are all planned by Citus
        package = f"wallet_grpc.store.{folder}"
        for file in sorted(files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".sql"):
                for name, text in statements(package, file.name).items():
                    yield package, name, text


_ALL = {f"{package.rpartition('.')[2]}.{name}": (package, name, text) for package, name, text in _statements()}


def _relations(suffix: str) -> Relations:
    return Relations(
        of_cell={name: name + suffix for name in _OF_CELL}, shared={name: name + suffix for name in _SHARED}, epoch=3
    )


@pytest.mark.parametrize("named", _ALL)
def test_each_table_that_is_named_is_found(named: str) -> None:
    text = positional(_ALL[named][2]).text.decode()
    put = _QUOTED.sub("''", _relations("_7").put_into(text))
    for table in _OF_CELL | _SHARED:
        assert not re.search(rf"\b{table}\s+AS\s+(MATERIALIZED\s+)?\(", text), f"a CTE named {table}"
        # What is left of a plain name is a qualifier, an alias, or the table of a write that Citus plans.
        for left in re.finditer(rf"(\w+)\s+{table}\b(?!\.)", put):
            is_written_by_citus = table in _SHARED and left[1] in {"INTO", "UPDATE"}
            assert left[1] == "AS" or is_written_by_citus, left[0]


def test_a_table_of_the_cell_is_named_by_its_shard_and_keeps_its_name() -> None:
    put = _relations("_7").put_into
    assert put("UPDATE accounts SET a = 1 WHERE accounts.a = 2") == (
        "UPDATE accounts_7 AS accounts SET a = 1 WHERE accounts.a = 2"
    )
    assert put("INSERT INTO accounts (a) SELECT b FROM sessions AS found") == (
        "INSERT INTO accounts_7 AS accounts (a) SELECT b FROM sessions_7 AS found"
    )
    assert put("DELETE FROM sessions WHERE sessions.a = 1") == "DELETE FROM sessions_7 AS sessions WHERE sessions.a = 1"


def test_what_all_cells_share_is_read_here_and_written_by_citus() -> None:
    put = _relations("_7").put_into
    assert put("SELECT FROM ledgers") == "SELECT FROM ledgers_7 AS ledgers"
    for written in ("INSERT INTO ledgers (a) VALUES (1)", "UPDATE api_keys SET a = 1", "DELETE FROM ledgers"):
        assert put(written) == written


def test_ids_of_events_grow_over_moves_whatever_the_next_node_counts() -> None:
    before, after = (Relations(of_cell={}, shared={}, epoch=epoch) for epoch in (3, 4))
    statement = "SELECT nextval('outbox_events_outbox_id_seq') AS outbox_id"
    assert before.put_into(statement) == (
        f"SELECT ({3 << 40} | (nextval('outbox_events_outbox_id_seq') & {2**40 - 1})) AS outbox_id"
    )
    assert f"({4 << 40} | " in after.put_into(statement)


def test_the_tables_that_a_statement_writes_are_told() -> None:
    statement = "WITH a AS (INSERT INTO ledgers (x) SELECT y FROM accounts) UPDATE sessions SET z = 1"
    assert tables_written(statement, _OF_CELL | _SHARED) == {"ledgers", "sessions"}
    assert tables_written(statement, _SHARED) == {"ledgers"}


def test_statements_with_their_relations_put_in_are_what_they_were(migrated: Installation) -> None:
    """Each is prepared with every table under its own name, as if that were the physical one."""
    relations = _relations("")
    with psycopg.connect(migrated.admin_dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SET search_path = cell_0, public")
        for _, name, text in _ALL.values():
            if "pg_dist_" in text or not _PREPARED.match(text):
                continue
            put = relations.put_into(positional(text).text.decode())
            result = connection.pgconn.prepare(b"", put.encode())
            assert not result.error_message, (name, result.error_message)
