"""Parts: what each capability adds to a batch's load and to its store.

A new one is a file like `players.py`, its statements, and a line in `steps.py`.

A part first asks, in the round trip of all parts, for what the rules may read; each question comes with the function
that puts its rows into the book. When the batch is decided, it writes rows of tables: of all parts together they become
the steps of the one statement that stores the batch.

No name is shared among statements. A question has its own parameters; a step's are the columns of its rows, named
`{step}__{column}`, so that a row of one step cannot be written by another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, LiteralString, NamedTuple, Protocol, TypeVar, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import astuple

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import AccountId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import positional

from .columns import Column

Row = TypeVar("Row", bound=NamedTuple)
"""Of a query."""
StepRow = TypeVar("StepRow", bound=Struct)
"""Of a step."""

Reading = Callable[[Book], None]
"""Puts what was asked for into the book, once the round trip is made."""


class Query(Generic[Row]):
    """A SELECT of the load, and the class of its rows: a field for each column, by name and in order."""

    def __init__(self, statement: LiteralString, row: type[Row]) -> None:
        self.statement = positional(statement)
        self.row = row

    def ask(self, trip: RoundTrip, parameters: Mapping[str, object], read: Callable[[Book, Row], None]) -> Reading:
        """Ask for rows, which `read` will put into the book one by one."""
        answer = trip.ask(self.statement, parameters, self.row._make)

        def read_all(book: Book) -> None:
            for row in answer.rows:
                read(book, row)

        return read_all


class Step(Generic[StepRow]):
    """What is written to one table: the class of its rows, and the statement that writes them, a CTE of the store's.

    A statement that may write fewer rows than it is given returns those that it wrote, and they are counted.
    """

    def __init__(
        self,
        name: str,
        statements: Mapping[str, LiteralString],
        row: type[StepRow],
        *,
        order: Callable[[StepRow], Any] | None = None,
    ) -> None:
        """Take the statement `step_{name}`; rows are written in their order."""
        self.name = name
        self.statement = statements["step_" + name]
        self.row = row
        self.columns = {field: _column(hint) for field, hint in get_type_hints(row, include_extras=True).items()}
        self.order = order
        self.is_counted = "\nRETURNING " in self.statement
        self._count_name = f"count_{name}"
        self._renderers = [(f"{name}__{field}", column.render) for field, column in self.columns.items()]

    def add_parameters(self, rows: Sequence[StepRow], parameters: dict[str, object]) -> None:
        """Add the statement's parameters and, where it is counted, how many rows it must write."""
        if self.order is not None and len(rows) > 1:
            rows = sorted(rows, key=self.order)
        for (name, render), values in zip(self._renderers, zip(*map(astuple, rows), strict=False), strict=True):
            parameters[name] = render(values)
        if self.is_counted:
            parameters[self._count_name] = len(rows)


class Steps:
    """The rows that a batch writes, step by step, in the order in which the steps were first given any."""

    def __init__(self) -> None:
        self.rows: dict[Step[Any], list[Any]] = {}

    def add(self, step: Step[StepRow], rows: Collection[StepRow]) -> None:
        """Write rows, with those that other parts write in the same step; a step without rows is not taken."""
        if rows:
            self.rows.setdefault(step, []).extend(rows)


@dataclass(slots=True, kw_only=True)
class Decided:
    """A batch that was loaded and decided."""

    book: Book
    now: datetime
    take_account_id: Callable[[], AccountId]
    """Gives the id of an account that comes into being."""


class Part(Protocol):
    """A module of this package: what one capability loads, and what it stores."""

    def ask(self, trip: RoundTrip, needs: Needs, standing_max: int, /) -> Iterable[Reading]:
        """Ask for what the rules may read. Of what stands, more than `standing_max` need not be counted."""

    def write(self, decided: Decided, steps: Steps, /) -> None:
        """Write what the book's changes come down to."""


def _column(hint: object) -> Column:
    *_, column = get_args(hint)
    assert isinstance(column, Column), "a field of a step's rows has one of the types of columns.py"
    return column
