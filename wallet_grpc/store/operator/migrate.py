"""The migration runner: raw SQL files, forward only.

Ours, because the well-kept tools fit badly: those that lock with a row need a human after a kill, those that lock with
an advisory lock come with an ORM or another language. All that is needed is here: each file runs in one transaction
with the row that records it (or, where it says so, in statements that can be run again), behind an advisory lock of the
session, so pods may start at once and a killed migration leaves nothing behind. A released file never changes: its hash
is kept and compared. It runs beside bets: see migration_locks.py for how it waits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources.abc import Traversable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from wallet_grpc.store.connection.kinds import connect, encoding_fault, migrator

from .migration_files import RELEASED, Migration, MigrationError, built_index, migrations
from .migration_locks import PATIENCE, Budget, Patience, Waiting, Watch, alone, tried

_CREATE: LiteralString = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migrations TO PUBLIC
"""
_IS_VALID: LiteralString = """
SELECT pg_index.indisvalid FROM pg_index WHERE pg_index.indexrelid = to_regclass(%s)
"""

__all__ = ["MigrationError", "Patience", "Waiting", "migrate", "migrations", "pending_migrations"]


def pending_migrations(connection: psycopg.Connection[Any], folder: Traversable = RELEASED) -> list[str]:
    """Give the versions that the database lacks, without changing anything.

    Raises:
        MigrationError: There are no migrations here to compare it with.
    """
    applied = _applied(connection)
    return [migration.version for migration in migrations(folder) if migration.version not in applied]


def migrate(
    admin_database_url: str,
    environment: str,
    *,
    on_applied: Callable[[str], None] = lambda _: None,
    on_wait: Callable[[Waiting], None] = lambda _: None,
    folder: Traversable = RELEASED,
    patience: Patience = PATIENCE,
    dry_run: bool = False,
) -> list[str]:
    """Bring the schema up to date and fix what the installation is for; gives the versions applied.

    Args:
        admin_database_url: The DSN of the schema's owner.
        environment: TEST or LIVE.
        on_applied: Hears of each version that was applied.
        on_wait: Hears of what is waited for.
        folder: Where the files are.
        patience: How long and how often locks are tried for.
        dry_run: Change nothing; give the versions that would be applied.

    Raises:
        MigrationError: There are no files, a released one was edited, the installation is of another environment, or
            locks could not be had.
    """
    kind = migrator(lock_timeout_ms=patience.lock_timeout_ms)
    with connect(admin_database_url, kind, autocommit=True) as connection:
        fault = encoding_fault(connection)
        if fault is not None:
            raise MigrationError(fault)
        watch = Watch(admin_database_url, connection.info.backend_pid)

        def try_to(what: str, work: Callable[[], Any]) -> Any:
            return tried(what, work, watch=watch, patience=patience, on_wait=on_wait)

        def look() -> list[Migration]:
            _refuse_another_environment(connection, environment)
            return _lacking(connection, folder)

        if dry_run:
            return [migration.version for migration in try_to("the look at the schema", look)]
        with alone(connection, patience=patience, on_wait=on_wait):
            lacking = try_to("the look at the schema", look)
            if not _has_table(connection, "schema_migrations"):
                try_to("schema_migrations", lambda: connection.execute(_CREATE))
            for migration in lacking:
                apply = _apply if migration.in_transaction else _apply_in_steps
                try_to(migration.version, partial(apply, connection, migration, patience))
                on_applied(migration.version)
            try_to("the environment", lambda: _fix_environment(connection, environment))
    return [migration.version for migration in lacking]


def _lacking(connection: psycopg.Connection[Any], folder: Traversable) -> list[Migration]:
    """Give the migrations that are to be applied, after a look at those that were."""
    applied = _applied(connection)
    lacking = []
    for migration in migrations(folder):
        known = applied.get(migration.version)
        if known is None:
            lacking.append(migration)
        elif known != migration.sha256:
            raise MigrationError(
                f"{migration.version} was edited after it was applied; restore it, and add a new migration"
            )
    return lacking


def _apply(connection: psycopg.Connection[Any], migration: Migration, patience: Patience) -> None:
    """Apply a migration in one transaction with the row that records it."""
    budget = Budget(patience)
    with connection.transaction():
        for statement in migration.statements:
            budget.spend(connection)
            connection.execute(statement.encode())  # our own file; bytes are what psycopg takes where no literal can be
        _record(connection, migration)


def _apply_in_steps(connection: psycopg.Connection[Any], migration: Migration, patience: Patience) -> None:
    """Apply a migration that is run without a transaction: from its beginning, also after it was killed in the middle.

    What is there already is left; an index that was not finished is removed and built anew.
    """
    connection.execute(f"SET lock_timeout = {patience.concurrent_lock_timeout_ms}".encode())
    try:
        for statement in migration.statements:
            index = built_index(statement)
            if index is not None:
                row = connection.execute(_IS_VALID, [index]).fetchone()
                if row is not None and row[0]:
                    continue
                if row is not None:
                    connection.execute(f"DROP INDEX CONCURRENTLY {index}".encode())
            connection.execute(statement.encode())
        _record(connection, migration)
    finally:
        if not connection.closed:
            connection.execute(f"SET lock_timeout = {patience.lock_timeout_ms}".encode())


def _record(connection: psycopg.Connection[Any], migration: Migration) -> None:
    connection.execute(
        "INSERT INTO schema_migrations (version, sha256) VALUES (%s, %s)", [migration.version, migration.sha256]
    )


def _applied(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Give the hashes of what was applied, by version."""
    if not _has_table(connection, "schema_migrations"):
        return {}
    return dict(connection.execute("SELECT version, sha256 FROM schema_migrations").fetchall())


def _fix_environment(connection: psycopg.Connection[Any], environment: str) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO installation (environment) VALUES (%s) ON CONFLICT DO NOTHING", [environment])
        _refuse_another_environment(connection, environment)


def _refuse_another_environment(connection: psycopg.Connection[Any], environment: str) -> None:
    """Refuse an installation that is for something else, before anything of it is changed."""
    if not _has_table(connection, "installation"):
        return
    row = connection.execute("SELECT environment FROM installation").fetchone()
    if row is not None and row[0] != environment:
        raise MigrationError(
            f"the database is a {row[0]} installation for ever, not {environment}; use another database"
        )


def _has_table(connection: psycopg.Connection[Any], name: LiteralString) -> bool:
    row = connection.execute(sql.SQL("SELECT to_regclass({}) IS NOT NULL").format(sql.Literal(name))).fetchone()
    return row is not None and bool(row[0])
