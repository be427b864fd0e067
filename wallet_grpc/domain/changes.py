"""Changes: what one applied mutation adds to the ledger. The store writes them, the book folds them in."""

from __future__ import annotations

from msgspec import Struct

from wallet_grpc.domain.credit.state import CreditWallet, Reservation, WalletEntry
from wallet_grpc.domain.ledgers.state import Ledger
from wallet_grpc.domain.players.approvals import Approval
from wallet_grpc.domain.sessions.state import Entry, Session

from .accounts import PlayerState
from .events import Event
from .identifiers import CurrencyNetworkId, Key, OwnerId, TxId
from .operators import Act, Operator
from .transactions import Transaction
from .values import Name


class WithdrawalState(Name):
    """Where a withdrawal stands (rule 7): RESERVED -> (BROADCASTED) -> SETTLED or FAILED."""

    RESERVED = "RESERVED"
    BROADCASTED = "BROADCASTED"
    SETTLED = "SETTLED"
    FAILED = "FAILED"


class WithdrawalChange(Struct, frozen=True, kw_only=True, gc=False):
    """A withdrawal's new state."""

    withdrawal_id: str
    owner_id: OwnerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    state: WithdrawalState


class DepositOutput(Struct, frozen=True, kw_only=True, gc=False):
    """The output on the network that a deposit used up (rule 8)."""

    key: Key
    tx_id: TxId


class Journaled(Struct, frozen=True, kw_only=True, gc=False):
    """What a mutation adds to a session: entries of its journal, or the session itself."""

    session: Session
    entries: tuple[Entry, ...] = ()
    reversed: Entry | None = None
    """What the first of the entries rolls back."""

    @property
    def is_opening(self) -> bool:
        """Whether the session comes into being."""
        return not self.entries


class Credited(Struct, frozen=True, kw_only=True, gc=False):
    """What a mutation adds to a credit wallet: an entry of its journal, and the reservation that it begins or ends."""

    wallet: CreditWallet
    entry: WalletEntry
    reservation: Reservation | None = None


class Change(Struct, kw_only=True, gc=False):
    """Everything that one mutation stores, together or not at all.

    The transactions are of one owner, its next ones (a voided rollback leaves two: itself and the tombstone). What
    happens inside a session has none, and goes on with its journal.
    """

    owner_id: OwnerId
    transactions: tuple[Transaction, ...] = ()
    events: tuple[Event, ...] = ()
    reversed: Transaction | None = None
    """What the first of the transactions rolls back."""
    withdrawal: WithdrawalChange | None = None
    player_state: PlayerState | None = None
    deposit_output: DepositOutput | None = None
    journaled: Journaled | None = None
    credited: Credited | None = None
    ledger: Ledger | None = None
    """A ledger that came into being."""
    act: Act | None = None
    """What an operator did by it: a row of the trail, under the tx_id of the first of the transactions."""
    approval: Approval | None = None
    """The approval of a proposal, by which it came about."""
    traceparent: str | None = None
    """The trace of the request, which its events carry on; set as the change is recorded."""
    operator: Operator | None = None
    """Whose act it is; set as the change is recorded."""
    request_id: str = ""
    """Of an act: under which it is in the log; set as the change is recorded."""
