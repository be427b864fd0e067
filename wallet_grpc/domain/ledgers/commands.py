"""Ledger commands: what callers ask of ledgers of their own. One class a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import final

from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, Source, caller_key
from wallet_grpc.domain.ledgers.state import LedgerId, Leg, new_ledger_owner
from wallet_grpc.domain.transactions import NO_METADATA
from wallet_grpc.domain.values import value


@final
@value
class CreateLedger:
    """Begin a ledger."""

    source: Source
    transaction_id: str
    name: str
    currency_network_id: CurrencyNetworkId
    owner_id: OwnerId = field(init=False)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key and the owner."""
        object.__setattr__(self, "owner_id", new_ledger_owner(self.source, self.transaction_id))
        object.__setattr__(self, "key", caller_key(self.source, self.transaction_id))


@final
@value
class PostJournalEntry:
    """Post a balanced entry to accounts of a ledger. Owner and currency network are the ledger's, looked up before."""

    source: Source
    transaction_id: str
    ledger_id: LedgerId
    owner_id: OwnerId
    currency_network_id: CurrencyNetworkId
    legs: tuple[Leg, ...]
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key."""
        object.__setattr__(self, "key", caller_key(self.source, self.transaction_id))


LedgerCommand = CreateLedger | PostJournalEntry
"""What is done to a ledger that is not the players'."""
