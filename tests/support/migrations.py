"""The released migrations, as a folder that a test may add to."""

from pathlib import Path

from wallet_grpc.domain.cells import ONLY_CELL, schema_of
from wallet_grpc.store.operator.migration_files import migrations

SHARED, CELL = "shared", "cell"
"""The two parts of `migrations/`."""


def copy_migrations(folder: Path, **added: str) -> Path:
    """Write the released migrations to a folder, and others of a cell behind them, by name."""
    for part in (SHARED, CELL):
        (folder / part).mkdir(exist_ok=True)
    for migration in migrations():
        (folder / (CELL if migration.of_cell else SHARED) / f"{migration.version}.sql").write_text(migration.sql)
    for name, text in added.items():
        (folder / CELL / f"{name.lstrip('_')}.sql").write_text(text)
    return folder


def names_of_migrations(cells: int = 1) -> list[str]:
    """Give what `wallet migrate` tells that it applied, of an installation of so many cells."""
    released = migrations()
    shared = [f"shared/{migration.version}" for migration in released if not migration.of_cell]
    schemas = [f"cell_{number}" for number in range(cells)]
    return shared + [
        f"{schema}/{migration.version}" for schema in schemas for migration in released if migration.of_cell
    ]


def of_first_cell(version: str) -> str:
    """Give what `wallet migrate` calls a migration of the first cell."""
    return f"{schema_of(ONLY_CELL)}/{version}"
