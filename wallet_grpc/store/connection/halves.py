"""By halves: many items in one transaction, and where one of them breaks it, all the others without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import psycopg

from wallet_grpc.store.connection.sqlstates import is_of_what_was_asked

Item = TypeVar("Item")


@dataclass(slots=True)
class Halved(Generic[Item]):
    """What became of the items that were not done."""

    failed: list[tuple[Item, psycopg.Error]] = field(default_factory=list)
    """Those that fail alone."""
    untried: list[Item] = field(default_factory=list)
    """Those that were left when there had been too many failures."""


async def by_halves(
    items: Sequence[Item], do: Callable[[Sequence[Item]], Awaitable[None]], *, failures_max: int
) -> Halved[Item]:
    """Do items together; where that fails by what was asked, the two halves, down to the items that fail alone.

    Raises:
        psycopg.Error: The database could not do it now; what was done before is done.
    """
    halved: Halved[Item] = Halved()
    parts = [items] if items else []
    failures = 0
    while parts:
        part = parts.pop()
        if failures >= failures_max:
            halved.untried.extend(part)
            continue
        try:
            await do(part)
        except psycopg.Error as error:
            if not is_of_what_was_asked(error):
                raise
            failures += 1
            if len(part) == 1:
                halved.failed.append((part[0], error))
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
    return halved
