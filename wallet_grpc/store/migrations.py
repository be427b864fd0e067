"""The migration runner: raw SQL files, forward only.

Ours, because the well-kept tools fit badly: those that lock with a row need a human after a kill, those that lock with
an advisory lock come with an ORM or another language. All that is needed is here: each file runs in one transaction
with the row that records it, behind a transaction-level advisory lock, so pods may start at once and a killed migration
leaves nothing behind. A released file never changes: its hash is kept and compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from .connections import command, connect, encoding_fault

_FOLDER = Path(__file__).resolve().parents[2] / "migrations"
_LOCK = 0x57414C4D
_CREATE: LiteralString = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
)
"""


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of `migrations/`."""

    version: str
    sql: str

    @property
    def sha256(self) -> str:
        """The hash that tells whether a released file was edited."""
        return sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path = _FOLDER) -> list[Migration]:
    """Read the migrations, in order."""
    return [Migration(version=path.stem, sql=path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]


def pending_migrations(connection: psycopg.Connection[Any]) -> list[str]:
    """Give the versions that the database lacks, without changing anything."""
    row = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    applied = set()
    if row is not None and row[0]:
        applied = {version for (version,) in connection.execute("SELECT version FROM schema_migrations").fetchall()}
    return [migration.version for migration in migrations() if migration.version not in applied]


def migrate(
    admin_database_url: str,
    environment: str,
    *,
    on_applied: Callable[[str], None] = lambda _: None,
    folder: Path = _FOLDER,
) -> list[str]:
    """Bring the schema up to date and fix what the installation is for; gives the versions applied.

    Raises:
        MigrationError: A released file was edited, or the installation is of another environment.
    """
    applied: list[str] = []
    with connect(admin_database_url, command("wallet-migrate"), autocommit=True) as connection:
        fault = encoding_fault(connection)
        if fault is not None:
            raise MigrationError(fault)
        _refuse_another_environment(connection, environment)
        for migration in migrations(folder):
            with connection.transaction():
                if _apply(connection, migration):
                    applied.append(migration.version)
                    on_applied(migration.version)
        with connection.transaction():
            connection.execute(
                "INSERT INTO installation (environment) VALUES (%s) ON CONFLICT DO NOTHING", [environment]
            )
            _refuse_another_environment(connection, environment)
    return applied


def _refuse_another_environment(connection: psycopg.Connection[Any], environment: str) -> None:
    """Refuse an installation that is for something else, before anything of it is changed."""
    row = connection.execute("SELECT to_regclass('installation') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return
    row = connection.execute("SELECT environment FROM installation").fetchone()
    if row is not None and row[0] != environment:
        raise MigrationError(
            f"the database is a {row[0]} installation for ever, not {environment}; use another database"
        )


def _apply(connection: psycopg.Connection[Any], migration: Migration) -> bool:
    """Apply one migration in the open transaction, unless it is recorded; other pods wait at the lock."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    connection.execute(_CREATE)
    connection.execute("GRANT SELECT ON schema_migrations TO PUBLIC")
    row = connection.execute("SELECT sha256 FROM schema_migrations WHERE version = %s", [migration.version]).fetchone()
    if row is not None:
        if row[0] != migration.sha256:
            raise MigrationError(
                f"{migration.version} was edited after it was applied; restore it, and add a new migration"
            )
        return False
    connection.execute(migration.sql.encode())  # our own file; bytes are what psycopg takes where no literal can be
    connection.execute(
        "INSERT INTO schema_migrations (version, sha256) VALUES (%s, %s)", [migration.version, migration.sha256]
    )
    return True
