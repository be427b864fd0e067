"""Named SQL: statements live in `.sql` files beside the code that uses them, each after a line `-- name: its_name`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, LiteralString, NamedTuple

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT_LINE = re.compile(r"^ *--.*\n?", re.MULTILINE)


@cache
def statements(package: str, *file_names: str) -> dict[str, LiteralString]:
    """Read the statements of a package's files, by name.

    Comment lines stay behind. The text is ours, shipped with the package, so it counts as a literal.
    """
    read: dict[str, LiteralString] = {}
    for file_name in file_names:
        text = files(package).joinpath(file_name).read_text(encoding="utf-8")
        _, *parts = _NAME.split(text)
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            assert name not in read, f"two statements have the name {name}"
            read[name] = _COMMENT_LINE.sub("", body).strip().rstrip(";")
    return read


class Positional(NamedTuple):
    """A statement for psycopg's raw cursors, which send it as it is: psycopg takes a long one apart at every use."""

    text: bytes
    names: tuple[str, ...]
    """The parameters `$1`, `$2` and so on, by name."""

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Put parameters in the order of the placeholders."""
        return [parameters[name] for name in self.names]


@cache
def positional(statement: LiteralString) -> Positional:
    """Number the named placeholders of a statement."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(statement)))
    numbered = _PLACEHOLDER.sub(lambda match: f"${names.index(match[1]) + 1}", statement)
    return Positional(numbered.encode(), names)
