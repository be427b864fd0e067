"""Outcomes: what a mutation answers. Either it was accepted, or it was refused."""

from __future__ import annotations

from datetime import datetime

from .identifiers import TxId
from .refusals import Refusal
from .values import Name, value


class OutcomeStatus(Name):
    """How an accepted mutation came out (contract.md, OperationResult)."""

    APPLIED = "APPLIED"
    VOIDED = "VOIDED"
    ALREADY_ROLLED_BACK = "ALREADY_ROLLED_BACK"


@value
class Accepted:
    """A mutation that is recorded: now, or before (`replayed`)."""

    tx_id: TxId | None
    """None for VOIDED and for a player's state."""
    transaction_id: str
    status: OutcomeStatus
    replayed: bool
    balance_after_minor: int | None
    """MAIN right after the transaction, also on a replay; None for a player's state."""
    current_balance_minor: int | None
    """MAIN when this answer was decided; None for a player's state."""
    created_at: datetime


Outcome = Accepted | Refusal
