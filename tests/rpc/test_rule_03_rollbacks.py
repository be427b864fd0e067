"""Rule 3, what was seen: a rollback returns what was taken, once, and only what may be returned."""

import pytest
from support.database import Installation
from support.ledger import posted, transactions_stored
from support.requests import USDT_ETHEREUM, Player, changed, fresh_id, id_of
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb


def check_already_rolled_back(
    result: pb.OperationResult, request: pb.RollbackRequest, first: pb.OperationResult, *, current: str
) -> None:
    """Assert an answer for a second rollback: the first one's result under the second one's id."""
    expected = pb.OperationResult(
        tx_id=first.tx_id,
        transaction_id=id_of(request),
        status=pb.OPERATION_STATUS_ALREADY_ROLLED_BACK,
        replayed=False,
        balance_after_minor=first.balance_after_minor,
        current_balance_minor=current,
        created_at=first.created_at,
    )
    assert result == expected


@pytest.mark.parametrize("second_id", ["", "named"])
def test_another_rollback_tells_the_first_one(wallet: Wallet, player: Player, second_id: str) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    first = wallet.applied(player.rollback(bet))
    wallet.applied(player.bet("1"))

    second = player.rollback(bet, transaction_id=second_id and fresh_id(second_id))
    for _ in range(2):  # it is not stored: it is decided afresh, and is no replay
        check_already_rolled_back(wallet.send(second), second, first, current="99")


def test_the_other_id_stays_free(wallet: Wallet, player: Player) -> None:
    bet, other = player.bet("10"), player.bet("20")
    wallet.applied(bet)
    wallet.applied(player.rollback(bet))
    second = player.rollback(bet)
    wallet.send(second)
    wallet.applied(changed(other, transaction_id=second.transaction_id))
    assert wallet.main(player) == "80"


