"""docs/acceptance.md, Players: case 23a, without sessions, and case 61."""

import pytest
from support.requests import USDT_ETHEREUM, Player, settle
from support.sessions import open_session, sessions_of
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb


def test_case_23a_a_blocked_player(wallet: Wallet, player: Player) -> None:
    won, lost, paid, kept = player.bet("10"), player.bet("10"), player.reserve("10"), player.reserve("10")
    for request in (won, lost, paid, kept):
        wallet.applied(request)
    wallet.applied(player.state(pb.PLAYER_STATE_BLOCKED))

    wallet.refused(player.bet("1"), "PLAYER_BLOCKED")
    wallet.refused(player.reserve("1"), "PLAYER_BLOCKED")
    assert wallet.applied(player.win("20", of=won)).balance_after_minor == "80"
    assert wallet.applied(player.rollback(lost)).balance_after_minor == "90"
    assert wallet.applied(player.deposit("5")).balance_after_minor == "95"
    wallet.applied(settle(paid, "1"))
    wallet.applied(pb.FailWithdrawalRequest(withdrawal_id=kept.withdrawal_id))
    balance = wallet.balance(player)
    assert (balance.available_minor, balance.withdraw_hold_minor) == ("105", "0")
    assert balance.state == pb.PLAYER_STATE_BLOCKED


def test_case_61_an_excluded_player(wallet: Wallet, player: Player) -> None:
    games = sessions_of(wallet)
    play = games.open(player, "20")
    won, lost = player.bet("10"), player.bet("10")
    for request in (won, lost):
        wallet.applied(request)
    wallet.applied(player.state(pb.PLAYER_STATE_EXCLUDED))

    for request in (player.bet("1"), player.bet("0"), player.bet_and_win("1", "1")):
        wallet.refused(request, "PLAYER_BLOCKED")
    games.refused(open_session(player, "1"), "PLAYER_BLOCKED")
    games.refused(play.bet("1"), "PLAYER_BLOCKED")

    reservation = player.reserve("30")
    assert wallet.applied(reservation).balance_after_minor == "30"
    assert wallet.applied(player.win("20", of=won)).balance_after_minor == "50"
    assert wallet.applied(player.rollback(lost)).balance_after_minor == "60"
    assert wallet.applied(player.deposit("5")).balance_after_minor == "65"
    wallet.applied(settle(reservation, "1"))
    assert games.call(play.settle()).payout_minor == "20"
    assert wallet.balance(player).state == pb.PLAYER_STATE_EXCLUDED


@pytest.mark.parametrize("where", ["MAIN", "WITHDRAW_HOLD", "another network"])
def test_case_23a_closing_a_player_with_money(wallet: Wallet, where: str) -> None:
    player = wallet.player("0")
    match where:
        case "MAIN":
            wallet.fund(player, "1")
        case "WITHDRAW_HOLD":
            wallet.fund(player, "1")
            wallet.applied(player.reserve("1"))
        case _:
            wallet.fund(player.on(USDT_ETHEREUM), "1")

    wallet.refused(player.state(pb.PLAYER_STATE_CLOSED), "BALANCE_NOT_ZERO")
    assert wallet.balance(player).state == pb.PLAYER_STATE_ACTIVE
