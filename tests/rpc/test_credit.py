"""Credit wallets and ledgers through gRPC: shapes, rights, races on one wallet, pages, and random histories."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from support.credit import ACCEPTED, DUPLICATE, CreditCaller, Purse, credit_of, wait_until_posted
from support.database import Installation
from support.refusals import Refusal, check_refusal
from support.requests import fresh_id
from support.waiting import wait_until
from support.wallet import Wallet, at_once

from wallet.v1 import credit_wallet_pb2 as pb
from wallet.v1 import ledger_pb2

NO_LEDGER = "01890000-0000-7000-8000-00000000dead"


@pytest.fixture
def credit(wallet: Wallet) -> CreditCaller:
    return credit_of(wallet)


def test_a_hundred_first_writes_race(credit: CreditCaller) -> None:
    purse = Purse(credit.ledger())
    outcomes = credit.at_once(*(purse.credit("1") for _ in range(100)))
    assert {outcome.status for outcome in outcomes} == {ACCEPTED}
    assert sorted(int(outcome.balance_minor) for outcome in outcomes) == list(range(1, 101))
    credit.holds(purse, "100", "100")


def test_the_same_first_write_races_itself(credit: CreditCaller) -> None:
    purse = Purse(credit.ledger())
    outcomes = credit.at_once(*[purse.credit("7")] * 20)
    assert sorted(outcome.status for outcome in outcomes) == [ACCEPTED] + [DUPLICATE] * 19
    credit.holds(purse, "7", "7")


def test_debits_and_reservations_race_for_the_same_money(credit: CreditCaller) -> None:
    purse = credit.purse("100")
    outcomes = credit.at_once(*(make("20") for make in (purse.debit, purse.reserve) for _ in range(5)))
    assert sum(not isinstance(outcome, Refusal) for outcome in outcomes) == 5
    assert credit.call(purse.read()).available_minor == "0"


def test_a_commit_and_a_release_race(credit: CreditCaller) -> None:
    for _ in range(5):
        purse = credit.purse("100")
        reserved = credit.accepted(purse.reserve("40"), "100", "60")
        outcomes = credit.at_once(*[purse.commit(reserved), purse.release(reserved)] * 3)
        written = [outcome for outcome in outcomes if not isinstance(outcome, Refusal)]
        assert sorted(outcome.status for outcome in written) == [ACCEPTED, DUPLICATE, DUPLICATE]
        assert {outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)} == {"RESERVATION_CLOSED"}
        assert credit.call(purse.read()).available_minor in {"60", "100"}


def test_a_batch_is_as_if_sent_one_by_one(credit: CreditCaller) -> None:
    purse, other = Purse(credit.ledger()), Purse(credit.ledger())
    first = purse.credit("100")
    told = credit.batch([first, first, purse.debit("60"), purse.debit("60"), other.credit("5"), purse.reserve("40")])
    assert [getattr(it, "status", None) for it in told[:3]] == [ACCEPTED, DUPLICATE, ACCEPTED]
    check_refusal(told[3], "INSUFFICIENT_FUNDS", balance_minor="40")
    assert (told[4].balance_minor, told[5].available_minor) == ("5", "0")
    again = credit.batch([purse.commit(told[5], "10"), purse.commit(told[5], "10"), purse.release(told[5])])
    assert [getattr(it, "status", None) for it in again[:2]] == [ACCEPTED, DUPLICATE]
    check_refusal(again[2], "RESERVATION_CLOSED")
    credit.holds(purse, "30", "30")


def test_a_malformed_operation_has_its_own_error(wallet: Wallet, credit: CreditCaller) -> None:
    purse = Purse(credit.ledger())
    told = credit.batch([purse.credit("x"), purse.credit("1"), Purse(NO_LEDGER).credit()])
    check_refusal(told[0], "INVALID_AMOUNT", field="amount_minor")
    assert told[1].status == ACCEPTED
    check_refusal(told[2], "LEDGER_NOT_FOUND")
    for refused in credit_of(wallet, "games").batch([purse.credit("1")]):
        check_refusal(refused, "CALL_NOT_ALLOWED")


SHAPES: dict[str, tuple[dict[str, object], str, str]] = {
    "no wallet": ({"wallet_key": ""}, "MISSING_FIELD", "wallet_key"),
    "no ledger in the key": ({"wallet_key": "purse"}, "INVALID_FIELD", "wallet_key"),
    "a ledger in upper case": ({"wallet_key": f"{NO_LEDGER.upper()}:p"}, "INVALID_FIELD", "wallet_key"),
    "no key in the ledger": ({"wallet_key": f"{NO_LEDGER}:"}, "INVALID_FIELD", "wallet_key"),
    "a key too long": ({"wallet_key": f"{NO_LEDGER}:{'p' * 92}"}, "INVALID_FIELD", "wallet_key"),
    "no id": ({"transaction_id": ""}, "MISSING_FIELD", "transaction_id"),
    "an id of the wallet's own": ({"transaction_id": "wallet:ending:x"}, "INVALID_FIELD", "transaction_id"),
    "nothing": ({"amount_minor": "0"}, "INVALID_AMOUNT", "amount_minor"),
    "no amount": ({"amount_minor": ""}, "INVALID_AMOUNT", "amount_minor"),
    "a signed amount": ({"amount_minor": "-1"}, "INVALID_AMOUNT", "amount_minor"),
}


@pytest.mark.parametrize(("fields", "reason", "field"), SHAPES.values(), ids=SHAPES.keys())
def test_shapes(credit: CreditCaller, fields: dict[str, object], reason: str, field: str) -> None:
    purse = Purse(NO_LEDGER)
    for make in (purse.credit, purse.debit, purse.reserve):
        credit.refused(make(**fields), reason, field=field)


def test_shapes_of_reservations(credit: CreditCaller) -> None:
    purse = credit.purse("100")
    credit.refused(purse.reserve(ttl_seconds=0), "MISSING_FIELD", field="ttl_seconds")
    for ttl_seconds in (-1, 86_401):
        credit.refused(purse.reserve(ttl_seconds=ttl_seconds), "INVALID_FIELD", field="ttl_seconds")
    credit.refused(purse.commit(""), "MISSING_FIELD", field="reservation_id")
    for unknown in ("no-such", "res_" + "0" * 32):
        credit.refused(purse.commit(unknown), "RESERVATION_NOT_FOUND")
        credit.refused(purse.release(unknown), "RESERVATION_NOT_FOUND")
    reserved = credit.accepted(purse.reserve("40", ttl_seconds=86_400), "100", "60")
    credit.refused(purse.commit(reserved, "0"), "INVALID_AMOUNT", field="amount_minor")
    credit.refused(Purse(purse.ledger_id).commit(reserved), "WALLET_NOT_FOUND")


def test_ids_are_known_per_wallet(credit: CreditCaller) -> None:
    purse, other = credit.purse("100"), credit.purse("100")
    debit = purse.debit("10")
    credit.accepted(debit, "90", "90")
    credit.duplicate(debit, "90", "90")
    credit.accepted(other.debit("10", transaction_id=debit.transaction_id), "90", "90")
    assert [entry.source for entry in credit.call(purse.entries()).entries] == ["credit", "credit"]


def test_entries_and_postings_come_in_pages(credit: CreditCaller, installation: Installation) -> None:
    purse = credit.purse("100")
    reserved = credit.accepted(purse.reserve("40"), "100", "60")
    credit.accepted(purse.commit(reserved, "25"), "75", "75")
    found: list[pb.WalletEntry] = []
    token = ""
    while True:
        page = credit.call(purse.entries(page_size=1, page_token=token))
        found.extend(page.entries)
        token = page.next_page_token
        if not token:
            break
    kinds = [pb.WALLET_ENTRY_KIND_CREDIT, pb.WALLET_ENTRY_KIND_RESERVE, pb.WALLET_ENTRY_KIND_COMMIT]
    assert [(it.entry_no, it.kind) for it in found] == list(enumerate(kinds, start=1))
    assert [it.change_minor for it in found] == ["100", "0", "-25"]
    assert {it.reservation_id for it in found[1:]} == {reserved.reservation_id}
    wait_until_posted(installation)
    credit.accepted(purse.credit("1"), "76", "76")
    wait_until(lambda: credit.call(purse.read()).posted_entries == 4, what="it is posted")
    first = credit.call(purse.postings(page_size=1))
    rest = credit.call(purse.postings(page_token=first.next_page_token)).postings
    ranges = [(it.first_entry_no, it.last_entry_no) for it in (*first.postings, *rest)]
    assert ranges[0][0] == 1
    assert ranges[-1][1] == 4
    assert all(after[0] == before[1] + 1 for before, after in pairwise(ranges))
    credit.refused(purse.entries(page_token="x"), "INVALID_FIELD", field="page_token")
    credit.refused(purse.postings(page_size=1_001), "INVALID_FIELD", field="page_size")


def test_a_hot_wallet_of_many_callers(credit: CreditCaller) -> None:
    purse = credit.purse("1")
    at_once(*(lambda: [credit.call(purse.credit("1")) for _ in range(10)] for _ in range(32)))
    credit.holds(purse, "321", "321")


class Model:
    """A wallet that is simple enough to be believed."""

    def __init__(self, purse: Purse) -> None:
        self.purse = purse
        self.balance = 0
        self.open: dict[str, int] = {}
        self.sent: list[Message] = []

    @property
    def available(self) -> int:
        return self.balance - sum(self.open.values())

    def send(self, credit: CreditCaller) -> None:
        amount = random.randint(1, 30)
        kind = random.choice(["credit", "debit", "reserve", "commit", "release", "again"])
        if kind == "again" and self.sent:
            assert credit.call(random.choice(self.sent)).status == DUPLICATE
        elif kind in {"commit", "release"} and self.open:
            reservation, held = random.choice(list(self.open.items()))
            if kind == "commit":
                taken = random.randint(1, held)
                request: Message = self.purse.commit(reservation, str(taken))
                self.balance -= taken
            else:
                request = self.purse.release(reservation)
            del self.open[reservation]
            self.told(credit, request)
        elif kind == "credit":
            self.balance += amount
            self.told(credit, self.purse.credit(str(amount)))
        elif kind == "debit" and self.available >= amount:
            self.balance -= amount
            self.told(credit, self.purse.debit(str(amount)))
        elif kind == "reserve" and self.available >= amount:
            request = self.purse.reserve(str(amount))
            answer = credit.call(request)
            self.open[answer.reservation_id] = amount
            assert answer.available_minor == str(self.available)
            self.sent.append(request)
        elif kind in {"debit", "reserve"}:
            credit.refused(getattr(self.purse, kind)(str(amount)), "INSUFFICIENT_FUNDS")

    def told(self, credit: CreditCaller, request: Message) -> None:
        answer = credit.call(request)
        assert (answer.balance_minor, answer.available_minor) == (str(self.balance), str(self.available))
        self.sent.append(request)


def test_random_histories_beside_a_model(credit: CreditCaller) -> None:
    ledger_id = credit.ledger()
    models = [Model(Purse(ledger_id)) for _ in range(8)]

    def play(model: Model) -> None:
        for _ in range(40):
            model.send(credit)
        if model.sent:
            credit.holds(model.purse, str(model.balance), str(model.available))

    at_once(*(lambda model=model: play(model) for model in models))


# Ledgers ------------------------------------------------------------------------------------------------------------


def entry_of(ledger_id: str, *legs: tuple[str, str], transaction_id: str = "") -> ledger_pb2.PostJournalEntryRequest:
    return ledger_pb2.PostJournalEntryRequest(
        ledger_id=ledger_id,
        transaction_id=transaction_id or fresh_id("entry"),
        postings=[ledger_pb2.JournalPosting(account_code=code, amount_minor=amount) for code, amount in legs],
    )


def test_a_journal_entry_and_its_accounts(wallet: Wallet, credit: CreditCaller) -> None:
    ledger_id = credit.ledger()
    request = entry_of(ledger_id, ("cash", "10"), ("sales", "-7"), ("tax", "-3"))
    posted = credit.call(request)
    assert {it.account_code: it.balance_minor for it in posted.accounts} == {"cash": "10", "sales": "-7", "tax": "-3"}
    again = credit.call(request)
    assert (again.replayed, again.tx_id) == (True, posted.tx_id)
    for by_id in ({"tx_id": posted.tx_id}, {"transaction_id": request.transaction_id}):
        found = credit.call(ledger_pb2.GetJournalEntryRequest(ledger_id=ledger_id, **by_id))
        assert (found.tx_id, found.source, list(found.postings)) == (posted.tx_id, "credit", list(request.postings))
    other = credit_of(wallet, "operator")
    by_other = ledger_pb2.GetJournalEntryRequest(ledger_id=ledger_id, transaction_id=request.transaction_id)
    other.refused(by_other, "TRANSACTION_NOT_FOUND")  # it reads all ledgers; an id is its own source's
    credit.refused(entry_of(ledger_id, ("a", "1"), ("b", "-2")), "UNBALANCED_POSTINGS")
    credit.refused(entry_of(NO_LEDGER, ("a", "1"), ("b", "-1")), "LEDGER_NOT_FOUND")
    credit.refused(entry_of(ledger_id, ("a", "0"), ("b", "0")), "INVALID_AMOUNT", field="postings[0].amount_minor")
    for wrong, reason, field in (
        (("", "1"), "MISSING_FIELD", "account_code"),
        (("a b", "1"), "INVALID_FIELD", "account_code"),
        (("c", "+1"), "INVALID_AMOUNT", "amount_minor"),
    ):
        legs = [("a", "1"), ("b", "-1")] * 8
        credit.refused(entry_of(ledger_id, *legs, wrong, *legs), reason, field=f"postings[16].{field}")
    credit.refused(entry_of(ledger_id, ("a", "1")), "INVALID_FIELD", field="postings")
    credit.refused(entry_of(ledger_id, *[("a", "1"), ("b", "-1")] * 51), "INVALID_FIELD", field="postings")
    reused = entry_of(ledger_id, ("cash", "10"), ("sales", "-10"), transaction_id=request.transaction_id)
    credit.refused(reused, "IDEMPOTENCY_KEY_REUSED", field="postings")
    credit_of(wallet, "games").refused(request, "CALL_NOT_ALLOWED")
    hundred = entry_of(ledger_id, *[(f"a{number}", "1" if number % 2 else "-1") for number in range(100)])
    assert len(credit.call(hundred).accounts) == 100


def test_accounts_live_in_their_ledger_and_remember(credit: CreditCaller) -> None:
    ledger_id, other_id = credit.ledger(), credit.ledger()

    def balance(ledger: str, at: datetime | None = None) -> str:
        return str(
            credit.call(ledger_pb2.GetLedgerAccountRequest(ledger_id=ledger, account_code="MAIN", at=at)).balance_minor
        )

    moments = []
    for _ in range(3):
        posted = credit.call(entry_of(ledger_id, ("MAIN", "5"), ("HOUSE", "-5")))
        moments.append(posted.created_at.ToDatetime(tzinfo=UTC))
    credit.call(entry_of(other_id, ("MAIN", "-1"), ("x", "1")))
    assert (balance(ledger_id), balance(other_id)) == ("15", "-1")
    assert [balance(ledger_id, at) for at in moments] == ["5", "10", "15"]
    assert balance(ledger_id, moments[0] - timedelta(microseconds=1)) == "0"


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        (0, -1),
        (0, 1_000_000_000),
        (1_700_000_000, 2**31 - 1),
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        (2**63 - 1, 0),
    ],
)
def test_what_is_no_time_is_refused(credit: CreditCaller, seconds: int, nanos: int) -> None:
    at = Timestamp(seconds=seconds, nanos=nanos)
    request = ledger_pb2.GetLedgerAccountRequest(ledger_id=credit.ledger(), account_code="a", at=at)
    credit.refused(request, "INVALID_FIELD", field="at")


def test_the_first_of_times_is_one(credit: CreditCaller) -> None:
    at = Timestamp(seconds=-62_135_596_800, nanos=999_999_999)
    request = ledger_pb2.GetLedgerAccountRequest(ledger_id=credit.ledger(), account_code="a", at=at)
    assert credit.call(request).balance_minor == "0"


def test_ledgers_are_created_once_and_listed(credit: CreditCaller, installation: Installation) -> None:
    request = ledger_pb2.CreateLedgerRequest(transaction_id=fresh_id("l"), name="Token grants", currency_network_id=1)
    made, again = credit.call(request), credit.call(request)
    assert (again.ledger_id, again.replayed) == (made.ledger_id, True)
    request.name = "Points"
    credit.refused(request, "IDEMPOTENCY_KEY_REUSED", field="name")
    ours = ("--source", "credit")
    by_operator = installation.command("ledgers", "create", "by hand", *ours, "--currency-network", "2").strip()
    assert by_operator in installation.command("ledgers", "list", "--json")
    assert installation.run("ledgers", "create", "nowhere", *ours, "--currency-network", "99").returncode != 0
    purse = Purse(by_operator)
    credit.accepted(purse.credit("1"), "1", "1")
    assert credit.call(purse.read()).currency_network_id == 2
    listed: list[str] = []
    token = ""
    while not listed or token:
        page = credit.call(ledger_pb2.ListLedgersRequest(page_size=2, page_token=token))
        listed += [ledger.ledger_id for ledger in page.ledgers]
        token = page.next_page_token
    assert listed == sorted(listed)
    assert {made.ledger_id, by_operator} <= set(listed)
    refused = ledger_pb2.CreateLedgerRequest(transaction_id=fresh_id("l"), name="x", currency_network_id=99)
    credit.refused(refused, "UNKNOWN_CURRENCY_NETWORK", field="currency_network_id")
