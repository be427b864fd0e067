"""Outcomes: what a mutation answers. Either it was accepted, or it was refused."""

from __future__ import annotations

from datetime import datetime

from .identifiers import CurrencyNetworkId, OwnerId, TxId
from .refusals import Refusal
from .sessions import SessionState
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


@value
class Played:
    """A bet, win or rollback of a session that is recorded: now, or before (`replayed`)."""

    transaction_id: str
    status: OutcomeStatus
    replayed: bool
    balance_after_minor: int
    """The session's balance right after the transaction, also on a replay; of a late one MAIN."""
    current_balance_minor: int
    """The session's balance when this answer was decided; of a late one MAIN."""
    late: bool


@value
class SessionFacts:
    """A session as it stands when it is told of."""

    session_token: str
    player_id: OwnerId
    currency_network_id: CurrencyNetworkId
    game_code: str
    lock_amount_minor: int
    balance_minor: int
    state: SessionState
    expired: bool
    opened_at: datetime
    expires_at: datetime
    replayed: bool = False


@value
class Settled:
    """A session that is settled: now, or before (`replayed`)."""

    payout_minor: int
    net_minor: int
    open_rounds: int
    tx_id: TxId
    replayed: bool


Outcome = Accepted | Played | SessionFacts | Settled | Refusal
