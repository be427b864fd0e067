"""What races around a session: whoever wins, money is neither lost nor doubled, and what is locked stays locked."""

from collections import Counter
from typing import Any

from support.ledger import posted
from support.refusals import Refusal, check_refusal
from support.requests import Player
from support.sessions import Play, SessionCaller, open_session, sessions_of
from support.wallet import Wallet, at_once

from wallet.v1 import session_pb2 as pb
from wallet.v1.wallet_pb2 import OPERATION_STATUS_APPLIED, OPERATION_STATUS_VOIDED

TRIES = 12


def money(wallet: Wallet, player: Player) -> tuple[int, int]:
    found = wallet.balance(player)
    return int(found.available_minor), int(found.session_hold_minor)


def test_settle_against_bets(wallet: Wallet) -> None:
    """A bet at the instant of the end is in the payout, or refused."""
    games = sessions_of(wallet)
    for _ in range(TRIES):
        player = wallet.player("100")
        play = games.open(player, "50")
        bets = [play.bet("7") for _ in range(4)]
        *answers, settled = games.at_once(*bets, play.settle())
        applied = [answer for answer in answers if isinstance(answer, pb.SessionResult)]
        for answer in answers:
            if isinstance(answer, Refusal):
                check_refusal(answer, "SESSION_CLOSED")
        assert int(settled.payout_minor) == 50 - 7 * len(applied)
        assert money(wallet, player) == (50 + int(settled.payout_minor), 0)


def test_settle_against_wins_and_rollbacks(wallet: Wallet) -> None:
    """A win or rollback at the instant of the end is in the payout, or late; never both, never neither."""
    games = sessions_of(wallet)
    for _ in range(TRIES):
        player = wallet.player("100")
        play = games.open(player, "50")
        bet, other = play.bet("10"), play.bet("5")
        games.applied(bet)
        games.applied(other)
        win, back, settled = games.at_once(play.win("30", of=bet), play.rollback(other), play.settle())
        inside = (0 if win.late else 30) + (0 if back.late else 5)
        assert int(settled.payout_minor) == 35 + inside
        assert money(wallet, player) == (120, 0)


def test_two_settles(wallet: Wallet, player: Player) -> None:
    games = sessions_of(wallet)
    play = games.open(player, "50")
    games.applied(play.bet("20"))
    answers = games.at_once(*([play.settle()] * 8))
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: 7}
    assert {(answer.payout_minor, answer.tx_id) for answer in answers} == {("30", answers[0].tx_id)}
    assert money(wallet, player) == (80, 0)


def test_open_against_withdraw_bet_and_open(wallet: Wallet) -> None:
    """What is locked cannot be withdrawn, bet outside, or locked again."""
    games = sessions_of(wallet)
    for _ in range(TRIES):
        player = wallet.player("100")
        asked: list[Any] = [
            lambda player=player: games.attempt(open_session(player, "60")),
            lambda player=player: games.attempt(open_session(player, "60")),
            lambda player=player: wallet.attempt(player.reserve("60")),
            lambda player=player: wallet.attempt(player.bet("60")),
        ]
        answers = at_once(*asked)
        refused = [answer for answer in answers if isinstance(answer, Refusal)]
        assert len(refused) == 3
        for refusal in refused:
            check_refusal(refusal, "INSUFFICIENT_FUNDS", balance_minor="40")
        assert wallet.main(player) == "40"


def test_one_opening_sent_ten_times_at_once(wallet: Wallet, player: Player) -> None:
    games = sessions_of(wallet)
    answers = games.at_once(*([open_session(player, "10")] * 10))
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: 9}
    assert len({answer.session_token for answer in answers}) == 1
    assert money(wallet, player) == (90, 10)


def test_one_bet_sent_ten_times_at_once(wallet: Wallet, player: Player) -> None:
    games = sessions_of(wallet)
    play = games.open(player, "50")
    answers = games.at_once(*([play.bet("20")] * 10))
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: 9}
    assert {answer.balance_after_minor for answer in answers} == {"30"}
    assert len(games.journal(play)) == 1


def test_more_bets_than_the_lock_covers(wallet: Wallet, player: Player) -> None:
    games = sessions_of(wallet)
    play = games.open(player, "50")
    answers = games.at_once(*(play.bet("20") for _ in range(6)))
    assert Counter(type(answer) for answer in answers) == {pb.SessionResult: 2, Refusal: 4}
    assert games.balance(play) == "10"


def test_a_bet_and_its_rollback(wallet: Wallet) -> None:
    games = sessions_of(wallet)
    for _ in range(TRIES):
        play = games.open(wallet.player("100"), "50")
        bet = play.bet("10")
        placed, back = games.at_once(bet, play.rollback(bet))
        if back.status == OPERATION_STATUS_VOIDED:
            check_refusal(placed, "TRANSACTION_VOIDED")
        else:
            assert (placed.status, back.status) == (OPERATION_STATUS_APPLIED, OPERATION_STATUS_APPLIED)
        assert games.balance(play) == "50"


def test_late_wins_against_withdrawals(wallet: Wallet) -> None:
    games = sessions_of(wallet)
    for _ in range(TRIES):
        player = wallet.player("100")
        play: Play = games.open(player, "50")
        bet = play.bet("10")
        games.applied(bet)
        win = play.win("50", of=bet)
        games.applied(win)
        games.call(play.settle())
        back, reserved = at_once(
            lambda play=play, win=win: games.attempt(play.rollback(win)),
            lambda player=player: wallet.attempt(player.reserve("100")),
        )
        assert isinstance(back, Refusal) != isinstance(reserved, Refusal)
        assert wallet.main(player) == ("90" if isinstance(reserved, Refusal) else "40")


def test_sessions_leave_nothing_over(wallet: Wallet, installation: Any) -> None:
    games: SessionCaller = sessions_of(wallet)
    player = wallet.player("100")
    plays = [games.open(player, "20") for _ in range(4)]
    games.batch([play.bet("5") for play in plays for _ in range(4)])
    games.at_once(*(play.settle() for play in plays))
    assert money(wallet, player) == (20, 0)
    assert posted(installation, player) == {"MAIN": 20, "HOUSE": -100, "HOUSE:WAGER": 80}
