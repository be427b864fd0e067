"""What a batch knows of credit wallets: each with what it names of its journal and of its reservations."""

from __future__ import annotations

from dataclasses import dataclass, field

from wallet_grpc.domain.changes import Credited

from .state import CreditWallet, WalletId


@dataclass(slots=True)
class CreditBook:
    """The credit wallets' section of the book."""

    wallets: dict[WalletId, CreditWallet] = field(default_factory=dict)

    def record(self, credited: Credited) -> None:
        """Fold in what a mutation adds to a wallet."""
        wallet = credited.wallet
        self.wallets.setdefault(wallet.wallet_id, wallet)
        wallet.record(credited.entry, credited.reservation)
