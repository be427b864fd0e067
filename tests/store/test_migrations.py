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
from support.waiting import wait_until

from wallet_grpc.store.operator.migrate import MigrationError, migrate, migrations, pending_migrations

RELEASED = [migration.version for migration in migrations()]
SCHEMA = """
    SELECT relname, relkind::TEXT, attname, format_type(atttypid, atttypmod), attnotnull
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
    LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    ORDER BY relname, attnum
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
    return [version for (version,) in installation.rows("SELECT version FROM schema_migrations ORDER BY version")]


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
    assert sorted(lines) == [f"applied {migration.version}" for migration in migrations()], told
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


@pytest.mark.parametrize("statements", [0, 10, 20, 27])
def test_one_that_is_killed_leaves_nothing_behind(empty: Installation, tmp_path: Path, statements: int) -> None:
    """Killed after so many parts, in the midst of a statement: the next one waits for its end and needs nobody."""
    parts = (ROOT / "migrations" / f"{RELEASED[0]}.sql").read_text().split(";\n\n")
    slow = ";\n\n".join([*parts[:statements], "SELECT pg_sleep(1)", *parts[statements:]])
    (tmp_path / f"{RELEASED[0]}.sql").write_text(slow)
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
    folder = released(tmp_path)
    migrate(empty.admin_dsn, "TEST", folder=folder)
    with (folder / f"{RELEASED[0]}.sql").open("a") as file:
        file.write("\n-- a harmless remark\n")
    (folder / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    with pytest.raises(MigrationError, match=f"{RELEASED[0]} was edited"):
        migrate(empty.admin_dsn, "TEST", folder=folder)
    assert applied(empty) == RELEASED
    assert empty.rows("SELECT to_regclass('next_one')") == [(None,)]


def test_a_new_file_is_applied_alone(empty: Installation, tmp_path: Path) -> None:
    folder = released(tmp_path)
    migrate(empty.admin_dsn, "TEST", folder=folder)
    (folder / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    assert migrate(empty.admin_dsn, "TEST", folder=folder) == ["9999_next"]
    assert applied(empty) == [*RELEASED, "9999_next"]


def test_a_file_that_fails_leaves_nothing_of_itself(empty: Installation, tmp_path: Path) -> None:
    folder = released(tmp_path)
    (folder / "9999_next.sql").write_text("CREATE TABLE next_one (n INT); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty.admin_dsn, "TEST", folder=folder)
    assert applied(empty) == RELEASED
    assert empty.rows("SELECT to_regclass('next_one')") == [(None,)]
    (folder / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
    assert migrate(empty.admin_dsn, "TEST", folder=folder) == ["9999_next"]


@pytest.mark.parametrize(("first", "then"), [("test", "live"), ("live", "test")])
def test_another_environment_is_refused(empty: Installation, first: str, then: str) -> None:
    assert empty.run("migrate", WALLET_ENVIRONMENT=first).returncode == 0
    refused = empty.run("migrate", WALLET_ENVIRONMENT=then)
    assert refused.returncode != 0
    assert first.upper() in refused.stderr
    assert then.upper() in refused.stderr
    assert empty.rows("SELECT environment FROM installation") == [(first.upper(),)]


def test_another_environment_changes_nothing_before_it_is_refused(empty: Installation, tmp_path: Path) -> None:
    folder = released(tmp_path)
    migrate(empty.admin_dsn, "LIVE", folder=folder)
    (folder / "9999_next.sql").write_text("CREATE TABLE next_one (n INT);")
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


def released(folder: Path) -> Path:
    """Copy the released migrations to a folder where a test may add to them."""
    copy = folder / "migrations"
    copy.mkdir()
    for migration in migrations():
        (copy / f"{migration.version}.sql").write_text(migration.sql)
    return copy
