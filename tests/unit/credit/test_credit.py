"""Credit wallets: every answer of every call as a table, and any history beside its sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.credit_desk import (
    LEDGER,
    OTHER,
    PURSE,
    TTL_S,
    CreditDesk,
    address,
    commit,
    credit,
    debit,
    release,
    reserve,
    told,
)

from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.credit.outcomes import WriteStatus
from wallet_grpc.domain.credit.state import reservation_key, wallet_address
from wallet_grpc.domain.refusals import Reason

OK, AGAIN = WriteStatus.ACCEPTED, WriteStatus.DUPLICATE
FUNDED = (credit("c"),)
HELD = (*FUNDED, reserve("r"))

# What is sent before, what is sent then, what is told.
CASES: dict[str, tuple[tuple[Command, ...], Command, tuple[Any, ...]]] = {
    "a first credit": ((), credit("c"), (OK, 100, 100)),
    "a credit to the end of the range": (FUNDED, credit("d", BALANCE_MAX - 100), (OK, BALANCE_MAX, BALANCE_MAX)),
    "a credit past the range": (FUNDED, credit("d", BALANCE_MAX - 99), (Reason.INVALID_AMOUNT, "amount_minor")),
    "a first debit": ((), debit("d"), (Reason.INSUFFICIENT_FUNDS,)),
    "a first reservation": ((), reserve("r"), (Reason.INSUFFICIENT_FUNDS,)),
    "a commit in no wallet": ((), commit("r"), (Reason.WALLET_NOT_FOUND,)),
    "a release in no wallet": ((), release("r"), (Reason.WALLET_NOT_FOUND,)),
    "a credit again": (FUNDED, credit("c"), (AGAIN, 100, 100)),
    "a credit again with another amount": (FUNDED, credit("c", 99), (Reason.IDEMPOTENCY_KEY_REUSED, "amount_minor")),
    "a credit's id for a debit": (FUNDED, debit("c", 100), (Reason.IDEMPOTENCY_KEY_REUSED, "call")),
    "a credit's id in another wallet": (FUNDED, credit("c", 7, OTHER), (OK, 7, 7)),
    "a debit of all": (FUNDED, debit("d", 100), (OK, 0, 0)),
    "a debit of more": (FUNDED, debit("d", 101), (Reason.INSUFFICIENT_FUNDS,)),
    "a debit again, whatever is left": ((*FUNDED, debit("d", 100)), debit("d", 100), (AGAIN, 0, 0)),
    "a reservation": (FUNDED, reserve("r"), (OK, 100, 60)),
    "a reservation again": (HELD, reserve("r"), (AGAIN, 100, 60)),
    "a reservation again, longer": (HELD, reserve("r", ttl_s=99), (Reason.IDEMPOTENCY_KEY_REUSED, "ttl_seconds")),
    "a reservation again after its end": ((*HELD, release("r")), reserve("r"), (AGAIN, 100, 100)),
    "a debit of what is held": (HELD, debit("d", 61), (Reason.INSUFFICIENT_FUNDS,)),
    "a reservation of what is held": (HELD, reserve("s", 61), (Reason.INSUFFICIENT_FUNDS,)),
    "a commit": (HELD, commit("r"), (OK, 60, 60)),
    "a commit of a part": (HELD, commit("r", 25), (OK, 75, 75)),
    "a commit of more": (HELD, commit("r", 41), (Reason.INVALID_AMOUNT, "amount_minor")),
    "a commit again": ((*HELD, commit("r")), commit("r"), (AGAIN, 60, 60)),
    "a commit again, spelled out": ((*HELD, commit("r")), commit("r", 40), (AGAIN, 60, 60)),
    "a commit again of another amount": ((*HELD, commit("r", 25)), commit("r"), (Reason.RESERVATION_CLOSED,)),
    "a commit of more than is closed": ((*HELD, commit("r", 25)), commit("r", 50), (Reason.RESERVATION_CLOSED,)),
    "a release after a commit": ((*HELD, commit("r")), release("r"), (Reason.RESERVATION_CLOSED,)),
    "a release": (HELD, release("r"), (OK, 100, 100)),
    "a release again": ((*HELD, release("r")), release("r"), (AGAIN, 100, 100)),
    "a commit after a release": ((*HELD, release("r")), commit("r"), (Reason.RESERVATION_CLOSED,)),
    "a commit of nothing that is there": (FUNDED, commit("r"), (Reason.RESERVATION_NOT_FOUND,)),
    "a commit in another wallet": (
        (*HELD, credit("o", 90, OTHER)),
        commit("r", wallet=OTHER),
        (Reason.RESERVATION_NOT_FOUND,),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "command", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_told(before: tuple[Command, ...], command: Command, expected: tuple[Any, ...]) -> None:
    assert told(CreditDesk().all(*before).send(command)) == expected


EXPIRY: dict[str, tuple[int, Callable[[], Command], tuple[Any, ...]]] = {
    "a commit just before": (TTL_S - 1, lambda: commit("r"), (OK, 60, 60)),
    "a debit just before": (TTL_S - 1, lambda: debit("d", 61), (Reason.INSUFFICIENT_FUNDS,)),
    "a commit at the instant": (TTL_S, lambda: commit("r"), (Reason.RESERVATION_EXPIRED,)),
    "a release at the instant": (TTL_S, lambda: release("r"), (Reason.RESERVATION_EXPIRED,)),
    "a debit at the instant": (TTL_S, lambda: debit("d", 100), (OK, 0, 0)),
    "the reservation again": (TTL_S, lambda: reserve("r"), (AGAIN, 100, 100)),
}


@pytest.mark.parametrize(("seconds", "command", "expected"), EXPIRY.values(), ids=EXPIRY.keys())
def test_expiry(seconds: int, command: Callable[[], Command], expected: tuple[Any, ...]) -> None:
    assert told(CreditDesk().all(*HELD).later(seconds).send(command())) == expected


def test_a_commit_before_the_instant_is_a_duplicate_after_it() -> None:
    assert told(CreditDesk().all(*HELD, commit("r")).later(TTL_S).send(commit("r"))) == (AGAIN, 60, 60)


def test_ids_never_meet_a_players_or_a_sessions() -> None:
    for name in map(str, range(200)):
        found = address(name)
        assert -(2**63) <= found.owner_id < 0
        assert found.wallet_id[0] in "89abcdef"
    assert wallet_address(f"{LEDGER.upper()}:purse") != PURSE
    assert wallet_address(LEDGER) is None
    assert wallet_address(f"{LEDGER}:") is None
    assert reservation_key("res_" + "g" * 32) is None


AMOUNTS = st.integers(1, 50)
NAMES = st.sampled_from("abcdef")
WRITES = st.one_of(
    st.builds(credit, NAMES, AMOUNTS),
    st.builds(debit, NAMES, AMOUNTS),
    st.builds(reserve, NAMES, AMOUNTS, st.integers(1, 3)),
    st.builds(commit, NAMES, st.none() | AMOUNTS),
    st.builds(release, NAMES),
)


@given(st.lists(st.tuples(WRITES, st.integers(0, 1)), max_size=40))
def test_any_history_adds_up(steps: list[tuple[Any, int]]) -> None:
    desk = CreditDesk()
    for command, seconds in steps:
        if PURSE.wallet_id in desk.book.credit.wallets:
            desk.later(seconds)
        desk.send(command)
    if PURSE.wallet_id not in desk.book.credit.wallets:
        return
    wallet = desk.wallet
    entries = [entry for entry, _ in wallet.added]
    assert wallet.balance_minor == sum(entry.change_minor for entry in entries)
    assert wallet.held_minor == sum(
        it.amount_minor for it in wallet.reservations.values() if it.state == "OPEN" and it.expires_at > wallet.now
    )
    assert [entry.entry_no for entry in entries] == list(range(1, wallet.entry_count + 1))
    assert len({entry.key for entry in entries}) == wallet.entry_count
