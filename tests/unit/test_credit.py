"""Credit wallets and ledgers: every answer of every call as a table, and any history beside its sum."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.desk import GAMES, TRON, Desk

from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.outcomes import WriteStatus
from wallet_grpc.domain.credit.state import (
    CreditWallet,
    WalletAddress,
    reservation_key,
    wallet_address,
    wallet_entry_key,
)
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.outcomes import JournalPosted, LedgerCreated
from wallet_grpc.domain.ledgers.state import LedgerId, Leg
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Reason, Refusal

LEDGER = "0189abcd-0000-7000-8000-000000000001"
TTL_S = 60


def address(caller_key: str = "purse") -> WalletAddress:
    found = wallet_address(f"{LEDGER}:{caller_key}")
    assert found is not None
    return found


PURSE, OTHER = address(), address("other")


def credit(transaction_id: str, amount: int = 100, wallet: WalletAddress = PURSE) -> Credit:
    return Credit(source=GAMES, wallet=wallet, transaction_id=transaction_id, amount_minor=amount)


def debit(transaction_id: str, amount: int = 10) -> Debit:
    return Debit(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=amount)


def reserve(transaction_id: str, amount: int = 40, ttl_s: int = TTL_S) -> Reserve:
    return Reserve(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=amount, ttl_s=ttl_s)


def commit(reservation: str, amount: int | None = None, wallet: WalletAddress = PURSE) -> Commit:
    key = wallet_entry_key(PURSE.wallet_id, reservation)
    return Commit(source=GAMES, wallet=wallet, reservation_key=key, amount_minor=amount)


def release(reservation: str) -> Release:
    return Release(source=GAMES, wallet=PURSE, reservation_key=wallet_entry_key(PURSE.wallet_id, reservation))


class CreditDesk(Desk):
    """A desk whose wallets' clocks can be set forward."""

    __slots__ = ()

    @property
    def wallet(self) -> CreditWallet:
        return self.book.credit.wallets[PURSE.wallet_id]

    def all(self, *commands: Command) -> CreditDesk:
        for command in commands:
            outcome = self.send(command)
            assert not isinstance(outcome, Refusal), f"{command}: {outcome}"
        return self

    def later(self, seconds: int) -> CreditDesk:
        """Do what a load at a later time does: what is over by then holds nothing."""
        wallet = self.wallet
        before, wallet.now = wallet.now, wallet.now + timedelta(seconds=seconds)
        wallet.held_minor -= sum(
            it.amount_minor
            for it in wallet.reservations.values()
            if it.state == "OPEN" and before < it.expires_at <= wallet.now
        )
        return self


def told(outcome: Outcome) -> tuple[Any, ...]:
    """Give what an outcome comes down to."""
    if isinstance(outcome, Refusal):
        return (outcome.reason, *([outcome.metadata["field"]] if "field" in outcome.metadata else []))
    return (outcome.status, outcome.balance_minor, outcome.available_minor)  # type: ignore[union-attr]


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
    assert wallet.balance_minor == sum(entry.change_minor for entry in wallet.entries)
    assert wallet.held_minor == sum(
        it.amount_minor for it in wallet.reservations.values() if it.state == "OPEN" and it.expires_at > wallet.now
    )
    assert [entry.entry_no for entry in wallet.entries] == list(range(1, wallet.entry_count + 1))
    assert len({entry.key for entry in wallet.entries}) == wallet.entry_count


def entry(transaction_id: str, *legs: tuple[str, int], ledger_id: str = LEDGER) -> PostJournalEntry:
    return PostJournalEntry(
        source=GAMES,
        transaction_id=transaction_id,
        ledger_id=LedgerId(ledger_id),
        owner_id=OwnerId(-5),
        currency_network_id=TRON,
        legs=tuple(Leg(*leg) for leg in legs),
    )


def test_a_journal_entry_balances_and_is_posted_once() -> None:
    desk = CreditDesk()
    first = desk.send(entry("e", ("cash", 10), ("sales", -7), ("tax", -3)))
    assert isinstance(first, JournalPosted)
    assert first.balances == (("cash", 10), ("sales", -7), ("tax", -3))
    again = desk.send(entry("e", ("cash", 10), ("sales", -7), ("tax", -3)))
    assert isinstance(again, JournalPosted)
    assert (again.replayed, again.tx_id) == (True, first.tx_id)
    for other, field in (
        (entry("e", ("cash", 10), ("sales", -10)), "postings"),
        (entry("e", ("cash", 10), ("sales", -7), ("tax", -3), ledger_id=LEDGER[:-1] + "2"), "ledger_id"),
    ):
        assert told(desk.send(other)) == (Reason.IDEMPOTENCY_KEY_REUSED, field)
    assert told(desk.send(entry("f", ("cash", 10), ("sales", -9)))) == (Reason.UNBALANCED_POSTINGS,)
    twice = desk.send(entry("g", ("cash", 5), ("cash", -2), ("sales", -3)))
    assert isinstance(twice, JournalPosted)
    assert twice.balances == (("cash", 13), ("sales", -10))


def test_an_account_of_a_ledger_stays_within_the_range() -> None:
    desk = Desk()
    desk.send(entry("e1", ("cash", BALANCE_MAX), ("equity", -BALANCE_MAX)))
    for refused in (
        entry("e2", ("cash", 1), ("other", -1)),
        entry("e2", ("equity", -1), ("other", 1)),
        entry("e2", ("cash", 1), ("cash", -1)),
    ):
        assert told(desk.send(refused)) == (Reason.INVALID_AMOUNT, "amount_minor")
    assert isinstance(desk.send(entry("e2", ("cash", -1), ("cash", 1))), JournalPosted)


def test_a_ledger_is_created_once() -> None:
    def creation(name: str = "tokens") -> CreateLedger:
        return CreateLedger(source=GAMES, transaction_id="l", name=name, currency_network_id=TRON)

    desk = CreditDesk()
    first, again = desk.send(creation()), desk.send(creation())
    assert isinstance(first, LedgerCreated)
    assert isinstance(again, LedgerCreated)
    assert (first.replayed, again.replayed, again.ledger) == (False, True, first.ledger)
    assert told(desk.send(creation("points"))) == (Reason.IDEMPOTENCY_KEY_REUSED, "name")
    assert told(desk.send(entry("l", ("a", 1), ("b", -1)))) == (Reason.IDEMPOTENCY_KEY_REUSED, "call")
