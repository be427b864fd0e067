"""Random sessions: whatever is sent, in whatever way, every answer and every balance is the contract's.

WALLET_MODEL_SEED chooses other sessions; `make soak` plays new ones for as long as it is told.
"""

import os
from collections.abc import Callable

import pytest
from model.session import driven, play
from support.database import Installation
from support.ledger import verify
from support.server import ENGINE_MODES

SEED = int(os.environ.get("WALLET_MODEL_SEED", "20240601"))
STEPS_MIN = 5_000

# What 5,000 random steps must have met, or they are not worth much.
REASONS = {
    "APPLIED",
    "VOIDED",
    "ALREADY_ROLLED_BACK",
    "BALANCE_NOT_ZERO",
    "BET_ALREADY_SETTLED",
    "BET_NOT_FOUND",
    "CURRENCY_MISMATCH",
    "IDEMPOTENCY_KEY_REUSED",
    "INSUFFICIENT_FUNDS",
    "INVALID_AMOUNT",
    "INVALID_FIELD",
    "NOT_REVERSIBLE",
    "PLAYER_BLOCKED",
    "PLAYER_MISMATCH",
    "ROUND_CLOSED",
    "ROUND_MISMATCH",
    "TRANSACTION_ROLLED_BACK",
    "TRANSACTION_VOIDED",
    "WITHDRAWAL_NOT_FOUND",
    "WITHDRAWAL_STATE_CONFLICT",
}


@pytest.mark.slow
@pytest.mark.property
@pytest.mark.timeout(900)
def test_every_answer_is_the_contracts(
    new_installation: Callable[[], Installation], record_property: Callable[[str, object], None]
) -> None:
    installations = [new_installation() for _ in ENGINE_MODES]
    with driven(installations) as servers:
        count = play(servers, with_seed=SEED)
    record_property("operations", count.reasons)
    assert count.steps >= STEPS_MIN, f"only {count.steps} steps"
    assert count.reasons.keys() >= REASONS, f"never met: {REASONS - count.reasons.keys()}"
    for installation in installations:
        verify(installation)
