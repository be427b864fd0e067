"""Migrations: safe when several start at once, after a kill, against edits and against the wrong environment."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from support.database import ROOT, Installation
from support.migrations import CELL, SHARED, copy_migrations, names_of_migrations, of_first_cell
from support.waiting import wait_until

from wallet_grpc.store.operator.migrate import MigrationError, migrate, pending_migrations

RELEASED = names_of_migrations()
FIRST = "0001_installation"
SCHEMA = """
    SELECT nspname, relname, relkind::TEXT, attname, format_type(atttypid, atttypmod), attnotnull
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname ~ '^(public|cell_.*)$'
    LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    ORDER BY nspname, relname, attnum
"""
_APPLIED = """
    SELECT CASE schema_name WHEN 'public' THEN 'shared' ELSE schema_name END || '/' || version
    FROM schema_migrations
    ORDER BY schema_name <> 'public', schema_name, version
"""
_AT_ONCE = 5
_SOON_S = 30.0


def start(installation: Installation) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wallet_cli", "migrate"],
        cwd=ROOT,
        env=installation.settings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def applied(installation: Installation) -> list[str]:
    if installation.rows("SELECT to_regclass('schema_migrations')") == [(None,)]:
        return []
    return [name for (name,) in installation.rows(_APPLIED)]


def test_migrates_an_empty_database_and_then_has_nothing_to_do(empty: Installation) -> None:
    first = empty.run("migrate")
    assert first.returncode == 0, first.stderr
    assert all(version in first.stdout for version in RELEASED)
    again = empty.run("migrate")
    assert again.returncode == 0, again.stderr
    assert "up to date" in again.stdout
    assert applied(empty) == RELEASED
    assert empty.rows("SELECT environment FROM installation") == [("TEST",)]
    with empty.connect() as connection:
        assert pending_migrations(connection) == []


def test_several_that_start_at_once_migrate_once(empty: Installation, migrated: Installation) -> None:
    running = [start(empty) for _ in range(_AT_ONCE)]
    told = [(process.communicate(timeout=60)[0], process.returncode) for process in running]
    assert [code for _, code in told] == [0] * _AT_ONCE, told
    lines = [line for output, _ in told for line in output.splitlines() if line.startswith("applied")]
    assert sorted(lines) == sorted(f"applied {name}" for name in RELEASED), told
    assert applied(empty) == RELEASED
    assert empty.rows(SCHEMA) == migrated.rows(SCHEMA)


def test_the_databases_of_one_cluster_migrate_at_once(empty: Installation, migrated: Installation) -> None:
    """They share the roles that the first migration makes."""
    with psycopg.connect(migrated.cluster.dsn("postgres"), autocommit=True) as connection:
        names = [f"{empty.database}_{number}" for number in range(4)]
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        try:
            with ThreadPoolExecutor(len(names)) as pool:
                made = list(pool.map(lambda name: migrate(migrated.cluster.dsn(name), "TEST"), names))
            assert made == [RELEASED] * len(names)
        finally:
            for name in names:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.mark.parametrize("statements", [0, 7, 14, 20])
def test_one_that_is_killed_leaves_nothing_behind(empty: Installation, tmp_path: Path, statements: int) -> None:
    """Killed after so many parts, in the midst of a statement: the next one waits for its end and needs nobody."""
    parts = (ROOT / "migrations" / SHARED / f"{FIRST}.sql").read_text().split(";\n\n")
    slow = ";\n\n".join([*parts[:statements], "SELECT pg_sleep(1)", *parts[statements:]])
    (copy_migrations(tmp_path) / SHARED / f"{FIRST}.sql").write_text(slow)
    code = "import sys, pathlib; from wallet_grpc.store.operator.migrate import migrate; "
    code += "migrate(sys.argv[1], 'TEST', folder=pathlib.Path(sys.argv[2]))"
    process = subprocess.Popen([sys.executable, "-c", code, empty.admin_dsn, str(tmp_path)], cwd=ROOT)
    until_asleep(empty, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = empty.run("migrate")
    assert done.returncode == 0, done.stderr
    assert applied(empty) == RELEASED


def until_asleep(installation: Installation, process: subprocess.Popen[bytes]) -> None:
    asleep = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    wait_until(lambda: process.poll() is not None or installation.rows(asleep), what="it sleeps", timeout_s=_SOON_S)
    assert process.poll() is None, "the migration ended"


@pytest.mark.parametrize("moment", range(6))
def test_killed_at_any_moment_the_next_one_finishes(empty: Installation, moment: int) -> None:
    process = start(empty)
    deadline = time.monotonic() + moment * 0.1
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    done = empty.run("migrate")
    assert done.returncode == 0, done.stderr
    assert applied(empty) == RELEASED


def test_an_edited_file_is_refused_and_nothing_is_changed(empty: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path)
    migrate(empty.admin_dsn, "TEST", folder=folder)
    with (folder / SHARED / f"{FIRST}.sql").open("a") as file:
        file.write("\n-- a harmless remark\n")
    (folder / CELL / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    with pytest.raises(MigrationError, match=f"shared/{FIRST} was edited"):
        migrate(empty.admin_dsn, "TEST", folder=folder)
    assert applied(empty) == RELEASED
    assert empty.rows("SELECT to_regclass('next_one')") == [(None,)]


def test_a_new_file_is_applied_alone(empty: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path)
    migrate(empty.admin_dsn, "TEST", folder=folder)
    (folder / CELL / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    assert migrate(empty.admin_dsn, "TEST", folder=folder) == [of_first_cell("9999_next")]
    assert applied(empty) == [*RELEASED, of_first_cell("9999_next")]


_SUMMARIZED_BY_ALL_RELEASES = [
    "ledger_transactions_round_id_idx",
    "subledger_entries_ids_idx",
    "subledger_entries_created_idx",
]


@pytest.mark.parametrize("index_name", _SUMMARIZED_BY_ALL_RELEASES)
def test_an_index_that_servers_ask_for_keeps_its_name(migrated: Installation, index_name: str) -> None:
    """Servers of the release before go on beside the new schema while they are replaced."""
    assert migrated.rows("SELECT to_regclass(%s) IS NOT NULL", f"cell_0.{index_name}") == [(True,)]


def test_what_a_wallet_holds_comes_into_its_last_entry(empty: Installation, tmp_path: Path) -> None:
    """Of a wallet that has reserved; one that never has tells nothing of it."""
    before = copy_migrations(tmp_path)
    for later in sorted((before / CELL).glob("*.sql")):
        if later.stem >= "0007":
            later.unlink()
    migrate(empty.admin_dsn, "TEST", folder=before)
    with empty.connect() as connection:
        connection.execute("SET search_path = cell_0, public")
        connection.execute("""
            INSERT INTO credit_wallets
            SELECT md5(key)::UUID, -1, md5('ledger')::UUID, key, 9, held, '2026-01-02', 3, 2, now()
            FROM (VALUES ('reserved', 4), ('plain', 0)) AS wallets (key, held);
            INSERT INTO reservations SELECT md5('r')::UUID, md5('reserved')::UUID, -1, 4, 1, '2026-02-01', 'OPEN';
            INSERT INTO subledger_entries (
                subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
                balance_after_minor, closes_round, late, created_at
            )
            SELECT wallet_id, number, -1, 'CREDIT', 'APPLIED', number, gen_random_uuid(), 5, 5, 9, FALSE, FALSE, now()
            FROM credit_wallets CROSS JOIN generate_series(1, 2) AS number
        """)
    migrate(empty.admin_dsn, "TEST")
    assert empty.rows(
        "SELECT caller_key, entry_no, held_minor, held_as_of = '2026-01-02'"
        " FROM cell_0.subledger_entries JOIN cell_0.credit_wallets ON wallet_id = subledger_id ORDER BY 1, 2"
    ) == [("plain", 1, None, None), ("plain", 2, None, None), ("reserved", 1, None, None), ("reserved", 2, 4, True)]
    with empty.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE cell_0.subledger_entries SET held_minor = 1")


def test_a_file_that_fails_leaves_nothing_of_itself(empty: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path)
    (folder / CELL / "9999_next.sql").write_text("CREATE TABLE next_one (n INT); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty.admin_dsn, "TEST", folder=folder)
    assert applied(empty) == RELEASED
    assert empty.rows("SELECT to_regclass('next_one')") == [(None,)]
    (folder / CELL / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    assert migrate(empty.admin_dsn, "TEST", folder=folder) == [of_first_cell("9999_next")]


def test_the_number_of_cells_is_fixed_for_ever(empty: Installation, migrated: Installation) -> None:
    refused = empty.run("migrate", "--cells", "0")
    assert "--cells" in refused.stderr
    assert empty.command("migrate", "--cells", "3").splitlines() == [
        f"applied {name}" for name in names_of_migrations(cells=3)
    ]
    made = {(schema, *rest) for schema, *rest in empty.rows(SCHEMA)}
    one = [(schema, *rest) for schema, *rest in migrated.rows(SCHEMA)]
    assert made == {
        (schema if schema == "public" else f"cell_{number}", *rest) for schema, *rest in one for number in range(3)
    }
    assert "up to date" in empty.command("migrate", "--cells", "3")
    assert "up to date" in empty.command("migrate")
    for cells in ("1", "4"):
        told = empty.run("migrate", "--cells", cells)
        assert told.returncode != 0
        assert f"the installation has 3 cells for ever, not {cells}" in told.stderr
    assert empty.rows("SELECT cell_number, schema_name FROM cells ORDER BY 1") == [
        (0, "cell_0"),
        (1, "cell_1"),
        (2, "cell_2"),
    ]


def test_a_currency_network_has_its_house_in_every_cell(empty: Installation) -> None:
    empty.command("migrate", "--cells", "2")
    empty.command("currencies", "add", "USDT", "TRON", "--decimals", "6", "--id", "7")
    for schema in ("cell_0", "cell_1"):
        houses = f"SELECT count(*) FROM {schema}.accounts WHERE currency_network_id = 7 AND player_id IS NULL"
        assert empty.rows(houses) == [(4,)], schema


@pytest.mark.parametrize(("first", "then"), [("test", "live"), ("live", "test")])
def test_another_environment_is_refused(empty: Installation, first: str, then: str) -> None:
    assert empty.run("migrate", WALLET_ENVIRONMENT=first).returncode == 0
    refused = empty.run("migrate", WALLET_ENVIRONMENT=then)
    assert refused.returncode != 0
    assert first.upper() in refused.stderr
    assert then.upper() in refused.stderr
    assert empty.rows("SELECT environment FROM installation") == [(first.upper(),)]


def test_another_environment_changes_nothing_before_it_is_refused(empty: Installation, tmp_path: Path) -> None:
    folder = copy_migrations(tmp_path)
    migrate(empty.admin_dsn, "LIVE", folder=folder)
    (folder / CELL / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    with pytest.raises(MigrationError):
        migrate(empty.admin_dsn, "TEST", folder=folder)
    assert applied(empty) == RELEASED


def test_the_environment_is_fixed_for_ever(own_ledger: Installation) -> None:
    with own_ledger.connect(autocommit=True) as connection:
        for statement in (
            "UPDATE installation SET environment = 'LIVE'",
            "DELETE FROM installation",
            "TRUNCATE installation",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement)  # type: ignore[arg-type]
