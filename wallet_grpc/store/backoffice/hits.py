"""What a search finds: things of the wallet, each told by what leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wallet_grpc.domain.transactions import Kind


class HitKind(StrEnum):
    """What a hit is; in the order in which hits are told."""

    PLAYER = "PLAYER"
    SESSION = "SESSION"
    WALLET = "WALLET"
    LEDGER = "LEDGER"
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    TRANSACTION = "TRANSACTION"
    OUTPUT = "OUTPUT"
    PARKED_EVENT = "PARKED_EVENT"
    ROUND = "ROUND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something that the text names. What does not belong to its kind is empty."""

    kind: HitKind
    player_id: int = 0
    currency_network_id: int = 0
    tx_id: str = ""
    source: str = ""
    transaction_id: str = ""
    transaction_kind: Kind | None = None
    session_token: str = ""
    wallet_key: str = ""
    ledger_id: str = ""
    game_code: str = ""
    round_id: str = ""
    event_ref: str = ""
    amount_minor: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What was found."""

    hits: Sequence[Hit]
    truncated: bool
    """There may be more."""
