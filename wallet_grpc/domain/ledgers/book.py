"""What a batch knows of callers' ledgers: those that it creates, the accounts that it posts to, earlier entries."""

from __future__ import annotations

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.loaded import Rows
from wallet_grpc.domain.transactions import Transaction

from .needs import LedgerNeeds
from .state import JournalAccount, JournalAccountName, Ledger, LedgerId, Leg


class LedgerBook(Struct):
    """The ledgers' section of the book."""

    created: Rows[Key, Ledger] = field(default_factory=Rows)
    """By the key of their creation."""
    accounts: Rows[JournalAccountName, JournalAccount] = field(default_factory=Rows)
    legs: Rows[Key, tuple[Leg, ...]] = field(default_factory=Rows)
    """By the key of their entry: what an entry that is sent again had posted."""

    def ask(self, needs: LedgerNeeds) -> None:
        """Note what the rules may read."""
        self.created.ask(needs.creation_keys)
        self.accounts.ask([name for name, _ in needs.accounts])
        self.legs.ask(needs.entry_keys)

    def balance(self, name: JournalAccountName) -> int:
        """Give an account's balance in minor units; an account that does not exist has 0."""
        account = self.accounts.find(name)
        return account.balance_minor if account else 0

    def post(self, transaction: Transaction) -> None:
        """Post an entry of a ledger to the accounts that it names."""
        ledger_id = LedgerId(transaction.reference_tx_id or "")
        legs = tuple(Leg(posting.account_code, posting.amount_minor) for posting in transaction.postings)
        self.legs[transaction.key] = legs
        network = transaction.currency_network_id
        assert network is not None
        for leg in legs:
            name = (ledger_id, leg.account_code)
            account = self.accounts.find(name)
            if account is None:
                account = self.accounts[name] = JournalAccount(currency_network_id=network)
            account.post(leg.amount_minor, transaction.tx_id)
