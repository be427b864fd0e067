"""Rule 6: nothing is taken that is not there; the refusal tells what is."""

import pytest
from support.database import Installation
from support.ledger import posted
from support.requests import Player
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb


@pytest.mark.parametrize(
    "request_of",
    [
        lambda player, amount: player.bet(amount),
        lambda player, amount: player.bet_and_win(amount, "1000"),
        lambda player, amount: player.reserve(amount),
        lambda player, amount: player.adjust(amount, pb.DIRECTION_DEBIT),
    ],
    ids=["bet", "bet_and_win", "reservation", "debit"],
)
@pytest.mark.parametrize("too_much", ["101", "9" * 38])
def test_more_than_there_is(wallet: Wallet, player: Player, request_of: object, too_much: str) -> None:
    wallet.refused(request_of(player, too_much), "INSUFFICIENT_FUNDS", balance_minor="100")
    wallet.applied(request_of(player, "100"))


def test_holds_cannot_be_spent(wallet: Wallet, player: Player) -> None:
    wallet.applied(player.reserve("60"))
    for request in (player.bet("41"), player.reserve("41"), player.adjust("41", pb.DIRECTION_DEBIT)):
        wallet.refused(request, "INSUFFICIENT_FUNDS", balance_minor="40")


def test_a_rollback_of_a_win_takes_only_what_is_there(wallet: Wallet, player: Player) -> None:
    win = player.win("50", win_kind=pb.WIN_KIND_PROMO)
    wallet.applied(win)
    wallet.applied(player.reserve("101"))
    wallet.refused(player.rollback(win), "INSUFFICIENT_FUNDS", balance_minor="49")


def test_an_adjustment_moves_house_and_main(wallet: Wallet, installation: Installation, player: Player) -> None:
    assert wallet.applied(player.adjust("30", pb.DIRECTION_CREDIT)).balance_after_minor == "130"
    assert wallet.applied(player.adjust("50", pb.DIRECTION_DEBIT)).balance_after_minor == "80"
    assert posted(installation, player) == {"MAIN": 80, "HOUSE": -80}


@pytest.mark.parametrize("call", ["bet", "win", "rollback", "bet_and_win", "reserve", "deposit", "adjust"])
def test_every_mutation_answers_with_the_balance(wallet: Wallet, player: Player, call: str) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    request, expected = {
        "bet": (player.bet("10"), "80"),
        "win": (player.win("10", of=bet), "100"),
        "rollback": (player.rollback(bet), "100"),
        "bet_and_win": (player.bet_and_win("10", "5"), "85"),
        "reserve": (player.reserve("10"), "80"),
        "deposit": (player.deposit("10"), "100"),
        "adjust": (player.adjust("10"), "100"),
    }[call]
    answer = wallet.applied(request)
    assert (answer.balance_after_minor, answer.current_balance_minor) == (expected, expected)
    assert wallet.main(player) == expected
