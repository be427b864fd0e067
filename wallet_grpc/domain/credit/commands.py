"""Credit commands: what callers ask of credit wallets. One class a mutation of CreditWalletService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from wallet_grpc.domain.identifiers import NO_KEY, Key, Source
from wallet_grpc.domain.transactions import NO_METADATA

from .state import WalletAddress, ending_id_of, wallet_entry_key


@final
class Credit(Struct, frozen=True, kw_only=True, gc=False):
    """Add to a wallet's balance."""

    source: Source
    wallet: WalletAddress
    transaction_id: str
    amount_minor: int
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", wallet_entry_key(self.wallet.wallet_id, self.transaction_id))


@final
class Debit(Struct, frozen=True, kw_only=True, gc=False):
    """Take from what is available of a wallet's balance."""

    source: Source
    wallet: WalletAddress
    transaction_id: str
    amount_minor: int
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", wallet_entry_key(self.wallet.wallet_id, self.transaction_id))


@final
class Reserve(Struct, frozen=True, kw_only=True, gc=False):
    """Hold a part of what is available, until it is committed, released or expired. Its key is the reservation's."""

    source: Source
    wallet: WalletAddress
    transaction_id: str
    amount_minor: int
    ttl_s: int
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", wallet_entry_key(self.wallet.wallet_id, self.transaction_id))


@final
class Commit(Struct, frozen=True, kw_only=True, gc=False):
    """End a reservation by taking what it holds, or less."""

    source: Source
    wallet: WalletAddress
    reservation_key: Key
    amount_minor: int | None
    """None: all of it."""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key that both ends of the reservation share."""
        force_setattr(self, "key", wallet_entry_key(self.wallet.wallet_id, ending_id_of(self.reservation_key)))


@final
class Release(Struct, frozen=True, kw_only=True, gc=False):
    """End a reservation by giving back what it holds."""

    source: Source
    wallet: WalletAddress
    reservation_key: Key
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key that both ends of the reservation share."""
        force_setattr(self, "key", wallet_entry_key(self.wallet.wallet_id, ending_id_of(self.reservation_key)))


CreditEnding = Commit | Release
"""The ends of a reservation."""

CreditWrite = Credit | Debit | Reserve
"""What has an id of its own in its wallet."""

CreditCommand = CreditWrite | CreditEnding
"""What changes a credit wallet."""
