"""What a batch knows of credit wallets: each with what it names of its journal and of its reservations."""

from __future__ import annotations

from msgspec import Struct, field

from wallet_grpc.domain.changes import Credited
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.loaded import Rows

from .needs import CreditNeeds
from .state import CreditWallet, KnownEntry, Reservation, WalletId


class CreditBook(Struct):
    """The credit wallets' section of the book."""

    wallets: Rows[WalletId, CreditWallet] = field(default_factory=Rows)
    known: Rows[Key, KnownEntry] = field(default_factory=Rows)
    """Entries of the journals, which the wallets share."""
    reservations: Rows[Key, Reservation] = field(default_factory=Rows)

    def ask(self, needs: CreditNeeds) -> None:
        """Note what the rules may read."""
        self.wallets.ask(needs.wallets)
        self.known.ask(needs.entry_keys)
        self.reservations.ask(needs.reservation_keys)

    def record(self, credited: Credited) -> None:
        """Fold in what a mutation adds to a wallet."""
        wallet = credited.wallet
        self.wallets[wallet.wallet_id] = wallet
        wallet.record(credited.entry, credited.reservation)
