"""The store statement: what all parts write of a batch, put together as the steps of one statement.

Every step tells how many rows it must write; the statement raises where the database counts otherwise.
"""

from __future__ import annotations

from functools import cache
from typing import Any, LiteralString

from wallet_grpc.store.connection.statements import Positional, positional

from . import accounts, credit, events, inbox, ledgers, players, sessions, transactions
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
)
"""In the order in which they load and write."""

_CLOCK_IS_LOST: LiteralString = """WHEN pg_try_advisory_xact_lock(%(clock_class)s::INTEGER, %(clock_key)s::INTEGER)
THEN raise_lost_race('clock')"""
"""The store can have the lane's lock of the clock only if the first connection has lost it: then whoever answers about
the past would not know of this batch (store/reads/moments.py)."""


def steps_of(decided: Decided) -> tuple[Positional, dict[str, object]]:
    """Give the statement that stores a batch, and the parameters of its steps."""
    steps = Steps()
    for part in PARTS:
        part.write(decided, steps)
    parameters: dict[str, object] = {"now": decided.now}
    for step, rows in steps.rows.items():
        step.add_parameters(rows, parameters)
    return _statement(tuple(steps.rows)), parameters


@cache
def _statement(steps: tuple[Step[Any], ...]) -> Positional:
    """Make a CTE of each step, then count their rows.

    Without its rows a step is left out, which is most of the cost of a batch of one.
    """
    ctes: LiteralString = ",\n".join([f"{step.name} AS (\n{step.statement}\n)" for step in steps])
    counts: LiteralString = "\n".join(
        [
            f"WHEN (SELECT count(*) FROM {step.name}) <> %(count_{step.name})s::BIGINT "  # noqa: S608 - our own names
            f"THEN raise_lost_race('{step.name}')"
            for step in steps
        ]
    )
    return positional("WITH " + ctes + "\nSELECT CASE\n" + _CLOCK_IS_LOST + "\n" + counts + "\nELSE TRUE END")
