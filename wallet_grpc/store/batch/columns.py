"""Columns: how a stored value is written into a statement's parameter, and read from the text that comes back.

The rows of a step are a struct, and each of its fields has one of the types below: the type says which values mypy
takes, and how the column of all rows becomes one parameter. `sql` is how the step's statement has to read it:
tests/unit/test_steps.py holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from wallet_grpc.domain.identifiers import Key
from wallet_grpc.store.connection.arrays import (
    literal,
    nullable_literal,
    nullable_separated,
    nullable_uuids,
    nullable_words,
    separated,
    uuids,
    words,
)

_encode = msgspec.json.Encoder().encode


class Column(NamedTuple):
    """How a column's values go into one parameter."""

    render: Callable[[Sequence[Any]], str | bytes]
    sql: str
    """What makes an array of it, `{}` being the parameter."""


_TEXTS = r"string_to_array({}, E'\x1f')"
_NULLABLE_TEXTS = r"string_to_array({}, E'\x1f', '')"

Uuid = Annotated[str, Column(uuids, "{}::UUID[]")]
NullableUuid = Annotated[str | None, Column(nullable_uuids, "{}::UUID[]")]
BigInt = Annotated[int, Column(literal, "{}::BIGINT[]")]
NullableBigInt = Annotated[int | None, Column(nullable_literal, "{}::BIGINT[]")]
Integer = Annotated[int, Column(literal, "{}::INTEGER[]")]
NullableInteger = Annotated[int | None, Column(nullable_literal, "{}::INTEGER[]")]
SmallInt = Annotated[int, Column(literal, "{}::SMALLINT[]")]
Numeric = Annotated[int, Column(literal, "{}::NUMERIC[]")]
NullableNumeric = Annotated[int | None, Column(nullable_literal, "{}::NUMERIC[]")]
Boolean = Annotated[bool, Column(literal, "{}::BOOLEAN[]")]
Word = Annotated[str, Column(words, "{}::TEXT[]")]
"""A name of ours, which needs no quoting."""
NullableWord = Annotated[str | None, Column(nullable_words, "{}::TEXT[]")]
Instant = Annotated[datetime, Column(literal, "{}::TIMESTAMPTZ[]")]
NullableInstant = Annotated[datetime | None, Column(nullable_literal, "{}::TIMESTAMPTZ[]")]
Text = Annotated[str, Column(separated, _TEXTS)]
NullableText = Annotated[str | None, Column(nullable_separated, _NULLABLE_TEXTS)]
Json = Annotated[str, Column(separated, _TEXTS + "::JSON[]")]
NullableJsonb = Annotated[str | None, Column(nullable_separated, _NULLABLE_TEXTS + "::JSONB[]")]


def json_of(facts: Mapping[str, object]) -> str:
    """Write facts that no rule reads."""
    return _encode(facts).decode()


def facts_or_none(facts: Mapping[str, object]) -> str | None:
    """Write facts of which there may be none."""
    return json_of(facts) if facts else None


def notes_or_none(metadata: Mapping[str, str]) -> str | None:
    """Write a caller's notes; without any there is nothing to store."""
    return _encode(metadata).decode() if metadata else None


def key_of(uuid_text: str) -> Key:
    """Read a key, which PostgreSQL keeps as a UUID."""
    return Key(uuid_text.replace("-", ""))


def key_or_none(uuid_text: str | None) -> Key | None:
    """Read a key that may be NULL."""
    return None if uuid_text is None else Key(uuid_text.replace("-", ""))


def int_or_none(text: str | None) -> int | None:
    """Read an amount that may be NULL."""
    return None if text is None else int(text)
