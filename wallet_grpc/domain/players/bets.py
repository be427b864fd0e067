"""Bets, and bets with their win: MAIN -> HOUSE:WAGER and back (docs/rules.md, rules 4 to 6)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import (
    PLAYER_BLOCKED,
    ROUND_CLOSED,
    Decision,
    Moment,
    applied,
    insufficient_funds,
    post,
)
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.transactions import Kind, Transaction, TransactionStatus

from .commands import Bet, BetAndWin


def decide_bet(book: Book, command: Bet, moment: Moment) -> Decision:
    """Decide a bet whose id is new. A bet of 0 is a free spin: recorded, without postings."""
    refusal = _refuse(book, command)
    if refusal is not None:
        return Decision(refusal)
    transaction = _transaction(book, command, moment, win_amount_minor=None)
    return Decision(
        applied(transaction),
        Change(
            owner_id=transaction.owner_id,
            transactions=(transaction,),
            events=(_placed(book, transaction),),
        ),
    )


def decide_bet_and_win(book: Book, command: BetAndWin, moment: Moment) -> Decision:
    """Decide a bet with its win, whose id is new. The bet must be covered before its win (rule 6)."""
    refusal = _refuse(book, command)
    if refusal is not None:
        return Decision(refusal)
    transaction = _transaction(book, command, moment, win_amount_minor=command.win_amount_minor)
    placed = _placed(book, transaction)
    assert transaction.main_balance_after_minor is not None
    credited = Event(
        event_type=EventType.WIN_CREDITED,
        transaction=transaction,
        amount_minor=command.win_amount_minor,
        balance_after_minor=transaction.main_balance_after_minor,
        sequence=placed.sequence + (command.win_amount_minor > 0),
    )
    return Decision(
        applied(transaction),
        Change(owner_id=transaction.owner_id, transactions=(transaction,), events=(placed, credited)),
    )


def _refuse(book: Book, command: Bet) -> Refusal | None:
    """Refuse in the order of rule 9: round, player, funds."""
    owner_id = owner_of(command)
    if book.players.round_closed(command.round_key):
        return ROUND_CLOSED
    if not book.owners[owner_id].state.may_play:
        return PLAYER_BLOCKED
    balance = book.balance(owner_id, command.currency_network_id, AccountType.MAIN)
    if balance < command.amount_minor:
        return insufficient_funds(balance)
    return None


def _transaction(book: Book, command: Bet, moment: Moment, *, win_amount_minor: int | None) -> Transaction:
    owner_id = owner_of(command)
    network = command.currency_network_id
    win = win_amount_minor or 0
    return Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.BET if win_amount_minor is None else Kind.BET_AND_WIN,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=command.amount_minor,
        win_amount_minor=win_amount_minor,
        game_code=command.game_code,
        round_id=command.round_id,
        round_key=command.round_key,
        closes_round=command.round_closed,
        main_balance_after_minor=book.balance(owner_id, network, AccountType.MAIN) - command.amount_minor + win,
        metadata=command.metadata,
        created_at=moment.now,
        postings=post(
            book,
            owner_id,
            network,
            (AccountType.MAIN, -command.amount_minor),
            (AccountType.HOUSE_WAGER, command.amount_minor),
            (AccountType.HOUSE_WAGER, -win),
            (AccountType.MAIN, win),
        ),
    )


def _placed(book: Book, transaction: Transaction) -> Event:
    """The stake's event; of a bet-and-win with the balance between its two legs."""
    assert transaction.main_balance_after_minor is not None
    assert transaction.currency_network_id is not None
    version = book.version(transaction.owner_id, transaction.currency_network_id, AccountType.MAIN)
    return Event(
        event_type=EventType.BET_PLACED,
        transaction=transaction,
        amount_minor=transaction.amount_minor,
        balance_after_minor=transaction.main_balance_after_minor - (transaction.win_amount_minor or 0),
        sequence=version + (transaction.amount_minor > 0),
    )
