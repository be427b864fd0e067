"""The migration runner: raw SQL files, forward only.

Ours, because the well-kept tools fit badly: those that lock with a row need a human after a kill, those that lock with
an advisory lock come with an ORM or another language. All that is needed is here: each file runs in one transaction
with the row that records it (or, where it says so, in statements that can be run again), behind an advisory lock of the
session, so pods may start at once and a killed migration leaves nothing behind. A released file never changes: its hash
is kept and compared. It runs beside bets: see migration_locks.py for how it waits.

The first run fixes how many cells the installation has. Each cell has its own schema, and every migration of a cell is
applied to each of them, by itself. On Citus a cell's schema is a distributed one, and what all cells share is copied
to every node; a file is still one transaction, which Citus commits on all nodes (citus.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources.abc import Traversable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from wallet_grpc.domain.cells import ONLY_CELL, Cell, schema_of
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.store.connection.kinds import SHARED_SCHEMA, connect, encoding_fault, migrator
from wallet_grpc.store.trail.acts import note

from .cells import all_cells, look_at_shared, look_into
from .citus import copy_shared_tables, is_citus, prepare_citus
from .migration_files import RELEASED, Migration, MigrationError, bare, built_index, migrations
from .migration_locks import PATIENCE, Budget, Patience, Waiting, Watch, alone, tried
from .migration_plan import PlannedMigration, plan_of

_CREATE: LiteralString = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    schema_name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (schema_name, version)
);
GRANT SELECT ON public.schema_migrations TO PUBLIC
"""
_IS_VALID: LiteralString = """
SELECT pg_index.indisvalid FROM pg_index WHERE pg_index.indexrelid = to_regclass(%s)
"""

__all__ = ["MigrationError", "Patience", "Waiting", "migrate", "migrations", "pending_migrations", "plan"]


def pending_migrations(connection: psycopg.Connection[Any], folder: Traversable = RELEASED) -> list[str]:
    """Give the names of what the database lacks, without changing anything.

    Raises:
        MigrationError: There are no migrations here to compare it with.
    """
    applied = _applied(connection)
    cells = all_cells(connection) or [ONLY_CELL]
    return [part.name for part in _parts(folder, cells) if (part.schema, part.migration.version) not in applied]


def plan(
    admin_database_url: str, environment: str, *, cells: int | None = None, folder: Traversable = RELEASED
) -> list[PlannedMigration]:
    """Tell what would be applied, statement by statement, with its locks; changes nothing.

    Raises:
        MigrationError: As `migrate`.
    """
    kind = migrator(lock_timeout_ms=PATIENCE.lock_timeout_ms)
    with connect(admin_database_url, kind, autocommit=True) as connection:
        _refuse_another_environment(connection, environment)
        lacking = _lacking(connection, folder, _cells_of(connection, cells))
    return [
        PlannedMigration(
            name=part.name,
            in_transaction=part.migration.in_transaction,
            statements=tuple(plan_of(map(bare, part.migration.statements))),
        )
        for part in lacking
    ]


def migrate(
    admin_database_url: str,
    environment: str,
    *,
    cells: int | None = None,
    on_applied: Callable[[str], None] = lambda _: None,
    on_wait: Callable[[Waiting], None] = lambda _: None,
    folder: Traversable = RELEASED,
    patience: Patience = PATIENCE,
    dry_run: bool = False,
) -> list[str]:
    """Bring the schemas up to date and fix what the installation is for; gives the names of what was applied.

    Args:
        admin_database_url: The DSN of the schema's owner.
        environment: TEST or LIVE.
        cells: How many cells the installation has for ever: as many as it has, or one where it is new, unless said.
        on_applied: Hears of each migration that was applied.
        on_wait: Hears of what is waited for.
        folder: Where the files are.
        patience: How long and how often locks are tried for.
        dry_run: Change nothing; give the names of what would be applied.

    Raises:
        MigrationError: There are no files, a released one was edited, the installation is of another environment or
            has another number of cells, or locks could not be had.
    """
    kind = migrator(lock_timeout_ms=patience.lock_timeout_ms)
    with connect(admin_database_url, kind, autocommit=True) as connection:
        fault = encoding_fault(connection)
        if fault is not None:
            raise MigrationError(fault)
        on_citus = is_citus(connection)
        if on_citus:
            prepare_citus(connection)
        watch = Watch(admin_database_url, connection.info.backend_pid)

        def try_to(what: str, work: Callable[[], Any]) -> Any:
            return tried(what, work, watch=watch, patience=patience, on_wait=on_wait)

        def look() -> list[_Part]:
            _refuse_another_environment(connection, environment)
            return _lacking(connection, folder, _cells_of(connection, cells))

        if dry_run:
            return [part.name for part in try_to("the look at the schemas", look)]
        with alone(connection, patience=patience, on_wait=on_wait):
            lacking = try_to("the look at the schemas", look)
            if not _has_table(connection, "public.schema_migrations"):
                try_to("schema_migrations", lambda: connection.execute(_CREATE))
            if on_citus:
                copy_shared_tables(connection)
            for part in lacking:
                if part.cell is None:
                    look_at_shared(connection)
                else:
                    try_to(part.schema, partial(_fix_cell, connection, part.cell, _cells_of(connection, cells)))
                    look_into(connection, part.cell)
                apply = partial(_apply, on_citus=on_citus) if part.migration.in_transaction else _apply_in_steps
                try_to(part.name, partial(apply, connection, part, patience))
                on_applied(part.name)
            try_to("the environment", lambda: _fix_environment(connection, environment))
    return [part.name for part in lacking]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A migration for one schema."""

    migration: Migration
    cell: Cell | None
    """Whose schema; none for the one that all cells share."""

    @property
    def schema(self) -> str:
        return SHARED_SCHEMA if self.cell is None else schema_of(self.cell)

    @property
    def name(self) -> str:
        """How people are told of it."""
        return f"{'shared' if self.cell is None else self.schema}/{self.migration.version}"


def _parts(folder: Traversable, cells: Sequence[Cell]) -> list[_Part]:
    """Give all that an installation of these cells is made of, in the order in which it is applied."""
    released = migrations(folder)
    shared = [_Part(migration=migration, cell=None) for migration in released if not migration.of_cell]
    of_cells = [_Part(migration=migration, cell=cell) for cell in cells for migration in released if migration.of_cell]
    return shared + of_cells


def _cells_of(connection: psycopg.Connection[Any], wanted: int | None) -> list[Cell]:
    """Give the cells that the installation has, or is to have.

    Raises:
        MigrationError: It has another number of them than is wanted.
    """
    known = all_cells(connection)
    if not known:
        return [Cell(number) for number in range(wanted or 1)]
    if wanted not in {None, len(known)}:
        raise MigrationError(
            f"the installation has {len(known)} cells for ever, not {wanted}: their number tells where each owner lives"
        )
    return known


def _fix_cell(connection: psycopg.Connection[Any], cell: Cell, cells: Sequence[Cell]) -> None:
    """Make a cell's schema, and fix how many cells there are, if that was not done yet."""
    with connection.transaction():
        for known in cells:
            connection.execute(
                "INSERT INTO public.cells (cell_number, schema_name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [known, schema_of(known)],
            )
        name = sql.Identifier(schema_of(cell))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO wallet_service, wallet_api").format(name))


