"""docs/acceptance.md, Payments, what comes by call: cases 41 to 43."""

from support.database import Installation
from support.ledger import posted
from support.refusals import Refusal, check_refusal
from support.requests import Player, fail, settle
from support.wallet import Wallet


def test_case_41_two_reservations_of_60_at_once(wallet: Wallet, player: Player) -> None:
    answers = wallet.at_once(player.reserve("60"), player.reserve("60"))
    (applied,) = [answer for answer in answers if not isinstance(answer, Refusal)]
    (refused,) = [answer for answer in answers if isinstance(answer, Refusal)]
    assert applied.balance_after_minor == "40"
    check_refusal(refused, "INSUFFICIENT_FUNDS", balance_minor="40")
    balance = wallet.balance(player)
    assert (balance.available_minor, balance.withdraw_hold_minor, balance.total_minor) == ("40", "60", "100")


def test_case_42_reserve_40_settled_with_fee_1(wallet: Wallet, installation: Installation, player: Player) -> None:
    reservation = player.reserve("40")
    wallet.applied(reservation)
    settled = wallet.applied(settle(reservation, "1"))
    assert settled.transaction_id == reservation.withdrawal_id
    assert settled.balance_after_minor == "60"
    assert wallet.balance(player).withdraw_hold_minor == "0"
    assert posted(installation, player) == {"MAIN": 60, "HOUSE": -100 + 39, "HOUSE:FEES": 1}


def test_case_43_holds_of_30_and_20_the_first_fails(wallet: Wallet, player: Player) -> None:
    first, second = player.reserve("30"), player.reserve("20")
    wallet.applied(first)
    wallet.applied(second)
    assert wallet.applied(fail(first)).balance_after_minor == "80"
    balance = wallet.balance(player)
    assert (balance.available_minor, balance.withdraw_hold_minor) == ("80", "20")
