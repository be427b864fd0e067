"""Transactions: what the ledger keeps of a mutation, and the postings that it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NotRequired, TypedDict

from msgspec import Struct

from .accounts import AccountType, PlayerState
from .identifiers import CurrencyNetworkId, Key, OwnerId, Source, TxId
from .values import Name

NO_METADATA: Mapping[str, str] = {}


class Kind(Name):
    """What a transaction is."""

    BET = "BET"
    WIN = "WIN"
    BET_AND_WIN = "BET_AND_WIN"
    ROLLBACK = "ROLLBACK"
    WITHDRAWAL_RESERVATION = "WITHDRAWAL_RESERVATION"
    WITHDRAWAL_SETTLEMENT = "WITHDRAWAL_SETTLEMENT"
    WITHDRAWAL_FAILURE = "WITHDRAWAL_FAILURE"
    DEPOSIT = "DEPOSIT"
    ADJUSTMENT = "ADJUSTMENT"
    PLAYER_STATE = "PLAYER_STATE"
    SESSION_OPENING = "SESSION_OPENING"
    SESSION_SETTLEMENT = "SESSION_SETTLEMENT"
    TOMBSTONE = "TOMBSTONE"
    LEDGER_CREATION = "LEDGER_CREATION"
    JOURNAL_ENTRY = "JOURNAL_ENTRY"
    WALLET_POSTING = "WALLET_POSTING"
    """What credit wallets of a ledger gained since they were last posted."""


REVERSIBLE_KINDS = frozenset({Kind.BET, Kind.WIN, Kind.BET_AND_WIN})
BET_KINDS = frozenset({Kind.BET, Kind.BET_AND_WIN})


class WinKind(Name):
    """Why a win is paid; only REGULAR wins belong to a bet (rule 2)."""

    REGULAR = "REGULAR"
    FREE_ROUND = "FREE_ROUND"
    JACKPOT = "JACKPOT"
    PROMO = "PROMO"


class Direction(Name):
    """Which way an adjustment moves money."""

    CREDIT = "CREDIT"
    DEBIT = "DEBIT"


class TransactionStatus(Name):
    """Whether a transaction counts: APPLIED ones do; the other two are only remembered."""

    APPLIED = "APPLIED"
    VOIDED = "VOIDED"
    """A rollback of what was never seen."""
    TOMBSTONE = "TOMBSTONE"
    """What that rollback leaves under the id that it named."""


class Posting(Struct, frozen=True, kw_only=True, gc=False):
    """One signed row of the ledger: negative is DR, positive is CR."""

    account_type: AccountType
    amount_minor: int
    balance_after_minor: int | None
    """The account's balance right after; None for house, WALLET and JOURNAL accounts."""
    account_version: int | None = None
    """Its number among the account's postings, from 1; None where there is no balance after it."""
    account_code: str = ""
    """Which of its ledger's a JOURNAL account is."""


class Details(Struct, frozen=True, kw_only=True, gc=False):
    """What a transaction carries for people and auditors; no rule reads it."""

    tx_hash: str = ""
    output_index: int | None = None
    reason: str = ""
    actor: str = ""
    session_token: str = ""
    """Of a session's opening and settlement, and of what came late to it."""
    rail: str = ""
    """Of a session's opening and settlement: where it is settled."""


class GameFacts(Struct, frozen=True, kw_only=True, gc=False):
    """What a game tells of a bet or a win beside its amount, by the names that requests have for it.

    It is kept as it came. Each of its fields tells a retry from another use of its id (rule 1).
    """

    game_code: str = ""
    """Empty: no game was named. The same goes for a round."""
    round_id: str = ""


NO_GAME = GameFacts()


class Transaction(Struct, frozen=True, kw_only=True, gc=False):
    """A recorded mutation, as it stands in `ledger_transactions`. It never changes."""

    tx_id: TxId
    owner_id: OwnerId
    source: Source
    reference: str
    """The caller's own id of it: transaction_id, deposit_id or withdrawal_id."""
    key: Key
    kind: Kind
    status: TransactionStatus
    currency_network_id: CurrencyNetworkId | None
    amount_minor: int
    win_amount_minor: int | None = None
    fee_minor: int | None = None
    game: GameFacts = NO_GAME
    round_key: Key | None = None
    closes_round: bool = False
    reference_transaction_id: str | None = None
    """The id that its request named."""
    reference_tx_id: TxId | None = None
    """The transaction that it belongs to: a win's bet, an ending's reservation."""
    reverses_tx_id: TxId | None = None
    variant: WinKind | Direction | PlayerState | None = None
    """Which of its kind: a win's kind, an adjustment's direction, the player's new state."""
    main_balance_after_minor: int | None
    metadata: Mapping[str, str]
    details: Details | None = None
    created_at: datetime
    postings: tuple[Posting, ...] = ()
    """Empty on a transaction that was loaded for its facts alone."""


class Facts(TypedDict):
    """What a rule says of a transaction that it makes, whatever that moves; see Transaction for each."""

    owner_id: OwnerId
    source: Source
    reference: str
    key: Key
    kind: Kind
    amount_minor: int
    metadata: Mapping[str, str]
    win_amount_minor: NotRequired[int | None]
    fee_minor: NotRequired[int | None]
    game: NotRequired[GameFacts]
    round_key: NotRequired[Key | None]
    closes_round: NotRequired[bool]
    reference_transaction_id: NotRequired[str | None]
    reference_tx_id: NotRequired[TxId | None]
    reverses_tx_id: NotRequired[TxId | None]
    variant: NotRequired[WinKind | Direction | PlayerState | None]
    details: NotRequired[Details | None]


class OutcomeStatus(Name):
    """How an accepted mutation came out (protos/wallet/v1/wallet.proto, OperationResult)."""

    APPLIED = "APPLIED"
    VOIDED = "VOIDED"
    ALREADY_ROLLED_BACK = "ALREADY_ROLLED_BACK"
