"""Rule 7: RESERVED, then SETTLED or FAILED, once; each ending releases its own amount only."""

import pytest
from support.database import Installation
from support.ledger import posted
from support.refusals import check_refusal
from support.requests import USDT_ETHEREUM, Player, changed, fail, fresh_id, settle
from support.wallet import Wallet, check_replay

from wallet.v1 import wallet_pb2 as pb


def reserved(wallet: Wallet, player: Player, amount_minor: str = "40") -> pb.ReserveWithdrawalRequest:
    reservation = player.reserve(amount_minor)
    wallet.applied(reservation)
    return reservation


def test_an_ending_of_what_was_never_reserved(wallet: Wallet, player: Player) -> None:
    wallet.refused(settle(player.reserve()), "WITHDRAWAL_NOT_FOUND")
    wallet.refused(fail(player.reserve()), "WITHDRAWAL_NOT_FOUND")
    deposit = player.deposit("5")
    wallet.applied(deposit)
    wallet.refused(settle(deposit.deposit_id), "WITHDRAWAL_NOT_FOUND")


@pytest.mark.parametrize(
    ("fee_minor", "house"),
    [
        ("0", {"HOUSE": -60}),
        ("1", {"HOUSE": -61, "HOUSE:FEES": 1}),
        ("39", {"HOUSE": -99, "HOUSE:FEES": 39}),
        ("40", {"HOUSE": -100, "HOUSE:FEES": 40}),
    ],
)
def test_a_settlement_splits_amount_and_fee(
    wallet: Wallet, installation: Installation, player: Player, fee_minor: str, house: dict[str, int]
) -> None:
    reservation = reserved(wallet, player)
    done = wallet.applied(settle(reservation, fee_minor))
    assert (done.balance_after_minor, done.current_balance_minor) == ("60", "60")
    assert posted(installation, player) == {"MAIN": 60} | house


def test_a_fee_above_the_amount(wallet: Wallet, player: Player) -> None:
    reservation = reserved(wallet, player)
    wallet.refused(settle(reservation, "41"), "INVALID_AMOUNT", field="fee_minor")
    assert wallet.balance(player).withdraw_hold_minor == "40"
    wallet.applied(settle(reservation, "40"))


def test_settled_is_final(wallet: Wallet, player: Player) -> None:
    reservation = reserved(wallet, player)
    settlement = settle(reservation, "1", tx_hash="0xabc")
    first = wallet.applied(settlement)
    assert first.transaction_id == reservation.withdrawal_id
    wallet.applied(player.bet("10"))
    again = wallet.replayed(changed(settlement, tx_hash="0xother"), first)
    assert (again.balance_after_minor, again.current_balance_minor) == ("60", "50")
    for fee_minor in ("0", "2", "41"):
        wallet.refused(settle(reservation, fee_minor), "IDEMPOTENCY_KEY_REUSED", field="fee_minor")
    wallet.refused(fail(reservation), "WITHDRAWAL_STATE_CONFLICT", state="SETTLED")
    balance = wallet.balance(player)
    assert (balance.available_minor, balance.withdraw_hold_minor) == ("50", "0")


def test_failed_is_final(wallet: Wallet, player: Player) -> None:
    reservation = reserved(wallet, player)
    failure = fail(reservation, reason="the network refused it")
    first = wallet.applied(failure)
    assert first.transaction_id == reservation.withdrawal_id
    wallet.applied(player.bet("10"))
    again = wallet.replayed(changed(failure, reason="another"), first)
    assert (again.balance_after_minor, again.current_balance_minor) == ("100", "90")
    for fee_minor in ("0", "1", "41"):
        wallet.refused(settle(reservation, fee_minor), "WITHDRAWAL_STATE_CONFLICT", state="FAILED")
    assert wallet.balance(player).withdraw_hold_minor == "0"


@pytest.mark.parametrize("ending", ["settle", "fail"])
def test_a_reservation_sent_again_after_its_end_is_a_replay(wallet: Wallet, player: Player, ending: str) -> None:
    reservation = player.reserve("40")
    first = wallet.applied(reservation)
    wallet.applied(settle(reservation) if ending == "settle" else fail(reservation))
    again = wallet.replayed(reservation, first)
    assert again.balance_after_minor == "60"
    assert again.current_balance_minor == ("60" if ending == "settle" else "100")
    wallet.refused(changed(reservation, amount_minor="41"), "IDEMPOTENCY_KEY_REUSED", field="amount_minor")
    assert wallet.balance(player).withdraw_hold_minor == "0"


