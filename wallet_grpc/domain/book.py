"""The book: the state of the owners of a batch, as it was loaded and as the commands decided so far have left it.

The lane loads it under the owners' locks, `decide` reads it, and `record` folds each change in, so that the next
command of the batch sees what the one before did. What the store must write in the end (balances, versions) is read
off the book, so rows that several commands touched are written once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wallet_grpc.domain.credit.state import CreditWallet, WalletId
from wallet_grpc.domain.ledgers.state import JournalAccount, JournalAccountName, Ledger, LedgerId, Leg
from wallet_grpc.domain.sessions.state import Rail, Session, SessionId

from .accounts import HOUSE_TYPES, AccountType, PlayerState
from .changes import Change, Credited, Journaled
from .identifiers import AccountId, CurrencyNetworkId, Key, OwnerId, Source, TxId
from .receipts import KnownReceipt, Receipt, ReceiptState
from .transactions import Kind, Transaction, TransactionStatus

HouseAccount = tuple[CurrencyNetworkId, AccountType]
PlayerAccount = tuple[OwnerId, CurrencyNetworkId, AccountType]


@dataclass(slots=True, kw_only=True)
class Account:
    """A player account's derived balance. `version` counts its postings."""

    balance_minor: int
    version: int
    account_id: AccountId | None = None
    """None for an account that comes into being in this batch."""
    changed: bool = False


@dataclass(slots=True, kw_only=True)
class Owner:
    """An owner's version, as loaded, and how many mutations this batch adds to it."""

    version: int | None
    """None for an owner that was never seen."""
    state: PlayerState
    mutations: int = 0


