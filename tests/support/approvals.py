"""Adjustments that one person proposes and another decides, as requests."""

from typing import Any

from support.backoffice import backoffice_of
from support.requests import Player, fresh_id
from support.wallet import Wallet
from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2


def proposal(player: Player, amount_minor: str = "30", **fields: Any) -> pb.ProposeAdjustmentRequest:
    named: dict[str, Any] = {
        "transaction_id": fresh_id("proposed"),
        "player_id": player.player_id,
        "currency_network_id": player.currency_network_id,
        "amount_minor": amount_minor,
        "direction": wallet_pb2.DIRECTION_CREDIT,
        "reason": "lost in a game that crashed",
        "actor": "ana@desk",
        "metadata": {"ticket": "4711"},
    }
    return pb.ProposeAdjustmentRequest(**named | fields)


def approve(made: pb.Proposal, reason: str = "seen the log") -> pb.DecideAdjustmentRequest:
    return pb.DecideAdjustmentRequest(proposal_id=made.proposal_id, decision=pb.DECISION_APPROVE, reason=reason)


def refuse(made: pb.Proposal, reason: str = "no such game") -> pb.DecideAdjustmentRequest:
    return pb.DecideAdjustmentRequest(proposal_id=made.proposal_id, decision=pb.DECISION_REFUSE, reason=reason)


def approved_adjustment(wallet: Wallet, player: Player) -> pb.Proposal:
    """Have one person propose an adjustment and another one approve it."""
    made = backoffice_of(wallet, "backoffice").call(proposal(player))
    return backoffice_of(wallet, "operator").call(approve(made))
