"""What races: whoever wins, exactly one of the outcomes that the rules allow comes out, and every balance is right."""

import secrets
from collections import Counter

import pytest
from support.database import Installation
from support.ledger import posted, transactions_stored
from support.refusals import Refusal, check_refusal
from support.requests import Player, changed, fail, fresh_id, settle
from support.wallet import Wallet, at_once, check_replay

from wallet.v1 import wallet_pb2 as pb

TRIES = 5


def split(answers: list[object]) -> tuple[list[pb.OperationResult], list[Refusal]]:
    results = [answer for answer in answers if isinstance(answer, pb.OperationResult)]
    return results, [answer for answer in answers if isinstance(answer, Refusal)]


def test_one_id_and_ten_players(wallet: Wallet, installation: Installation) -> None:
    """The key is one for the source, the players are on different lanes."""
    for _ in range(TRIES):
        name = fresh_id("shared")
        first = wallet.player("100")  # over players ids are unique within a cell
        players = [first, *(wallet.neighbour(first) for _ in range(9))]
        results, refusals = split(wallet.at_once(*(player.bet("10", transaction_id=name) for player in players)))
        assert len(results) == 1
        for refusal in refusals:
            check_refusal(refusal, "IDEMPOTENCY_KEY_REUSED", field="player_id")
        assert sorted(wallet.main(player) for player in players) == ["100"] * 9 + ["90"]
        assert transactions_stored(installation, "games", name) == 1


