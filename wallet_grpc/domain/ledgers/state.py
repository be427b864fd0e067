"""Ledgers of callers' own: direct, balanced entries over accounts that come into being by use."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, NewType

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import SEPARATOR, AccountId, CurrencyNetworkId, OwnerId, Source, TxId, is_uuid

LedgerId = NewType("LedgerId", str)
"""The tx_id of the transaction that created it: a UUID in its canonical text form."""

JournalAccountName = tuple[LedgerId, str]
"""An account by its ledger and its code."""

WALLET_POSTING_NAMESPACE = "wallet-posting"
"""The namespace of the postings of credit wallets, which no caller named."""


def parse_ledger_id(text: str) -> LedgerId | None:
    """Read a ledger's id; None if it is none."""
    return LedgerId(text) if is_uuid(text) else None


def new_ledger_owner(source: Source, transaction_id: str) -> OwnerId:
    """Choose the owner id of a ledger by what creates it, so that a retry finds the same lock. It is negative."""
    digest = sha256(f"ledger{SEPARATOR}{source}{SEPARATOR}{transaction_id}".encode()).hexdigest()
    return OwnerId(-1 - (int(digest[:16], 16) >> 1))


class Ledger(Struct, frozen=True, kw_only=True, gc=False):
    """A ledger. It never changes."""

    ledger_id: LedgerId
    owner_id: OwnerId
    source: Source
    """Whose it is: who created it. To another source it is not there."""
    name: str
    currency_network_id: CurrencyNetworkId
    created_at: datetime


class Leg(NamedTuple):
    """One posting of a journal entry: negative is DR, positive is CR."""

    account_code: str
    amount_minor: int


class AccountPosting(NamedTuple):
    """A posting as its account's history keeps it."""

    posting_no: int
    tx_id: TxId
    amount_minor: int
    balance_after_minor: int


class JournalAccount(Struct, kw_only=True, gc=False):
    """An account of a ledger: its derived balance, which may be negative, and what this batch posts to it."""

    currency_network_id: CurrencyNetworkId
    balance_minor: int = 0
    version: int = 0
    """How many postings it has had."""
    account_id: AccountId | None = None
    """None for an account that comes into being in this batch."""
    postings: list[AccountPosting] = field(default_factory=list)

    def post(self, amount_minor: int, tx_id: TxId) -> None:
        """Fold a posting in."""
        self.balance_minor += amount_minor
        self.version += 1
        self.postings.append(AccountPosting(self.version, tx_id, amount_minor, self.balance_minor))
