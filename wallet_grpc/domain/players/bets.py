"""Bets, and bets with their win: MAIN -> HOUSE:WAGER and back (docs/rules.md, rules 4 to 6)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.decisions import Decision, Moment, applied
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.domain.wagers import refuse_bet

from .commands import Bet, BetAndWin


def decide_bet(book: Book, command: Bet, moment: Moment) -> Decision:
    """Decide a bet whose id is new. A bet of 0 is a free spin: recorded, without postings."""
    refusal = _refuse(book, command)
    if refusal is not None:
        return Decision(refusal)
    owner_id = OwnerId(command.player_id)
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.MAIN, -command.amount_minor),
        (AccountType.HOUSE_WAGER, command.amount_minor),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.BET,
        amount_minor=command.amount_minor,
        metadata=command.metadata,
        game=command.game,
        round_key=command.round_key,
        closes_round=command.round_closed,
    )
    return Decision(
        applied(transaction), Change(owner_id=owner_id, transactions=(transaction,), events=told(book, transaction))
    )


def decide_bet_and_win(book: Book, command: BetAndWin, moment: Moment) -> Decision:
    """Decide a bet with its win, whose id is new. The bet must be covered before its win (rule 6)."""
    refusal = _refuse(book, command)
    if refusal is not None:
        return Decision(refusal)
    owner_id = OwnerId(command.player_id)
    stake, win = command.amount_minor, command.win_amount_minor
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.MAIN, -stake),
        (AccountType.HOUSE_WAGER, stake),
        (AccountType.HOUSE_WAGER, -win),
        (AccountType.MAIN, win),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.BET_AND_WIN,
        amount_minor=stake,
        metadata=command.metadata,
        win_amount_minor=win,
        game=command.game,
        round_key=command.round_key,
        closes_round=command.round_closed,
    )
    return Decision(
        applied(transaction), Change(owner_id=owner_id, transactions=(transaction,), events=told(book, transaction))
    )


def _refuse(book: Book, command: Bet | BetAndWin) -> Refusal | None:
    owner_id = OwnerId(command.player_id)
    return refuse_bet(
        book.players,
        book.owner(owner_id),
        round_key=command.round_key,
        amount_minor=command.amount_minor,
        balance_minor=book.balance(owner_id, command.currency_network_id, AccountType.MAIN),
    )
