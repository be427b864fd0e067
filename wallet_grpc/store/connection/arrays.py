"""PostgreSQL arrays, rendered as text: adapting a Python list costs psycopg ten times as much.

These functions know what they hold, so they need no quoting:

- `literal`: numbers, booleans, times: text without a comma, brace, quote or backslash; `words`: UUIDs and enum names,
  which are such text already;
- `separated`: free text for `string_to_array`, split at U+001F: ids are ASCII 0x21 to 0x7E, names and what a broker's
  message tells are printable (`domain/fields.py`, `messaging/cloudevents.py`), and JSON escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

SEPARATOR = "\x1f"


def literal(values: Iterable[object]) -> str:
    """Render values that need no quoting as an array literal."""
    return "{" + ",".join(map(str, values)) + "}"


def nullable_literal(values: Sequence[object | None]) -> str:
    """Render values that need no quoting as an array literal; None becomes NULL."""
    if None not in values:
        return "{" + ",".join(map(str, values)) + "}"
    return _nulls(values) or "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def words(values: Iterable[str]) -> str:
    """Render texts that need no quoting as an array literal."""
    return "{" + ",".join(values) + "}"


def nullable_words(values: Sequence[str | None]) -> str:
    """Render texts that need no quoting as an array literal; None becomes NULL."""
    if None not in values:
        return words(cast("Sequence[str]", values))
    return _nulls(values) or "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def _nulls(values: Sequence[object | None]) -> str | None:
    """Render an array of NULL alone: most columns that only some kinds have are that, for most batches."""
    return "{" + "NULL," * (len(values) - 1) + "NULL}" if values.count(None) == len(values) else None


def separated(values: Iterable[str]) -> str:
    """Join free texts for `string_to_array`."""
    return SEPARATOR.join(values)


def nullable_separated(values: Sequence[str | None]) -> str:
    """Join free texts for `string_to_array`; its null string '' makes None NULL."""
    return SEPARATOR.join([value or "" for value in values])
