"""Wins: HOUSE:WAGER -> MAIN (docs/rules.md, rule 2)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import (
    CURRENCY_MISMATCH,
    PLAYER_MISMATCH,
    ROUND_CLOSED,
    Decision,
    Moment,
    applied,
    post,
)
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import BET_KINDS, Kind, Transaction, TransactionStatus, WinKind

from .commands import Win

BET_NOT_FOUND = Refusal(
    reason=Reason.BET_NOT_FOUND, message="reference_transaction_id names no bet of this source; send the bet first"
)
ROUND_MISMATCH = Refusal(
    reason=Reason.ROUND_MISMATCH, message="reference_transaction_id is a bet of another game or round"
)
ROLLED_BACK = Refusal(reason=Reason.TRANSACTION_ROLLED_BACK, message="the bet was rolled back or voided")


def decide_win(book: Book, command: Win, moment: Moment) -> Decision:
    """Decide a win whose id is new. A win of 0 tells a loss: recorded, without postings."""
    bet: Transaction | None = None
    if command.win_kind is WinKind.REGULAR:
        assert command.reference_key is not None
        bet = book.transactions.get(command.reference_key)
        refusal = _refuse(book, command, bet)
        if refusal is not None:
            return Decision(refusal)
    owner_id = owner_of(command)
    network = command.currency_network_id
    transaction = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.WIN,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=command.amount_minor,
        game_code=command.game_code or None,
        round_id=command.round_id or None,
        round_key=command.round_key,
        closes_round=command.round_closed and bet is not None,
        reference_transaction_id=command.reference_transaction_id or None,
        reference_tx_id=bet.tx_id if bet else None,
        variant=command.win_kind,
        main_balance_after_minor=book.balance(owner_id, network, AccountType.MAIN) + command.amount_minor,
        metadata=command.metadata,
        created_at=moment.now,
        postings=post(
            book,
            owner_id,
            network,
            (AccountType.HOUSE_WAGER, -command.amount_minor),
            (AccountType.MAIN, command.amount_minor),
        ),
    )
    event = Event(
        event_type=EventType.WIN_CREDITED,
        transaction=transaction,
        amount_minor=command.amount_minor,
        balance_after_minor=transaction.main_balance_after_minor,
        sequence=book.version(owner_id, network, AccountType.MAIN) + (command.amount_minor > 0),
    )
    return Decision(applied(transaction), Change(owner_id=owner_id, transactions=(transaction,), events=(event,)))


def _refuse(book: Book, command: Win, bet: Transaction | None) -> Refusal | None:
    """Refuse a REGULAR win in the order of rule 9."""
    if bet is not None and bet.status is TransactionStatus.TOMBSTONE:
        return ROLLED_BACK
    if bet is None or bet.kind not in BET_KINDS:
        return BET_NOT_FOUND
    if bet.owner_id != owner_of(command):
        return PLAYER_MISMATCH
    if bet.currency_network_id != command.currency_network_id:
        return CURRENCY_MISMATCH
    if bet.round_key != command.round_key:
        return ROUND_MISMATCH
    if bet.tx_id in book.players.reversals:
        return ROLLED_BACK
    assert command.round_key is not None
    if book.players.round_closed(command.round_key):
        return ROUND_CLOSED
    return None
