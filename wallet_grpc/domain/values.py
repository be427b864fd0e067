"""Names: enums that are told by their text.

Values are msgspec's structs, immutable ones, built by name: a mutation builds a dozen of them, and a frozen dataclass
sets every field through `object.__setattr__`, which makes it several times as dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

Member = TypeVar("Member", bound="Name")


class Name(StrEnum):
    """An enum whose members are their text. Hashed as text: Enum's own hash is Python code, run at every look-up."""

    __hash__ = str.__hash__


def by_text(names: type[Member]) -> Mapping[str, Member]:
    """Give an enum's members by their text. For rows: calling an enum costs eight times a look-up."""
    return {member.value: member for member in names}
