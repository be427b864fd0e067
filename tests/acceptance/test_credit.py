"""docs/acceptance.md, Credit wallets: cases 36 to 39, in both engine modes where nothing is killed."""

import random
from collections.abc import Callable

import pytest
from support.credit import ACCEPTED, CreditCaller, Purse, credit_of, wait_until_posted
from support.database import Installation
from support.ledger import verify
from support.server import WalletServer
from support.waiting import BUSY_S, wait_until
from support.wallet import Wallet


@pytest.fixture
def credit(wallet: Wallet) -> CreditCaller:
    return credit_of(wallet)


def test_case_36_the_first_credit_makes_the_wallet(credit: CreditCaller) -> None:
    purse = Purse(credit.ledger())
    credit.refused(purse.read(), "WALLET_NOT_FOUND")
    credit.refused(purse.debit("1"), "INSUFFICIENT_FUNDS", balance_minor="0")
    credit.refused(purse.read(), "WALLET_NOT_FOUND")
    credit.accepted(purse.credit("100"), "100", "100")
    credit.holds(purse, "100", "100")


def test_case_37_a_reservation_lowers_what_is_available(credit: CreditCaller) -> None:
    purse = credit.purse("100")
    reserved = credit.accepted(purse.reserve("40"), "100", "60")
    credit.holds(purse, "100", "60")
    credit.refused(purse.debit("70"), "INSUFFICIENT_FUNDS", balance_minor="100", available_minor="60")
    credit.refused(purse.reserve("61"), "INSUFFICIENT_FUNDS")
    credit.refused(purse.commit(reserved, "41"), "INVALID_AMOUNT", field="amount_minor")
    credit.accepted(purse.commit(reserved, "25"), "75", "75")
    credit.holds(purse, "75", "75")


def test_case_38_a_reservation_ends_once(credit: CreditCaller) -> None:
    purse = credit.purse("100")
    expiring = credit.accepted(purse.reserve("40", ttl_seconds=1), "100", "60")
    wait_until(lambda: credit.call(purse.read()).available_minor == "100", what="it is over")
    credit.refused(purse.commit(expiring), "RESERVATION_EXPIRED")
    credit.refused(purse.release(expiring), "RESERVATION_EXPIRED")
    credit.accepted(purse.debit("70"), "30", "30")

    reserved = credit.accepted(purse.reserve("20"), "30", "10")
    credit.accepted(purse.commit(reserved), "10", "10")
    credit.duplicate(purse.commit(reserved), "10", "10")
    credit.duplicate(purse.commit(reserved, "20"), "10", "10")
    credit.refused(purse.commit(reserved, "19"), "RESERVATION_CLOSED")
    credit.refused(purse.release(reserved), "RESERVATION_CLOSED")

    given_back = credit.accepted(purse.reserve("10"), "10", "0")
    credit.accepted(purse.release(given_back), "10", "10")
    credit.duplicate(purse.release(given_back), "10", "10")
    credit.refused(purse.commit(given_back), "RESERVATION_CLOSED")


LEDGER_NET = """
    SELECT coalesce(sum(amount_minor), 0), count(DISTINCT tx_id)
      FROM ledger_entries JOIN accounts USING (account_id) WHERE wallet_id IS NOT NULL
"""


def test_case_39_a_thousand_writes_in_a_handful_of_transactions(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        credit = credit_of(wallet)
        ledger_id = credit.ledger()
        purses = [Purse(ledger_id) for _ in range(20)]
        writes = [purse.credit("1000") for purse in purses]
        writes += [
            random.choice([purse.credit, purse.debit])(str(random.randint(1, 20)))
            for purse in random.choices(purses, k=980)
        ]
        assert {outcome.status for outcome in credit.batch(writes)} == {ACCEPTED}
        wait_until_posted(installation, timeout_s=4.5 + BUSY_S)
        balances = sum(int(credit.call(purse.read()).balance_minor) for purse in purses)
        ((net, transactions),) = installation.rows(LEDGER_NET)
        assert net == balances
        assert transactions <= 3
        for purse in purses:
            postings = credit.call(purse.postings()).postings
            assert postings[0].first_entry_no == 1
            assert postings[-1].last_entry_no == credit.call(purse.read()).entries
            assert sum(int(it.amount_minor) for it in postings) == int(credit.call(purse.read()).balance_minor)
    verify(installation)


HASTY = {"WALLET_POSTING_INTERVAL_MS": "20", "WALLET_POSTING_WALLETS_MAX": "7"}


def test_case_39_a_kill_in_the_middle_of_a_posting(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation, **HASTY) as server:
        wallet = server.wallet()
        credit = credit_of(wallet)
        ledger_id = credit.ledger()
        purses = [Purse(ledger_id) for _ in range(40)]
        expected = 0
        for _ in range(8):
            writes = [purse.credit(str(random.randint(1, 9))) for purse in purses for _ in range(5)]
            outcomes = credit.batch(writes)
            assert {outcome.status for outcome in outcomes} == {ACCEPTED}
            expected += sum(int(write.amount_minor) for write in writes)
            server.kill()
            server.start()
        wait_until_posted(installation)
        ((net, _),) = installation.rows(LEDGER_NET)
        assert net == expected
    verify(installation)
