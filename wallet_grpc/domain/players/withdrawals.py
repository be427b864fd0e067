"""Withdrawals: MAIN -> WITHDRAW_HOLD, and out or back (docs/rules.md, rules 7 and 8)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, WithdrawalChange, WithdrawalState
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import PLAYER_BLOCKED, Decision, Moment, applied, insufficient_funds, post
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.idempotency import replay
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.transactions import Details, Kind, Transaction, TransactionStatus

from .commands import FailWithdrawal, ReserveWithdrawal, SettleWithdrawal, WithdrawalEnding

WITHDRAWAL_NOT_FOUND = Refusal(
    reason=Reason.WITHDRAWAL_NOT_FOUND, message="no withdrawal was reserved under this withdrawal_id"
)


def decide_reservation(book: Book, command: ReserveWithdrawal, moment: Moment) -> Decision:
    """Decide a reservation whose withdrawal_id is new."""
    owner_id = owner_of(command)
    network = command.currency_network_id
    if not book.owners[owner_id].state.may_withdraw:
        return Decision(PLAYER_BLOCKED)
    balance = book.balance(owner_id, network, AccountType.MAIN)
    if balance < command.amount_minor:
        return Decision(insufficient_funds(balance))
    transaction = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.withdrawal_id,
        key=command.key,
        kind=Kind.WITHDRAWAL_RESERVATION,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=command.amount_minor,
        main_balance_after_minor=balance - command.amount_minor,
        metadata=command.metadata,
        created_at=moment.now,
        postings=post(
            book,
            owner_id,
            network,
            (AccountType.MAIN, -command.amount_minor),
            (AccountType.WITHDRAW_HOLD, command.amount_minor),
        ),
    )
    return _decided(book, transaction, EventType.WITHDRAWAL_RESERVED, WithdrawalState.RESERVED, main_postings=1)


def decide_settlement(book: Book, command: SettleWithdrawal, moment: Moment) -> Decision:
    """Decide that a withdrawal was paid out. The hold becomes HOUSE's, but for the fee."""
    reservation = _reservation_or_decision(book, command, Kind.WITHDRAWAL_SETTLEMENT)
    if isinstance(reservation, Decision):
        return reservation
    amount = reservation.amount_minor
    if command.fee_minor > amount:
        return Decision(
            invalid(Reason.INVALID_AMOUNT, "fee_minor", f"the fee is above the withdrawal's amount of {amount}")
        )
    transaction = _ending(
        book,
        command,
        reservation,
        moment,
        kind=Kind.WITHDRAWAL_SETTLEMENT,
        main_gain_minor=0,
        fee_minor=command.fee_minor,
        details=Details(tx_hash=command.tx_hash) if command.tx_hash else None,
        legs=(
            (AccountType.WITHDRAW_HOLD, -amount),
            (AccountType.HOUSE, amount - command.fee_minor),
            (AccountType.HOUSE_FEES, command.fee_minor),
        ),
    )
    return _decided(book, transaction, EventType.WITHDRAWAL_SETTLED, WithdrawalState.SETTLED, main_postings=0)


def decide_failure(book: Book, command: FailWithdrawal, moment: Moment) -> Decision:
    """Decide that a withdrawal failed. Its own amount goes back to MAIN, blocked player or not (rule 5)."""
    reservation = _reservation_or_decision(book, command, Kind.WITHDRAWAL_FAILURE)
    if isinstance(reservation, Decision):
        return reservation
    amount = reservation.amount_minor
    transaction = _ending(
        book,
        command,
        reservation,
        moment,
        kind=Kind.WITHDRAWAL_FAILURE,
        main_gain_minor=amount,
        fee_minor=None,
        details=Details(reason=command.reason) if command.reason else None,
        legs=((AccountType.WITHDRAW_HOLD, -amount), (AccountType.MAIN, amount)),
    )
    return _decided(book, transaction, EventType.WITHDRAWAL_FAILED, WithdrawalState.FAILED, main_postings=1)


def _reservation_or_decision(book: Book, command: WithdrawalEnding, kind: Kind) -> Transaction | Decision:
    """Check in the order of rule 9: existence, the same ending again, the other ending."""
    reservation = book.transactions.get(command.reservation_key)
    if reservation is None:
        return Decision(WITHDRAWAL_NOT_FOUND)
    ended = book.transactions.get(command.key)
    if ended is None:
        return reservation
    if ended.kind is kind:
        return replay(book, command, ended)
    state = WithdrawalState.SETTLED if ended.kind is Kind.WITHDRAWAL_SETTLEMENT else WithdrawalState.FAILED
    return Decision(
        Refusal(
            reason=Reason.WITHDRAWAL_STATE_CONFLICT,
            message=f"the withdrawal is {state} already, for good",
            metadata={"state": state},
        )
    )


def _ending(
    book: Book,
    command: WithdrawalEnding,
    reservation: Transaction,
    moment: Moment,
    *,
    kind: Kind,
    main_gain_minor: int,
    fee_minor: int | None,
    details: Details | None,
    legs: tuple[tuple[AccountType, int], ...],
) -> Transaction:
    owner_id = reservation.owner_id
    network = reservation.currency_network_id
    assert network is not None
    return Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.withdrawal_id,
        key=command.key,
        kind=kind,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=reservation.amount_minor,
        fee_minor=fee_minor,
        reference_tx_id=reservation.tx_id,
        main_balance_after_minor=book.balance(owner_id, network, AccountType.MAIN) + main_gain_minor,
        metadata=command.metadata,
        details=details,
        created_at=moment.now,
        postings=post(book, owner_id, network, *legs),
    )


def _decided(
    book: Book, transaction: Transaction, event_type: EventType, state: WithdrawalState, *, main_postings: int
) -> Decision:
    network = transaction.currency_network_id
    assert network is not None
    event = Event(
        event_type=event_type,
        transaction=transaction,
        amount_minor=transaction.amount_minor,
        balance_after_minor=transaction.main_balance_after_minor,
        sequence=book.version(transaction.owner_id, network, AccountType.MAIN) + main_postings,
    )
    return Decision(
        applied(transaction),
        Change(
            owner_id=transaction.owner_id,
            transactions=(transaction,),
            events=(event,),
            withdrawal=WithdrawalChange(
                withdrawal_id=transaction.reference,
                owner_id=transaction.owner_id,
                currency_network_id=network,
                amount_minor=transaction.amount_minor,
                state=state,
            ),
        ),
    )
