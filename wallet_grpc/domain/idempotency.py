"""Rule 1, idempotency: the same request again gives the stored result; the same id otherwise is refused."""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import OwnerId
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
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.commands import OpenSession
from wallet_grpc.domain.transactions import Kind, Transaction, TransactionStatus

from .commands import Keyed
from .decisions import Decision
from .transactions import OutcomeStatus


def replay(book: Book, command: Keyed, stored: Transaction) -> Decision:
    """Answer a command whose id is taken: the stored result, TRANSACTION_VOIDED or IDEMPOTENCY_KEY_REUSED."""
    refusal = refuse_reuse(command, stored)
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


def refuse_reuse(command: Keyed, stored: Transaction) -> Refusal | None:
    """Refuse a command that is not the one that is stored under its id."""
    if stored.status is TransactionStatus.TOMBSTONE:
        return id_voided(stored.reference)
    difference = _first_difference(command, stored)
    return None if difference is None else id_reused(stored.reference, difference)


def id_voided(transaction_id: str) -> Refusal:
    """Refuse an id that a rollback was first to name (rule 3)."""
    return Refusal(
        reason=Reason.TRANSACTION_VOIDED,
        message=f"a rollback of {transaction_id} came first; the id is void for ever",
    )


def id_reused(transaction_id: str, difference: str) -> Refusal:
    """Refuse an id that was used before, naming the field that differs."""
    return Refusal(
        reason=Reason.IDEMPOTENCY_KEY_REUSED,
        message=f"the id {transaction_id} was used before with another {difference}",
        metadata={"field": difference},
    )


def _first_difference(command: Keyed, stored: Transaction) -> str | None:
    """Name the first compared field in which the command differs from what is stored under its id."""
    kind, asked = _compared_fields(command)
    if kind is not stored.kind:
        return "call"
    has = {
        "player_id": stored.owner_id,
        "currency_network_id": stored.currency_network_id,
        "amount_minor": stored.amount_minor,
        "lock_amount_minor": stored.amount_minor,
        "win_amount_minor": stored.win_amount_minor,
        "game_code": stored.game_code or "",
        "round_id": stored.round_id or "",
        "reference_transaction_id": stored.reference_transaction_id or "",
        "win_kind": stored.variant,
        "direction": stored.variant,
        "state": stored.variant,
        "fee_minor": stored.fee_minor,
    }
    return next((name for name, value in asked.items() if has[name] != value), None)


def _compared_fields(command: Keyed) -> tuple[Kind, dict[str, object]]:
    """Give the fields that make a request the same, in the order in which a difference is named."""
    match command:
        case BetAndWin():
            return Kind.BET_AND_WIN, {**_stake(command), "win_amount_minor": command.win_amount_minor}
        case Bet():
            return Kind.BET, _stake(command)
        case Win():
            return Kind.WIN, {
                **_stake(command),
                "reference_transaction_id": command.reference_transaction_id,
                "win_kind": command.win_kind,
            }
        case Rollback():
            return Kind.ROLLBACK, {
                "player_id": OwnerId(command.player_id),
                "currency_network_id": command.currency_network_id,
                "reference_transaction_id": command.reference_transaction_id,
            }
        case ReserveWithdrawal():
            return Kind.WITHDRAWAL_RESERVATION, _movement(command)
        case SettleWithdrawal():
            return Kind.WITHDRAWAL_SETTLEMENT, {"fee_minor": command.fee_minor}
        case FailWithdrawal():
            return Kind.WITHDRAWAL_FAILURE, {}
        case ApplyDeposit():
            return Kind.DEPOSIT, _movement(command)
        case Adjust():
            return Kind.ADJUSTMENT, {**_movement(command), "direction": command.direction}
        case OpenSession():
            return Kind.SESSION_OPENING, {
                "player_id": command.player_id,
                "currency_network_id": command.currency_network_id,
                "lock_amount_minor": command.lock_amount_minor,
                "game_code": command.game_code,
            }
        case SetPlayerState():
            return Kind.PLAYER_STATE, {"player_id": command.player_id, "state": command.state}
        case _:
            assert_never(command)


def _movement(command: Bet | Win | ReserveWithdrawal | ApplyDeposit | Adjust) -> dict[str, object]:
    return {
        "player_id": command.player_id,
        "currency_network_id": command.currency_network_id,
        "amount_minor": command.amount_minor,
    }


def _stake(command: Bet | Win) -> dict[str, object]:
    return {**_movement(command), "game_code": command.game_code, "round_id": command.round_id}
