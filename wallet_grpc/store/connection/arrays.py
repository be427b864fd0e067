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
_NONE_OF_ANY = "{}"

_encode = msgspec.json.Encoder().encode


def literal(values: Collection[object]) -> str:
    """Render numbers, booleans, times or UUIDs as an array literal; None becomes NULL."""
    return "{" + _encode(values)[1:-1].decode() + "}"


def nullable_literal(values: Sequence[object]) -> str:
    """Render what `literal` does; if all are None, as an array of none: see `_all_missing`."""
    return _NONE_OF_ANY if _all_missing(values) else literal(values)


def words(values: Iterable[str]) -> str:
    """Render texts that need no quoting as an array literal."""
    return "{" + ",".join(values) + "}"


def nullable_words(values: Sequence[str | None]) -> str:
    """Render texts that need no quoting as an array literal; None becomes NULL."""
    if None not in values:
        return words(cast("Sequence[str]", values))
    if _all_missing(values):
        return _NONE_OF_ANY
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def separated(values: Iterable[str]) -> str:
    """Join free texts for `string_to_array`."""
    return SEPARATOR.join(values)


def nullable_separated(values: Sequence[str | None]) -> str:
    """Join free texts for `string_to_array`; its null string '' makes None NULL."""
    return "" if _all_missing(values) else SEPARATOR.join([value or "" for value in values])


def _all_missing(values: Sequence[object]) -> bool:
    """Whether a column has no value in any row, as most that may be NULL have none in most batches.

    An empty array stands for it: of arrays that are unnested side by side in a SELECT list, PostgreSQL fills up the
    shorter ones with NULL, and has nothing to read of this one.
    """
    return values.count(None) == len(values)
