"""What a decision records: the one place where legs become postings, a transaction, and the events that tell of it.

Balances and versions are read off the book once: MAIN after a transaction is what its postings come to, and the
sequence of an event is the version of MAIN after it (docs/rules.md, Events).
"""

from __future__ import annotations

from typing import Unpack

from wallet_grpc.domain.accounts import HOUSE_TYPES, AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.events import Event
from wallet_grpc.domain.identifiers import CurrencyNetworkId, TxId
from wallet_grpc.domain.transactions import Facts, Kind, Posting, Transaction, TransactionStatus

from .decisions import Moment

Leg = tuple[AccountType, int]
"""An account of the transaction's owner or of the house, and what it gains in minor units."""


def moved(
    book: Book,
    moment: Moment,
    network: CurrencyNetworkId,
    *legs: Leg,
    tx_id: TxId | None = None,
    **facts: Unpack[Facts],
) -> Transaction:
    """Record what moves a player's money: each leg is a posting with the balance after it. Legs of 0 are not posted."""
    owner_id = facts["owner_id"]
    account = book.account(owner_id, network, AccountType.MAIN)
    main, main_version = (account.balance_minor, account.version) if account else (0, 0)
    postings: list[Posting] = []
    for account_type, amount_minor in legs:
        if amount_minor == 0:
            continue
        after: int | None = None
        version: int | None = None
        if account_type is AccountType.MAIN:
            after = main = main + amount_minor
            version = main_version = main_version + 1
        elif account_type not in HOUSE_TYPES:  # a hold, of which a transaction has one leg
            after = book.balance(owner_id, network, account_type) + amount_minor
            version = book.version(owner_id, network, account_type) + 1
        postings.append(
            Posting(
                account_type=account_type,
                amount_minor=amount_minor,
                balance_after_minor=after,
                account_version=version,
            )
        )
    return Transaction(
        tx_id=tx_id or moment.next_tx_id(),
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        main_balance_after_minor=main,
        created_at=moment.now,
        postings=tuple(postings),
        **facts,
    )


def noted(
    moment: Moment,
    network: CurrencyNetworkId | None,
    *,
    status: TransactionStatus = TransactionStatus.APPLIED,
    main_minor: int | None = None,
    postings: tuple[Posting, ...] = (),
    tx_id: TxId | None = None,
    **facts: Unpack[Facts],
) -> Transaction:
    """Record what moves no player's money: it is remembered, or posted between accounts of a ledger."""
    return Transaction(
        tx_id=tx_id or moment.next_tx_id(),
        status=status,
        currency_network_id=network,
        main_balance_after_minor=main_minor,
        created_at=moment.now,
        postings=postings,
        **facts,
    )


def told(book: Book, transaction: Transaction) -> tuple[Event, ...]:
    """Make the events that tell of a transaction, one or two, which the book does not know yet.

    A player's state has no balance: its event has the number of its transaction among the player's.
    """
    owner_id, network = transaction.owner_id, transaction.currency_network_id
    if network is None:
        return (Event(transaction=transaction, event_no=1, sequence=book.next_version(owner_id)),)
    sequence = book.version(owner_id, network, AccountType.MAIN)
    for posting in transaction.postings:
        if posting.account_type is AccountType.MAIN:
            sequence += 1
    if transaction.kind is not Kind.BET_AND_WIN:
        return (Event(transaction=transaction, event_no=1, sequence=sequence),)
    postings_of_the_win = 1 if transaction.win_amount_minor else 0
    return (
        Event(transaction=transaction, event_no=1, sequence=sequence - postings_of_the_win),
        Event(transaction=transaction, event_no=2, sequence=sequence),
    )
