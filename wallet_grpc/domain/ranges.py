"""The range of balances: up to 60 digits, and what would pass it is refused by the operation that would.

It is not MAIN alone that has to stay within the range, but everything that can become MAIN without anybody asking for
it: a session ends when its time is over, and a withdrawal fails when the network says so. So what a player has in a
currency network is bounded as a whole: MAIN, what is held for withdrawals, and what is at play in open sessions. Bets,
reservations, openings and settlements only move money within that, and are never refused for it.

House accounts are what all players have done together. They are stored with more digits than players could fill.
"""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.amounts import BALANCE_DIGITS_MAX, BALANCE_MAX
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, Journaled
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import JournalAccountName, LedgerId
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
)
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.sessions.commands import OpenSession, SessionBet, SessionRollback, SessionWin, SettleSession
from wallet_grpc.domain.transactions import Kind, Transaction

from .commands import Command

_PLAYERS_OWN = (AccountType.MAIN, AccountType.WITHDRAW_HOLD)
"""What a player has, beside what is at play; SESSION_HOLD shows what was locked for that."""


def refuse_overflow(book: Book, command: Command, change: Change) -> Refusal | None:
    """Refuse a command whose change would take a balance out of its range."""
    if not _overflows(book, change):
        return None
    return invalid(
        Reason.INVALID_AMOUNT,
        _field_of_what_is_gained(command),
        f"the balance would have more than {BALANCE_DIGITS_MAX} digits",
    )


def _field_of_what_is_gained(command: Command) -> str:
    """Name the field to blame. What only moves money within a player's range is never blamed, and named for form."""
    match command:
        case BetAndWin():
            return "win_amount_minor"
        case Rollback() | SessionRollback():
            return "reference_transaction_id"
        case PostJournalEntry():
            return "postings"  # several of them may be of the account
        case (
            (Bet() | Win() | ApplyDeposit() | Adjust() | SessionBet() | SessionWin() | Credit() | Debit())
            | (ReserveWithdrawal() | SettleWithdrawal() | FailWithdrawal() | SetPlayerState())
            | (Reserve() | Commit() | Release() | OpenSession() | SettleSession() | CreateLedger())
        ):
            return "amount_minor"
        case _:
            assert_never(command)


def _overflows(book: Book, change: Change) -> bool:
    if change.credited is not None:
        return change.credited.entry.balance_after_minor > BALANCE_MAX
    gained = 0 if change.journaled is None else _gained_in_play(change.journaled)
    for transaction in change.transactions:
        if transaction.kind is Kind.JOURNAL_ENTRY:
            return _overflows_journal(book, transaction)
        for posting in transaction.postings:
            if posting.balance_after_minor is not None and posting.balance_after_minor > BALANCE_MAX:
                return True  # in between: a rollback gives the stake back before it takes the win
            if change.journaled is None and posting.account_type in _PLAYERS_OWN:
                gained += posting.amount_minor
    if gained <= 0:
        return False
    network = (
        change.transactions[0].currency_network_id
        if change.journaled is None
        else change.journaled.session.currency_network_id
    )
    assert network is not None
    owner_id = change.owner_id
    has = gained + sum(book.balance(owner_id, network, account_type) for account_type in _PLAYERS_OWN)
    pledged = book.sessions.at_play.of((owner_id, network))
    if change.transactions:  # the sum of the player's accounts is told as well: there a session is what was locked
        pledged = max(pledged, book.balance(owner_id, network, AccountType.SESSION_HOLD))
    return has + pledged > BALANCE_MAX


def _gained_in_play(journaled: Journaled) -> int:
    """Give what a player gains by what a session records; its beginning and its end only move money."""
    gained = 0
    for entry in journaled.entries:
        gained += entry.change_minor
    return gained


def _overflows_journal(book: Book, transaction: Transaction) -> bool:
    """Tell whether an entry takes an account of its ledger out of the range, above or below, if only in between."""
    ledger_id = LedgerId(transaction.reference_tx_id or "")
    balances: dict[JournalAccountName, int] = {}
    for posting in transaction.postings:
        name = (ledger_id, posting.account_code)
        if name not in balances:
            balances[name] = book.ledgers.balance(name)
        balances[name] += posting.amount_minor
        if abs(balances[name]) > BALANCE_MAX:
            return True
    return False
