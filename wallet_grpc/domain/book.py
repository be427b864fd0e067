"""The book: the state of the owners of a batch, as it was loaded and as the commands decided so far have left it.

The lane loads it under the owners' locks, `decide` reads it, and `record` folds each change in, so that the next
command of the batch sees what the one before did. What the store must write in the end (balances, versions) is read
off the book, so rows that several commands touched are written once.

What all capabilities share stands here: owners, balances, transactions. What belongs to one of them is its section.
"""

from __future__ import annotations

from msgspec import Struct, field

from wallet_grpc.domain.credit.book import CreditBook
from wallet_grpc.domain.ledgers.book import LedgerBook
from wallet_grpc.domain.players.approvals import Verdict
from wallet_grpc.domain.players.book import PlayerBook
from wallet_grpc.domain.sessions.book import SessionBook

from .accounts import HOUSE_TYPES, AccountType, PlayerState
from .changes import Change
from .identifiers import AccountId, CurrencyNetworkId, Key, OwnerId
from .inbox import Inbox
from .loaded import Rows
from .needs import Needs
from .shared_needs import Purse
from .transactions import Kind, Transaction, TransactionStatus

HouseAccount = tuple[CurrencyNetworkId, AccountType]
PlayerAccount = tuple[OwnerId, CurrencyNetworkId, AccountType]


class Account(Struct, kw_only=True, gc=False):
    """A player account's derived balance. `version` counts its postings."""

    balance_minor: int
    version: int
    account_id: AccountId | None = None
    """None for an account that comes into being in this batch."""
    changed: bool = False


class Owner(Struct, kw_only=True, gc=False):
    """An owner's version, which is the number of its last transaction, as loaded; and what the batch adds to it."""

    version: int | None
    """0 for an owner that was never seen; None where no command of the batch may make a transaction of it."""
    state: PlayerState
    added: int = 0
    """How many transactions the batch has made of it so far."""


class Book(Struct):
    """The state that a batch decides over. Everything that is mutable in it belongs to one of its owners."""

    owners: dict[OwnerId, Owner] = field(default_factory=dict)
    accounts: dict[PlayerAccount, Account] = field(default_factory=dict)
    purses: set[Purse] = field(default_factory=set)
    """Those whose accounts were asked for."""
    whole_owner_ids: set[OwnerId] = field(default_factory=set)
    """Those of whom every account was asked for."""
    house: dict[HouseAccount, int] = field(default_factory=dict)
    """What the batch adds to house accounts, in minor units."""
    transactions: Rows[Key, Transaction] = field(default_factory=Rows)
    """By key: those that the batch's commands are or name. Facts, whoever owns them."""
    players: PlayerBook = field(default_factory=PlayerBook)
    sessions: SessionBook = field(default_factory=SessionBook)
    credit: CreditBook = field(default_factory=CreditBook)
    ledgers: LedgerBook = field(default_factory=LedgerBook)
    inbox: Inbox = field(default_factory=Inbox)
    changes: list[Change] = field(default_factory=list)

    def ask(self, needs: Needs) -> None:
        """Note what the rules may read: what a load of these needs does not find is not there."""
        self.purses.update(needs.balances)
        self.whole_owner_ids.update(needs.whole_owner_ids)
        self.transactions.ask(needs.keys)
        self.inbox.receipts.ask(needs.receipt_keys)
        self.players.ask(needs.players)
        self.sessions.at_play.ask(needs.gaining)
        if needs.sessions is not None:
            self.sessions.ask(needs.sessions)
        if needs.credit is not None:
            self.credit.ask(needs.credit)
        if needs.ledgers is not None:
            self.ledgers.ask(needs.ledgers)

    def owner(self, owner_id: OwnerId) -> Owner:
        """Give an owner; those that were never seen are loaded as well."""
        owner = self.owners.get(owner_id)
        assert owner is not None, f"read without a need that declares it: owner {owner_id}"
        return owner

    def next_version(self, owner_id: OwnerId) -> int:
        """Give the number that the owner's next transaction has."""
        owner = self.owner(owner_id)
        assert owner.version is not None, f"written without a need that declares it: owner {owner_id}"
        return owner.version + owner.added + 1

    def account(self, owner_id: OwnerId, network: CurrencyNetworkId, account_type: AccountType) -> Account | None:
        """Give a player's account, None where there is none; it must have been asked for."""
        account = self.accounts.get((owner_id, network, account_type))
        if account is None:
            asked = (owner_id, network) in self.purses or owner_id in self.whole_owner_ids
            assert asked, f"read without a need that declares it: {account_type} of {owner_id} in {network}"
        return account

    def balance(self, owner_id: OwnerId, network: CurrencyNetworkId, account_type: AccountType) -> int:
        """Give an account's balance in minor units; an account that does not exist has 0."""
        # The look-up is here as well: it is made for every bet, several times, and a call more would be felt.
        account = self.accounts.get((owner_id, network, account_type)) or self.account(owner_id, network, account_type)
        return account.balance_minor if account else 0

    def version(self, owner_id: OwnerId, network: CurrencyNetworkId, account_type: AccountType) -> int:
        """Give how many postings an account has had."""
        account = self.accounts.get((owner_id, network, account_type)) or self.account(owner_id, network, account_type)
        return account.version if account else 0

    def owns_nothing(self, owner_id: OwnerId) -> bool:
        """Tell whether every balance of the owner is zero, in all currency networks."""
        assert owner_id in self.whole_owner_ids, f"read without a need that declares it: all accounts of {owner_id}"
        return all(account.balance_minor == 0 for key, account in self.accounts.items() if key[0] == owner_id)

    def record(self, change: Change, traceparent: str | None = None) -> None:
        """Fold a change in: later commands of the batch see it, and the store will write it, with its trace."""
        change.traceparent = traceparent
        self.changes.append(change)
        if change.journaled is not None:
            self.sessions.record(change.journaled)
            if not change.transactions:
                return
        if change.credited is not None:
            self.credit.record(change.credited)
            return
        self._record_transactions(change)

    def _record_transactions(self, change: Change) -> None:
        """Fold in what the ledger keeps: each transaction is its owner's next."""
        if change.ledger is not None:
            self.ledgers.created[change.transactions[0].key] = change.ledger
        owner = self.owner(change.owner_id)
        assert owner.version is not None, f"written without a need that declares it: owner {change.owner_id}"
        owner.added += len(change.transactions)
        if change.player_state is not None:
            owner.state = change.player_state
        if change.deposit_output is not None:
            self.players.deposit_outputs.add(change.deposit_output.key, 1)
        if change.approval is not None:
            self.players.verdicts[change.approval.proposal_id] = Verdict.APPROVED
        for transaction in change.transactions:
            self.transactions[transaction.key] = transaction
            if transaction.postings:
                self._post(transaction)
            if transaction.status is TransactionStatus.APPLIED:
                self.players.count(transaction)
        if change.reversed is not None:
            self.players.reverse(change.reversed, change.transactions[0])

    def _post(self, transaction: Transaction) -> None:
        network = transaction.currency_network_id
        assert network is not None
        if transaction.kind is Kind.JOURNAL_ENTRY:
            self.ledgers.post(transaction)
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
            account = self.accounts.get(key) or self.account(*key)
            if account is None:
                account = self.accounts[key] = Account(balance_minor=0, version=0)
            account.balance_minor += posting.amount_minor
            account.version += 1
            account.changed = True
            assert account.balance_minor == posting.balance_after_minor, "a posting that does not follow its balance"
            assert account.version == posting.account_version, "a posting that does not follow the one before"
