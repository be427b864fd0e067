"""Callers' own ledgers: created once, their entries balanced and posted once, their accounts within the range."""

from __future__ import annotations

from unit.credit_desk import LEDGER, CreditDesk, told
from unit.desk import GAMES, TRON, Desk

from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.outcomes import JournalPosted, LedgerCreated
from wallet_grpc.domain.ledgers.state import LedgerId, Leg
from wallet_grpc.domain.refusals import Reason


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
        assert told(desk.send(refused)) == (Reason.INVALID_AMOUNT, "postings")
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