def test_a_fresh_bet_cannot_take_the_id_that_was_rolled_back(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    first = wallet.applied(bet)
    wallet.applied(player.rollback(bet))
    wallet.replayed(bet, first)
    wallet.refused(changed(bet, amount_minor="11"), "IDEMPOTENCY_KEY_REUSED", field="amount_minor")


def test_an_empty_id_is_derived_from_the_reference(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10", transaction_id=fresh_id().ljust(128, "b"))
    wallet.applied(bet)
    rollback = player.rollback(bet, transaction_id="")
    first = wallet.applied(rollback)
    assert first.transaction_id == f"rollback:{bet.transaction_id}"
    wallet.replayed(rollback, first)

    stored = wallet.games.call(pb.GetTransactionRequest(transaction_id=first.transaction_id))
    assert stored.tx_id == first.tx_id
    wallet.refused(player.rollback(first.transaction_id), "NOT_REVERSIBLE")
    # Only the wallet derives such an id: a caller who writes it out is refused.
    wallet.refused(changed(rollback, transaction_id=first.transaction_id), "INVALID_FIELD", field="transaction_id")


@pytest.mark.parametrize("what", ["rollback", "adjust", "state", "deposit", "reservation", "settlement", "failure"])
def test_what_cannot_be_reversed(wallet: Wallet, player: Player, what: str) -> None:
    bet, reservation = player.bet("1"), player.reserve("1")
    wallet.applied(bet, by=wallet.operator)
    wallet.applied(reservation, by=wallet.operator)
    request = {
        "rollback": player.rollback(bet),
        "adjust": player.adjust("1"),
        "state": player.state(pb.PLAYER_STATE_ACTIVE),
        "deposit": player.deposit("1"),
        "reservation": player.reserve("1"),
        "settlement": pb.SettleWithdrawalRequest(withdrawal_id=reservation.withdrawal_id, fee_minor="0"),
        "failure": pb.FailWithdrawalRequest(withdrawal_id=reservation.withdrawal_id),
    }[what]
    done = wallet.applied(request, by=wallet.operator)
    wallet.refused(player.rollback(done.transaction_id), "NOT_REVERSIBLE", by=wallet.operator)


@pytest.mark.parametrize("what", ["bet", "win", "free round", "bet_and_win"])
@pytest.mark.parametrize(
    ("field", "reason"), [("player_id", "PLAYER_MISMATCH"), ("currency_network_id", "CURRENCY_MISMATCH")]
)
def test_a_rollback_names_the_player_and_the_network(
    wallet: Wallet, player: Player, what: str, field: str, reason: str
) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    target = {
        "bet": player.bet("10"),
        "win": player.win("10", of=bet),
        "free round": player.win("10", win_kind=pb.WIN_KIND_FREE_ROUND),
        "bet_and_win": player.bet_and_win("10", "5"),
    }[what]
    wallet.applied(target)
    other = wallet.neighbour(player).player_id if field == "player_id" else USDT_ETHEREUM
    rollback = player.rollback(target)
    wallet.refused(changed(rollback, **{field: other}), reason)
    wallet.applied(rollback)  # the refusal left its id free
    wallet.refused(changed(player.rollback(target), **{field: other}), reason)  # asked before ALREADY_ROLLED_BACK


@pytest.mark.parametrize("stake", ["bet", "bet_and_win"])
@pytest.mark.parametrize("amount_minor", ["20", "0"])
def test_a_stake_with_a_standing_win(wallet: Wallet, player: Player, stake: str, amount_minor: str) -> None:
    bet = player.bet("10") if stake == "bet" else player.bet_and_win("10", "0")
    first, second = player.win(amount_minor, of=bet), player.win("0", of=bet)
    for request in (bet, first, second):
        wallet.applied(request)
    rollback = player.rollback(bet)
    wallet.refused(rollback, "BET_ALREADY_SETTLED")
    wallet.applied(player.rollback(first))
    wallet.refused(rollback, "BET_ALREADY_SETTLED")  # the win of 0 still stands
    wallet.applied(player.rollback(second))
    assert wallet.applied(rollback).balance_after_minor == "100"


def test_a_win_rolled_back_no_longer_settles_its_bet(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    win = player.win("20", of=bet)
    for request in (bet, win, player.rollback(win)):
        wallet.applied(request)
    won_again = player.win("30", of=bet)
    assert wallet.applied(won_again).balance_after_minor == "120"
    wallet.refused(player.rollback(bet), "BET_ALREADY_SETTLED")
    wallet.applied(player.rollback(won_again))
    assert wallet.applied(player.rollback(bet)).balance_after_minor == "100"


@pytest.mark.parametrize("kind", [pb.WIN_KIND_FREE_ROUND, pb.WIN_KIND_JACKPOT, pb.WIN_KIND_PROMO])
def test_wins_of_other_kinds_are_rolled_back(
    wallet: Wallet, installation: Installation, player: Player, kind: pb.WinKind
) -> None:
    win = player.win("20", win_kind=kind, game_code="", round_id="")
    wallet.applied(win)
    rollback = player.rollback(win)
    first = wallet.applied(rollback)
    assert first.balance_after_minor == "100"
    again = player.rollback(win)
    check_already_rolled_back(wallet.send(again), again, first, current="100")
    assert posted(installation, player) == {"MAIN": 100, "HOUSE": -100}


@pytest.mark.parametrize(("bet_minor", "win_minor", "left"), [("10", "30", 20), ("30", "10", -20), ("10", "10", 0)])
def test_a_bet_and_win_goes_back_as_its_net(
    wallet: Wallet, installation: Installation, player: Player, *, bet_minor: str, win_minor: str, left: int
) -> None:
    spin = player.bet_and_win(bet_minor, win_minor)
    applied = wallet.applied(spin)
    assert applied.balance_after_minor == str(100 + left)
    everything = player.bet(applied.balance_after_minor)
    wallet.applied(everything)
    rollback = player.rollback(spin)
    if left > 0:
        wallet.refused(rollback, "INSUFFICIENT_FUNDS", balance_minor="0")
        wallet.applied(player.deposit(str(left - 1)))
        wallet.refused(rollback, "INSUFFICIENT_FUNDS", balance_minor=str(left - 1))
        wallet.applied(player.deposit("1"))
    done = wallet.applied(rollback)
    assert done.balance_after_minor == str(max(0, -left))
    house = -100 - max(0, left)
    wager = int(everything.amount_minor)
    totals = {"MAIN": max(0, -left), "HOUSE": house, "HOUSE:WAGER": wager}
    assert posted(installation, player) == {account: total for account, total in totals.items() if total}


def test_what_is_returned_is_what_was_taken(wallet: Wallet, installation: Installation, player: Player) -> None:
    bet, win, spin = player.bet("10"), player.bet("7"), player.bet_and_win("5", "9")
    wallet.applied(bet)
    wallet.applied(win)
    wallet.applied(spin)
    for request in (bet, win, spin):
        wallet.applied(player.rollback(request))
    assert posted(installation, player) == {"MAIN": 100, "HOUSE": -100}
    assert transactions_stored(installation, "games", bet.transaction_id) == 1


@pytest.mark.parametrize("what", ["free spin", "loss", "spin of nothing"])
def test_zeroes_are_rolled_back_like_others(wallet: Wallet, player: Player, what: str) -> None:
    bet = player.bet("0")
    target = {"free spin": bet, "loss": player.win("0", of=bet), "spin of nothing": player.bet_and_win("0", "0")}[what]
    if what == "loss":
        wallet.applied(bet)
    wallet.applied(target)
    first = wallet.applied(player.rollback(target))
    assert first.balance_after_minor == "100"
    again = player.rollback(target)
    check_already_rolled_back(wallet.send(again), again, first, current="100")
    if what == "loss":
        wallet.applied(player.rollback(bet))


def test_a_blocked_player_still_gets_back(wallet: Wallet, player: Player) -> None:
    bet = player.bet("100")
    wallet.applied(bet)
    wallet.applied(player.state(pb.PLAYER_STATE_BLOCKED))
    assert wallet.applied(player.rollback(bet)).balance_after_minor == "100"
