"""Requests in JSON, read strictly: nothing is guessed, no number is rounded, and the first wrong field is named.

protobuf's own reader takes `9007199254740993.0` for a player and makes 9007199254740992 of it, `"1_000"` for 1000, and
lets `player_id` stand beside `playerId`. So what it is given here has been looked through before, by its descriptor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from .refusals import invalid

_NAME_LENGTH_MAX = 64
"""How much of a name that is no field's is told."""
_DIGITS = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_OF_GOOGLE = "google."
"""Packages of types whose JSON is not that of their fields, such as Timestamp: protobuf's own reader looks at them."""


def read_object(body: bytes) -> dict[str, Any]:
    """Read a body that must be one JSON object in UTF-8, without a name that is given twice.

    Raises:
        RefusedError: It is not.
    """
    try:
        given = json.loads(body.decode(), object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(given, ensure_ascii=False).encode()  # half of a surrogate pair cannot be written
    except (ValueError, RecursionError):  # what cannot be decoded, encoded or parsed is a ValueError
        raise invalid("request", "is no JSON in UTF-8") from None
    if not isinstance(given, dict):
        raise invalid("request", "is no JSON object")
    return given


def read_message(body: bytes, kind: type[Message]) -> Message:
    """Read a body that must be a message of this kind.

    Raises:
        RefusedError: It is not; the first wrong field is named by its path, as in `operations[3].bet.player_id`.
    """
    given = read_object(body)
    described: Any = kind.DESCRIPTOR
    _check_message(given, described, "")
    return _parsed(given, kind(), "request")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise invalid(name[:_NAME_LENGTH_MAX], "is given twice")
        found[name] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _parsed(given: Any, message: Message, path: str) -> Message:
    try:
        return ParseDict(given, message)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise invalid(path, f"is no {message.DESCRIPTOR.full_name} in JSON") from None


# ---------------------------------------------------------------------------------------------------- looking through


@cache
def _fields_of(kind: Descriptor) -> dict[str, FieldDescriptor]:
    """Give the fields of a message by both of their names: `playerId` and `player_id`."""
    return {name: field for field in kind.fields for name in (field.json_name, field.name)}


def _check_message(given: Any, kind: Descriptor, path: str) -> None:
    if kind.full_name.startswith(_OF_GOOGLE):
        _parsed(given, GetMessageClass(kind)(), path)
        return
    if not isinstance(given, dict):
        raise invalid(path or "request", "is no JSON object")
    fields = _fields_of(kind)
    seen: set[str] = set()
    within = f"{path}." if path else ""
    for name, value in given.items():
        field = fields.get(name)
        if field is None:
            raise invalid(within + name[:_NAME_LENGTH_MAX], f"is no field of {kind.name}")
        if field.name in seen:
            raise invalid(within + field.name, f"is given twice, as {field.json_name} too")
        seen.add(field.name)
        if value is not None:  # which says the same as leaving it out
            _check_field(value, field, within + field.name)


def _check_field(given: Any, field: FieldDescriptor, path: str) -> None:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        if not isinstance(given, dict):
            raise invalid(path, "is no JSON object")
        for value in given.values():
            _check_value(value, entry.fields_by_name["value"], path)
    elif field.is_repeated:
        if not isinstance(given, list):
            raise invalid(path, "is no list")
        for place, value in enumerate(given):
            _check_value(value, field, f"{path}[{place}]")
    else:
        _check_value(given, field, path)


def _check_value(given: Any, field: FieldDescriptor, path: str) -> None:
    if field.message_type is not None:
        _check_message(given, field.message_type, path)
    elif field.enum_type is not None:
        is_known = given in field.enum_type.values_by_name if isinstance(given, str) else _is_within(given, *_INT32)
        if not is_known:
            raise invalid(path, f"is no {field.enum_type.name}")
    else:
        _CHECKS[field.cpp_type](given, path)


def _check_text(given: Any, path: str) -> None:
    if not isinstance(given, str):
        raise invalid(path, "is not a string")


def _check_flag(given: Any, path: str) -> None:
    if not isinstance(given, bool):
        raise invalid(path, "is neither true nor false")


def _check_number(smallest: int, largest: int) -> Callable[[Any, str], None]:
    def check(given: Any, path: str) -> None:
        number = int(given) if isinstance(given, str) and _DIGITS.fullmatch(given) else given
        if not _is_within(number, smallest, largest):
            raise invalid(path, f"is not a whole number from {smallest} to {largest}, in digits or as a number")

    return check


def _is_within(given: Any, smallest: int, largest: int) -> bool:
    return type(given) is int and smallest <= given <= largest  # a bool is an int too, and a float may be rounded


_INT32 = _RANGES[FieldDescriptor.CPPTYPE_INT32]
_CHECKS: dict[int, Callable[[Any, str], None]] = {
    FieldDescriptor.CPPTYPE_STRING: _check_text,
    FieldDescriptor.CPPTYPE_BOOL: _check_flag,
    **{kind: _check_number(*bounds) for kind, bounds in _RANGES.items()},
}
"""By the type of a field. The contract has no floats, and no bytes."""
