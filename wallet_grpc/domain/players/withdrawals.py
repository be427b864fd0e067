"""Withdrawals: MAIN -> WITHDRAW_HOLD, and out or back (docs/rules.md, rules 7 and 8)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, WithdrawalChange, WithdrawalState
from wallet_grpc.domain.decisions import Decision, Moment, applied, insufficient_funds
from wallet_grpc.domain.idempotency import replay
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.transactions import Details, Kind, Transaction
from wallet_grpc.domain.wagers import PLAYER_BLOCKED

from .commands import FailWithdrawal, ReserveWithdrawal, SettleWithdrawal, WithdrawalEnding

WITHDRAWAL_NOT_FOUND = Refusal(
    reason=Reason.WITHDRAWAL_NOT_FOUND, message="no withdrawal was reserved under this withdrawal_id"
)


def decide_reservation(book: Book, command: ReserveWithdrawal, moment: Moment) -> Decision:
    """Decide a reservation whose withdrawal_id is new."""
    owner_id = OwnerId(command.player_id)
    network = command.currency_network_id
    if not book.owner(owner_id).state.may_withdraw:
        return Decision(PLAYER_BLOCKED)
    balance = book.balance(owner_id, network, AccountType.MAIN)
    if balance < command.amount_minor:
        return Decision(insufficient_funds(balance))
    transaction = moved(
        book,
        moment,
        network,
        (AccountType.MAIN, -command.amount_minor),
        (AccountType.WITHDRAW_HOLD, command.amount_minor),
        owner_id=owner_id,
        source=command.source,
        reference=command.withdrawal_id,
        key=command.key,
        kind=Kind.WITHDRAWAL_RESERVATION,
        amount_minor=command.amount_minor,
        metadata=command.metadata,
    )
    return _decided(book, transaction, WithdrawalState.RESERVED)


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
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.WITHDRAW_HOLD, -amount),
        (AccountType.HOUSE, amount - command.fee_minor),
        (AccountType.HOUSE_FEES, command.fee_minor),
        owner_id=reservation.owner_id,
        source=command.source,
        reference=command.withdrawal_id,
        key=command.key,
        kind=Kind.WITHDRAWAL_SETTLEMENT,
        amount_minor=amount,
        metadata=command.metadata,
        fee_minor=command.fee_minor,
        reference_tx_id=reservation.tx_id,
        details=Details(tx_hash=command.tx_hash) if command.tx_hash else None,
    )
    return _decided(book, transaction, WithdrawalState.SETTLED)


def decide_failure(book: Book, command: FailWithdrawal, moment: Moment) -> Decision:
    """Decide that a withdrawal failed. Its own amount goes back to MAIN, blocked player or not (rule 5)."""
    reservation = _reservation_or_decision(book, command, Kind.WITHDRAWAL_FAILURE)
    if isinstance(reservation, Decision):
        return reservation
    amount = reservation.amount_minor
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.WITHDRAW_HOLD, -amount),
        (AccountType.MAIN, amount),
        owner_id=reservation.owner_id,
        source=command.source,
        reference=command.withdrawal_id,
        key=command.key,
        kind=Kind.WITHDRAWAL_FAILURE,
        amount_minor=amount,
        metadata=command.metadata,
        reference_tx_id=reservation.tx_id,
        details=Details(reason=command.reason) if command.reason else None,
    )
    return _decided(book, transaction, WithdrawalState.FAILED)


def _reservation_or_decision(book: Book, command: WithdrawalEnding, kind: Kind) -> Transaction | Decision:
    """Check in the order of rule 9: existence, the same ending again, the other ending."""
    reservation = book.transactions.find(command.reservation_key)
    if reservation is None:
        return Decision(WITHDRAWAL_NOT_FOUND)
    ended = book.transactions.find(command.key)
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


def _decided(book: Book, transaction: Transaction, state: WithdrawalState) -> Decision:
    network = transaction.currency_network_id
    assert network is not None
    return Decision(
        applied(transaction),
        Change(
            owner_id=transaction.owner_id,
            transactions=(transaction,),
            events=told(book, transaction),
            withdrawal=WithdrawalChange(
                withdrawal_id=transaction.reference,
                owner_id=transaction.owner_id,
                currency_network_id=network,
                amount_minor=transaction.amount_minor,
                state=state,
            ),
        ),
    )
