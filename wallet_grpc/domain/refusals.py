"""Refusals: the expected "no". A value that is returned, never an exception.

The reasons are those of docs/rules.md, Errors; `protos/wallet/v1/errors.proto` describes them to callers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from msgspec import Struct, field

from .values import Name


class Retry(Name):
    """What a caller may do with a refused request."""

    NEVER = "NEVER"
    SAME_REQUEST = "SAME_REQUEST"
    AFTER_CHANGE = "AFTER_CHANGE"


class Reason(Name):
    """Why a request was refused; the names are the contract."""

    INVALID_AMOUNT = "INVALID_AMOUNT"
    MISSING_FIELD = "MISSING_FIELD"
    INVALID_FIELD = "INVALID_FIELD"
    UNKNOWN_CURRENCY_NETWORK = "UNKNOWN_CURRENCY_NETWORK"
    CALLER_UNKNOWN = "CALLER_UNKNOWN"
    CALL_NOT_ALLOWED = "CALL_NOT_ALLOWED"
    ENVIRONMENT_MISMATCH = "ENVIRONMENT_MISMATCH"
    BET_NOT_FOUND = "BET_NOT_FOUND"
    TRANSACTION_NOT_FOUND = "TRANSACTION_NOT_FOUND"
    ROUND_NOT_FOUND = "ROUND_NOT_FOUND"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    WITHDRAWAL_NOT_FOUND = "WITHDRAWAL_NOT_FOUND"
    WALLET_NOT_FOUND = "WALLET_NOT_FOUND"
    RESERVATION_NOT_FOUND = "RESERVATION_NOT_FOUND"
    LEDGER_NOT_FOUND = "LEDGER_NOT_FOUND"
    PROPOSAL_NOT_FOUND = "PROPOSAL_NOT_FOUND"
    EVENT_NOT_FOUND = "EVENT_NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    PLAYER_BLOCKED = "PLAYER_BLOCKED"
    PLAYER_MISMATCH = "PLAYER_MISMATCH"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    ROUND_MISMATCH = "ROUND_MISMATCH"
    ROUND_CLOSED = "ROUND_CLOSED"
    OPEN_ROUNDS = "OPEN_ROUNDS"
    BET_ALREADY_SETTLED = "BET_ALREADY_SETTLED"
    TRANSACTION_ROLLED_BACK = "TRANSACTION_ROLLED_BACK"
    TRANSACTION_VOIDED = "TRANSACTION_VOIDED"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    SESSION_CLOSED = "SESSION_CLOSED"
    WITHDRAWAL_STATE_CONFLICT = "WITHDRAWAL_STATE_CONFLICT"
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    RESERVATION_CLOSED = "RESERVATION_CLOSED"
    SETTLEMENT_RAIL_NOT_CONFIGURED = "SETTLEMENT_RAIL_NOT_CONFIGURED"
    UNBALANCED_POSTINGS = "UNBALANCED_POSTINGS"
    BALANCE_NOT_ZERO = "BALANCE_NOT_ZERO"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    SAME_PERSON = "SAME_PERSON"
    PROPOSAL_DECIDED = "PROPOSAL_DECIDED"
    CONFLICT = "CONFLICT"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    QUEUE_FULL = "QUEUE_FULL"
    RATE_LIMITED = "RATE_LIMITED"
    SERVED_ELSEWHERE = "SERVED_ELSEWHERE"
    INTERNAL = "INTERNAL"


_SAME_REQUEST = frozenset(
    {
        Reason.CONFLICT,
        Reason.DATABASE_UNAVAILABLE,
        Reason.OUTCOME_UNKNOWN,
        Reason.QUEUE_FULL,
        Reason.RATE_LIMITED,
        Reason.SERVED_ELSEWHERE,
        Reason.INTERNAL,
    }
)
_AFTER_CHANGE = frozenset(
    {
        Reason.UNKNOWN_CURRENCY_NETWORK,
        Reason.CALLER_UNKNOWN,
        Reason.CALL_NOT_ALLOWED,
        Reason.BET_NOT_FOUND,
        Reason.TRANSACTION_NOT_FOUND,
        Reason.ROUND_NOT_FOUND,
        Reason.WITHDRAWAL_NOT_FOUND,
        Reason.WALLET_NOT_FOUND,
        Reason.LEDGER_NOT_FOUND,
        Reason.INSUFFICIENT_FUNDS,
        Reason.PLAYER_BLOCKED,
        Reason.ROUND_CLOSED,
        Reason.OPEN_ROUNDS,
        Reason.BET_ALREADY_SETTLED,
        Reason.SETTLEMENT_RAIL_NOT_CONFIGURED,
        Reason.BALANCE_NOT_ZERO,
        Reason.NEEDS_APPROVAL,
    }
)


def retry_of(reason: Reason) -> Retry:
    """Tell what a caller may do with a request that was refused for this reason."""
    if reason in _SAME_REQUEST:
        return Retry.SAME_REQUEST
    return Retry.AFTER_CHANGE if reason in _AFTER_CHANGE else Retry.NEVER


@final
class Refusal(Struct, frozen=True, kw_only=True, gc=False):
    """A "no" with its reason: nothing was stored, and the same id stays free."""

    reason: Reason
    message: str
    """For people: one sentence that says what to do."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """For programs: `field`, `balance_minor` and the like."""
    retry_after_ms: int | None = None
    """When to send it again, where the wallet knows; from now, in milliseconds."""


def invalid(reason: Reason, field_name: str, message: str) -> Refusal:
    """Refuse one field of a request."""
    return Refusal(reason=reason, message=f"{field_name}: {message}", metadata={"field": field_name})
