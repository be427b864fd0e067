"""Tables and what stands in their fields, told apart from how they look: a page, a CSV file and a test read the same.

An amount is shown in major units, with the minor units on hover; a CSV file holds the minor units, which need no
rounding and no knowledge of decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Text:
    """Words, or an id; with somewhere to go if there is."""

    text: str
    href: str = ""
    is_id: bool = False

    @property
    def plain(self) -> str:
        """What a CSV file holds."""
        return self.text


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in minor units, which may be negative."""

    minor: str
    currency_network_id: int
    is_signed: bool = False
    """Whether a plus is shown: for what changes a balance."""
    href: str = ""

    @property
    def plain(self) -> str:
        """What a CSV file holds."""
        return self.minor


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, or none."""

    at: datetime | None
    shows_age: bool = False

    @property
    def plain(self) -> str:
        """What a CSV file holds."""
        return "" if self.at is None else self.at.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Tag:
    """A state in a word, with the tone that it has: `good`, `bad`, `waiting` or none."""

    text: str
    tone: str = ""

    @property
    def plain(self) -> str:
        """What a CSV file holds."""
        return self.text


@dataclass(frozen=True, slots=True)
class Network:
    """A currency network, by its number."""

    number: int

    @property
    def plain(self) -> str:
        """What a CSV file holds."""
        return str(self.number)


Value = Text | Amount | Moment | Tag | Network


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its title, and what it shows of a row."""

    title: str
    value: Callable[[Row], Value]
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Row]):
    """Rows with their columns, and what belongs to them."""

    title: str
    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    empty: str
    """What is said where there is no row: why that may be, and what to do."""
    next_token: str = ""
    """What the next page is asked with; empty if this is the last one."""
    command: str = ""
    """The command that prints the same."""
    name: str = ""
    """Its name in addresses."""
    csv: str = ""
    """Where the CSV file is."""
    more: str = ""
    """Where the next page is, if there is one."""
    first: str = ""
    """Where the first page is, on a later one."""
    note: str = ""
    fields: list[list[Value]] = field(init=False)

    def __post_init__(self) -> None:
        """Read every field once."""
        object.__setattr__(self, "fields", [[column.value(row) for column in self.columns] for row in self.rows])


def moment(stamp: Any, *, shows_age: bool = False) -> Moment:
    """Read a Timestamp of a message; the zero one is none."""
    is_set = stamp.seconds or stamp.nanos
    return Moment(stamp.ToDatetime(tzinfo=UTC) if is_set else None, shows_age)


def words(message: Any, name: str) -> str:
    """Give an enum's value in words: `OPERATION_STATUS_ALREADY_ROLLED_BACK` is `already rolled back`."""
    return words_of_enum(message.DESCRIPTOR.fields_by_name[name].enum_type, getattr(message, name))


def words_of_enum(enum: Any, number: int) -> str:
    """Give the words of one value of an enum's descriptor."""
    found = enum.values_by_number.get(number)
    if found is None:
        return str(number)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(found.name).removeprefix(prefix).replace("_", " ").lower()
