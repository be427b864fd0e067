"""What an accepted call of a game session answers."""

from __future__ import annotations

from datetime import datetime
from typing import final

from msgspec import Struct

from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, TxId
from wallet_grpc.domain.sessions.state import SessionState
from wallet_grpc.domain.transactions import OutcomeStatus


@final
class SessionPlayed(Struct, frozen=True, kw_only=True, gc=False):
    """A bet, win or rollback of a session that is recorded: now, or before (`replayed`)."""

    transaction_id: str
    status: OutcomeStatus
    replayed: bool
    balance_after_minor: int
    """The session's balance right after the transaction, also on a replay; after the settlement MAIN."""
    current_balance_minor: int
    """The session's balance when this answer was decided; of what came after the settlement MAIN."""
    late: bool
    """Whether it came after the settlement and moved MAIN."""


@final
class SessionFacts(Struct, frozen=True, kw_only=True, gc=False):
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


@final
class Settled(Struct, frozen=True, kw_only=True, gc=False):
    """A session that is settled: now, or before (`replayed`)."""

    payout_minor: int
    net_minor: int
    open_rounds: int
    tx_id: TxId
    replayed: bool
