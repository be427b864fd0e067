"""Named SQL: statements live in `.sql` files beside this one, each after a line `-- name: its_name`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(file_name: str) -> dict[str, LiteralString]:
    """Read the statements of a file, by name.

    The text is ours, shipped with the package, so it counts as a literal.
    """
    text = files(__name__).joinpath(file_name).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {
        name: cast("LiteralString", body.strip().rstrip(";"))
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }
