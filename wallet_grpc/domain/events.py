"""Events: what the rest of the platform learns of a mutation. Stored with it, published later by the relay."""

from __future__ import annotations

from msgspec import Struct

from .transactions import Transaction
from .values import Name


class EventType(Name):
    """The type of an event and its routing key (docs/rules.md, Events)."""

    DEPOSIT_APPLIED = "wallet.deposit.applied"
    WITHDRAWAL_RESERVED = "wallet.withdrawal.reserved"
    WITHDRAWAL_SETTLED = "wallet.withdrawal.settled"
    WITHDRAWAL_FAILED = "wallet.withdrawal.failed"
    BET_PLACED = "wallet.bet.placed"
    WIN_CREDITED = "wallet.win.credited"
    TRANSACTION_ROLLED_BACK = "wallet.transaction.rolled_back"
    ADJUSTMENT_APPLIED = "wallet.adjustment.applied"
    PLAYER_STATE_CHANGED = "wallet.player.state_changed"
    SESSION_OPENED = "wallet.session.opened"
    SESSION_SETTLED = "wallet.session.settled"


class Event(Struct, frozen=True, kw_only=True):
    """One event of a transaction."""

    event_type: EventType
    transaction: Transaction
    amount_minor: int
    balance_after_minor: int | None
    """MAIN right after what the event tells; None for a player's state."""
    sequence: int
    """The version of the player's MAIN balance after it: how many postings MAIN has had."""
