"""PostgreSQL arrays, rendered as text: adapting a Python list costs psycopg ten times as much.

These functions know what they hold, so they need no quoting:

- `literal`: numbers, booleans, times, as JSON writes them: an array of those is PostgreSQL's but for its brackets, and
  msgspec writes a number in a tenth of the time that `str` takes;
- `words`: UUIDs and enum names, text without a comma, brace, quote or backslash;
- `separated`: free text for `string_to_array`, split at U+001F: ids are ASCII 0x21 to 0x7E, names and what a broker's
  message tells are printable (`domain/fields.py`, `messaging/cloudevents.py`), and JSON escapes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import cast

import msgspec

SEPARATOR = "\x1f"

_encode = msgspec.json.Encoder().encode


def literal(values: Collection[object]) -> str:
    """Render numbers, booleans, times or UUIDs as an array literal; None becomes NULL."""
    return "{" + _encode(values)[1:-1].decode() + "}"


def words(values: Iterable[str]) -> str:
    """Render texts that need no quoting as an array literal."""
    return "{" + ",".join(values) + "}"


def nullable_words(values: Sequence[str | None]) -> str:
    """Render texts that need no quoting as an array literal; None becomes NULL."""
    if None not in values:
        return words(cast("Sequence[str]", values))
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def separated(values: Iterable[str]) -> str:
    """Join free texts for `string_to_array`."""
    return SEPARATOR.join(values)


def nullable_separated(values: Sequence[str | None]) -> str:
    """Join free texts for `string_to_array`; its null string '' makes None NULL."""
    return SEPARATOR.join([value or "" for value in values])
