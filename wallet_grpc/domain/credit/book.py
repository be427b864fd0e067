"""What a batch knows of credit wallets: each with what it names of its journal and of its reservations."""

from __future__ import annotations

from msgspec import Struct, field

from wallet_grpc.domain.changes import Credited
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.loaded import Rows

from .needs import CreditNeeds
from .state import CreditWallet, WalletId


class CreditBook(Struct):
    """The credit wallets' section of the book."""

    wallets: Rows[WalletId, CreditWallet] = field(default_factory=Rows)
    entry_keys: set[Key] = field(default_factory=set)
    """Entries of the journals that were asked for."""
    reservation_keys: set[Key] = field(default_factory=set)

    def ask(self, needs: CreditNeeds) -> None:
        """Note what the rules may read."""
        self.wallets.ask(needs.wallets)
        self.entry_keys.update(needs.entry_keys)
        self.reservation_keys.update(needs.reservation_keys)

    def put(self, wallet: CreditWallet) -> None:
        """Put a wallet in. What a rule may read of its journal is what was asked for of all of them."""
        self.wallets[wallet.wallet_id] = wallet
        wallet.known.asked = self.entry_keys
        wallet.reservations.asked = self.reservation_keys

    def record(self, credited: Credited) -> None:
        """Fold in what a mutation adds to a wallet."""
        wallet = credited.wallet
        if wallet.wallet_id not in self.wallets:
            self.put(wallet)
        wallet.record(credited.entry, credited.reservation)
