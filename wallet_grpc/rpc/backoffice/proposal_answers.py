"""What operators are told of proposals."""

from __future__ import annotations

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain.players.approvals import Verdict
from wallet_grpc.rpc.players.requests import DIRECTIONS
from wallet_grpc.rpc.wire import fill_timestamp
from wallet_grpc.store.trail.proposals import Proposal

_DIRECTIONS = {direction: number for number, direction in DIRECTIONS.items()}
STATES = {Verdict.APPROVED: pb.PROPOSAL_STATE_APPLIED, Verdict.REFUSED: pb.PROPOSAL_STATE_REFUSED}
"""What a decision makes of a proposal: one that is approved is applied with it."""
assert set(STATES) == set(Verdict)


def fill_proposal(
    proposal: Proposal, message: pb.Proposal, balance_before_minor: int | None, *, replayed: bool = False
) -> pb.Proposal:
    """Fill in a proposal, with what MAIN is or was before it and after; None: it cannot be told here."""
    message.proposal_id = proposal.proposal_id
    message.source = proposal.source
    message.transaction_id = proposal.transaction_id
    message.player_id = proposal.player_id
    message.currency_network_id = proposal.currency_network_id
    message.amount_minor = str(proposal.amount_minor)
    message.direction = _DIRECTIONS[proposal.direction]
    message.reason = proposal.reason
    message.actor = proposal.actor
    message.metadata.update(proposal.metadata)
    message.state = pb.PROPOSAL_STATE_OPEN
    message.proposed_by = proposal.operator
    fill_timestamp(proposal.proposed_at, message.proposed_at)
    decision = proposal.decision
    if decision is not None:
        message.state = STATES[decision.verdict]
        message.decided_by = decision.operator
        fill_timestamp(decision.decided_at, message.decided_at)
        message.decision_reason = decision.reason
        message.tx_id = decision.tx_id or ""
    if balance_before_minor is not None:
        message.balance_before_minor = str(balance_before_minor)
        message.balance_after_minor = str(balance_before_minor + proposal.gain_minor)
    message.replayed = replayed
    return message
