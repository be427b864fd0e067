"""The one way to change money: a command against the book, whoever asks."""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.rules import decide_ending, decide_write
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.rules import decide_entry, decide_ledger
from wallet_grpc.domain.players.approvals import ID_USED, Verdict, decided_otherwise
from wallet_grpc.domain.players.bets import decide_bet, decide_bet_and_win
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    PlayerCommand,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
)
from wallet_grpc.domain.players.deposits import decide_adjustment, decide_deposit
from wallet_grpc.domain.players.rollbacks import decide_rollback
from wallet_grpc.domain.players.states import decide_state
from wallet_grpc.domain.players.wins import decide_win
from wallet_grpc.domain.players.withdrawals import decide_failure, decide_reservation, decide_settlement
from wallet_grpc.domain.sessions.commands import OpenSession, SessionBet, SessionRollback, SessionWin, SettleSession
from wallet_grpc.domain.sessions.opening import decide_opening
from wallet_grpc.domain.sessions.play import decide_play
from wallet_grpc.domain.sessions.settlement import decide_session_settlement

from .commands import Command
from .decisions import Decision, Moment
from .idempotency import refuse_claimed, replay
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
    # The most frequent first, by their exact class: a `case` that a command is not costs it some time (decision 21).
    if type(command) is Bet:
        return _replayed(book, command) or decide_bet(book, command, moment)
    if type(command) is SessionBet:
        return decide_play(book, command, moment)
    if type(command) is Credit or type(command) is Debit:
        return decide_write(book, command, moment)
    match command:
        case Win():
            return _replayed(book, command) or decide_win(book, command, moment)
        case SessionWin() | SessionRollback():
            return decide_play(book, command, moment)
        case Reserve():
            return decide_write(book, command, moment)
        case Commit() | Release():
            return decide_ending(book, command)
        case BetAndWin():
            return _replayed(book, command) or decide_bet_and_win(book, command, moment)
        case Rollback():
            return _replayed(book, command) or decide_rollback(book, command, moment)
        case OpenSession():
            return decide_opening(book, command, moment)
        case SettleSession():
            return decide_session_settlement(book, command, moment)
        case ApplyDeposit():
            return _replayed(book, command) or refuse_claimed(book, command) or decide_deposit(book, command, moment)
        case ReserveWithdrawal():
            return (
                _replayed(book, command) or refuse_claimed(book, command) or decide_reservation(book, command, moment)
            )
        case SettleWithdrawal():  # whether it is a replay is seen after its reservation, see there
            return decide_settlement(book, command, moment)
        case FailWithdrawal():
            return decide_failure(book, command, moment)
        case Adjust():
            before = _replayed(book, command) if command.approval is None else _decided_before(book, command)
            return before or decide_adjustment(book, command, moment)
        case SetPlayerState():
            return _replayed(book, command) or decide_state(book, command, moment)
        case PostJournalEntry():
            return decide_entry(book, command, moment)
        case CreateLedger():
            return decide_ledger(book, command, moment)
        case _:
            assert_never(command)


def _decided_before(book: Book, command: Adjust) -> Decision | None:
    """Answer the approval of a proposal that was decided, or whose id was used otherwise, before."""
    assert command.approval is not None
    verdict = book.players.verdicts.find(command.approval.proposal_id)
    stored = book.transactions.find(command.key)
    if verdict is None:
        return None if stored is None else Decision(ID_USED)
    if verdict is Verdict.REFUSED or stored is None:
        # An approval is stored with its adjustment. Where one was loaded and the other was not, the commit ended
        # between the two: what would be refused is looked for again, and found (domain/unseen.py).
        return Decision(decided_otherwise(verdict))
    return replay(book, command, stored)


def _replayed(book: Book, command: PlayerCommand) -> Decision | None:
    """Answer a command whose id is taken (rule 1)."""
    stored = book.transactions.find(command.key)
    return None if stored is None else replay(book, command, stored)
