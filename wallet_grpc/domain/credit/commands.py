"""Credit commands: what callers ask of credit wallets. One class a mutation of CreditWalletService."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import final

from wallet_grpc.domain.identifiers import Key, Source
from wallet_grpc.domain.transactions import NO_METADATA
from wallet_grpc.domain.values import value

from .state import WalletAddress, ending_id_of, wallet_entry_key


@final
@value
class Credit:
    """Add to a wallet's balance."""

    source: Source
    wallet: WalletAddress
    transaction_id: str
    amount_minor: int
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key."""
        object.__setattr__(self, "key", wallet_entry_key(self.wallet.wallet_id, self.transaction_id))


@final
@value
class Debit:
    """Take from what is available of a wallet's balance."""

    source: Source
    wallet: WalletAddress
    transaction_id: str
    amount_minor: int
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key."""
        object.__setattr__(self, "key", wallet_entry_key(self.wallet.wallet_id, self.transaction_id))


@final
@value
class Reserve:
    """Hold a part of what is available, until it is committed, released or expired. Its key is the reservation's."""

    source: Source
    wallet: WalletAddress
    transaction_id: str
    amount_minor: int
    ttl_s: int
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key."""
        object.__setattr__(self, "key", wallet_entry_key(self.wallet.wallet_id, self.transaction_id))


@final
@value
class Commit:
    """End a reservation by taking what it holds, or less."""

    source: Source
    wallet: WalletAddress
    reservation_key: Key
    amount_minor: int | None
    """None: all of it."""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key that both ends of the reservation share."""
        object.__setattr__(self, "key", wallet_entry_key(self.wallet.wallet_id, ending_id_of(self.reservation_key)))


@final
@value
class Release:
    """End a reservation by giving back what it holds."""

    source: Source
    wallet: WalletAddress
    reservation_key: Key
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key that both ends of the reservation share."""
        object.__setattr__(self, "key", wallet_entry_key(self.wallet.wallet_id, ending_id_of(self.reservation_key)))


CreditEnding = Commit | Release
"""The ends of a reservation."""

CreditWrite = Credit | Debit | Reserve
"""What has an id of its own in its wallet."""

CreditCommand = CreditWrite | CreditEnding
"""What changes a credit wallet."""
