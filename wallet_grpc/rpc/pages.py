"""Pages: how much of a list is read, and from where on.

A page is bounded in rows by its caller, and in bytes by PAGE_BYTES_MAX, so that a client with gRPC's own limit of 4 MiB
a message reads every list, whatever its rows carry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, invalid

Row = TypeVar("Row")
Cursor = TypeVar("Cursor", int, str)

PAGE_ROWS_MAX = 1_000
PAGE_BYTES_MAX = 3 * 1024 * 1024
FRAME_BYTES = 8
"""What stands before a row in its response, at most: its tag and its length."""
ROWS_AT_ONCE = 100
"""With the largest metadata they take about 7 MiB."""

_SIZE_DEFAULT = 100
_NUMBER_DIGITS_MAX = 18

FOREIGN_TOKEN = invalid(Reason.INVALID_FIELD, "page_token", "is none that this call has given")


def page_size(value: int) -> int:
    """Check how many are asked for; 0 means the default."""
    if not 0 <= value <= PAGE_ROWS_MAX:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "page_size", f"must be up to {PAGE_ROWS_MAX}"))
    return value or _SIZE_DEFAULT


def after_number(page_token: str) -> int:
    """Read the token of a list that is numbered from 1."""
    if not page_token:
        return 0
    if not (page_token.isascii() and page_token.isdecimal() and len(page_token) <= _NUMBER_DIGITS_MAX):
        raise MalformedError(FOREIGN_TOKEN)
    return int(page_token)


async def fill_page(
    into: Any,
    *,
    size: int,
    after: Cursor,
    read: Callable[[Cursor, int], Awaitable[Sequence[Row]]],
    cursor_of: Callable[[Row], Cursor],
    fill: Callable[[Row, Any], Message],
) -> str:
    """Fill the repeated field of a response with a page, and give the token of the next one; empty after the last.

    A page ends with its size or with PAGE_BYTES_MAX, whichever comes first, and holds one row at least. Rows are read a
    few at once, so that a page costs no more memory than it has bytes, whatever size was asked for.

    Args:
        into: The repeated field, empty as yet.
        size: How many rows the page may have.
        after: What stands before the page's first row.
        read: Reads so many rows after a cursor, in order.
        cursor_of: Tells a row's place in that order.
        fill: Fills a row into a message.
    """
    filled_bytes = 0
    while True:
        wanted = min(size - len(into), ROWS_AT_ONCE)
        rows = await read(after, wanted + 1)  # one more tells whether there is a next page
        for row in rows[:wanted]:
            row_bytes = fill(row, into.add()).ByteSize() + FRAME_BYTES
            if len(into) > 1 and filled_bytes + row_bytes > PAGE_BYTES_MAX:
                del into[-1]
                return str(after)
            filled_bytes += row_bytes
            after = cursor_of(row)
        if len(rows) <= wanted:
            return ""
        if len(into) == size:
            return str(after)
