"""Pages: how much of a list is read, and from where on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, invalid

Row = TypeVar("Row")

_SIZE_DEFAULT = 100
_SIZE_MAX = 1_000
_NUMBER_DIGITS_MAX = 18

FOREIGN_TOKEN = invalid(Reason.INVALID_FIELD, "page_token", "is none that this call has given")


def page_size(value: int) -> int:
    """Check how many are asked for; 0 means the default."""
    if not 0 <= value <= _SIZE_MAX:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "page_size", f"must be up to {_SIZE_MAX}"))
    return value or _SIZE_DEFAULT


def after_number(page_token: str) -> int:
    """Read the token of a list that is numbered from 1."""
    if not page_token:
        return 0
    if not (page_token.isascii() and page_token.isdecimal() and len(page_token) <= _NUMBER_DIGITS_MAX):
        raise MalformedError(FOREIGN_TOKEN)
    return int(page_token)


def one_page(rows: Sequence[Row], size: int, token: Callable[[Row], object]) -> tuple[Sequence[Row], str]:
    """Give the page, and the token of the next one, out of rows that were read with one more than the page holds."""
    page = rows[:size]
    return page, str(token(page[-1])) if len(rows) > size else ""
