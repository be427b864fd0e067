"""Deposits and adjustments: money that comes from HOUSE, or goes back to it (docs/rules.md, rule 8)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, DepositOutput
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import Decision, Moment, applied, insufficient_funds, post
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Details, Direction, Kind, Transaction, TransactionStatus

from .commands import Adjust, ApplyDeposit

_OUTPUT_CREDITED = Refusal(
    reason=Reason.IDEMPOTENCY_KEY_REUSED,
    message="this output of tx_hash was credited before, under another deposit_id",
    metadata={"field": "tx_hash"},
)


def decide_deposit(book: Book, command: ApplyDeposit, moment: Moment) -> Decision:
    """Decide a deposit whose deposit_id is new. Its output on the network is credited once, under whatever id."""
    if command.output_key is not None and command.output_key in book.players.deposit_outputs:
        return Decision(_OUTPUT_CREDITED)
    details = (
        Details(tx_hash=command.tx_hash, output_index=command.output_index)
        if command.tx_hash or command.output_index is not None
        else None
    )
    transaction = _movement(book, command, moment, kind=Kind.DEPOSIT, gain_minor=command.amount_minor, details=details)
    return Decision(
        applied(transaction),
        Change(
            owner_id=transaction.owner_id,
            transactions=(transaction,),
            events=(_event(book, transaction, EventType.DEPOSIT_APPLIED),),
            deposit_output=(
                None if command.output_key is None else DepositOutput(key=command.output_key, tx_id=transaction.tx_id)
            ),
        ),
    )


def decide_adjustment(book: Book, command: Adjust, moment: Moment) -> Decision:
    """Decide an adjustment whose id is new. A debit needs the money to be there."""
    gain = command.amount_minor if command.direction is Direction.CREDIT else -command.amount_minor
    balance = book.balance(owner_of(command), command.currency_network_id, AccountType.MAIN)
    if balance + gain < 0:
        return Decision(insufficient_funds(balance))
    transaction = _movement(
        book,
        command,
        moment,
        kind=Kind.ADJUSTMENT,
        gain_minor=gain,
        details=Details(reason=command.reason, actor=command.actor),
    )
    return Decision(
        applied(transaction),
        Change(
            owner_id=transaction.owner_id,
            transactions=(transaction,),
            events=(_event(book, transaction, EventType.ADJUSTMENT_APPLIED),),
        ),
    )


def _movement(
    book: Book,
    command: ApplyDeposit | Adjust,
    moment: Moment,
    *,
    kind: Kind,
    gain_minor: int,
    details: Details | None,
) -> Transaction:
    owner_id = owner_of(command)
    network = command.currency_network_id
    return Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id if isinstance(command, Adjust) else command.deposit_id,
        key=command.key,
        kind=kind,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=command.amount_minor,
        variant=command.direction if isinstance(command, Adjust) else None,
        main_balance_after_minor=book.balance(owner_id, network, AccountType.MAIN) + gain_minor,
        metadata=command.metadata,
        details=details,
        created_at=moment.now,
        postings=post(book, owner_id, network, (AccountType.HOUSE, -gain_minor), (AccountType.MAIN, gain_minor)),
    )


def _event(book: Book, transaction: Transaction, event_type: EventType) -> Event:
    assert transaction.currency_network_id is not None
    version = book.version(transaction.owner_id, transaction.currency_network_id, AccountType.MAIN)
    return Event(
        event_type=event_type,
        transaction=transaction,
        amount_minor=transaction.amount_minor,
        balance_after_minor=transaction.main_balance_after_minor,
        sequence=version + 1,
    )
