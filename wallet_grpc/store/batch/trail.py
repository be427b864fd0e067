"""The trail: what operators did by a batch, and the proposals that they approved by it.

Both stand in tables that all cells share, and are written by the statement that does what they tell of: an adjustment,
a state or an approval is there with its row, or neither is. A batch without an operator's act has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.players.approvals import Verdict
from wallet_grpc.domain.values import by_text
from wallet_grpc.store.connection.arrays import words
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import NullableBigInt, NullableJsonb, NullableText, NullableUuid, Text, Uuid, Word, facts_or_none
from .part import Decided, Query, Reading, Step, Steps

_SQL = statements(__package__, "trail.sql")
_VERDICTS = by_text(Verdict)


# ---------------------------------------------------------------------------------------------------------------- load


class LoadedVerdict(NamedTuple):
    """A row of `load_verdicts`."""

    position: int
    verdict: str


LOAD_VERDICTS = Query(_SQL["load_verdicts"], LoadedVerdict)


def ask(trip: RoundTrip, needs: Needs, _standing_max: int) -> Iterator[Reading]:
    """Ask what was decided about proposals."""
    proposal_ids = needs.players.proposal_ids
    if proposal_ids:
        parameters = {"proposal_ids": words(proposal_ids)}
        yield LOAD_VERDICTS.ask(trip, parameters, partial(_read_verdict, proposal_ids))


def _read_verdict(proposal_ids: list[str], book: Book, row: LoadedVerdict) -> None:
    book.players.verdicts[proposal_ids[row.position - 1]] = _VERDICTS[row.verdict]


# --------------------------------------------------------------------------------------------------------------- store


class OperatorActionRow(Struct, frozen=True, gc=False):
    """What an operator did; the time is the batch's."""

    action_id: Uuid
    kind: Word
    channel: Word
    operator: Text
    subject: Text
    player_id: NullableBigInt
    key_id: NullableText
    actor: NullableText
    reason: NullableText
    result_id: NullableUuid
    request_id: NullableText
    facts_before: NullableJsonb
    facts_after: NullableJsonb


class DecisionRow(Struct, frozen=True, gc=False):
    """What was decided about a proposal; the time is the batch's."""

    proposal_id: Uuid
    verdict: Word
    operator: Text
    reason: Text
    tx_id: Uuid


OPERATOR_ACTIONS = Step("operator_actions", _SQL, OperatorActionRow)
ADJUSTMENT_DECISIONS = Step("adjustment_decisions", _SQL, DecisionRow, order=lambda row: row.proposal_id)


def write(decided: Decided, steps: Steps) -> None:
    """Write a row for each act, and one for each approval."""
    for change in decided.book.changes:
        act, operator = change.act, change.operator
        if act is None:
            continue
        assert operator is not None
        tx_id = change.transactions[0].tx_id
        row = OperatorActionRow(
            action_id=tx_id,
            kind=act.kind,
            channel=operator.channel,
            operator=operator.name,
            subject=act.subject,
            player_id=act.player_id,
            key_id=operator.key_id,
            actor=act.actor or None,
            reason=act.reason or None,
            result_id=act.result_id or None,
            request_id=change.request_id or None,
            facts_before=facts_or_none(act.before),
            facts_after=facts_or_none(act.after),
        )
        steps.add(OPERATOR_ACTIONS, [row])
        if change.approval is not None:
            approval = change.approval
            decision = DecisionRow(approval.proposal_id, Verdict.APPROVED, operator.name, approval.reason, tx_id)
            steps.add(ADJUSTMENT_DECISIONS, [decision])
