"""PostgreSQL arrays, rendered as text: adapting a Python list costs psycopg ten times as much.

These functions know what they hold, so they need no quoting:

- `literal`: numbers, booleans, times, as JSON writes them: an array of those is PostgreSQL's but for its brackets, and
  msgspec writes a number in a tenth of the time that `str` takes;
- `words`: enum names and ids, text without a comma, brace, quote or backslash;
- `uuids`: UUIDs, in PostgreSQL's binary form: it reads a text of one digit by digit, through a general array's parser;
- `separated`: free text for `string_to_array`, split at U+001F: ids are ASCII 0x21 to 0x7E, names and what a broker's
  message tells are printable (`domain/fields.py`, `messaging/cloudevents.py`), and JSON escapes it.
"""

from __future__ import annotations

import struct
from binascii import unhexlify
from collections.abc import Collection, Iterable, Sequence
from typing import cast

import msgspec

SEPARATOR = "\x1f"
_NONE_OF_ANY = "{}"

_UUID_OID = 2950
_NO_UUIDS = struct.pack("!iiI", 0, 0, _UUID_OID)
_ARRAY_OF_UUIDS = struct.Struct("!iiIii").pack
"""Of one dimension, whether it has NULLs, of which type, how long, numbered from."""
_UUID_LENGTH, _NULL_LENGTH = "00000010", "ffffffff"
"""What stands before each value, in hexadecimal: how many bytes it has."""
_FEW = 16
"""Values of which it is faster to look for each dash."""
_WITH_DASHES = 44
"""Digits and dashes of a value, with its length before it."""
_DASHES = ((31, 44), (26, 43), (21, 42), (16, 41))
"""Where the first dash of each place is, and how far the next: from the last place, so that the others stay theirs."""

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


def uuids(values: Collection[str]) -> bytes:
    """Render UUIDs, all with their dashes or all without, as an array."""
    if not values:
        return _NO_UUIDS
    text = _UUID_LENGTH + _UUID_LENGTH.join(values)
    if len(values) < _FEW:
        text = text.replace("-", "")
    elif len(text) == _WITH_DASHES * len(values):
        digits = bytearray(text.encode())
        for first, step in _DASHES:
            del digits[first::step]
        text = digits.decode()
    body = unhexlify(text)
    assert len(body) == 20 * len(values), "not a UUID"
    return _ARRAY_OF_UUIDS(1, 0, _UUID_OID, len(values), 1) + body


def nullable_uuids(values: Sequence[str | None]) -> bytes:
    """Render UUIDs; None becomes NULL. If all are None, an array of none: see `_all_missing`."""
    if None not in values:
        return uuids(cast("Sequence[str]", values))
    if _all_missing(values):
        return _NO_UUIDS
    digits = "".join([_NULL_LENGTH if value is None else _UUID_LENGTH + value for value in values])
    return _ARRAY_OF_UUIDS(1, 1, _UUID_OID, len(values), 1) + unhexlify(digits.replace("-", ""))


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
