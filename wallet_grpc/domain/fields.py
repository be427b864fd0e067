"""Fields: the shape that ids, amounts and texts must have, whichever way they come in.

Each check gives the value back, or refuses the field by its name (docs/rules.md, Errors; rule 9's "shape").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from .amounts import parse_amount
from .identifiers import DERIVED_ROLLBACK_PREFIX, OWN_PREFIXES, CurrencyNetworkId, PlayerId
from .refusals import Reason, Refusal, invalid
from .transactions import NO_METADATA

Member = TypeVar("Member")
Number = TypeVar("Number", bound=int)

ID_LENGTH_MAX = 128
DERIVATIONS_MAX = 8
"""How often an id may have been derived from a derived id."""
TEXT_LENGTH_MAX = 256
METADATA_ENTRIES_MAX = 32
METADATA_KEY_LENGTH_MAX = 64
METADATA_VALUE_LENGTH_MAX = 512

_is_id = re.compile(rf"[\x21-\x7e]{{1,{ID_LENGTH_MAX}}}").fullmatch
_is_callers_own_id = re.compile(rf"(?!{'|'.join(OWN_PREFIXES)})[\x21-\x7e]{{1,{ID_LENGTH_MAX}}}").fullmatch
_is_derived_id = re.compile(
    rf"(?:{DERIVED_ROLLBACK_PREFIX}){{1,{DERIVATIONS_MAX}}}[\x21-\x7e]{{1,{ID_LENGTH_MAX}}}"
).fullmatch
_unstorable = re.compile("[\0\ud800-\udfff]")
"""What the database cannot keep in a text: NUL, and half of a surrogate pair."""
_ID_RULE = f"must be 1 to {ID_LENGTH_MAX} characters of ASCII 0x21 to 0x7E"


class MalformedError(Exception):
    """A field is not as it must be. Whoever converts what came in answers with the refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def identifier(value: str, name: str) -> str:
    """Check a required id or key."""
    if not _is_id(value):
        if not value:
            raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, _ID_RULE))
    return value


def transaction_id(value: str) -> str:
    """Check a caller's own id; the wallet's own are refused."""
    if not _is_callers_own_id(value):
        identifier(value, "transaction_id")
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, "transaction_id", "ids that begin with wallet: or rollback: are the wallet's")
        )
    return value


def reference(value: str) -> str:
    """Check a referenced id; the wallet's own are fine here, and may be longer."""
    return value if _is_derived_id(value) else identifier(value, "reference_transaction_id")


def rolled_back_id(value: str, own_id: str) -> str:
    """Check the id that a rollback refers to; `own_id` is the rollback's, empty if it came without one."""
    reference(value)
    if value == own_id:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "transaction_id", "must not be the id that is rolled back"))
    return value


def any_transaction_id(value: str) -> str:
    """Check an id that is looked up: a caller's, or one of the wallet's own."""
    return value if _is_derived_id(value) else identifier(value, "transaction_id")


def player_id(value: int) -> PlayerId:
    """Check a player's id."""
    return PlayerId(_positive(value, "player_id"))


def currency_network_id(value: int) -> CurrencyNetworkId:
    """Check a currency network's id; whether it is known comes later."""
    return CurrencyNetworkId(_positive(value, "currency_network_id"))


def _positive(value: int, name: str) -> int:
    if value <= 0:
        if value == 0:
            raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, "must be above 0"))
    return value


def optional_identifier(value: str, name: str) -> str:
    """Check an id or key that may be left out."""
    return identifier(value, name) if value else ""


def amount(value: str, name: str) -> int:
    """Read an amount in minor units."""
    amount_minor = parse_amount(value)
    if amount_minor is None:
        raise MalformedError(
            invalid(
                Reason.INVALID_AMOUNT, name, "must be whole minor units, 1 to 38 digits without sign or leading zero"
            )
        )
    return amount_minor


def positive_amount(value: str, name: str) -> int:
    """Read an amount in minor units that must not be zero."""
    amount_minor = parse_amount(value) or amount(value, name)
    if amount_minor == 0:
        raise MalformedError(invalid(Reason.INVALID_AMOUNT, name, "must be above 0"))
    return amount_minor


def text(value: str, name: str) -> str:
    """Check a text for people; it may be empty."""
    if len(value) > TEXT_LENGTH_MAX or not value.isprintable():
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, name, f"must be up to {TEXT_LENGTH_MAX} printable characters")
        )
    return value


def required_text(value: str, name: str) -> str:
    """Check a text for people that must be there."""
    if not value:
        raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
    return text(value, name)


def choice(value: Number, members: Mapping[Number, Member], name: str) -> Member:
    """Give the member that a protobuf enum's number stands for; 0 is an enum that was not set."""
    member = members.get(value)
    if member is None:
        if value == 0:
            raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, f"{value} is no value of it"))
    return member


def optional_choice(value: Number, members: Mapping[Number, Member], name: str) -> Member | None:
    """Give the member that a protobuf enum's number stands for, None where it was not set."""
    return choice(value, members, name) if value else None


def is_storable(value: str) -> bool:
    """Whether the database can keep a text."""
    return _unstorable.search(value) is None


def storable(value: str) -> str:
    """Give a text with a space for each character that the database cannot keep."""
    return _unstorable.sub(" ", value)


def metadata(value: Mapping[str, str]) -> Mapping[str, str]:
    """Check the caller's notes."""
    if not value:
        return NO_METADATA
    if len(value) > METADATA_ENTRIES_MAX:
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, "metadata", f"must have at most {METADATA_ENTRIES_MAX} entries")
        )
    notes = dict(value)
    for key, note in notes.items():
        if len(key) > METADATA_KEY_LENGTH_MAX or len(note) > METADATA_VALUE_LENGTH_MAX:
            raise MalformedError(
                invalid(
                    Reason.INVALID_FIELD,
                    "metadata",
                    f"keys have up to {METADATA_KEY_LENGTH_MAX} characters, values up to {METADATA_VALUE_LENGTH_MAX}",
                )
            )
        if "\x00" in key or "\x00" in note:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "metadata", "must not contain NUL"))
    return notes
