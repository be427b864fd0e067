"""What a refusal looks like: the contract's table of reasons, and one strict check of it, unary or inside a batch."""

from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

# docs/rules.md, Errors: the status of each reason that WalletService can give.
_REASONS_BY_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: ("INVALID_AMOUNT", "MISSING_FIELD", "INVALID_FIELD", "UNKNOWN_CURRENCY_NETWORK"),
    grpc.StatusCode.UNAUTHENTICATED: ("CALLER_UNKNOWN",),
    grpc.StatusCode.PERMISSION_DENIED: ("CALL_NOT_ALLOWED", "ENVIRONMENT_MISMATCH"),
    grpc.StatusCode.NOT_FOUND: (
        "BET_NOT_FOUND",
        "TRANSACTION_NOT_FOUND",
        "ROUND_NOT_FOUND",
        "WITHDRAWAL_NOT_FOUND",
        "SESSION_NOT_FOUND",
        "WALLET_NOT_FOUND",
        "RESERVATION_NOT_FOUND",
        "EVENT_NOT_FOUND",
        "LEDGER_NOT_FOUND",
        "PROPOSAL_NOT_FOUND",
    ),
    grpc.StatusCode.ALREADY_EXISTS: ("IDEMPOTENCY_KEY_REUSED",),
    grpc.StatusCode.FAILED_PRECONDITION: (
        "INSUFFICIENT_FUNDS",
        "PLAYER_BLOCKED",
        "PLAYER_MISMATCH",
        "CURRENCY_MISMATCH",
        "ROUND_MISMATCH",
        "ROUND_CLOSED",
        "BET_ALREADY_SETTLED",
        "TRANSACTION_ROLLED_BACK",
        "TRANSACTION_VOIDED",
        "NOT_REVERSIBLE",
        "WITHDRAWAL_STATE_CONFLICT",
        "SESSION_CLOSED",
        "OPEN_ROUNDS",
        "SETTLEMENT_RAIL_NOT_CONFIGURED",
        "BALANCE_NOT_ZERO",
        "RESERVATION_EXPIRED",
        "RESERVATION_CLOSED",
        "UNBALANCED_POSTINGS",
        "NEEDS_APPROVAL",
        "SAME_PERSON",
        "PROPOSAL_DECIDED",
    ),
    grpc.StatusCode.ABORTED: ("CONFLICT",),
    grpc.StatusCode.UNAVAILABLE: ("DATABASE_UNAVAILABLE", "SERVED_ELSEWHERE"),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("OUTCOME_UNKNOWN",),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("QUEUE_FULL", "RATE_LIMITED"),
    grpc.StatusCode.INTERNAL: ("INTERNAL",),
}
STATUS = {reason: status for status, reasons in _REASONS_BY_STATUS.items() for reason in reasons}

