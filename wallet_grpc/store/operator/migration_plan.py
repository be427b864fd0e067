"""What migrations would do to those who use the database meanwhile: which locks, and for how long.

Told from the statements alone, so nothing is locked to find out. The classes of duration are PostgreSQL's documented
ones: what changes the catalogue takes milliseconds once it has its lock, whatever the table's size; what reads or
writes a table takes as long as the table is large. Where a statement is not known, that is said: somebody must read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Lock(StrEnum):
    """PostgreSQL's lock of a table, and whom it holds up."""

    NONE = "no lock of a table in use"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    """Nobody but who builds an index."""
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    """Nobody but other migrations and VACUUM."""
    SHARE = "SHARE"
    """Whoever writes: bets wait."""
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    """As above."""
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
    """Everybody: bets and reads wait."""
    UNKNOWN = "unknown: read it"


class Duration(StrEnum):
    """How long a statement works once it has its lock."""

    INSTANT = "instant"
    AS_ITS_TABLE = "as long as its table is large"
    AS_ITS_ROWS = "as long as its rows are many"
    UNKNOWN = "unknown: read it"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStatement:
    """One statement, and what it does to others."""

    statement: str
    """On one line, without comments."""
    lock: Lock
    table: str | None
    """Whose lock; None where there is none."""
    duration: Duration

    def __str__(self) -> str:
        where = "" if self.table is None else f" on {self.table}"
        return f"{self.lock}{where}, {self.duration}: {self.statement}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMigration:
    """One migration that would be applied."""

    name: str
    in_transaction: bool
    """Whether each lock is held until all of it has ended."""
    statements: tuple[PlannedStatement, ...]


_NAME = r"(?:ONLY )?(?:IF (?:NOT )?EXISTS )?([\w.\"]+)"
_FORMS: tuple[tuple[str, Lock, Duration], ...] = (
    (rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY .*?\bON {_NAME}", Lock.SHARE_UPDATE_EXCLUSIVE, Duration.AS_ITS_TABLE),
    (rf"CREATE (?:UNIQUE )?INDEX .*?\bON {_NAME}", Lock.SHARE, Duration.AS_ITS_TABLE),
    (rf"DROP INDEX CONCURRENTLY {_NAME}", Lock.SHARE_UPDATE_EXCLUSIVE, Duration.INSTANT),
    (rf"ALTER INDEX {_NAME} RENAME TO\b", Lock.SHARE_UPDATE_EXCLUSIVE, Duration.INSTANT),
    (rf"DROP (?:TABLE|INDEX|VIEW|SEQUENCE) {_NAME}", Lock.ACCESS_EXCLUSIVE, Duration.INSTANT),
    (rf"CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER .*?\bON {_NAME}", Lock.SHARE_ROW_EXCLUSIVE, Duration.INSTANT),
    (rf"DROP TRIGGER .*?\bON {_NAME}", Lock.ACCESS_EXCLUSIVE, Duration.INSTANT),
    (rf"(?:INSERT INTO|UPDATE|DELETE FROM) {_NAME}", Lock.ROW_EXCLUSIVE, Duration.AS_ITS_ROWS),
    (
        (
            r"(?:CREATE (?:OR REPLACE )?(?:TABLE|FUNCTION|PROCEDURE|SCHEMA|ROLE|TYPE|DOMAIN|VIEW|SEQUENCE)|GRANT|REVOKE"
            r"|COMMENT|ALTER DEFAULT PRIVILEGES|ALTER FUNCTION|DROP FUNCTION)\b"
        ),
        Lock.NONE,
        Duration.INSTANT,
    ),
)
_ALTERED = re.compile(rf"ALTER TABLE {_NAME} (.*)", re.IGNORECASE)
_VOLATILE = r"ADD (?:COLUMN )?.*(?:\b(?:BIG|SMALL)?SERIAL\b|DEFAULT .*\w\(|GENERATED .*\bSTORED|AS IDENTITY)"
_ACTIONS: tuple[tuple[str, Lock, Duration], ...] = (
    (r"VALIDATE CONSTRAINT", Lock.SHARE_UPDATE_EXCLUSIVE, Duration.AS_ITS_TABLE),
    (r"(?:RE)?SET \(|ALTER (?:COLUMN )?\S+ SET STATISTICS", Lock.SHARE_UPDATE_EXCLUSIVE, Duration.INSTANT),
    (r"(?:ENABLE|DISABLE) .*TRIGGER", Lock.SHARE_ROW_EXCLUSIVE, Duration.INSTANT),
    (r"ADD .*FOREIGN KEY.*NOT VALID", Lock.SHARE_ROW_EXCLUSIVE, Duration.INSTANT),
    (r"ADD .*FOREIGN KEY", Lock.SHARE_ROW_EXCLUSIVE, Duration.AS_ITS_TABLE),
    (r"ADD .*(?:NOT VALID|USING INDEX)", Lock.ACCESS_EXCLUSIVE, Duration.INSTANT),
    (r"ADD (?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|EXCLUDE)", Lock.ACCESS_EXCLUSIVE, Duration.AS_ITS_TABLE),
    (_VOLATILE, Lock.ACCESS_EXCLUSIVE, Duration.AS_ITS_TABLE),
    (r"ALTER .* (?:TYPE|SET NOT NULL)", Lock.ACCESS_EXCLUSIVE, Duration.AS_ITS_TABLE),
    (r"ADD|ALTER|DROP|RENAME|OWNER|ATTACH|DETACH|SET", Lock.ACCESS_EXCLUSIVE, Duration.INSTANT),
)
_WORST = list(Lock)
_LONGEST = list(Duration)
_CREATED = re.compile(rf"CREATE TABLE {_NAME}", re.IGNORECASE)


def plan_of(statements: Iterable[str]) -> Iterator[PlannedStatement]:
    """Tell of a migration's statements, each on one line; tables that it makes itself are nobody's yet."""
    made: set[str] = set()
    for statement in statements:
        planned = _plan(statement)
        if created := _CREATED.match(statement):
            made.add(created[1])
        if planned.table in made:
            planned = PlannedStatement(statement=statement, lock=Lock.NONE, table=None, duration=Duration.INSTANT)
        yield planned


def _plan(statement: str) -> PlannedStatement:
    if altered := _ALTERED.match(statement):
        found = [_form_of(action, _ACTIONS) for action in _actions(altered[2])]
        return PlannedStatement(
            statement=statement,
            lock=max((lock for lock, _, _ in found), key=_WORST.index),
            table=altered[1],
            duration=max((duration for _, duration, _ in found), key=_LONGEST.index),
        )
    lock, duration, table = _form_of(statement, _FORMS)
    return PlannedStatement(statement=statement, lock=lock, table=table, duration=duration)


def _form_of(text: str, forms: tuple[tuple[str, Lock, Duration], ...]) -> tuple[Lock, Duration, str | None]:
    for form, lock, duration in forms:
        if found := re.match(form, text, re.IGNORECASE):
            return lock, duration, found[1] if found.re.groups else None
    return Lock.UNKNOWN, Duration.UNKNOWN, None


def _actions(actions: str) -> Iterator[str]:
    """Part the actions of ALTER TABLE at the commas that are in no brackets."""
    action, depth = "", 0
    for sign in actions:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            yield action.strip()
            action = ""
        else:
            action += sign
    yield action.strip()
