"""Rounds (docs/rules.md, rule 4): what closes one, and what opens it again."""

import pytest
from unit.desk import BOB, ETHEREUM, OTHER_GAMES, Desk, bet, bet_and_win, deposit, rollback, told, win

from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import OutcomeStatus, WinKind

FUNDS = deposit("d", 100)
STAKED = (FUNDS, bet("b"))


def is_closed(desk: Desk) -> bool:
    """Ask the only way that callers can: by a bet, which is taken back."""
    outcome = desk.send(bet("probe", 0))
    if told(outcome) is Reason.ROUND_CLOSED:
        return True
    assert told(outcome) is OutcomeStatus.APPLIED
    desk.book.transactions.pop(bet("probe").key)
    return False


CLOSERS = {
    "bet": [bet("c", closes=True)],
    "bet and win": [bet_and_win("c", closes=True)],
    "win": [win("c", of="b", closes=True)],
    "win of nothing": [win("c", 0, of="b", closes=True)],
    "bet of nothing": [bet("c", 0, closes=True)],
    "rollback of a bet": [bet("b2"), rollback("c", of="b2", closes=True)],
    "rollback of a win": [win("w", of="b"), rollback("c", of="w", closes=True)],
    "rollback of a bet and win": [bet_and_win("b2"), rollback("c", of="b2", closes=True)],
}


@pytest.mark.parametrize("commands", CLOSERS.values(), ids=CLOSERS)
def test_closes_a_round(commands: list[Command]) -> None:
    desk = Desk.after(STAKED)
    assert not is_closed(desk)
    for command in commands:
        desk.accepted(command)
    assert is_closed(desk)


REOPENABLE = {name: commands for name, commands in CLOSERS.items() if not name.startswith("rollback")}


@pytest.mark.parametrize("commands", REOPENABLE.values(), ids=REOPENABLE)
def test_rolling_back_what_closed_a_round_opens_it(commands: list[Command]) -> None:
    desk = Desk.after([*STAKED, *commands, rollback("r", of="c")])
    assert not is_closed(desk)


@pytest.mark.parametrize("commands", REOPENABLE.values(), ids=REOPENABLE)
def test_a_rollback_may_close_the_round_that_it_would_have_opened(commands: list[Command]) -> None:
    desk = Desk.after([*STAKED, *commands, rollback("r", of="c", closes=True)])
    assert is_closed(desk)


@pytest.mark.parametrize("commands", REOPENABLE.values(), ids=REOPENABLE)
def test_of_two_closers_one_is_enough(commands: list[Command]) -> None:
    desk = Desk.after([*STAKED, bet("b2"), *commands, rollback("r2", of="b2", closes=True), rollback("r", of="c")])
    assert is_closed(desk)


NOT_CLOSERS = {
    "nothing said": [win("c", of="b")],
    "free round": [win("c", of="b", kind=WinKind.FREE_ROUND, closes=True)],
    "jackpot": [win("c", of="b", kind=WinKind.JACKPOT, closes=True)],
    "promotion": [win("c", of="b", kind=WinKind.PROMO, closes=True)],
    "a jackpot's rollback": [win("c", kind=WinKind.JACKPOT), rollback("r", of="c", closes=True)],
    "a promotion's rollback": [win("c", kind=WinKind.PROMO), rollback("r", of="c", closes=True)],
    "another round": [bet("c", round="r2", closes=True)],
    "another game": [bet("c", game="g2", closes=True)],
    "another network": [deposit("d2", network=ETHEREUM), bet("c", network=ETHEREUM, closes=True)],
    "another player": [deposit("d2", player=BOB), bet("c", player=BOB, closes=True)],
    "another source": [bet("c", source=OTHER_GAMES, closes=True)],
    "a void": [rollback("r", of="unseen", closes=True)],
    "a void again": [rollback("r", of="unseen"), rollback("r2", of="unseen", closes=True)],
    "a replay": [win("w", of="b"), win("w", of="b", closes=True)],
    "already rolled back": [bet("b2"), rollback("r", of="b2"), rollback("r2", of="b2", closes=True)],
    "a replayed rollback": [bet("b2"), rollback("r", of="b2"), rollback("r", of="b2", closes=True)],
}


@pytest.mark.parametrize("commands", NOT_CLOSERS.values(), ids=NOT_CLOSERS)
def test_closes_no_round(commands: list[Command]) -> None:
    assert not is_closed(Desk.after([*STAKED, *commands]))


NOT_OPENERS = {
    "a replay that says otherwise": [bet("c", closes=False)],
    "a rollback of another bet": [rollback("r", of="b")],
    "a void": [rollback("r", of="unseen")],
    "a second rollback of another bet": [rollback("r", of="b"), rollback("r2", of="b")],
}


@pytest.mark.parametrize("commands", NOT_OPENERS.values(), ids=NOT_OPENERS)
def test_opens_no_round(commands: list[Command]) -> None:
    assert is_closed(Desk.after([*STAKED, bet("c", closes=True), *commands]))


def test_rolling_a_closer_back_twice_opens_once() -> None:
    desk = Desk.after([*STAKED, win("c1", 1, of="b"), bet_and_win("c2", closes=True)])
    desk.accepted(rollback("r", of="c1", closes=True))
    desk.accepted(rollback("r2", of="c2"))
    desk.accepted(rollback("r3", of="c2"))
    assert is_closed(desk)
