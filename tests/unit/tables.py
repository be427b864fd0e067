"""Tables of cases: what was sent before, what is sent now, and what it must come to.

A table of refusals goes down the order of precedence (docs/rules.md, rule 9): each row breaks its own rule and, as far
as can be, all that follow, so that only the right order gives the right reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from unit.desk import Desk, told

from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import OutcomeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case."""

    case: str
    given: Sequence[Command]
    when: Command
    then: Reason | OutcomeStatus
    main: int | None = None
    """Ann's MAIN afterwards, where the case says so."""
    replayed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


def refused(case: str, reason: Reason, given: Sequence[Command], when: Command, **metadata: str) -> Row:
    return Row(case=case, given=given, when=when, then=reason, metadata=metadata)


def applied(case: str, given: Sequence[Command], when: Command, *, main: int | None = None) -> Row:
    return Row(case=case, given=given, when=when, then=OutcomeStatus.APPLIED, main=main)


def replayed(case: str, given: Sequence[Command], when: Command, *, main: int | None = None) -> Row:
    return Row(case=case, given=given, when=when, then=OutcomeStatus.APPLIED, main=main, replayed=True)


def answered(
    case: str, status: OutcomeStatus, given: Sequence[Command], when: Command, *, main: int, replayed: bool = False
) -> Row:
    return Row(case=case, given=given, when=when, then=status, main=main, replayed=replayed)


def table(*rows: Row) -> pytest.MarkDecorator:
    """Run a test for each row, under the row's name."""
    assert len({row.case for row in rows}) == len(rows), "two rows have one name"
    return pytest.mark.parametrize("row", rows, ids=[row.case for row in rows])


def check(row: Row) -> Desk:
    """Send the row's command after its history, and hold its outcome and its effects to the row."""
    desk = Desk.after(row.given)
    desk.load(row.when)
    before = deepcopy(desk.book)
    outcome = desk.send(row.when)
    assert told(outcome) == row.then, outcome
    if isinstance(outcome, Refusal):
        assert outcome.message
        assert row.metadata.items() <= outcome.metadata.items(), outcome
    else:
        assert isinstance(outcome, Accepted)
        assert outcome.replayed is row.replayed
    if isinstance(outcome, Refusal) or outcome.replayed or outcome.status is OutcomeStatus.ALREADY_ROLLED_BACK:
        assert desk.book == before, "what changes nothing changed the book"
    if row.main is not None:
        assert desk.main() == row.main
    return desk