def test_one_id_with_ten_amounts(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    results, refusals = split(wallet.at_once(*(changed(bet, amount_minor=str(amount)) for amount in range(1, 11))))
    (applied,) = results
    for refusal in refusals:
        check_refusal(refusal, "IDEMPOTENCY_KEY_REUSED", field="amount_minor")
    assert wallet.main(player) == applied.balance_after_minor


def test_a_bet_and_its_rollback(wallet: Wallet) -> None:
    for _ in range(TRIES * 2):
        player = wallet.player("100")
        bet = player.bet("10")
        placed, back = wallet.at_once(bet, player.rollback(bet))
        if back.status == pb.OPERATION_STATUS_VOIDED:
            check_refusal(placed, "TRANSACTION_VOIDED")
        else:
            assert (placed.status, back.status) == (pb.OPERATION_STATUS_APPLIED, pb.OPERATION_STATUS_APPLIED)
        assert wallet.main(player) == "100"


def test_a_bet_and_another_players_rollback_of_it(wallet: Wallet) -> None:
    for _ in range(TRIES * 2):
        player = wallet.player("100")
        stranger = wallet.neighbour(player)
        bet = player.bet("10")
        placed, back = wallet.at_once(bet, stranger.rollback(bet))
        if isinstance(placed, Refusal):
            check_refusal(placed, "TRANSACTION_VOIDED")
            assert back.status == pb.OPERATION_STATUS_VOIDED
        else:
            check_refusal(back, "PLAYER_MISMATCH")
        assert wallet.main(player) == ("100" if isinstance(placed, Refusal) else "90")


def test_ten_rollbacks_of_one_bet(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    answers = wallet.at_once(*(player.rollback(bet) for _ in range(10)))
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {pb.OPERATION_STATUS_APPLIED: 1, pb.OPERATION_STATUS_ALREADY_ROLLED_BACK: 9}
    assert len({(answer.tx_id, answer.balance_after_minor) for answer in answers}) == 1
    assert wallet.main(player) == "100"


def test_a_win_and_the_rollback_of_its_bet(wallet: Wallet) -> None:
    for _ in range(TRIES * 2):
        player = wallet.player("100")
        bet = player.bet("10")
        wallet.applied(bet)
        won, back = wallet.at_once(player.win("20", of=bet), player.rollback(bet))
        if isinstance(won, Refusal):
            check_refusal(won, "TRANSACTION_ROLLED_BACK")
            assert back.balance_after_minor == wallet.main(player) == "100"
        else:
            check_refusal(back, "BET_ALREADY_SETTLED")
            assert won.balance_after_minor == wallet.main(player) == "110"


def test_two_closing_wins(wallet: Wallet) -> None:
    for _ in range(TRIES):
        player = wallet.player("100")
        bet = player.bet("10")
        wallet.applied(bet)
        results, refusals = split(wallet.at_once(*(player.win("5", of=bet, round_closed=True) for _ in range(4))))
        assert len(results) == 1
        for refusal in refusals:
            check_refusal(refusal, "ROUND_CLOSED")


def test_one_deposit_from_two_callers(wallet: Wallet) -> None:
    for _ in range(TRIES):
        player = wallet.player("0")
        deposit = player.deposit("50")
        callers = [wallet.payments, wallet.other_payments] * 3
        answers = at_once(*(lambda caller=caller, deposit=deposit: caller.attempt(deposit) for caller in callers))
        (first,) = [answer for answer in answers if not answer.replayed]
        for answer in answers:
            if answer is not first:
                check_replay(answer, first)
        assert wallet.main(player) == "50"


def test_one_output_and_ten_players(wallet: Wallet) -> None:
    for _ in range(TRIES):
        players = [Player() for _ in range(10)]
        tx_hash = f"0x{secrets.token_hex(32)}"
        results, refusals = split(
            wallet.at_once(*(player.deposit("50", tx_hash=tx_hash, output_index=1) for player in players))
        )
        assert len(results) == 1
        for refusal in refusals:
            check_refusal(refusal, "IDEMPOTENCY_KEY_REUSED", field="tx_hash")
        assert sum(int(wallet.main(player)) for player in players) == 50


def test_both_endings_of_a_withdrawal(wallet: Wallet) -> None:
    for _ in range(TRIES):
        player = wallet.player("100")
        reservation = player.reserve("40")
        wallet.applied(reservation)
        endings = [settle(reservation, "1"), fail(reservation)] * 3
        results, refusals = split(wallet.at_once(*endings))
        assert len(results) == 3
        assert sorted(result.replayed for result in results) == [False, True, True]
        assert len({result.tx_id for result in results}) == 1
        for refusal in refusals:
            check_refusal(refusal, "WITHDRAWAL_STATE_CONFLICT")
        assert wallet.balance(player).withdraw_hold_minor == "0"
        assert wallet.main(player) in {"60", "100"}


def test_a_state_and_bets(wallet: Wallet) -> None:
    for _ in range(TRIES):
        player = wallet.player("100")
        _, *answers = wallet.at_once(player.state(pb.PLAYER_STATE_BLOCKED), *(player.bet("1") for _ in range(5)))
        results, refusals = split(answers)
        for refusal in refusals:
            check_refusal(refusal, "PLAYER_BLOCKED")
        assert wallet.main(player) == str(100 - len(results))


def test_closing_and_a_deposit(wallet: Wallet) -> None:
    for _ in range(TRIES):
        player = Player()
        closed, _ = wallet.at_once(player.state(pb.PLAYER_STATE_CLOSED), player.deposit("5"))
        state = wallet.balance(player).state
        if isinstance(closed, Refusal):
            check_refusal(closed, "BALANCE_NOT_ZERO")
            assert state == pb.PLAYER_STATE_ACTIVE
        else:  # closed first; the deposit goes on
            assert state == pb.PLAYER_STATE_CLOSED
        assert wallet.main(player) == "5"


@pytest.mark.parametrize("way", ["calls", "batches"])
def test_everything_of_few_players_at_once(wallet: Wallet, installation: Installation, way: str) -> None:
    players = [wallet.player("200") for _ in range(3)]

    def work() -> None:
        for player in players:
            bet, spin, hold = player.bet("30"), player.bet_and_win("20", "10"), player.reserve("15")
            win = player.win("25", of=bet)
            sent = [bet, spin, hold, win, player.rollback(spin), settle(hold, "1"), player.rollback(bet), fail(hold)]
            answers = wallet.batch(sent) if way == "batches" else [wallet.attempt(request) for request in sent]
            allowed = {"INSUFFICIENT_FUNDS", "BET_NOT_FOUND", "BET_ALREADY_SETTLED", "WITHDRAWAL_NOT_FOUND"}
            for answer in answers:
                assert getattr(answer, "reason", "INSUFFICIENT_FUNDS") in allowed | {"WITHDRAWAL_STATE_CONFLICT"}, (
                    answer
                )

    at_once(*[work] * 8)
    for player in players:
        balance = wallet.balance(player)
        totals = posted(installation, player)
        assert totals.get("MAIN", 0) == int(balance.available_minor) >= 0
        assert totals.get("WITHDRAW_HOLD", 0) == int(balance.withdraw_hold_minor) >= 0
        assert sum(totals.values()) == 0


def test_batches_that_meet_crosswise(wallet: Wallet) -> None:
    """The same players in opposite orders: nothing waits for ever, and nothing is lost."""
    players = [wallet.player("1000") for _ in range(20)]

    def batches(order: list[Player]) -> list[object]:
        return [outcome for _ in range(10) for outcome in wallet.games.batch([player.bet("1") for player in order])]

    orders = [players, players[::-1], players[10:] + players[:10], players[5::-1] + players[:5:-1]]
    for outcomes in at_once(*(lambda order=order: batches(order) for order in orders)):
        assert {type(outcome) for outcome in outcomes} == {pb.OperationResult}
    assert [wallet.main(player) for player in players] == ["960"] * 20