def _lacking(connection: psycopg.Connection[Any], folder: Traversable, cells: Sequence[Cell]) -> list[_Part]:
    """Give what is to be applied, after a look at what was."""
    applied = _applied(connection)
    lacking = []
    for part in _parts(folder, cells):
        known = applied.get((part.schema, part.migration.version))
        if known is None:
            lacking.append(part)
        elif known != part.migration.sha256:
            raise MigrationError(f"{part.name} was edited after it was applied; restore it, and add a new migration")
    return lacking


def _apply(connection: psycopg.Connection[Any], part: _Part, patience: Patience, *, on_citus: bool) -> None:
    """Apply a migration in one transaction with the row that records it."""
    budget = Budget(patience)
    with connection.transaction():
        for statement in part.migration.statements:
            budget.spend(connection)
            connection.execute(statement.encode())  # our own file; bytes are what psycopg takes where no literal can be
            if part.cell is None and on_citus:
                copy_shared_tables(connection)
        _record(connection, part)


def _apply_in_steps(connection: psycopg.Connection[Any], part: _Part, patience: Patience) -> None:
    """Apply a migration that is run without a transaction: from its beginning, also after it was killed in the middle.

    What is there already is left; an index that was not finished is removed and built anew.
    """
    connection.execute(f"SET lock_timeout = {patience.concurrent_lock_timeout_ms}".encode())
    try:
        for statement in part.migration.statements:
            index = built_index(statement)
            if index is not None:
                row = connection.execute(_IS_VALID, [index]).fetchone()
                if row is not None and row[0]:
                    continue
                if row is not None:
                    connection.execute(f"DROP INDEX CONCURRENTLY {index}".encode())
            connection.execute(statement.encode())
        _record(connection, part)
    finally:
        if not connection.closed:
            connection.execute(f"SET lock_timeout = {patience.lock_timeout_ms}".encode())


def _record(connection: psycopg.Connection[Any], part: _Part) -> None:
    """Record a migration that was applied, and who applied it, once there is a trail."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO public.schema_migrations (schema_name, version, sha256) VALUES (%s, %s, %s)",
            [part.schema, part.migration.version, part.migration.sha256],
        )
        if _has_table(connection, "public.operator_actions"):
            version = {"version": part.migration.version, "sha256": part.migration.sha256}
            note(connection, Act(kind=ActKind.MIGRATION, subject=f"schema {part.schema}", after=version))


def _applied(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], str]:
    """Give the hashes of what was applied, by schema and version."""
    if not _has_table(connection, "public.schema_migrations"):
        return {}
    rows = connection.execute("SELECT schema_name, version, sha256 FROM public.schema_migrations").fetchall()
    return {(schema, version): sha256 for schema, version, sha256 in rows}


def _fix_environment(connection: psycopg.Connection[Any], environment: str) -> None:
    with connection.transaction():
        connection.execute(
            "INSERT INTO public.installation (environment) VALUES (%s) ON CONFLICT DO NOTHING", [environment]
        )
        _refuse_another_environment(connection, environment)


def _refuse_another_environment(connection: psycopg.Connection[Any], environment: str) -> None:
    """Refuse an installation that is for something else, before anything of it is changed."""
    if not _has_table(connection, "public.installation"):
        return
    row = connection.execute("SELECT environment FROM public.installation").fetchone()
    if row is not None and row[0] != environment:
        raise MigrationError(
            f"the database is a {row[0]} installation for ever, not {environment}; use another database"
        )


def _has_table(connection: psycopg.Connection[Any], name: LiteralString) -> bool:
    row = connection.execute(sql.SQL("SELECT to_regclass({}) IS NOT NULL").format(sql.Literal(name))).fetchone()
    return row is not None and bool(row[0])
