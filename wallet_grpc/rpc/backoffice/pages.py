"""Pages of lists that lie in all cells: tokens that tell where the next one goes on, and responses filled up to it.

A token holds a row's place in the order of its list. It is no secret and promises nothing: whoever makes one up gets a
page from there.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.fields import MalformedError, is_storable
from wallet_grpc.domain.identifiers import NETWORK_ID_MAX, is_uuid
from wallet_grpc.rpc.pages import FOREIGN_TOKEN, FRAME_BYTES, PAGE_BYTES_MAX, ROWS_AT_ONCE
from wallet_grpc.store.backoffice.slices import Slice

Row = TypeVar("Row")
Key = TypeVar("Key")
Place = TypeVar("Place", bound=tuple[Any, ...])
Part = Callable[[object], Any]

_TOKEN_LENGTH_MAX = 1_024
_NUMBER_MAX = 2**63 - 1


def uuid_part(value: object) -> str:
    """Read a part of a place that is a UUID."""
    if not (isinstance(value, str) and is_uuid(value)):
        raise MalformedError(FOREIGN_TOKEN)
    return value


def text_part(value: object) -> str:
    """Read a part of a place that is a text, which JSON can spell with what no database keeps."""
    if not isinstance(value, str) or not is_storable(value):
        raise MalformedError(FOREIGN_TOKEN)
    return value


def number_part(value: object) -> int:
    """Read a part of a place that is a number."""
    return _number(value, _NUMBER_MAX)


def network_part(value: object) -> int:
    """Read a part of a place that is the number of a currency network."""
    return _number(value, NETWORK_ID_MAX)


def time_part(value: object) -> datetime:
    """Read a part of a place that is a time."""
    try:
        moment = datetime.fromisoformat(text_part(value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter of one that only another offset has
        pass
    raise MalformedError(FOREIGN_TOKEN)


def _number(value: object, highest: int) -> int:
    if type(value) is not int or not 0 <= value <= highest:
        raise MalformedError(FOREIGN_TOKEN)
    return value


def write_token(place: Sequence[object]) -> str:
    """Write a place as a token."""
    parts = [part.isoformat() if isinstance(part, datetime) else part for part in place]
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_token(token: str, *parts: Part) -> Any:
    """Read the place of a token, part by part; None of an empty one.

    Raises:
        MalformedError: It is none that the list has given.
    """
    if not token:
        return None
    values: object = None
    if token.isascii() and len(token) <= _TOKEN_LENGTH_MAX:
        with suppress(ValueError, RecursionError):
            values = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    if not isinstance(values, list) or len(values) != len(parts):
        raise MalformedError(FOREIGN_TOKEN)
    return tuple(part(value) for part, value in zip(parts, values, strict=True))


async def fill_walked(
    into: Any,
    *,
    size: int,
    after: Place | None,
    walk: Callable[[Place | None, int], Awaitable[Slice[Place, Key]]],
    read: Callable[[Sequence[tuple[Cell, Key]]], Awaitable[Sequence[Row]]],
    fill: Callable[[Row, Any], Message],
) -> str:
    """Fill the repeated field of a response with a page, and give the token of the next one; empty after the last.

    One walk through an index finds what the page has, whatever its size; what is found is read by its keys, a few rows
    at once, so that a page costs no more memory than it has bytes. A page ends with its size, with PAGE_BYTES_MAX, or
    when as many rows were looked at as a walk may, whichever comes first: so it may be empty and not be the last.
    """
    found = await walk(after, size)
    filled_bytes = 0
    for begins in range(0, len(found.rows), ROWS_AT_ONCE):
        part = slice(begins, begins + ROWS_AT_ONCE)
        keys = [(cell, placed.row) for cell, placed in zip(found.cells[part], found.rows[part], strict=True)]
        for placed, row in zip(found.rows[part], await read(keys), strict=True):
            row_bytes = fill(row, into.add()).ByteSize() + FRAME_BYTES
            if len(into) > 1 and filled_bytes + row_bytes > PAGE_BYTES_MAX:
                del into[-1]
                assert after is not None
                return write_token(after)
            filled_bytes += row_bytes
            after = placed.place
    return "" if found.next_place is None else write_token(found.next_place)


async def fill_slices(
    into: Any,
    *,
    size: int,
    after: Place | None,
    read: Callable[[Place | None, int], Awaitable[Slice[Place, Row]]],
    fill: Callable[[Row, Any], Message],
    rows_at_once: int = ROWS_AT_ONCE,
) -> str:
    """Do the same for a list whose walk gives the rows themselves; so many are read at once.

    Small rows are read for the whole page, in one walk; of large ones a few at once keep the page's memory small.
    """
    filled_bytes = 0
    while True:
        wanted = min(size - len(into), rows_at_once)
        found = await read(after, wanted)
        for placed in found.rows:
            row_bytes = fill(placed.row, into.add()).ByteSize() + FRAME_BYTES
            if len(into) > 1 and filled_bytes + row_bytes > PAGE_BYTES_MAX:
                del into[-1]
                assert after is not None
                return write_token(after)
            filled_bytes += row_bytes
            after = placed.place
        if found.next_place is None:
            return ""
        after = found.next_place
        if len(found.rows) < wanted or len(into) == size:
            return write_token(after)
