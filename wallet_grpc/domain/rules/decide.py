"""The one way to change money: a command against the book, whoever asks."""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    Command,
    FailWithdrawal,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
    WithdrawalEnding,
)
from wallet_grpc.domain.credit_commands import CreateLedger, CreditCommand, PostJournalEntry
from wallet_grpc.domain.session_commands import OpenSession, SessionPlay, SettleSession

from .bets import decide_bet, decide_bet_and_win
from .credit import decide_write
from .decisions import Decision, Moment
from .deposits import decide_adjustment, decide_deposit
from .idempotency import replay
from .ledgers import decide_entry, decide_ledger
from .players import decide_state
from .ranges import refuse_overflow
from .rollbacks import decide_rollback
from .session_play import decide_play
from .sessions import decide_opening
from .sessions import decide_settlement as decide_session_settlement
from .wins import decide_win
from .withdrawals import decide_failure, decide_reservation, decide_settlement


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
