"""docs/acceptance.md, Rounds: cases 19 to 23."""

import pytest
from support.requests import Player, fresh_id
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb


def test_case_19_win_without_its_bet(wallet: Wallet, player: Player) -> None:
    wallet.refused(player.win("20", of=player.bet()), "BET_NOT_FOUND")


@pytest.mark.parametrize("kind", [pb.WIN_KIND_FREE_ROUND, pb.WIN_KIND_JACKPOT, pb.WIN_KIND_PROMO])
def test_case_19_other_kinds_need_no_bet(wallet: Wallet, player: Player, kind: pb.WinKind) -> None:
    win = player.win("20", win_kind=kind)
    first = wallet.applied(win)
    assert first.balance_after_minor == "120"
    wallet.replayed(win, first)
    assert wallet.main(player) == "120"


def test_case_20_a_win_of_0_closes_its_round(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    loss = player.win("0", of=bet, round_closed=True)
    late = player.bet("10", round_id=bet.round_id)
    wallet.applied(bet)

    assert wallet.applied(loss).balance_after_minor == "90"
    assert wallet.games.call(player.round(bet)).closed
    wallet.refused(late, "ROUND_CLOSED")

    wallet.applied(player.rollback(loss))
    assert not wallet.games.call(player.round(bet)).closed
    assert wallet.applied(late).balance_after_minor == "80"


def test_case_20_two_closers_one_rolled_back(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    other = player.bet("10", round_id=bet.round_id)
    win = player.win("20", of=bet, round_closed=True)
    for request in (bet, other, win, player.rollback(other, round_closed=True)):
        wallet.applied(request)

    wallet.applied(player.rollback(win))
    assert wallet.games.call(player.round(bet)).closed
    wallet.refused(player.bet("10", round_id=bet.round_id), "ROUND_CLOSED")


def test_case_21_two_wins_of_one_bet(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    closing = player.win("30", of=bet, round_closed=True)
    wallet.applied(bet)
    assert wallet.applied(player.win("20", of=bet)).balance_after_minor == "110"
    second = wallet.applied(closing)
    assert second.balance_after_minor == "140"

    wallet.refused(player.win("40", of=bet), "ROUND_CLOSED")
    wallet.replayed(closing, second)
    assert wallet.main(player) == "140"


@pytest.mark.parametrize("win_amount_minor", ["0", "101", "1000"])
def test_case_22_bet_and_win_without_funds(wallet: Wallet, player: Player, win_amount_minor: str) -> None:
    spin = player.bet_and_win("101", win_amount_minor)
    wallet.refused(spin, "INSUFFICIENT_FUNDS", balance_minor="100")
    wallet.refused(player.round(spin), "ROUND_NOT_FOUND")


def test_case_23_get_round(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    other = player.bet("7", round_id=bet.round_id)
    win = player.win("20", of=bet)
    spin = player.bet_and_win("5", "3", round_id=bet.round_id)
    sent = [bet, other, win, spin, player.rollback(other), player.rollback(spin), player.rollback(win)]
    for request in sent:
        wallet.applied(request)
    wallet.send(player.rollback(other))  # again, under another id: nothing of it stands in the round
    wallet.send(player.rollback(fresh_id("unseen"), round_closed=True))

    assert wallet.games.call(player.round(bet)) == pb.GetRoundResponse(
        closed=False,
        bets_minor="22",
        wins_minor="23",
        rolled_back_bets_minor="12",
        rolled_back_wins_minor="23",
        transactions=len(sent),
    )
    wallet.applied(player.win("1", of=bet, round_closed=True))
    closed = wallet.games.call(player.round(bet))
    assert (closed.closed, closed.wins_minor, closed.transactions) == (True, "24", len(sent) + 1)
