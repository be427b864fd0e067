"""What a rule gives back, and the answers that every rule builds it from."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.identifiers import TxId, TxIdSequence, unix_ms_of
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Transaction

from .outcomes import Outcome
from .transactions import OutcomeStatus


class Moment(Struct, kw_only=True):
    """When a batch is decided, by the database's clock, and where its transactions' ids come from."""

    now: datetime
    tx_ids: TxIdSequence
    _unix_ms: int = 0

    def __post_init__(self) -> None:
        """Take the milliseconds once; every id of the batch carries them."""
        self._unix_ms = unix_ms_of(self.now)

    def next_tx_id(self) -> TxId:
        """Make the id of the next transaction."""
        return self.tx_ids.next(self._unix_ms)


class Decision(Struct, frozen=True, gc=False):
    """An outcome, and what must be stored before anybody may hear it. Without a change there is nothing to store."""

    outcome: Outcome
    change: Change | None = None


def applied(transaction: Transaction) -> Accepted:
    """The answer to a transaction that has just been decided."""
    return Accepted(
        tx_id=transaction.tx_id,
        transaction_id=transaction.reference,
        status=OutcomeStatus.APPLIED,
        replayed=False,
        balance_after_minor=transaction.main_balance_after_minor,
        current_balance_minor=transaction.main_balance_after_minor,
        created_at=transaction.created_at,
    )


def insufficient_funds(balance_minor: int) -> Refusal:
    """Refuse for lack of money, with the balance that there is (rule 6)."""
    return Refusal(
        reason=Reason.INSUFFICIENT_FUNDS,
        message=f"the balance is {balance_minor} minor units, too little for this",
        metadata={"balance_minor": str(balance_minor)},
    )
