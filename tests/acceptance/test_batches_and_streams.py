"""docs/acceptance.md, Batches and streams: cases 24 to 27."""

import itertools
from collections import Counter

import pytest
from support.database import Installation
from support.ledger import posted
from support.refusals import check_refusal
from support.requests import Player, changed
from support.rounds import rounds
from support.wallet import Wallet, check_replay, expect_error

from wallet.v1 import wallet_pb2 as pb


def test_case_24_a_batch_of_60_60_40(wallet: Wallet, player: Player) -> None:
    first, second, third = wallet.games.batch([player.bet("60"), player.bet("60"), player.bet("40")])
    assert first.balance_after_minor == "40"
    check_refusal(second, "INSUFFICIENT_FUNDS", balance_minor="40")
    assert third.balance_after_minor == "0"
    assert wallet.main(player) == "0"


def test_case_25_a_bet_its_win_and_the_wins_rollback(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    win = player.win("20", of=bet, round_closed=True)
    outcomes = wallet.games.batch([bet, win, player.rollback(win), player.win("5", of=bet)])

    assert [outcome.status for outcome in outcomes] == [pb.OPERATION_STATUS_APPLIED] * 4
    assert [outcome.replayed for outcome in outcomes] == [False] * 4
    assert [outcome.balance_after_minor for outcome in outcomes] == ["90", "110", "90", "95"]
    assert len({outcome.tx_id for outcome in outcomes}) == 4
    assert wallet.games.call(player.round(bet)) == pb.GetRoundResponse(
        closed=False,
        bets_minor="10",
        wins_minor="25",
        rolled_back_bets_minor="0",
        rolled_back_wins_minor="20",
        transactions=4,
    )


def test_case_26_1001_operations(wallet: Wallet, player: Player) -> None:
    bets = [player.bet("0") for _ in range(1001)]
    error = expect_error(lambda: wallet.games.batch(bets), "INVALID_FIELD", field="operations")
    assert error.status.name == "INVALID_ARGUMENT"
    wallet.refused(pb.GetTransactionRequest(transaction_id=bets[0].transaction_id), "TRANSACTION_NOT_FOUND")

    assert all(outcome.status == pb.OPERATION_STATUS_APPLIED for outcome in wallet.games.batch(bets[:1000]))


def test_case_26_one_malformed_operation(wallet: Wallet, player: Player) -> None:
    first, second, third = wallet.games.batch([player.bet("10"), player.bet("1.5"), player.bet("10")])
    assert first.balance_after_minor == "90"
    check_refusal(second, "INVALID_AMOUNT", field="amount_minor")
    assert third.balance_after_minor == "80"


def test_case_26_an_operation_that_the_caller_may_not_do(wallet: Wallet, player: Player) -> None:
    first, second, third = wallet.games.batch([player.bet("10"), player.deposit("10"), player.bet("10")])
    assert first.balance_after_minor == "90"
    check_refusal(second, "CALL_NOT_ALLOWED")
    assert third.balance_after_minor == "80"


def test_case_26_the_same_id_twice(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    first, second = wallet.games.batch([bet, bet])
    assert (first.status, first.replayed) == (pb.OPERATION_STATUS_APPLIED, False)
    check_replay(second, first)
    assert wallet.main(player) == "90"

    too_much = player.bet("91")
    refused, applied = wallet.operator.batch([too_much, changed(too_much, amount_minor="90")])
    check_refusal(refused, "INSUFFICIENT_FUNDS", balance_minor="90")
    assert (applied.balance_after_minor, applied.replayed) == ("0", False)


OPERATIONS = {"group-commit": 10_000, "one-a-transaction": rounds(2_000, of=10_000)}


@pytest.mark.slow
def test_case_27_a_stream_of_10000_operations(
    wallet: Wallet, installation: Installation, request: pytest.FixtureRequest
) -> None:
    operations = OPERATIONS[request.node.callspec.params["shared"]]
    turns = operations // 500
    players = [Player() for _ in range(100)]
    funded = wallet.payments.batch([player.deposit("1000") for player in players])
    assert all(outcome.status == pb.OPERATION_STATUS_APPLIED for outcome in funded)

    # Of each player in turn 20 times (of 10,000): a bet of 30, its win of 20, another of 7, its rollback, a free spin.
    sent: list[tuple[Player, int, object]] = []
    for _ in range(turns):
        scripts = []
        for player in players:
            bet, other, spin = player.bet("30"), player.bet("7"), player.bet("0")
            steps = (bet, -30), (player.win("20", of=bet), 20), (other, -7), (player.rollback(other), 7), (spin, 0)
            scripts.append([(player, change, asked) for asked, change in steps])
        sent += itertools.chain.from_iterable(zip(*scripts, strict=True))
    assert len(sent) == operations

    outcomes = wallet.games.stream([asked for _, _, asked in sent], timeout_s=280)

    balances = Counter({player.player_id: 1000 for player in players})
    assert len(outcomes) == len(sent)
    for (player, change, asked), outcome in zip(sent, outcomes, strict=True):
        balances[player.player_id] += change
        assert outcome.transaction_id == asked.transaction_id
        assert outcome.status == pb.OPERATION_STATUS_APPLIED
        assert outcome.balance_after_minor == str(balances[player.player_id])
    for player in players:
        assert balances[player.player_id] == 1000 - 10 * turns
        assert wallet.main(player) == str(1000 - 10 * turns)
    expected = {"MAIN": 1000 - 10 * turns, "HOUSE": -1000, "HOUSE:WAGER": 10 * turns}
    assert posted(installation, players[0]) == expected
