"""A page as the router knows it, and what several pages read of their addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import Response

from wallet_console.problems import PageError
from wallet_console.visits import Visit

_TIME_LENGTH_MAX = 64
"""No time is as long; what goes on after it is not looked at."""


@dataclass(frozen=True, slots=True)
class Page:
    """An address and its handler."""

    path: str
    handler: Callable[[Visit], Awaitable[Response]]
    method: Literal["GET", "POST"] = "GET"


def set_time(message: Any, name: str, text: str) -> None:
    """Set a Timestamp of a message to a time of an address; an empty one leaves it unset.

    Raises:
        PageError: It is no time.
    """
    at = time_of(text, name)
    if at is not None:
        stamp = Timestamp()
        stamp.FromDatetime(at)
        getattr(message, name).CopyFrom(stamp)


def time_of(text: str, name: str) -> datetime | None:
    """Read a time: `2026-11-29`, `2026-11-29T07:00`, or with seconds and a zone; UTC without one.

    Raises:
        PageError: It is no time.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text[:_TIME_LENGTH_MAX])
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise PageError(
            HTTPStatus.BAD_REQUEST, f"{name} is no time", "Write it as 2026-11-29 or 2026-11-29T07:00, in UTC."
        ) from None


def number_of_enum(enum: Any, prefix: str, text: str) -> Any:
    """Read an enum's value by its name in lower case, `bet_and_win`; 0 for an empty text.

    Raises:
        PageError: There is no such value.
    """
    if not text:
        return 0
    name = prefix + text.upper().replace("-", "_")
    if name not in enum.keys():  # noqa: SIM118 - an enum's wrapper is no dict
        raise PageError(HTTPStatus.BAD_REQUEST, f"There is no {text[:40]!r} to choose", "Choose one of the list.")
    return enum.Value(name)


def choices(enum: Any, prefix: str) -> list[str]:
    """Give the values that one may choose, as `number_of_enum` reads them."""
    return [name.removeprefix(prefix).lower() for name in enum.keys() if enum.Value(name)]  # noqa: SIM118 - see above
