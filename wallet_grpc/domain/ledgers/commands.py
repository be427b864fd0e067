"""Ledger commands: what callers ask of ledgers of their own. One class a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from wallet_grpc.domain.identifiers import NO_KEY, CurrencyNetworkId, Key, OwnerId, Source, caller_key
from wallet_grpc.domain.ledgers.state import LedgerId, Leg, new_ledger_owner
from wallet_grpc.domain.transactions import NO_METADATA


@final
class CreateLedger(Struct, frozen=True, kw_only=True, gc=False):
    """Begin a ledger."""

    source: Source
    transaction_id: str
    name: str
    currency_network_id: CurrencyNetworkId
    owner_id: OwnerId = OwnerId(0)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key and the owner."""
        force_setattr(self, "owner_id", new_ledger_owner(self.source, self.transaction_id))
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))


@final
class PostJournalEntry(Struct, frozen=True, kw_only=True, gc=False):
    """Post a balanced entry to accounts of a ledger. Owner and currency network are the ledger's, looked up before."""

    source: Source
    transaction_id: str
    ledger_id: LedgerId
    owner_id: OwnerId
    currency_network_id: CurrencyNetworkId
    legs: tuple[Leg, ...]
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))


LedgerCommand = CreateLedger | PostJournalEntry
"""What is done to a ledger that is not the players'."""
