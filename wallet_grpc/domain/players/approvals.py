"""Approvals: an adjustment that one person proposed is applied when another approves it (docs/rules.md, Adjustments).

A proposal never changes. What was decided about it is written once, and an approval by the very statement that applies
the adjustment: whatever races or is killed, there are both or neither. The adjustment has the proposal's own source
and transaction_id, so an id that was used meanwhile is not applied once more.
"""

from __future__ import annotations

from typing import final

from msgspec import Struct

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.values import Name


class Verdict(Name):
    """What was decided about a proposal."""

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


@final
class Approval(Struct, frozen=True, kw_only=True, gc=False):
    """That a person approves a proposal, of which the command that carries it is made."""

    proposal_id: str
    proposed_by: str
    """The operator who proposed it: another one than who approves."""
    reason: str
    """Why it is approved."""


PROPOSAL_NOT_FOUND = Refusal(reason=Reason.PROPOSAL_NOT_FOUND, message="there is no such proposal")
ID_USED = Refusal(
    reason=Reason.IDEMPOTENCY_KEY_REUSED,
    message="the proposal's transaction_id was used otherwise meanwhile; refuse it, and propose with another id",
    metadata={"field": "transaction_id"},
)


def decided_otherwise(verdict: Verdict) -> Refusal:
    """Refuse a decision about what was decided the other way."""
    return Refusal(
        reason=Reason.PROPOSAL_DECIDED,
        message=f"the proposal was {verdict.value.lower()} before; that stands",
        metadata={"verdict": verdict.value},
    )


def same_person(operator: str) -> Refusal:
    """Refuse an approval by who proposed it."""
    return Refusal(
        reason=Reason.SAME_PERSON,
        message=f"{operator} proposed it; another person has to approve it",
        metadata={"operator": operator},
    )


def needs_approval(alone_max_minor: int) -> Refusal:
    """Refuse an adjustment above what a person may make alone."""
    return Refusal(
        reason=Reason.NEEDS_APPROVAL,
        message=f"one person alone may adjust by {alone_max_minor} minor units at most; propose it, and let another "
        "person approve it",
        metadata={"alone_max_minor": str(alone_max_minor)},
    )
