"""What a request for transactions may ask: limit, cursor and filters, each checked, the first wrong one named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec

from wallet_grpc.domain.transactions import Kind

from .cursors import read_cursor
from .problems import invalid
from .views import SHOWN_KINDS

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
NAME_LENGTH_MAX = 64
"""Of a currency's or a network's name."""

PARAMETERS = ("limit", "cursor", "currency", "network", "kind", "from", "to")

_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_NAME = re.compile(rf"[!-~]{{1,{NAME_LENGTH_MAX}}}")
_AFTER_ALL = 2**63 - 1
"""A version that no history reaches."""
_PARAMETERS_MAX = 50

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A request for one page."""

    limit: int = LIMIT_DEFAULT
    before_version: int = _AFTER_ALL
    """The cursor's number: the page begins before it in the player's history."""
    currency: str | None = None
    network: str | None = None
    kind: Kind | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    """Exclusive."""


def read_query(query_string: bytes) -> HistoryQuery:
    """Read a query string. Parameters that it does not know, a player's id among them, change nothing.

    Raises:
        ProblemError: A parameter cannot be used; it names the field.
    """
    if not query_string:
        return HistoryQuery()
    given = _parameters(query_string)
    return HistoryQuery(
        limit=_limit(given["limit"]) if "limit" in given else LIMIT_DEFAULT,
        before_version=read_cursor(given["cursor"]) if "cursor" in given else _AFTER_ALL,
        currency=_name("currency", given),
        network=_name("network", given),
        kind=_kind(given["kind"]) if "kind" in given else None,
        created_from=_time("from", given),
        created_to=_time("to", given),
    )


def _parameters(query_string: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query_string.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=_PARAMETERS_MAX
        )
    except ValueError:
        raise invalid("query", f"has more than {_PARAMETERS_MAX} parameters") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given and name in PARAMETERS:
            raise invalid(name, "is given twice")
        given[name] = value
    return given


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or int(text) > LIMIT_MAX:
        raise invalid("limit", f"is not a number from 1 to {LIMIT_MAX}")
    return int(text)


def _name(field: str, given: dict[str, str]) -> str | None:
    text = given.get(field)
    if text is not None and not _NAME.fullmatch(text):
        raise invalid(field, f"is not 1 to {NAME_LENGTH_MAX} printable ASCII characters without spaces")
    return text


def _kind(text: str) -> Kind:
    if text not in SHOWN_KINDS:
        raise invalid("kind", f"is none of {', '.join(SHOWN_KINDS)}")
    return Kind(text)


def _time(field: str, given: dict[str, str]) -> datetime | None:
    if field not in given:
        return None
    try:
        return msgspec.convert(given[field], _Time).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(field, "is not a time with its offset, such as 2026-01-31T12:00:00Z") from None
