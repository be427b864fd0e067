"""docs/acceptance.md, Rollback: cases 12 to 18."""

import pytest
from support.requests import Player, changed, fresh_id, id_of
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb


@pytest.mark.parametrize("own_id", ["", "named"])
def test_case_12_rollback_of_a_bet(wallet: Wallet, player: Player, own_id: str) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    rollback = player.rollback(bet, transaction_id=own_id and fresh_id(own_id))

    first = wallet.applied(rollback)
    assert first.transaction_id == id_of(rollback)
    assert (first.balance_after_minor, first.current_balance_minor) == ("100", "100")
    assert wallet.replayed(rollback, first).current_balance_minor == "100"

    another = wallet.send(player.rollback(bet))
    assert another.status == pb.OPERATION_STATUS_ALREADY_ROLLED_BACK
    assert another.tx_id == first.tx_id
    assert not another.replayed
    assert wallet.main(player) == "100"


def test_case_13_rollback_before_its_bet(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    voided = wallet.send(player.rollback(bet))
    assert voided.status == pb.OPERATION_STATUS_VOIDED
    assert voided.tx_id == ""
    assert (voided.balance_after_minor, voided.current_balance_minor) == ("100", "100")

    for _ in range(4):
        wallet.refused(bet, "TRANSACTION_VOIDED")
    assert wallet.main(player) == "100"


def test_case_14_bet_with_a_win_is_rolled_back_after_its_win(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    win = player.win("20", of=bet)
    wallet.applied(bet)
    wallet.applied(win)

    wallet.refused(player.rollback(bet), "BET_ALREADY_SETTLED")
    assert wallet.applied(player.rollback(win)).balance_after_minor == "90"
    assert wallet.applied(player.rollback(bet)).balance_after_minor == "100"


def test_case_15_win_of_a_bet_that_was_rolled_back(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    wallet.applied(player.rollback(bet))

    wallet.refused(player.win("20", of=bet), "TRANSACTION_ROLLED_BACK")
    assert wallet.main(player) == "100"


def test_case_16_rollback_of_a_win_already_spent(wallet: Wallet, player: Player) -> None:
    stake = player.bet("0")
    wallet.applied(stake)
    win = player.win("50", of=stake)
    wallet.applied(win)
    wallet.applied(player.bet("150"))
    rollback = player.rollback(win)

    wallet.refused(rollback, "INSUFFICIENT_FUNDS", balance_minor="0")
    wallet.applied(player.deposit("50"))
    assert wallet.applied(rollback).balance_after_minor == "0"


@pytest.mark.parametrize("own_id", ["", "named"])
def test_case_17_rollback_of_a_rollback(wallet: Wallet, player: Player, own_id: str) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    rollback = player.rollback(bet, transaction_id=own_id and fresh_id(own_id))
    wallet.applied(rollback)

    wallet.refused(player.rollback(rollback), "NOT_REVERSIBLE")
    assert wallet.main(player) == "100"


def test_case_17_rollback_of_another_sources_deposit(wallet: Wallet, player: Player) -> None:
    deposit = player.deposit("50")
    first = wallet.applied(deposit)

    voided = wallet.send(player.rollback(deposit))
    assert voided.status == pb.OPERATION_STATUS_VOIDED
    assert (voided.balance_after_minor, voided.current_balance_minor) == ("150", "150")
    wallet.replayed(deposit, first)
    assert wallet.main(player) == "150"


def test_case_17_rollback_of_another_players_bet(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    stranger = wallet.neighbour(player)

    wallet.refused(stranger.rollback(bet), "PLAYER_MISMATCH")
    assert (wallet.main(player), wallet.main(stranger)) == ("90", "100")


@pytest.mark.parametrize("is_seen", [True, False])
def test_case_17_rollback_under_the_bets_own_id(wallet: Wallet, player: Player, *, is_seen: bool) -> None:
    bet = player.bet("10")
    if is_seen:
        wallet.applied(bet)
    rollback = changed(player.rollback(bet), transaction_id=bet.transaction_id)
    wallet.refused(rollback, "INVALID_FIELD", field="transaction_id")


def test_case_18_two_bets_in_one_round(wallet: Wallet, player: Player) -> None:
    first = player.bet("10")
    second = player.bet("15", round_id=first.round_id)
    wallet.applied(first)
    wallet.applied(second)

    assert wallet.applied(player.rollback(first)).balance_after_minor == "85"
    assert wallet.applied(player.win("30", of=second)).balance_after_minor == "115"