def test_each_ending_releases_its_own_amount(wallet: Wallet, installation: Installation, player: Player) -> None:
    one, two, three = (reserved(wallet, player, amount) for amount in ("10", "20", "30"))
    wallet.applied(fail(two))
    assert wallet.balance(player).withdraw_hold_minor == "40"
    wallet.applied(settle(three, "3"))
    assert wallet.balance(player).withdraw_hold_minor == "10"
    wallet.applied(settle(one, "1"))
    assert posted(installation, player) == {"MAIN": 60, "HOUSE": -100 + 36, "HOUSE:FEES": 4}


def test_withdrawals_are_one_namespace_whoever_calls(wallet: Wallet, player: Player) -> None:
    reservation = player.reserve("40")
    first = wallet.applied(reservation, by=wallet.payments)
    wallet.replayed(reservation, first, by=wallet.other_payments)
    wallet.refused(
        changed(reservation, player_id=wallet.player().player_id),
        "IDEMPOTENCY_KEY_REUSED",
        by=wallet.other_payments,
        field="player_id",
    )
    settlement = settle(reservation, "1")
    ended = wallet.applied(settlement, by=wallet.other_payments)
    wallet.replayed(settlement, ended, by=wallet.payments)
    wallet.refused(fail(reservation), "WITHDRAWAL_STATE_CONFLICT", by=wallet.operator)


def test_a_withdrawal_and_a_bet_may_have_the_same_id(wallet: Wallet, player: Player) -> None:
    name = fresh_id("both")
    wallet.applied(player.bet("10", transaction_id=name), by=wallet.operator)
    wallet.applied(player.reserve("40", withdrawal_id=name), by=wallet.operator)
    wallet.applied(settle(name, "1"), by=wallet.operator)
    assert wallet.main(player) == "50"


@pytest.mark.parametrize("way", ["batch", "stream"])
@pytest.mark.parametrize("ending", ["settle", "fail"])
def test_an_ending_in_the_batch_of_its_reservation(wallet: Wallet, player: Player, way: str, ending: str) -> None:
    reservation = player.reserve("60")
    end = settle(reservation, "1") if ending == "settle" else fail(reservation)
    early, first, done, again, bet = getattr(wallet.operator, way)([end, reservation, end, end, player.bet("100")])
    check_refusal(early, "WITHDRAWAL_NOT_FOUND")
    assert first.balance_after_minor == "40"
    assert (done.status, done.replayed) == (pb.OPERATION_STATUS_APPLIED, False)
    check_replay(again, done)
    if ending == "settle":
        check_refusal(bet, "INSUFFICIENT_FUNDS", balance_minor="40")
    else:
        assert bet.balance_after_minor == "0"
    assert wallet.balance(player).withdraw_hold_minor == "0"


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_many_endings_in_one_batch(wallet: Wallet, way: str) -> None:
    players = [wallet.player("100") for _ in range(8)]
    reservations = [player.reserve("30") for player in players for _ in range(3)]
    endings = [
        (settle(one, "1"), fail(two), fail(three)) for one, two, three in zip(*[iter(reservations)] * 3, strict=True)
    ]
    sent = [*reservations, *(end for triple in endings for end in triple), *(player.bet("70") for player in players)]
    outcomes = getattr(wallet.operator, way)(sent)
    assert {type(outcome) for outcome in outcomes} == {pb.OperationResult}, outcomes
    assert [outcome.balance_after_minor for outcome in outcomes[-len(players) :]] == ["0"] * len(players)


def test_a_hold_is_in_its_own_network(wallet: Wallet, player: Player) -> None:
    elsewhere = wallet.fund(player.on(USDT_ETHEREUM), "50")
    reservation = reserved(wallet, player)
    assert wallet.balance(elsewhere).withdraw_hold_minor == "0"
    wallet.applied(fail(reservation))
    assert (wallet.main(player), wallet.main(elsewhere)) == ("100", "50")
