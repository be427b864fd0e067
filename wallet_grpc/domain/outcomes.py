"""Outcomes: what a mutation answers. Either it was accepted, or it was refused."""

from __future__ import annotations

from datetime import datetime

from .identifiers import CurrencyNetworkId, Key, OwnerId, TxId
from .ledgers import Ledger
from .refusals import Refusal
from .sessions import SessionState
from .values import Name, value


class OutcomeStatus(Name):
    """How an accepted mutation came out (protos/wallet/v1/wallet.proto, OperationResult)."""

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
    """The session's balance right after the transaction, also on a replay; after the settlement MAIN."""
    current_balance_minor: int
    """The session's balance when this answer was decided; of what came after the settlement MAIN."""
    late: bool
    """Whether it came after the settlement and moved MAIN."""


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


class WriteStatus(Name):
    """How an accepted write to a credit wallet came out (protos/wallet/v1/credit_wallet.proto, WalletResult)."""

    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"


@value
class Written:
    """A write to a credit wallet that is recorded: now, or before. The balances are those of this moment."""

    status: WriteStatus
    balance_minor: int
    available_minor: int


@value
class Reserved(Written):
    """A reservation that is recorded: now, or before."""

    reservation_key: Key
    expires_at: datetime


@value
class LedgerCreated:
    """A ledger that is there: now, or before (`replayed`)."""

    ledger: Ledger
    replayed: bool


@value
class JournalPosted:
    """An entry of a ledger that is recorded: now, or before (`replayed`)."""

    tx_id: TxId
    transaction_id: str
    balances: tuple[tuple[str, int], ...]
    """Each account that it names, in the order of its code, with its balance when this answer was decided."""
    created_at: datetime
    replayed: bool


Outcome = Accepted | Played | SessionFacts | Settled | Written | Reserved | LedgerCreated | JournalPosted | Refusal
