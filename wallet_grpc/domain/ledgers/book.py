"""What a batch knows of callers' ledgers: those that it creates, the accounts that it posts to, earlier entries."""

from __future__ import annotations

from dataclasses import dataclass, field

from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.transactions import Transaction

from .state import JournalAccount, JournalAccountName, Ledger, LedgerId, Leg


@dataclass(slots=True)
class LedgerBook:
    """The ledgers' section of the book."""

    created: dict[Key, Ledger] = field(default_factory=dict)
    """By the key of their creation."""
    accounts: dict[JournalAccountName, JournalAccount] = field(default_factory=dict)
    legs: dict[Key, tuple[Leg, ...]] = field(default_factory=dict)
    """By the key of their entry: what an entry that is sent again had posted."""

    def post(self, transaction: Transaction) -> None:
        """Post an entry of a ledger to the accounts that it names."""
        ledger_id = LedgerId(transaction.reference_tx_id or "")
        legs = tuple(Leg(posting.account_code, posting.amount_minor) for posting in transaction.postings)
        self.legs[transaction.key] = legs
        network = transaction.currency_network_id
        assert network is not None
        for leg in legs:
            name = (ledger_id, leg.account_code)
            account = self.accounts.get(name)
            if account is None:
                account = self.accounts[name] = JournalAccount(currency_network_id=network)
            account.post(leg.amount_minor, transaction.tx_id)
