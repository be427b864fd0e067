"""What a caller may do with a refused request: `metadata.retry` of every reason (docs/rules.md, Errors)."""

import pytest

from wallet_grpc.domain.refusals import Reason, Retry, retry_of

NEVER, SAME, AFTER = Retry.NEVER, Retry.SAME_REQUEST, Retry.AFTER_CHANGE

RETRIES = {
    "INVALID_AMOUNT": NEVER,
    "MISSING_FIELD": NEVER,
    "INVALID_FIELD": NEVER,
    "UNKNOWN_CURRENCY_NETWORK": AFTER,
    "CALLER_UNKNOWN": AFTER,
    "CALL_NOT_ALLOWED": AFTER,
    "ENVIRONMENT_MISMATCH": NEVER,
    "BET_NOT_FOUND": AFTER,
    "TRANSACTION_NOT_FOUND": AFTER,
    "ROUND_NOT_FOUND": AFTER,
    "SESSION_NOT_FOUND": NEVER,
    "WITHDRAWAL_NOT_FOUND": AFTER,
    "IDEMPOTENCY_KEY_REUSED": NEVER,
    "INSUFFICIENT_FUNDS": AFTER,
    "PLAYER_BLOCKED": AFTER,
    "PLAYER_MISMATCH": NEVER,
    "CURRENCY_MISMATCH": NEVER,
    "ROUND_MISMATCH": NEVER,
    "ROUND_CLOSED": AFTER,
    "OPEN_ROUNDS": AFTER,
    "BET_ALREADY_SETTLED": AFTER,
    "TRANSACTION_ROLLED_BACK": NEVER,
    "TRANSACTION_VOIDED": NEVER,
    "NOT_REVERSIBLE": NEVER,
    "SESSION_CLOSED": NEVER,
    "WITHDRAWAL_STATE_CONFLICT": NEVER,
    "SETTLEMENT_RAIL_NOT_CONFIGURED": AFTER,
    "WALLET_NOT_FOUND": AFTER,
    "RESERVATION_NOT_FOUND": NEVER,
    "EVENT_NOT_FOUND": NEVER,
    "LEDGER_NOT_FOUND": AFTER,
    "RESERVATION_EXPIRED": NEVER,
    "RESERVATION_CLOSED": NEVER,
    "UNBALANCED_POSTINGS": NEVER,
    "BALANCE_NOT_ZERO": AFTER,
    "NEEDS_APPROVAL": AFTER,
    "SAME_PERSON": NEVER,
    "PROPOSAL_DECIDED": NEVER,
    "PROPOSAL_NOT_FOUND": NEVER,
    "CONFLICT": SAME,
    "DATABASE_UNAVAILABLE": SAME,
    "SERVED_ELSEWHERE": SAME,
    "OUTCOME_UNKNOWN": SAME,
    "QUEUE_FULL": SAME,
    "RATE_LIMITED": SAME,
    "INTERNAL": SAME,
}


@pytest.mark.parametrize(("reason", "retry"), RETRIES.items())
def test_retry(reason: str, retry: Retry) -> None:
    assert retry_of(Reason(reason)) is retry


def test_every_reason_has_its_row() -> None:
    assert {reason.value for reason in Reason} >= RETRIES.keys()
    unlisted = {reason.value for reason in Reason} - RETRIES.keys()
    assert not unlisted, f"say what a caller may do after {unlisted}"
