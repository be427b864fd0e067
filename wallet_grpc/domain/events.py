"""Events: what the rest of the platform learns of a mutation. Stored with it, published later by the relay.

An event has no facts of its own but its sequence: all that it tells stands in its transaction, for ever unchanged. So
it is known by the transaction and its number there, and tells the same whenever it is made again.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .transactions import Kind, Transaction
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


EVENT_TYPES: Mapping[Kind, tuple[EventType, ...]] = {
    Kind.BET: (EventType.BET_PLACED,),
    Kind.WIN: (EventType.WIN_CREDITED,),
    Kind.BET_AND_WIN: (EventType.BET_PLACED, EventType.WIN_CREDITED),
    Kind.ROLLBACK: (EventType.TRANSACTION_ROLLED_BACK,),
    Kind.WITHDRAWAL_RESERVATION: (EventType.WITHDRAWAL_RESERVED,),
    Kind.WITHDRAWAL_SETTLEMENT: (EventType.WITHDRAWAL_SETTLED,),
    Kind.WITHDRAWAL_FAILURE: (EventType.WITHDRAWAL_FAILED,),
    Kind.DEPOSIT: (EventType.DEPOSIT_APPLIED,),
    Kind.ADJUSTMENT: (EventType.ADJUSTMENT_APPLIED,),
    Kind.PLAYER_STATE: (EventType.PLAYER_STATE_CHANGED,),
    Kind.SESSION_OPENING: (EventType.SESSION_OPENED,),
    Kind.SESSION_SETTLEMENT: (EventType.SESSION_SETTLED,),
}
"""The events of a transaction that was applied, in their order; kinds that are not here tell nothing."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One event of a transaction."""

    transaction: Transaction
    event_no: int
    """Its number within its transaction, from 1."""
    sequence: int
    """The version of the player's MAIN balance after it: how many postings MAIN has had."""

    @property
    def event_type(self) -> EventType:
        """What kind of event it is."""
        return EVENT_TYPES[self.transaction.kind][self.event_no - 1]

    @property
    def amount_minor(self) -> int:
        """What it tells of: of a bet with its win each by itself, of a session's end what was paid out."""
        transaction = self.transaction
        tells_win = transaction.kind is Kind.SESSION_SETTLEMENT or self.event_no > 1
        if not tells_win:
            return transaction.amount_minor
        assert transaction.win_amount_minor is not None
        return transaction.win_amount_minor

    @property
    def balance_after_minor(self) -> int | None:
        """MAIN right after what the event tells; None for a player's state."""
        transaction = self.transaction
        after = transaction.main_balance_after_minor
        if after is None or transaction.kind is not Kind.BET_AND_WIN or self.event_no > 1:
            return after
        return after - (transaction.win_amount_minor or 0)
