"""docs/acceptance.md, Idempotency and amounts: cases 1 to 11."""

import pytest
from support.database import Installation
from support.ledger import posted, transactions_stored
from support.refusals import check_refusal
from support.requests import (
    ETH_ETHEREUM,
    STRANGER_ID,
    UNKNOWN_NETWORK,
    USDT_ETHEREUM,
    Player,
    changed,
    fresh_id,
    neighbour_id,
    settle,
)
from support.wallet import Wallet, check_replay

NOT_AMOUNTS = ("-1", "1.5", "", "01", "1e3", " 1", "1" * 39)


def test_case_01_bet_10_win_20(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    assert wallet.applied(bet).balance_after_minor == "90"
    assert wallet.applied(player.win("20", of=bet)).balance_after_minor == "110"
    assert wallet.main(player) == "110"


def test_case_02_same_bet_again_is_a_replay(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    first = wallet.applied(bet)
    wallet.applied(player.bet("25"))

    again = wallet.replayed(bet, first)
    assert again.tx_id == first.tx_id
    assert again.balance_after_minor == "90"
    assert again.current_balance_minor == "65"


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("amount_minor", "11"),
        ("round_id", "another-round"),
        ("game_code", "another-game"),
        ("currency_network_id", USDT_ETHEREUM),
        ("player_id", STRANGER_ID),
    ],
)
def test_case_03_same_id_with_another_field(wallet: Wallet, player: Player, field: str, other: object) -> None:
    bet = player.bet("10")
    wallet.applied(bet)

    if other == STRANGER_ID:
        other = neighbour_id(player.player_id)
    wallet.refused(changed(bet, **{field: other}), "IDEMPOTENCY_KEY_REUSED", field=field)
    assert wallet.main(player) == "90"


def test_case_04_bets_id_used_again_for_a_win(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)

    win = player.win("10", of=bet, transaction_id=bet.transaction_id)
    wallet.refused(win, "IDEMPOTENCY_KEY_REUSED", field="call")
    assert wallet.main(player) == "90"


def test_case_05_same_id_from_two_sources(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    ours = wallet.applied(bet, by=wallet.games)
    theirs = wallet.applied(bet, by=wallet.other_games)
    assert ours.tx_id != theirs.tx_id
    assert wallet.main(player) == "80"


def test_case_06_ten_identical_bets_at_once(wallet: Wallet, installation: Installation, player: Player) -> None:
    bet = player.bet("10")
    answers = wallet.at_once(*[bet] * 10)

    (first,) = [answer for answer in answers if not answer.replayed]
    assert (first.balance_after_minor, first.current_balance_minor) == ("90", "90")
    for answer in answers:
        if answer is not first:
            check_replay(answer, first)
            assert answer.current_balance_minor == "90"
    assert transactions_stored(installation, "games", bet.transaction_id) == 1
    assert posted(installation, player) == {"MAIN": 90, "HOUSE": -100, "HOUSE:WAGER": 10}


def test_case_07_ten_different_bets_of_20_at_once(wallet: Wallet, player: Player) -> None:
    answers = wallet.at_once(*(player.bet("20") for _ in range(10)))

    applied = [answer for answer in answers if not hasattr(answer, "reason")]
    assert sorted(int(answer.balance_after_minor) for answer in applied) == [0, 20, 40, 60, 80]
    for refusal in [answer for answer in answers if hasattr(answer, "reason")]:
        check_refusal(refusal, "INSUFFICIENT_FUNDS")
    assert wallet.main(player) == "0"


def test_case_08_bet_of_1_after_all_was_bet(wallet: Wallet, player: Player) -> None:
    assert wallet.applied(player.bet("100")).balance_after_minor == "0"
    wallet.refused(player.bet("1"), "INSUFFICIENT_FUNDS", balance_minor="0")


@pytest.mark.parametrize("not_amount", NOT_AMOUNTS)
def test_case_09_what_is_not_an_amount(wallet: Wallet, player: Player, not_amount: str) -> None:
    reservation = player.reserve("10")
    wallet.applied(reservation)

    for request in (
        player.bet(not_amount),
        player.win(not_amount, of=player.bet()),
        player.bet_and_win(not_amount, "1"),
        player.reserve(not_amount),
        player.deposit(not_amount),
        player.adjust(not_amount),
    ):
        wallet.refused(request, "INVALID_AMOUNT", field="amount_minor")
    wallet.refused(player.bet_and_win("1", not_amount), "INVALID_AMOUNT", field="win_amount_minor")
    wallet.refused(settle(reservation, not_amount), "INVALID_AMOUNT", field="fee_minor")
    assert wallet.main(player) == "90"


def test_case_09_a_deposit_of_0(wallet: Wallet, player: Player) -> None:
    wallet.refused(player.deposit("0"), "INVALID_AMOUNT", field="amount_minor")


@pytest.mark.parametrize(
    ("amount_minor", "times"),
    [pytest.param(10 * 10**18, 1, id="10 ETH"), pytest.param(10**37, 11, id="10^37, eleven times over")],
)
def test_case_10_large_amounts_are_exact(
    wallet: Wallet, installation: Installation, amount_minor: int, times: int
) -> None:
    player = wallet.player("0", currency_network_id=ETH_ETHEREUM)
    amount = str(amount_minor)
    for count in range(1, times + 1):
        assert wallet.applied(player.deposit(amount)).balance_after_minor == str(count * amount_minor)
    bets = [player.bet(amount) for _ in range(times)]
    for count, bet in enumerate(bets, start=1):
        assert wallet.applied(bet).balance_after_minor == str((times - count) * amount_minor)
    for count, bet in enumerate(bets, start=1):
        assert wallet.applied(player.win(amount, of=bet)).balance_after_minor == str(count * amount_minor)
    reservations = [player.reserve(amount) for _ in range(times)]
    for count, reservation in enumerate(reservations, start=1):
        assert wallet.applied(reservation).balance_after_minor == str((times - count) * amount_minor)
    assert wallet.balance(player).withdraw_hold_minor == str(times * amount_minor)
    for reservation in reservations:
        wallet.applied(settle(reservation, "1"))

    assert wallet.balance(player).total_minor == "0"
    assert posted(installation, player) == {"HOUSE": -times, "HOUSE:FEES": times}


def test_case_11_unknown_currency_network(wallet: Wallet, player: Player) -> None:
    stranger = player.on(UNKNOWN_NETWORK)
    for request in (
        stranger.bet("1"),
        stranger.win("1", of=stranger.bet()),
        stranger.rollback(fresh_id()),
        stranger.bet_and_win("1", "1"),
        stranger.reserve("1"),
        stranger.deposit("1"),
        stranger.adjust("1"),
        stranger.balance(),
    ):
        wallet.refused(request, "UNKNOWN_CURRENCY_NETWORK", field="currency_network_id")


def test_case_11_one_currency_on_two_networks_is_two_balances(wallet: Wallet, player: Player) -> None:
    elsewhere = wallet.fund(player.on(USDT_ETHEREUM), "7")
    wallet.applied(player.bet("10"))
    assert (wallet.main(player), wallet.main(elsewhere)) == ("90", "7")
    wallet.refused(elsewhere.bet("8"), "INSUFFICIENT_FUNDS", balance_minor="7")
