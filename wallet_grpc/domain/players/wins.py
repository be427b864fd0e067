"""Wins: HOUSE:WAGER -> MAIN (docs/rules.md, rule 2)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.decisions import Decision, Moment, applied
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.transactions import Kind, Transaction, WinKind
from wallet_grpc.domain.wagers import refuse_win

from .commands import Win
from .rollbacks import refuse_others


def decide_win(book: Book, command: Win, moment: Moment) -> Decision:
    """Decide a win whose id is new. A win of 0 tells a loss: recorded, without postings."""
    bet: Transaction | None = None
    if command.win_kind is WinKind.REGULAR:
        assert command.reference_key is not None
        assert command.round_key is not None
        bet = book.transactions.find(command.reference_key)
        whose = None if bet is None else refuse_others(command, bet)
        refusal = refuse_win(book.players, bet, round_key=command.round_key, whose=whose)
        if refusal is not None:
            return Decision(refusal)
    owner_id = OwnerId(command.player_id)
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.HOUSE_WAGER, -command.amount_minor),
        (AccountType.MAIN, command.amount_minor),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.WIN,
        amount_minor=command.amount_minor,
        metadata=command.metadata,
        game=command.game,
        round_key=command.round_key,
        closes_round=command.round_closed and bet is not None,
        reference_transaction_id=command.reference_transaction_id or None,
        reference_tx_id=bet.tx_id if bet else None,
        variant=command.win_kind,
    )
    return Decision(
        applied(transaction), Change(owner_id=owner_id, transactions=(transaction,), events=told(book, transaction))
    )
