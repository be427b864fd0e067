"""Rule 4: what closes a round, what reopens it, and what a closed round still takes."""

import itertools

import pytest
from support.requests import USDT_ETHEREUM, Player, changed, fresh_id
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

CLOSERS = ("bet", "win", "bet_and_win", "rollback")


def is_closed(wallet: Wallet, player: Player, of: object) -> bool:
    return bool(wallet.games.call(player.round(of)).closed)


def open_round(wallet: Wallet, player: Player) -> pb.BetRequest:
    bet = player.bet("10")
    wallet.applied(bet)
    return bet


def close(wallet: Wallet, player: Player, bet: pb.BetRequest, *, by: str) -> object:
    """Close the open round of a bet, and return what closed it."""
    other = player.bet("10", round_id=bet.round_id)
    if by == "rollback":
        wallet.applied(other)
    closer = {
        "bet": player.bet("1", round_id=bet.round_id, round_closed=True),
        "win": player.win("20", of=bet, round_closed=True),
        "bet_and_win": player.bet_and_win("10", "5", round_id=bet.round_id, round_closed=True),
        "rollback": player.rollback(other, round_closed=True),
    }[by]
    wallet.applied(closer)
    assert is_closed(wallet, player, bet)
    return closer


@pytest.mark.parametrize("by", CLOSERS)
def test_a_closed_round_refuses_what_is_new(wallet: Wallet, player: Player, by: str) -> None:
    bet = open_round(wallet, player)
    closer = close(wallet, player, bet, by=by)
    wallet.refused(player.bet("1", round_id=bet.round_id), "ROUND_CLOSED")
    wallet.refused(player.bet("0", round_id=bet.round_id), "ROUND_CLOSED")
    wallet.refused(player.bet_and_win("1", "1", round_id=bet.round_id), "ROUND_CLOSED")
    wallet.refused(player.win("1", of=bet), "ROUND_CLOSED")
    assert wallet.send(closer).replayed


def test_a_first_bet_may_close_its_own_round(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10", round_closed=True)
    wallet.applied(bet)
    wallet.refused(player.win("20", of=bet), "ROUND_CLOSED")
    wallet.applied(player.rollback(bet))
    assert not is_closed(wallet, player, bet)


@pytest.mark.parametrize("by", ["bet", "win", "bet_and_win"])
def test_rolling_back_what_closed_it_reopens_it(wallet: Wallet, player: Player, by: str) -> None:
    bet = open_round(wallet, player)
    closer = close(wallet, player, bet, by=by)
    wallet.applied(player.rollback(closer))
    assert not is_closed(wallet, player, bet)
    wallet.applied(player.bet("1", round_id=bet.round_id))


@pytest.mark.parametrize("by", CLOSERS)
def test_rollbacks_still_work_in_a_closed_round(wallet: Wallet, player: Player, by: str) -> None:
    bet = open_round(wallet, player)
    other = player.bet("10", round_id=bet.round_id)
    wallet.applied(other)
    close(wallet, player, bet, by=by)
    wallet.applied(player.rollback(other))
    assert is_closed(wallet, player, bet)


@pytest.mark.parametrize("by", ["bet", "win", "bet_and_win"])
def test_it_stays_closed_if_something_else_closed_it_too(wallet: Wallet, player: Player, by: str) -> None:
    bet = open_round(wallet, player)
    other = player.bet("10", round_id=bet.round_id)
    wallet.applied(other)
    closer = close(wallet, player, bet, by=by)
    wallet.applied(player.rollback(other, round_closed=True))
    wallet.applied(player.rollback(closer))
    assert is_closed(wallet, player, bet)


def test_a_rollback_that_closes_and_reopens_at_once(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10", round_closed=True)
    wallet.applied(bet)
    wallet.applied(player.rollback(bet, round_closed=True))
    assert is_closed(wallet, player, bet)


def test_replays_neither_close_nor_open(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    win = player.win("20", of=bet, round_closed=True)
    back = player.rollback(win)
    for request in (bet, win, back):
        wallet.applied(request)
    assert not is_closed(wallet, player, bet)
    for request in (win, back, changed(bet, round_closed=True), changed(back, round_closed=True)):
        assert wallet.send(request).replayed
        assert not is_closed(wallet, player, bet)

    wallet.applied(player.win("1", of=bet, round_closed=True))
    for request in (bet, win, back):
        assert wallet.send(request).replayed
        assert is_closed(wallet, player, bet)


def test_voided_and_already_rolled_back_neither_close_nor_open(wallet: Wallet, player: Player) -> None:
    bet, other = player.bet("10"), player.bet("10")
    other = changed(other, round_id=bet.round_id)
    for request in (bet, other, player.rollback(other)):
        wallet.applied(request)
    already = wallet.send(player.rollback(other, round_closed=True))
    voided = wallet.send(player.rollback(fresh_id("unseen"), round_closed=True))
    assert already.status == pb.OPERATION_STATUS_ALREADY_ROLLED_BACK
    assert voided.status == pb.OPERATION_STATUS_VOIDED
    assert not is_closed(wallet, player, bet)

    closer = player.win("0", of=bet, round_closed=True)
    wallet.applied(closer)
    wallet.send(player.rollback(other))
    assert is_closed(wallet, player, bet)


def test_a_refused_closer_does_not_close(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    wallet.refused(player.bet("1000", round_id=bet.round_id, round_closed=True), "INSUFFICIENT_FUNDS")
    assert not is_closed(wallet, player, bet)


@pytest.mark.parametrize("part", ["player", "network", "game", "round", "source"])
def test_a_round_is_known_by_five_things(wallet: Wallet, player: Player, part: str) -> None:
    closed = player.bet("10", round_closed=True)
    wallet.applied(closed)
    stranger = {"player": wallet.player(), "network": wallet.fund(player.on(USDT_ETHEREUM), "100")}.get(part, player)
    fields = {"game_code": closed.game_code, "round_id": closed.round_id}
    fields |= {"game": {"game_code": "another-game"}, "round": {"round_id": fresh_id("round")}}.get(part, {})
    wallet.applied(stranger.bet("10", **fields), by=wallet.other_games if part == "source" else wallet.games)
    assert is_closed(wallet, player, closed)


def test_a_round_of_another_source_is_not_found(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    wallet.refused(player.round(bet), "ROUND_NOT_FOUND", by=wallet.other_games)
    wallet.refused(player.round(player.bet()), "ROUND_NOT_FOUND")


def test_totals_of_a_bet_and_win_count_in_both(wallet: Wallet, player: Player) -> None:
    spin = player.bet_and_win("10", "25")
    wallet.applied(spin)
    assert wallet.games.call(player.round(spin)) == pb.GetRoundResponse(
        closed=False,
        bets_minor="10",
        wins_minor="25",
        rolled_back_bets_minor="0",
        rolled_back_wins_minor="0",
        transactions=1,
    )


@pytest.mark.parametrize(("way", "closes"), [*itertools.product(["batch", "stream"], [True, False])])
def test_rounds_inside_one_batch(wallet: Wallet, player: Player, way: str, *, closes: bool) -> None:
    bet = player.bet("10")
    win = player.win("20", of=bet, round_closed=True)
    late = player.bet("1", round_id=bet.round_id)
    between = [] if closes else [player.rollback(win)]
    outcomes = (wallet.games.batch if way == "batch" else wallet.games.stream)([bet, win, *between, late])
    if closes:
        assert outcomes[-1].reason == "ROUND_CLOSED"
    else:
        assert outcomes[-1].balance_after_minor == "89"
    assert is_closed(wallet, player, bet) is closes
