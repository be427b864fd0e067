"""What an accepted change to a player's money answers."""

from __future__ import annotations

from datetime import datetime
from typing import final

from msgspec import Struct

from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.transactions import OutcomeStatus


@final
class Accepted(Struct, frozen=True, kw_only=True, gc=False):
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
