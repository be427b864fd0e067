"""Rollbacks: the reverse of what was posted; of what was never seen, a tombstone (docs/rules.md, rule 3)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import (
    CURRENCY_MISMATCH,
    PLAYER_MISMATCH,
    Decision,
    Moment,
    applied,
    insufficient_funds,
    post,
)
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import (
    BET_KINDS,
    NO_METADATA,
    REVERSIBLE_KINDS,
    Kind,
    OutcomeStatus,
    Transaction,
    TransactionStatus,
    WinKind,
)

from .commands import Rollback
from .outcomes import Accepted

NOT_REVERSIBLE = Refusal(reason=Reason.NOT_REVERSIBLE, message="only bets, wins and bet-and-wins can be rolled back")
BET_ALREADY_SETTLED = Refusal(
    reason=Reason.BET_ALREADY_SETTLED, message="the bet has a win that stands; roll the win back first"
)


def decide_rollback(book: Book, command: Rollback, moment: Moment) -> Decision:
    """Decide a rollback whose id is new. What is returned is what was taken, whatever anybody claims."""
    target = book.transactions.get(command.reference_key)
    if target is None:
        if _is_foreign(book, command):
            return Decision(NOT_REVERSIBLE)
        return _void(book, command, moment)
    if target.status is TransactionStatus.TOMBSTONE:
        return Decision(_voided(book, command, target))
    if target.kind not in REVERSIBLE_KINDS:
        return Decision(NOT_REVERSIBLE)
    if target.owner_id != owner_of(command):
        return Decision(PLAYER_MISMATCH)
    if target.currency_network_id != command.currency_network_id:
        return Decision(CURRENCY_MISMATCH)
    first = book.players.reversals.get(target.tx_id)
    if first is not None:
        return Decision(_already_rolled_back(book, command, first))
    if target.kind in BET_KINDS and book.players.standing_wins.get(target.tx_id, 0) > 0:
        return Decision(BET_ALREADY_SETTLED)
    balance = book.balance(target.owner_id, command.currency_network_id, AccountType.MAIN)
    if balance + _gain(target) < 0:
        return Decision(insufficient_funds(balance))
    return _reverse(book, command, target, moment)


def _is_foreign(book: Book, command: Rollback) -> bool:
    """Tell whether the reference is a deposit or withdrawal of this source: known, but never reversible."""
    found = (book.transactions.get(key) for key in command.foreign_keys)
    return any(transaction is not None and transaction.source == command.source for transaction in found)


def _stands_in_a_round(target: Transaction) -> bool:
    """Tell whether the target is of a round that its rollback may close; a win without a bet heeds and closes none."""
    return target.kind in BET_KINDS or target.variant is WinKind.REGULAR


def _gain(target: Transaction) -> int:
    """Give what MAIN gains when the target is reversed, in minor units; negative where a win is taken back."""
    if target.kind is Kind.WIN:
        return -target.amount_minor
    return target.amount_minor - (target.win_amount_minor or 0)


def _reverse(book: Book, command: Rollback, target: Transaction, moment: Moment) -> Decision:
    owner_id = target.owner_id
    network = command.currency_network_id
    stake, win = (
        (0, target.amount_minor) if target.kind is Kind.WIN else (target.amount_minor, target.win_amount_minor or 0)
    )
    transaction = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.ROLLBACK,
        status=TransactionStatus.APPLIED,
        currency_network_id=network,
        amount_minor=target.amount_minor,
        win_amount_minor=target.win_amount_minor,
        game_code=target.game_code,
        round_id=target.round_id,
        round_key=target.round_key,
        closes_round=command.round_closed and _stands_in_a_round(target),
        reference_transaction_id=command.reference_transaction_id,
        reverses_tx_id=target.tx_id,
        main_balance_after_minor=book.balance(owner_id, network, AccountType.MAIN) + _gain(target),
        metadata=command.metadata,
        created_at=moment.now,
        postings=post(
            book,
            owner_id,
            network,
            (AccountType.HOUSE_WAGER, -stake),
            (AccountType.MAIN, stake),
            (AccountType.MAIN, -win),
            (AccountType.HOUSE_WAGER, win),
        ),
    )
    event = Event(
        event_type=EventType.TRANSACTION_ROLLED_BACK,
        transaction=transaction,
        amount_minor=target.amount_minor,
        balance_after_minor=transaction.main_balance_after_minor,
        sequence=book.version(owner_id, network, AccountType.MAIN) + (stake > 0) + (win > 0),
    )
    return Decision(
        applied(transaction),
        Change(owner_id=owner_id, transactions=(transaction,), events=(event,), reversed=target),
    )


def _void(book: Book, command: Rollback, moment: Moment) -> Decision:
    """Remember a rollback that came before what it rolls back: two rows, no postings, no event."""
    owner_id = owner_of(command)
    balance = book.balance(owner_id, command.currency_network_id, AccountType.MAIN)
    rollback = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.ROLLBACK,
        status=TransactionStatus.VOIDED,
        currency_network_id=command.currency_network_id,
        amount_minor=0,
        reference_transaction_id=command.reference_transaction_id,
        main_balance_after_minor=balance,
        metadata=command.metadata,
        created_at=moment.now,
    )
    tombstone = _tombstone(owner_id, command, moment)
    return Decision(
        _voided(book, command, tombstone),
        Change(owner_id=owner_id, transactions=(rollback, tombstone)),
    )


def _tombstone(owner_id: OwnerId, command: Rollback, moment: Moment) -> Transaction:
    return Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.reference_transaction_id,
        key=command.reference_key,
        kind=Kind.TOMBSTONE,
        status=TransactionStatus.TOMBSTONE,
        currency_network_id=command.currency_network_id,
        amount_minor=0,
        reference_transaction_id=command.transaction_id,
        main_balance_after_minor=None,
        metadata=NO_METADATA,
        created_at=moment.now,
    )


def _voided(book: Book, command: Rollback, tombstone: Transaction) -> Accepted:
    """Answer VOIDED, the first time or again: both balances are MAIN now."""
    balance = book.balance(owner_of(command), command.currency_network_id, AccountType.MAIN)
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
