"""Values: immutable, slotted, keyword-only dataclasses, at the price of plain ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(cls: type[Class]) -> type[Class]:
    """Make a class a value. The type checker, which CI runs, refuses to assign to its fields.

    At run time it is a plain slotted dataclass: `frozen=True` sets every field through `object.__setattr__`, which
    makes a value several times as dear to build, and a mutation builds a dozen of them.
    """
    return dataclass(slots=True, kw_only=True)(cls)


class Name(StrEnum):
    """An enum whose members are their text. Hashed as text: Enum's own hash is Python code, run at every look-up."""

    __hash__ = str.__hash__
