"""The migrations as files: raw SQL, in order, each for one transaction unless it says otherwise.

Those in `shared/` make what all cells share, those in `cell/` a cell: they are applied to the schema of each cell.

A file whose first line is `-- wallet: no transaction` builds and removes indexes of hot tables without holding up those
who write to them. It is run one statement after the other, and may hold nothing but CREATE INDEX CONCURRENTLY, DROP
INDEX CONCURRENTLY and ALTER TABLE ... VALIDATE CONSTRAINT: what can be run again after a kill in the middle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

RELEASED = files("wallet_grpc") / "migrations"
"""The folder of the released files: `migrations/` of a checkout, to which a link leads; in a wheel, a copy of it."""
_PARTS = (("shared", False), ("cell", True))
_NO_TRANSACTION = "-- wallet: no transaction"
_PIECES = re.compile(
    r"--[^\n]*|/\*.*?\*/"  # comments
    r"|'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$"  # texts, names, bodies
    r"|;|[^;'\"$/-]+|.",
    re.DOTALL,
)
_NAME = r'(?P<name>"[^"]+"|\w+)'
_BUILT = re.compile(rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?{_NAME} ON ", re.IGNORECASE)
_AGAIN = re.compile(r"DROP INDEX CONCURRENTLY IF EXISTS |ALTER TABLE (?:ONLY )?\S+ VALIDATE CONSTRAINT ", re.IGNORECASE)


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One file of `migrations/shared/` or `migrations/cell/`."""

    version: str
    """The file's name without its ending."""
    sql: str
    of_cell: bool = False
    """Whether each cell has it, or what all share."""

    @property
    def sha256(self) -> str:
        """The hash that tells whether a released file was edited."""
        return sha256(self.sql.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        """Whether all of it commits together."""
        return not self.sql.startswith(_NO_TRANSACTION)

    @cached_property
    def statements(self) -> list[str]:
        """Its statements, without their semicolons.

        Raises:
            MigrationError: It is run without a transaction, and a statement could not be run again.
        """
        found = split(self.sql)
        if not self.in_transaction:
            for statement in found:
                if built_index(statement) is None and _AGAIN.match(bare(statement)) is None:
                    raise MigrationError(
                        f"{self.version} is run without a transaction, and this statement cannot be run again after a "
                        f"kill: {bare(statement)[:80]}"
                    )
        return found


def migrations(folder: Traversable = RELEASED) -> list[Migration]:
    """Read the migrations in the order in which they are applied: those of what is shared, then those of a cell.

    Raises:
        MigrationError: There are none: an empty list would pass for a database that lacks nothing.
    """
    released = [
        Migration(version=file.name.removesuffix(".sql"), sql=file.read_text(encoding="utf-8"), of_cell=of_cell)
        for part, of_cell in _PARTS
        if folder.joinpath(part).is_dir()
        for file in sorted(folder.joinpath(part).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    ]
    if not released:
        raise MigrationError(
            f"there are no migrations in {folder}: install the wallet anew, from a wheel that has them"
        )
    return released


def split(sql: str) -> list[str]:
    """Split a file at the semicolons that end statements. Nested comments and BEGIN ATOMIC are not known to it."""
    statements: list[str] = []
    piece = ""
    for match in _PIECES.finditer(sql):
        if match[0] == ";":
            statements.append(piece.strip())
            piece = ""
        else:
            piece += match[0]
    statements.append(piece.strip())
    return [statement for statement in statements if bare(statement)]


def built_index(statement: str) -> str | None:
    """Give the name of the index that a statement builds concurrently, as SQL spells it."""
    match = _BUILT.match(bare(statement))
    return None if match is None else match["name"]


def bare(statement: str) -> str:
    """Give a statement on one line, without the comments before it."""
    return " ".join(re.sub(r"^(\s*--[^\n]*(\n|$)|\s*/\*.*?\*/)*", "", statement, flags=re.DOTALL).split())
