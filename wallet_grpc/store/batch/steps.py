"""The store statement: what all parts write of a batch, put together as the steps of one statement.

A step that may write fewer rows than it is given tells how many it must write; the statement raises where the database
counts otherwise. A plain INSERT writes all of its rows or raises, so it is not counted: PostgreSQL would put its rows
aside only to do so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, LiteralString, NamedTuple

from wallet_grpc.store.connection.relations import tables_written
from wallet_grpc.store.connection.standby import StepApart
from wallet_grpc.store.connection.statements import Positional, positional

from . import accounts, claims, credit, events, inbox, ledgers, players, sessions, trail, transactions
from .part import Decided, Part, Step, Steps

PARTS: tuple[Part, ...] = (
    accounts,
    ledgers,
    transactions,  # after those that give accounts their ids
    players,
    sessions,
    credit,
    inbox,
    events,
    trail,
)
"""In the order in which they write."""
PARTS_OF_SEVERAL_CELLS: tuple[Part, ...] = (*PARTS, claims)
"""Where there is more than one cell, what must be unique over all of them is claimed as well."""
_LOADING: tuple[Part, ...] = (
    accounts,
    players,
    claims,
    transactions,  # after the state that decides whether a command whose key is new is refused
    ledgers,  # what follows stands behind a key: it is there wherever the key was found
    sessions,
    credit,
    inbox,
    events,
    trail,
)
"""In the order in which they load, which is part of what is right.

Each statement of a load sees what was committed before that statement, and a commit that was given up ends when it
likes: between two of them, perhaps, while its caller's retry is loaded. So state comes first, keys next, and last what
stands behind a key. Whoever sees a command's effect then sees its key as well, and answers a replay; were the keys
asked for first, the retry would be refused for the round that it has closed itself. Sessions and credit wallets have
that order within their parts.
"""

_CLOCK_IS_LOST: LiteralString = """WHEN pg_try_advisory_xact_lock(%(clock_class)s::INTEGER, %(clock_key)s::INTEGER)
THEN raise_lost_race('clock')"""
"""The store can have the lane's lock of the clock only if the first connection has lost it: then whoever answers about
the past would not know of this batch (store/reads/moments.py)."""
_TIME_IS_COUNTED: LiteralString = """WHEN EXISTS (
    SELECT FROM day_marks
    WHERE day_marks.mark_id = 1 AND day_marks.counting_until > %(now)s::TIMESTAMPTZ
)
THEN raise_lost_race('day')"""
"""The clock was set back, and the batch's time is counted into days, or about to be (store/background/days.py)."""


def in_loading_order(parts: Sequence[Part]) -> list[Part]:
    """Give parts in the order in which they have to load."""
    return sorted(parts, key=_LOADING.index)


class ToStore(NamedTuple):
    """What stores a batch."""

    statement: Positional
    parameters: dict[str, object]
    apart: Sequence[StepApart]
    """Steps that the statement does not hold."""


def steps_of(decided: Decided, parts: Sequence[Part] = PARTS, *, apart: Collection[str] = ()) -> ToStore:
    """Give what stores a batch: a statement of the steps of all parts, and those that write to tables of `apart`."""
    steps = Steps()
    for part in parts:
        part.write(decided, steps)
    parameters: dict[str, object] = {"now": decided.now}
    together: list[Step[Any]] = []
    separate: list[StepApart] = []
    for step, rows in steps.rows.items():
        step.add_parameters(rows, parameters)
        if apart and tables_written(step.statement, apart):
            assert step.is_counted, f"{step.name} is committed apart: it has to tell what it wrote"
            separate.append(StepApart(step.name, positional(step.statement), len(rows)))
        else:
            together.append(step)
    return ToStore(_statement(tuple(together)), parameters, separate)


@cache
def _statement(steps: tuple[Step[Any], ...]) -> Positional:
    """Make a CTE of each step, then count the rows of those that return them; PostgreSQL runs the others as well.

    Without its rows a step is left out, which is most of the cost of a batch of one. No CTE has the name of a table.
    """
    ctes: LiteralString = ",\n".join([f"wrote_{step.name} AS (\n{step.statement}\n)" for step in steps])
    counts: LiteralString = "\n".join(
        [
            f"WHEN (SELECT count(*) FROM wrote_{step.name}) <> %(count_{step.name})s::BIGINT "  # noqa: S608 - our own names
            f"THEN raise_lost_race('{step.name}')"
            for step in steps
            if step.is_counted
        ]
    )
    with_ctes: LiteralString = "WITH " + ctes + "\n" if steps else ""
    return positional(
        with_ctes + "SELECT CASE\n" + _CLOCK_IS_LOST + "\n" + _TIME_IS_COUNTED + "\n" + counts + "\nELSE TRUE END"
    )
