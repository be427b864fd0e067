"""Rule 1, idempotency: the same request again gives the stored result; the same id otherwise is refused.

It is the same rule in every capability. What differs is what a request is compared with, and in which of its fields:
a transaction of the ledger, an entry of a session's journal, an entry of a credit wallet's. Each `case` lists the
fields in the order in which a difference is named; that the id was another call's comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.commands import Credit, CreditWrite, Debit, Reserve
from wallet_grpc.domain.credit.state import KnownEntry, Reservation, WalletEntryKind
from wallet_grpc.domain.identifiers import OwnerId, TxId
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import Ledger, Leg
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
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.commands import OpenSession, SessionBet, SessionPlay, SessionRollback, SessionWin
from wallet_grpc.domain.sessions.state import Entry, Session
from wallet_grpc.domain.transactions import GameFacts, Kind, Transaction, TransactionStatus

from .decisions import Decision
from .transactions import OutcomeStatus

Compared = tuple[str, object, object]
"""A field of a request: its name, what is asked for, what is stored."""


def _refuse_difference(transaction_id: str, status: TransactionStatus, fields: Sequence[Compared]) -> Refusal | None:
    """Refuse what is void (rule 3), or not the same as before, naming the first field that differs."""
    if status is TransactionStatus.TOMBSTONE:
        return Refusal(
            reason=Reason.TRANSACTION_VOIDED,
            message=f"a rollback of {transaction_id} came first; the id is void for ever",
        )
    for name, asked, stored in fields:
        if asked != stored:
            return Refusal(
                reason=Reason.IDEMPOTENCY_KEY_REUSED,
                message=f"the id {transaction_id} was used before with another {name}",
                metadata={"field": name},
            )
    return None


# ------------------------------------------------------------------------------------------------------------- players


def refuse_claimed(book: Book, command: ApplyDeposit | ReserveWithdrawal) -> Decision | None:
    """Refuse an id that a player of another cell has used (rule 8): it is the player that differs."""
    owner_id = OwnerId(command.player_id)
    claimant = book.players.claimants.find(command.key)
    if claimant in {None, owner_id}:
        return None
    named = command.deposit_id if isinstance(command, ApplyDeposit) else command.withdrawal_id
    refusal = _refuse_difference(named, TransactionStatus.APPLIED, (("player_id", owner_id, claimant),))
    assert refusal is not None
    return Decision(refusal)


def replay(book: Book, command: PlayerCommand, stored: Transaction) -> Decision:
    """Answer a command whose id is taken: the stored result, TRANSACTION_VOIDED or IDEMPOTENCY_KEY_REUSED."""
    refusal = _refuse_difference(stored.reference, stored.status, _of_player_command(command, stored))
    if refusal is not None:
        return Decision(refusal)
    voided = stored.status is TransactionStatus.VOIDED
    network = stored.currency_network_id
    return Decision(
        Accepted(
            tx_id=None if voided or stored.kind is Kind.PLAYER_STATE else stored.tx_id,
            transaction_id=stored.reference,
            status=OutcomeStatus.VOIDED if voided else OutcomeStatus.APPLIED,
            replayed=True,
            balance_after_minor=stored.main_balance_after_minor,
            current_balance_minor=(
                None if network is None else book.balance(stored.owner_id, network, AccountType.MAIN)
            ),
            created_at=stored.created_at,
        )
    )


def _of_player_command(command: PlayerCommand, stored: Transaction) -> Sequence[Compared]:
    match command:
        case Bet():
            return (("call", Kind.BET, stored.kind), *_stake(command, stored))
        case BetAndWin():
            return (
                ("call", Kind.BET_AND_WIN, stored.kind),
                *_stake(command, stored),
                ("win_amount_minor", command.win_amount_minor, stored.win_amount_minor),
            )
        case Win():
            return (
                ("call", Kind.WIN, stored.kind),
                *_stake(command, stored),
                _reference(command, stored),
                ("win_kind", command.win_kind, stored.variant),
            )
        case Rollback():
            return (("call", Kind.ROLLBACK, stored.kind), *_purse(command, stored), _reference(command, stored))
        case ReserveWithdrawal():
            return (("call", Kind.WITHDRAWAL_RESERVATION, stored.kind), *_movement(command, stored))
        case SettleWithdrawal():
            return (
                ("call", Kind.WITHDRAWAL_SETTLEMENT, stored.kind),
                ("fee_minor", command.fee_minor, stored.fee_minor),
            )
        case FailWithdrawal():
            return (("call", Kind.WITHDRAWAL_FAILURE, stored.kind),)
        case ApplyDeposit():
            return (("call", Kind.DEPOSIT, stored.kind), *_movement(command, stored))
        case Adjust():
            return (
                ("call", Kind.ADJUSTMENT, stored.kind),
                *_movement(command, stored),
                ("direction", command.direction, stored.variant),
            )
        case SetPlayerState():
            return (
                ("call", Kind.PLAYER_STATE, stored.kind),
                ("player_id", OwnerId(command.player_id), stored.owner_id),
                ("state", command.state, stored.variant),
            )
        case _:
            assert_never(command)


Movement = Bet | BetAndWin | Win | ReserveWithdrawal | ApplyDeposit | Adjust


def _purse(command: Movement | Rollback | OpenSession, stored: Transaction) -> Sequence[Compared]:
    return (
        ("player_id", OwnerId(command.player_id), stored.owner_id),
        ("currency_network_id", command.currency_network_id, stored.currency_network_id),
    )


def _movement(command: Movement, stored: Transaction) -> Sequence[Compared]:
    return (*_purse(command, stored), ("amount_minor", command.amount_minor, stored.amount_minor))


def _stake(command: Bet | BetAndWin | Win, stored: Transaction) -> Sequence[Compared]:
    return (
        *_movement(command, stored),
        *((name, getattr(command.game, name), getattr(stored.game, name)) for name in GameFacts.__struct_fields__),
    )


def _reference(command: Win | Rollback, stored: Transaction) -> Compared:
    return ("reference_transaction_id", command.reference_transaction_id, stored.reference_transaction_id or "")


# ------------------------------------------------------------------------------------------------------------ sessions


def refuse_other_opening(command: OpenSession, stored: Transaction) -> Refusal | None:
    """Refuse the opening of a session under an id that something else was done under."""
    return _refuse_difference(
        stored.reference,
        stored.status,
        (
            ("call", Kind.SESSION_OPENING, stored.kind),
            *_purse(command, stored),
            ("lock_amount_minor", command.lock_amount_minor, stored.amount_minor),
            ("game_code", command.game_code, stored.game.game_code),
        ),
    )


def refuse_other_ttl(command: OpenSession, session: Session) -> Refusal | None:
    """Refuse the opening of a session that was opened, for another time."""
    return _refuse_difference(
        command.transaction_id,
        TransactionStatus.APPLIED,
        (("ttl_seconds", command.ttl_asked_s, session.ttl_asked_s),),
    )


def refuse_other_play(command: SessionPlay, stored: Entry) -> Refusal | None:
    """Refuse play under an id that something else was played under in its session."""
    return _refuse_difference(stored.transaction_id, stored.status, _of_play(command, stored))


def _of_play(command: SessionPlay, stored: Entry) -> Sequence[Compared]:
    match command:
        case SessionBet():
            return (("call", Kind.BET, stored.kind), *_session_stake(command, stored))
        case SessionWin():
            return (
                ("call", Kind.WIN, stored.kind),
                *_session_stake(command, stored),
                _session_reference(command, stored),
                ("win_kind", command.win_kind, stored.win_kind),
            )
        case SessionRollback():
            return (("call", Kind.ROLLBACK, stored.kind), _session_reference(command, stored))
        case _:
            assert_never(command)


def _session_stake(command: SessionBet | SessionWin, stored: Entry) -> Sequence[Compared]:
    return (
        ("amount_minor", command.amount_minor, stored.amount_minor),
        ("round_id", command.round_id, stored.round_id or ""),
    )


def _session_reference(command: SessionWin | SessionRollback, stored: Entry) -> Compared:
    return ("reference_transaction_id", command.reference_transaction_id, stored.reference_transaction_id or "")


# ------------------------------------------------------------------------------------------------------ credit wallets


def refuse_other_write(command: CreditWrite, known: KnownEntry, reservation: Reservation | None) -> Refusal | None:
    """Refuse a write under an id that something else was written under in its wallet; `reservation`: what it began."""
    return _refuse_difference(command.transaction_id, TransactionStatus.APPLIED, _of_write(command, known, reservation))


def _of_write(command: CreditWrite, known: KnownEntry, reservation: Reservation | None) -> Sequence[Compared]:
    amount = ("amount_minor", command.amount_minor, known.amount_minor)
    match command:
        case Credit():
            return (("call", WalletEntryKind.CREDIT, known.kind), amount)
        case Debit():
            return (("call", WalletEntryKind.DEBIT, known.kind), amount)
        case Reserve():
            ttl_s = None if reservation is None else reservation.ttl_s
            return (("call", WalletEntryKind.RESERVE, known.kind), amount, ("ttl_seconds", command.ttl_s, ttl_s))
        case _:
            assert_never(command)


# ------------------------------------------------------------------------------------------------------------- ledgers


def refuse_other_creation(command: CreateLedger, stored: Transaction, created: Ledger | None) -> Refusal | None:
    """Refuse the creation of a ledger under an id that something else was done under; `created` is what it made."""
    call: Compared = ("call", Kind.LEDGER_CREATION, stored.kind)
    if created is None:
        return _refuse_difference(stored.reference, stored.status, (call,))
    return _refuse_difference(
        stored.reference,
        stored.status,
        (
            call,
            ("name", command.name, created.name),
            ("currency_network_id", command.currency_network_id, created.currency_network_id),
        ),
    )


def refuse_other_posting(
    command: PostJournalEntry, stored: Transaction, posted: tuple[Leg, ...] | None
) -> Refusal | None:
    """Refuse an entry of a ledger under an id that something else was done under; `posted` is what it posted."""
    return _refuse_difference(
        stored.reference,
        stored.status,
        (
            ("call", Kind.JOURNAL_ENTRY, stored.kind),
            ("ledger_id", TxId(command.ledger_id), stored.reference_tx_id),
            ("postings", command.legs, posted),
        ),
    )
