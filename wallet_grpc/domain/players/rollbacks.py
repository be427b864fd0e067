"""Rollbacks: the reverse of what was posted; of what was never seen, a tombstone (docs/rules.md, rule 3)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.decisions import Decision, Moment, applied, insufficient_funds
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.recorded import moved, noted, told
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import (
    BET_KINDS,
    NO_METADATA,
    Kind,
    OutcomeStatus,
    Transaction,
    TransactionStatus,
    WinKind,
)
from wallet_grpc.domain.wagers import NOT_REVERSIBLE, refuse_rollback

from .commands import Rollback, Win
from .outcomes import Accepted

_PLAYER_MISMATCH = Refusal(
    reason=Reason.PLAYER_MISMATCH, message="reference_transaction_id is another player's transaction"
)
_CURRENCY_MISMATCH = Refusal(
    reason=Reason.CURRENCY_MISMATCH, message="reference_transaction_id is a transaction of another currency network"
)


def decide_rollback(book: Book, command: Rollback, moment: Moment) -> Decision:
    """Decide a rollback whose id is new. What is returned is what was taken, whatever anybody claims."""
    target = book.transactions.find(command.reference_key)
    if target is None:
        if _is_foreign(book, command):
            return Decision(NOT_REVERSIBLE)
        return _void(book, command, moment)
    if target.status is TransactionStatus.TOMBSTONE:
        return Decision(_voided(book, command, target))
    refusal = refuse_rollback(book.players, target, whose=refuse_others(command, target))
    if refusal is not None:
        return Decision(refusal)
    first = book.players.reversal_of(target)
    if first is not None:
        return Decision(_already_rolled_back(book, command, first))
    balance = book.balance(target.owner_id, command.currency_network_id, AccountType.MAIN)
    stake, win = _stake_and_win(target)
    if balance + stake - win < 0:
        return Decision(insufficient_funds(balance))
    return _reverse(book, command, target, moment)


def refuse_others(command: Win | Rollback, named: Transaction) -> Refusal | None:
    """Refuse what names another player's transaction, or one of another currency network."""
    if named.owner_id != OwnerId(command.player_id):
        return _PLAYER_MISMATCH
    return _CURRENCY_MISMATCH if named.currency_network_id != command.currency_network_id else None


def _is_foreign(book: Book, command: Rollback) -> bool:
    """Tell whether the reference is a deposit or withdrawal of this source: known, but never reversible."""
    found = [book.transactions.find(key) for key in command.foreign_keys]
    return any(transaction is not None and transaction.source == command.source for transaction in found)


def _stands_in_a_round(target: Transaction) -> bool:
    """Tell whether the target is of a round that its rollback may close; a win without a bet heeds and closes none."""
    return target.kind in BET_KINDS or target.variant is WinKind.REGULAR


def _stake_and_win(target: Transaction) -> tuple[int, int]:
    """Give what MAIN had lost by the target and gets back, and what it had gained and gives back, in minor units."""
    if target.kind is Kind.WIN:
        return 0, target.amount_minor
    return target.amount_minor, target.win_amount_minor or 0


def _reverse(book: Book, command: Rollback, target: Transaction, moment: Moment) -> Decision:
    stake, win = _stake_and_win(target)
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.HOUSE_WAGER, -stake),
        (AccountType.MAIN, stake),
        (AccountType.MAIN, -win),
        (AccountType.HOUSE_WAGER, win),
        owner_id=target.owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.ROLLBACK,
        amount_minor=target.amount_minor,
        metadata=command.metadata,
        win_amount_minor=target.win_amount_minor,
        game=target.game,
        round_key=target.round_key,
        closes_round=command.round_closed and _stands_in_a_round(target),
        reference_transaction_id=command.reference_transaction_id,
        reverses_tx_id=target.tx_id,
    )
    return Decision(
        applied(transaction),
        Change(owner_id=target.owner_id, transactions=(transaction,), events=told(book, transaction), reversed=target),
    )


def _void(book: Book, command: Rollback, moment: Moment) -> Decision:
    """Remember a rollback that came before what it rolls back: two rows, no postings, no event."""
    owner_id = OwnerId(command.player_id)
    network = command.currency_network_id
    rollback = noted(
        moment,
        network,
        status=TransactionStatus.VOIDED,
        main_minor=book.balance(owner_id, network, AccountType.MAIN),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.ROLLBACK,
        amount_minor=0,
        metadata=command.metadata,
        reference_transaction_id=command.reference_transaction_id,
    )
    tombstone = noted(
        moment,
        network,
        status=TransactionStatus.TOMBSTONE,
        owner_id=owner_id,
        source=command.source,
        reference=command.reference_transaction_id,
        key=command.reference_key,
        kind=Kind.TOMBSTONE,
        amount_minor=0,
        metadata=NO_METADATA,
        reference_transaction_id=command.transaction_id,
    )
    return Decision(
        _voided(book, command, tombstone),
        Change(owner_id=owner_id, transactions=(rollback, tombstone)),
    )


def _voided(book: Book, command: Rollback, tombstone: Transaction) -> Accepted:
    """Answer VOIDED, the first time or again: both balances are MAIN now."""
    balance = book.balance(OwnerId(command.player_id), command.currency_network_id, AccountType.MAIN)
    return Accepted(
        tx_id=None,
        transaction_id=command.transaction_id,
        status=OutcomeStatus.VOIDED,
        replayed=False,
        balance_after_minor=balance,
        current_balance_minor=balance,
        created_at=tombstone.created_at,
    )


def _already_rolled_back(book: Book, command: Rollback, first: Transaction) -> Accepted:
    """Answer with the first rollback's facts under this one's id, which stays free."""
    return Accepted(
        tx_id=first.tx_id,
        transaction_id=command.transaction_id,
        status=OutcomeStatus.ALREADY_ROLLED_BACK,
        replayed=False,
        balance_after_minor=first.main_balance_after_minor,
        current_balance_minor=book.balance(first.owner_id, command.currency_network_id, AccountType.MAIN),
        created_at=first.created_at,
    )
