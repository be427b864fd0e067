"""Wagers: what a bet, a win and a rollback are refused for, in a player's wallet and in a session alike.

The order is that of rule 9, the checks are those of rules 2 to 6 (docs/rules.md). What stands against what, the two
know each in their own way: the ledger by its transactions, a session by its journal.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from wallet_grpc.domain.book import Owner
from wallet_grpc.domain.decisions import insufficient_funds
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import BET_KINDS, REVERSIBLE_KINDS, Kind, TransactionStatus

PLAYER_BLOCKED = Refusal(
    reason=Reason.PLAYER_BLOCKED,
    message="the player's state does not allow it; a backoffice can make the player ACTIVE again",
)
_ROUND_CLOSED = Refusal(
    reason=Reason.ROUND_CLOSED, message="the round is closed; roll back what closed it, or play another round"
)
_BET_NOT_FOUND = Refusal(
    reason=Reason.BET_NOT_FOUND, message="reference_transaction_id names no bet of this source; send the bet first"
)
_ROUND_MISMATCH = Refusal(
    reason=Reason.ROUND_MISMATCH, message="reference_transaction_id is a bet of another game or round"
)
_ROLLED_BACK = Refusal(reason=Reason.TRANSACTION_ROLLED_BACK, message="the bet was rolled back or voided")
_BET_ALREADY_SETTLED = Refusal(
    reason=Reason.BET_ALREADY_SETTLED, message="the bet has a win that stands; roll the win back first"
)
NOT_REVERSIBLE = Refusal(reason=Reason.NOT_REVERSIBLE, message="only bets, wins and bet-and-wins can be rolled back")


class Wager(Protocol):
    """A bet, a win or a rollback as it is stored."""

    @property
    def kind(self) -> Kind: ...  # noqa: D102
    @property
    def status(self) -> TransactionStatus: ...  # noqa: D102
    @property
    def round_key(self) -> Key | None: ...  # noqa: D102


Stored = TypeVar("Stored", bound=Wager)


class Standing(Protocol[Stored]):
    """What stands against what."""

    def round_closed(self, round_key: Key) -> bool:
        """Tell whether a standing wager closed the round (rule 4)."""

    def reversal_of(self, wager: Stored) -> Stored | None:
        """Give the rollback of a wager, None where it stands."""

    def has_standing_win(self, bet: Stored) -> bool:
        """Tell whether a bet has a win that was not rolled back."""


def refuse_bet(
    standing: Standing[Stored], owner: Owner, *, round_key: Key, amount_minor: int, balance_minor: int
) -> Refusal | None:
    """Refuse a bet for its round, its player, or for want of money."""
    if standing.round_closed(round_key):
        return _ROUND_CLOSED
    if not owner.state.may_play:
        return PLAYER_BLOCKED
    if balance_minor < amount_minor:
        return insufficient_funds(balance_minor)
    return None


def refuse_win(
    standing: Standing[Stored], bet: Stored | None, *, round_key: Key, whose: Refusal | None
) -> Refusal | None:
    """Refuse a REGULAR win for the bet that it names (rule 2); `whose` tells why that is another's, if it is."""
    if bet is not None and bet.status is TransactionStatus.TOMBSTONE:
        return _ROLLED_BACK
    if bet is None or bet.kind not in BET_KINDS:
        return _BET_NOT_FOUND
    if whose is not None:
        return whose
    if bet.round_key != round_key:
        return _ROUND_MISMATCH
    if standing.reversal_of(bet) is not None:
        return _ROLLED_BACK
    return _ROUND_CLOSED if standing.round_closed(round_key) else None


def refuse_rollback(standing: Standing[Stored], target: Stored, *, whose: Refusal | None) -> Refusal | None:
    """Refuse a rollback for what it names (rule 3). What was rolled back before is none of these: it is answered."""
    if target.kind not in REVERSIBLE_KINDS:
        return NOT_REVERSIBLE
    if whose is not None:
        return whose
    stands = standing.reversal_of(target) is None
    if stands and target.kind in BET_KINDS and standing.has_standing_win(target):
        return _BET_ALREADY_SETTLED
    return None