# protos/wallet/v1/errors.proto on metadata.retry. Where the contract leaves a choice, every plausible value is taken.
_RETRY = {
    "INVALID_AMOUNT": {"NEVER"},
    "MISSING_FIELD": {"NEVER"},
    "INVALID_FIELD": {"NEVER"},
    "UNKNOWN_CURRENCY_NETWORK": {"NEVER", "AFTER_CHANGE"},
    "CALLER_UNKNOWN": {"NEVER", "AFTER_CHANGE"},
    "CALL_NOT_ALLOWED": {"NEVER", "AFTER_CHANGE"},
    "ENVIRONMENT_MISMATCH": {"NEVER"},
    "BET_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "TRANSACTION_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "ROUND_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "WITHDRAWAL_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "IDEMPOTENCY_KEY_REUSED": {"NEVER"},
    "INSUFFICIENT_FUNDS": {"AFTER_CHANGE"},
    "PLAYER_BLOCKED": {"AFTER_CHANGE"},
    "PLAYER_MISMATCH": {"NEVER"},
    "CURRENCY_MISMATCH": {"NEVER"},
    "ROUND_MISMATCH": {"NEVER"},
    "ROUND_CLOSED": {"AFTER_CHANGE"},
    "BET_ALREADY_SETTLED": {"AFTER_CHANGE"},
    "TRANSACTION_ROLLED_BACK": {"NEVER"},
    "TRANSACTION_VOIDED": {"NEVER"},
    "NOT_REVERSIBLE": {"NEVER"},
    "WITHDRAWAL_STATE_CONFLICT": {"NEVER"},
    "SESSION_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "SESSION_CLOSED": {"NEVER", "AFTER_CHANGE"},
    "OPEN_ROUNDS": {"AFTER_CHANGE"},
    "WALLET_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "RESERVATION_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "EVENT_NOT_FOUND": {"NEVER"},
    "LEDGER_NOT_FOUND": {"NEVER", "AFTER_CHANGE"},
    "RESERVATION_EXPIRED": {"NEVER"},
    "RESERVATION_CLOSED": {"NEVER"},
    "UNBALANCED_POSTINGS": {"NEVER"},
    "SETTLEMENT_RAIL_NOT_CONFIGURED": {"AFTER_CHANGE"},
    "BALANCE_NOT_ZERO": {"AFTER_CHANGE"},
    "NEEDS_APPROVAL": {"AFTER_CHANGE"},
    "SAME_PERSON": {"NEVER"},
    "PROPOSAL_DECIDED": {"NEVER"},
    "PROPOSAL_NOT_FOUND": {"NEVER"},
    "CONFLICT": {"SAME_REQUEST"},
    "DATABASE_UNAVAILABLE": {"SAME_REQUEST"},
    "SERVED_ELSEWHERE": {"SAME_REQUEST"},
    "OUTCOME_UNKNOWN": {"SAME_REQUEST"},
    "QUEUE_FULL": {"SAME_REQUEST"},
    "RATE_LIMITED": {"SAME_REQUEST"},
    "INTERNAL": {"NEVER", "SAME_REQUEST", "AFTER_CHANGE"},
}
_SHAPE_REASONS = {"INVALID_AMOUNT", "MISSING_FIELD", "INVALID_FIELD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One error as its details tell it; `reason` is empty for an error that is gRPC's own."""

    status: grpc.StatusCode
    message: str
    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    has_retry_info: bool = False
    retry_after_ms: int = 0


def refusal_of_call(error: grpc.RpcError) -> Refusal:
    """Read the error of a call."""
    status = rpc_status.from_call(error)
    if status is None:
        return Refusal(status=error.code(), message=str(error.details()))
    assert status.code == error.code().value[0], "the details tell another status than the call"
    refusal = refusal_of_status(status)
    pushback = dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
    assert pushback == (str(refusal.retry_after_ms) if refusal.has_retry_info else None), "gRPC's retries are told else"
    return refusal


def refusal_of_status(status: status_pb2.Status) -> Refusal:
    """Read the error of one outcome of a batch or a stream."""
    by_code = {code.value[0]: code for code in grpc.StatusCode}
    reason = domain = ""
    metadata: dict[str, str] = {}
    fields: list[str] = []
    has_retry_info, retry_after_ms = False, 0
    for detail in status.details:
        info, bad, again = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            assert not reason, "more than one ErrorInfo"
            reason, domain, metadata = info.reason, info.domain, dict(info.metadata)
        elif detail.Unpack(bad):
            fields += [violation.field for violation in bad.field_violations]
        elif detail.Unpack(again):
            has_retry_info, retry_after_ms = again.HasField("retry_delay"), again.retry_delay.ToMilliseconds()
    return Refusal(
        status=by_code[status.code],
        message=status.message,
        reason=reason,
        domain=domain,
        metadata=metadata,
        fields=tuple(fields),
        has_retry_info=has_retry_info,
        retry_after_ms=retry_after_ms,
    )


def opened(outcome: Any) -> Any:
    """Return what an outcome of a batch or a stream holds: a result or a Refusal."""
    match outcome.WhichOneof("outcome"):
        case "error":
            return refusal_of_status(outcome.error)
        case None:
            raise AssertionError("an empty outcome")
        case name:
            return getattr(outcome, name)


def check_refusal(refusal: object, reason: str, **metadata: str) -> Refusal:
    """Assert that something was refused for this reason, with all that the contract says of it.

    `metadata` are entries of ErrorInfo.metadata that must be there; `field` of a bad shape must be a violation as well.
    """
    assert isinstance(refusal, Refusal), f"expected {reason}, got {refusal}"
    assert refusal.reason == reason, f"expected {reason} {metadata}, got {refusal}"
    assert refusal.status is STATUS[reason], refusal
    assert refusal.domain == "wallet", refusal
    assert refusal.message, refusal
    assert refusal.metadata.get("retry") in _RETRY[reason], refusal
    if reason in _SHAPE_REASONS:
        assert refusal.fields, refusal
        assert refusal.metadata.get("field") in refusal.fields, refusal
    if reason in {"IDEMPOTENCY_KEY_REUSED", "UNKNOWN_CURRENCY_NETWORK"}:
        assert refusal.metadata.get("field"), refusal
    if reason == "INSUFFICIENT_FUNDS":
        assert refusal.metadata.get("balance_minor", "").isdigit(), refusal
    if reason in {"QUEUE_FULL", "RATE_LIMITED"}:
        assert refusal.has_retry_info, refusal
    for name, value in metadata.items():
        assert refusal.metadata.get(name) == value, f"expected {name} = {value}, got {refusal}"
    return refusal
