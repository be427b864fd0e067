"""Random histories of all four capabilities: whatever is sent, in whatever way, every answer is the model's.

And so is all that is held in the end: balances, rounds, journals, entries, events. WALLET_MODEL_SEED chooses other
histories, WALLET_MODEL_HISTORIES how many; `make soak` plays new ones for as long as it is told.
"""

import os
from collections.abc import Callable

import pytest
from model.in_memory import InMemory
from model.playing import play
from model.served import served
from support.credit import wait_until_posted
from support.database import Installation
from support.ledger import verify
from support.server import CELLS_OF_MODES, ENGINE_MODES

SEED = int(os.environ.get("WALLET_MODEL_SEED", "20240601"))
HISTORIES = int(os.environ.get("WALLET_MODEL_HISTORIES", "20"))
IN_MEMORY = 12 * HISTORIES

# What these histories must have met, or they are not worth much.
WORDS = {
    "players": {
        "APPLIED", "REPLAYED", "VOIDED", "ALREADY_ROLLED_BACK", "BALANCE_NOT_ZERO", "BET_ALREADY_SETTLED",
        "BET_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "INSUFFICIENT_FUNDS", "NOT_REVERSIBLE", "PLAYER_BLOCKED",
        "PLAYER_MISMATCH", "ROUND_CLOSED", "TRANSACTION_ROLLED_BACK", "TRANSACTION_VOIDED", "WITHDRAWAL_NOT_FOUND",
        "CURRENCY_MISMATCH", "INVALID_AMOUNT", "INVALID_FIELD", "ROUND_MISMATCH", "WITHDRAWAL_STATE_CONFLICT",
    },
    "sessions": {
        "OPEN", "APPLIED", "REPLAYED", "LATE", "VOIDED", "ALREADY_ROLLED_BACK", "BET_ALREADY_SETTLED", "BET_NOT_FOUND",
        "IDEMPOTENCY_KEY_REUSED", "INSUFFICIENT_FUNDS", "NOT_REVERSIBLE", "OPEN_ROUNDS", "PLAYER_BLOCKED",
        "ROUND_CLOSED", "ROUND_MISMATCH", "SESSION_CLOSED", "SESSION_NOT_FOUND", "TRANSACTION_ROLLED_BACK",
        "TRANSACTION_VOIDED",
    },
    "credit": {
        "ACCEPTED", "DUPLICATE", "IDEMPOTENCY_KEY_REUSED", "INSUFFICIENT_FUNDS", "INVALID_AMOUNT", "LEDGER_NOT_FOUND",
        "RESERVATION_CLOSED", "RESERVATION_EXPIRED", "RESERVATION_NOT_FOUND", "WALLET_NOT_FOUND",
    },
    "ledgers": {
        "APPLIED", "REPLAYED", "IDEMPOTENCY_KEY_REUSED", "LEDGER_NOT_FOUND", "TRANSACTION_VOIDED",
        "UNBALANCED_POSTINGS",
    },
}  # fmt: skip


@pytest.mark.property
def test_the_rules_alone(record_property: Callable[[str, object], None]) -> None:
    count = play([InMemory()], with_seed=SEED, histories=IN_MEMORY)
    record_property("operations", str(count.words))
    if {"WALLET_MODEL_SEED", "WALLET_MODEL_HISTORIES"} & os.environ.keys():
        return  # what is rare is not met with every seed, nor by a few histories
    wanted = {(service, word) for service, words in WORDS.items() for word in words}
    assert set(count.words) >= wanted, f"never met: {wanted - set(count.words)}"


@pytest.mark.slow
@pytest.mark.property
@pytest.mark.timeout(900)
def test_a_running_server(
    new_installation: Callable[..., Installation], record_property: Callable[[str, object], None]
) -> None:
    installations = [new_installation(cells=CELLS_OF_MODES[mode]) for mode in ENGINE_MODES]
    with served(installations) as wallets:
        count = play(wallets, with_seed=SEED, histories=HISTORIES)
        for installation in installations:
            wait_until_posted(installation)
    record_property("operations", str(count.words))
    assert count.operations >= 50 * HISTORIES, f"only {count.operations} operations"
    for installation in installations:
        verify(installation)