@dataclass(slots=True)
class Book:
    """The state that a batch decides over. Everything that is mutable in it belongs to one of its owners."""

    owners: dict[OwnerId, Owner] = field(default_factory=dict)
    accounts: dict[PlayerAccount, Account] = field(default_factory=dict)
    transactions: dict[Key, Transaction] = field(default_factory=dict)
    """By key: those that the batch's commands are or name. Facts, whoever owns them."""
    reversals: dict[TxId, Transaction] = field(default_factory=dict)
    """By what they reverse: the applied rollbacks."""
    standing_wins: dict[TxId, int] = field(default_factory=dict)
    """By bet: how many of its wins were not rolled back."""
    closers: dict[Key, int] = field(default_factory=dict)
    """By round: how many standing transactions closed it."""
    deposit_outputs: set[Key] = field(default_factory=set)
    house: dict[HouseAccount, int] = field(default_factory=dict)
    """What the batch adds to house accounts, in minor units."""
    receipts: dict[Key, KnownReceipt] = field(default_factory=dict)
    """By key: the received events of the batch that were known before."""
    received: list[Receipt] = field(default_factory=list)
    """The events whose effect this batch stores, or had been stored before under another id."""
    sessions: dict[SessionId, Session] = field(default_factory=dict)
    at_play: dict[tuple[OwnerId, CurrencyNetworkId], int] = field(default_factory=dict)
    """What a player's open sessions hold, in minor units; known of those to whom the batch may give money."""
    credit_wallets: dict[WalletId, CreditWallet] = field(default_factory=dict)
    ledgers: dict[Key, Ledger] = field(default_factory=dict)
    """By the key of their creation."""
    journal_accounts: dict[JournalAccountName, JournalAccount] = field(default_factory=dict)
    journal_legs: dict[Key, tuple[Leg, ...]] = field(default_factory=dict)
    """By the key of their entry: what an entry that is sent again had posted."""
    rails: dict[tuple[Source, CurrencyNetworkId], Rail] = field(default_factory=dict)
    """Where a new session is settled; without one, none may be opened."""
    changes: list[Change] = field(default_factory=list)

    def balance(self, owner_id: OwnerId, network: CurrencyNetworkId, account_type: AccountType) -> int:
        """Give an account's balance in minor units; an account that does not exist has 0."""
        account = self.accounts.get((owner_id, network, account_type))
        return account.balance_minor if account else 0

    def version(self, owner_id: OwnerId, network: CurrencyNetworkId, account_type: AccountType) -> int:
        """Give how many postings an account has had."""
        account = self.accounts.get((owner_id, network, account_type))
        return account.version if account else 0

    def owns_nothing(self, owner_id: OwnerId) -> bool:
        """Tell whether every balance of the owner is zero, in all currency networks."""
        return all(account.balance_minor == 0 for key, account in self.accounts.items() if key[0] == owner_id)

    def round_closed(self, round_key: Key) -> bool:
        """Tell whether a standing transaction closed the round (rule 4)."""
        return self.closers.get(round_key, 0) > 0

    def record(self, change: Change) -> None:
        """Fold a change in: later commands of the batch see it, and the store will write it."""
        if change.journaled is not None:
            self._journal(change.journaled)
            if not change.transactions:
                self.changes.append(change)
                return
        if change.credited is not None:
            self._credit(change.credited)
            self.changes.append(change)
            return
        if change.ledger is not None:
            self.ledgers[change.transactions[0].key] = change.ledger
        owner = self.owners[change.owner_id]
        owner.mutations += 1
        if change.player_state is not None:
            owner.state = change.player_state
        if change.deposit_output is not None:
            self.deposit_outputs.add(change.deposit_output.key)
        for transaction in change.transactions:
            self.transactions[transaction.key] = transaction
            if transaction.postings:
                self._post(transaction)
            if transaction.status is TransactionStatus.APPLIED:
                self._count(transaction)
        if change.reversed is not None:
            self._reverse(change.reversed, change.transactions[0])
        self.changes.append(change)

    def receive(self, receipt: Receipt) -> None:
        """Note that an event has its effect, now or before, unless that was noted already."""
        known = self.receipts.get(receipt.key)
        if known is None or known.state is not ReceiptState.APPLIED:
            self.receipts[receipt.key] = KnownReceipt(body_key=receipt.body_key, state=ReceiptState.APPLIED)
            self.received.append(receipt)

    def _journal(self, journaled: Journaled) -> None:
        session = journaled.session
        self.sessions.setdefault(session.session_id, session)
        purse = (session.owner_id, session.currency_network_id)
        before = 0 if journaled.is_opening else session.balance_minor
        reversed_entry = journaled.reversed
        for entry in journaled.entries:
            session.record(entry, reversed_entry)
            reversed_entry = None
        if journaled.settlement is not None:
            session.settle(journaled.settlement.tx_id, journaled.settlement.created_at)
        after = 0 if journaled.settlement is not None else session.balance_minor
        self.at_play[purse] = self.at_play.get(purse, 0) + after - before

    def _credit(self, credited: Credited) -> None:
        wallet = credited.wallet
        self.credit_wallets.setdefault(wallet.wallet_id, wallet)
        wallet.record(credited.entry, credited.reservation)

    def _post_journal(self, transaction: Transaction) -> None:
        """Post an entry of a ledger to the accounts that it names."""
        ledger_id = LedgerId(transaction.reference_tx_id or "")
        legs = tuple(Leg(posting.account_code, posting.amount_minor) for posting in transaction.postings)
        self.journal_legs[transaction.key] = legs
        network = transaction.currency_network_id
        assert network is not None
        for leg in legs:
            name = (ledger_id, leg.account_code)
            account = self.journal_accounts.get(name)
            if account is None:
                account = self.journal_accounts[name] = JournalAccount(currency_network_id=network)
            account.post(leg.amount_minor, transaction.tx_id)

    def _post(self, transaction: Transaction) -> None:
        network = transaction.currency_network_id
        assert network is not None
        if transaction.kind is Kind.JOURNAL_ENTRY:
            self._post_journal(transaction)
            return
        for posting in transaction.postings:
            account_type = posting.account_type
            if account_type in HOUSE_TYPES:
                house = (network, account_type)
                self.house[house] = self.house.get(house, 0) + posting.amount_minor
                continue
            assert posting.balance_after_minor is not None
            assert posting.balance_after_minor >= 0, "a player account below zero"
            key = (transaction.owner_id, network, account_type)
            account = self.accounts.get(key)
            if account is None:
                account = self.accounts[key] = Account(balance_minor=0, version=0)
            account.balance_minor += posting.amount_minor
            account.version += 1
            account.changed = True
            assert account.balance_minor == posting.balance_after_minor, "a posting that does not follow its balance"

    def _count(self, transaction: Transaction) -> None:
        """Keep the counts that rules 2 to 4 ask for: closers of rounds, standing wins of bets."""
        if transaction.closes_round and transaction.round_key is not None:
            self.closers[transaction.round_key] = self.closers.get(transaction.round_key, 0) + 1
        if transaction.kind is Kind.WIN and transaction.reference_tx_id is not None:
            bet = transaction.reference_tx_id
            self.standing_wins[bet] = self.standing_wins.get(bet, 0) + 1

    def _reverse(self, target: Transaction, rollback: Transaction) -> None:
        """What was rolled back no longer closes its round or settles its bet (rules 3 and 4)."""
        self.reversals[target.tx_id] = rollback
        if target.closes_round and target.round_key in self.closers:
            self.closers[target.round_key] -= 1
        if target.kind is Kind.WIN and target.reference_tx_id in self.standing_wins:
            self.standing_wins[target.reference_tx_id] -= 1
