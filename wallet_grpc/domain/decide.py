"""The one way to change money: a command against the book, whoever asks."""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.commands import CreditCommand
from wallet_grpc.domain.credit.rules import decide_write
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.rules import decide_entry, decide_ledger
from wallet_grpc.domain.players.bets import decide_bet, decide_bet_and_win
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
    WithdrawalEnding,
)
from wallet_grpc.domain.players.deposits import decide_adjustment, decide_deposit
from wallet_grpc.domain.players.rollbacks import decide_rollback
from wallet_grpc.domain.players.states import decide_state
from wallet_grpc.domain.players.wins import decide_win
from wallet_grpc.domain.players.withdrawals import decide_failure, decide_reservation, decide_settlement
from wallet_grpc.domain.sessions.commands import OpenSession, SessionPlay, SettleSession
from wallet_grpc.domain.sessions.opening import decide_opening
from wallet_grpc.domain.sessions.opening import decide_settlement as decide_session_settlement
from wallet_grpc.domain.sessions.play import decide_play

from .commands import Command
from .decisions import Decision, Moment
from .idempotency import replay
from .ranges import refuse_overflow


def decide(book: Book, command: Command, moment: Moment) -> Decision:
    """Decide a command over the book, changing nothing: rule 9 from idempotency on.

    What comes before (key, right, shape, currency network) has been checked by whoever made the command. The caller
    records the decision's change in the book before it decides the next command.
    """
    decision = _decide(book, command, moment)
    if decision.change is not None:
        refusal = refuse_overflow(book, command, decision.change)
        if refusal is not None:
            return Decision(refusal)
    return decision


def _decide(book: Book, command: Command, moment: Moment) -> Decision:
    if isinstance(command, SessionPlay):
        return decide_play(book, command, moment)
    if isinstance(command, SettleSession):
        return decide_session_settlement(book, command, moment)
    if isinstance(command, OpenSession):
        return decide_opening(book, command, moment)
    if isinstance(command, CreditCommand):
        return decide_write(book, command, moment)
    if isinstance(command, CreateLedger):
        return decide_ledger(book, command, moment)
    if isinstance(command, PostJournalEntry):
        return decide_entry(book, command, moment)
    if not isinstance(command, WithdrawalEnding):  # their order of checks differs, see there
        stored = book.transactions.get(command.key)
        if stored is not None:
            return replay(book, command, stored)
    match command:
        case BetAndWin():
            return decide_bet_and_win(book, command, moment)
        case Bet():
            return decide_bet(book, command, moment)
        case Win():
            return decide_win(book, command, moment)
        case Rollback():
            return decide_rollback(book, command, moment)
        case ReserveWithdrawal():
            return decide_reservation(book, command, moment)
        case SettleWithdrawal():
            return decide_settlement(book, command, moment)
        case FailWithdrawal():
            return decide_failure(book, command, moment)
        case ApplyDeposit():
            return decide_deposit(book, command, moment)
        case Adjust():
            return decide_adjustment(book, command, moment)
        case SetPlayerState():
            return decide_state(book, command, moment)
        case _:
            assert_never(command)
