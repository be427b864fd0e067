"""Refusals as gRPC statuses: the one place that maps them (docs/rules.md, Errors)."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from wallet_grpc.domain.refusals import Reason, Refusal, retry_of

DOMAIN = "wallet"
_DETAILS_KEY = "grpc-status-details-bin"
_FULL = frozenset({Reason.QUEUE_FULL, Reason.RATE_LIMITED})
_FULL_RETRY_AFTER_MS = 100
"""When to come again to what is full, where nobody can tell."""
_OVER_KEY = "wallet-stream-over"
"""For the gateway, so that it counts the end of such a stream as no failure either (wallet_gateway/refusals.py)."""
_PUSHBACK_KEY = "grpc-retry-pushback-ms"
"""What gRPC's own retries heed: when to send a call again."""

_CODES: dict[Reason, grpc.StatusCode] = {
    Reason.INVALID_AMOUNT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.MISSING_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UNKNOWN_CURRENCY_NETWORK: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.CALLER_UNKNOWN: grpc.StatusCode.UNAUTHENTICATED,
    Reason.CALL_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.ENVIRONMENT_MISMATCH: grpc.StatusCode.PERMISSION_DENIED,
    Reason.BET_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.TRANSACTION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.ROUND_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.SESSION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.WITHDRAWAL_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.WALLET_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.RESERVATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.LEDGER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.PROPOSAL_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.EVENT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.IDEMPOTENCY_KEY_REUSED: grpc.StatusCode.ALREADY_EXISTS,
    Reason.INSUFFICIENT_FUNDS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.PLAYER_BLOCKED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.PLAYER_MISMATCH: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CURRENCY_MISMATCH: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.ROUND_MISMATCH: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.ROUND_CLOSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.OPEN_ROUNDS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.BET_ALREADY_SETTLED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TRANSACTION_ROLLED_BACK: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TRANSACTION_VOIDED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.NOT_REVERSIBLE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SESSION_CLOSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.WITHDRAWAL_STATE_CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.RESERVATION_EXPIRED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.RESERVATION_CLOSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.UNBALANCED_POSTINGS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SETTLEMENT_RAIL_NOT_CONFIGURED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.BALANCE_NOT_ZERO: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.NEEDS_APPROVAL: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SAME_PERSON: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.PROPOSAL_DECIDED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CONFLICT: grpc.StatusCode.ABORTED,
    Reason.DATABASE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.SERVED_ELSEWHERE: grpc.StatusCode.UNAVAILABLE,
    Reason.OUTCOME_UNKNOWN: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.QUEUE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}
assert set(_CODES) == set(Reason)

_NAMES_A_FIELD = frozenset({Reason.INVALID_AMOUNT, Reason.MISSING_FIELD, Reason.INVALID_FIELD})


def code_of(reason: Reason) -> grpc.StatusCode:
    """Give the code that a call ends with which is refused for this reason."""
    return _CODES[reason]


def status_of(refusal: Refusal, request_id: str) -> status_pb2.Status:
    """Turn a refusal into a status with its details: what a batch or stream carries in the operation's place."""
    metadata = {**refusal.metadata, "retry": retry_of(refusal.reason).value}
    if refusal.reason is Reason.INTERNAL:
        metadata["request_id"] = request_id
    status = status_pb2.Status(code=_CODES[refusal.reason].value[0], message=refusal.message)
    _add(status, error_details_pb2.ErrorInfo(reason=refusal.reason.value, domain=DOMAIN, metadata=metadata))
    if refusal.reason in _NAMES_A_FIELD:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=refusal.metadata["field"], description=refusal.message
        )
        _add(status, error_details_pb2.BadRequest(field_violations=[violation]))
    retry_after_ms = _retry_after_ms(refusal)
    if retry_after_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(retry_after_ms)
        _add(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


async def abort(
    context: grpc.aio.ServicerContext[Any, Any], refusal: Refusal, request_id: str, *, is_over: bool = False
) -> NoReturn:
    """End a call with a refusal. In grpc.aio this raises, and may be done once a call.

    `is_over` says of a stream that it ends as it is meant to, which callers need not know, and who counts beside does.
    """
    trailers: list[tuple[str, str | bytes]] = [(_DETAILS_KEY, status_of(refusal, request_id).SerializeToString())]
    retry_after_ms = _retry_after_ms(refusal)
    if retry_after_ms is not None:
        trailers.append((_PUSHBACK_KEY, str(retry_after_ms)))
    if is_over:
        trailers.append((_OVER_KEY, "1"))
    await context.abort(_CODES[refusal.reason], refusal.message, trailing_metadata=tuple(trailers))
    raise AssertionError("abort returned")


def _retry_after_ms(refusal: Refusal) -> int | None:
    return refusal.retry_after_ms or (_FULL_RETRY_AFTER_MS if refusal.reason in _FULL else None)


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed: any_pb2.Any = status.details.add()
    packed.Pack(detail)
