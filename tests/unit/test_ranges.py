"""The range of balances: what would pass 60 digits is refused by the operation that would, and never later."""

import pytest
from unit.desk import Desk, adjust, bet, bet_and_win, deposit, fail, reserve, rollback, told, win
from unit.session_desk import SessionDesk

from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.sessions.outcomes import Settled
from wallet_grpc.domain.transactions import OutcomeStatus, WinKind

FULL = deposit("full", BALANCE_MAX)
PROMO = WinKind.PROMO


def check_refused(desk: Desk, command: Command, field: str = "amount_minor") -> None:
    refusal = desk.refused(command)
    assert (refusal.reason, refusal.metadata) == (Reason.INVALID_AMOUNT, {"field": field}), refusal


@pytest.mark.parametrize(
    ("before", "command", "field"),
    [
        ([FULL], deposit("d", 1), "amount_minor"),
        ([FULL], adjust("a", 1), "amount_minor"),
        ([FULL], win("w", 1, kind=PROMO), "amount_minor"),
        ([FULL], bet_and_win("s", 10, 11), "win_amount_minor"),
        ([FULL, bet("b", 10), deposit("d", 10)], rollback("r", "b"), "reference_transaction_id"),
        ([FULL, bet("b", 10), deposit("d", 10)], win("w", 1, of="b"), "amount_minor"),
        ([FULL, reserve("p", 10)], deposit("d", 1), "amount_minor"),
    ],
)
def test_what_would_pass_the_range_is_refused(before: list[Command], command: Command, field: str) -> None:
    desk = Desk.after(before)
    check_refused(desk, command, field)
    assert desk.main() + desk.hold() == BALANCE_MAX


@pytest.mark.parametrize(
    ("before", "command"),
    [
        ([deposit("d", BALANCE_MAX - 1)], deposit("e", 1)),
        ([FULL], bet("b", 10)),
        ([FULL], bet_and_win("s", 10, 10)),
        ([FULL, bet("b", 10)], win("w", 10, of="b")),
        ([FULL, bet("b", 10)], rollback("r", "b")),
        ([FULL], reserve("p", 10)),
        ([FULL, reserve("p", 10)], fail("p")),
    ],
)
def test_what_stays_within_the_range_is_applied(before: list[Command], command: Command) -> None:
    assert told(Desk.after(before).send(command)) is OutcomeStatus.APPLIED


def test_a_hold_that_comes_back_finds_room() -> None:
    desk = Desk.after([FULL, reserve("p", 40), bet("b", 10)])
    check_refused(desk, deposit("d", 11))
    desk.accepted(deposit("e", 10))
    desk.accepted(fail("p"))
    assert desk.main() == BALANCE_MAX


def test_a_session_that_ends_finds_room() -> None:
    desk = SessionDesk.opened(100, funds=BALANCE_MAX - 50)
    check_refused(desk, desk.win("w", 51, kind=PROMO))
    desk.all([desk.win("v", 50, kind=PROMO), desk.bet("b", 30)])
    check_refused(desk, deposit("more", 31))
    desk.all([deposit("e", 30)])
    check_refused(desk, desk.rollback("r", "b"), "reference_transaction_id")
    settled = desk.send(desk.settlement())
    assert isinstance(settled, Settled)
    assert (settled.payout_minor, desk.main()) == (120, BALANCE_MAX)
    check_refused(desk, desk.win("late", 1, kind=PROMO))
    desk.all([bet("c", 1), desk.win("late", 1, kind=PROMO)])
    assert desk.main() == BALANCE_MAX


def test_what_was_lost_in_a_session_can_be_won_back() -> None:
    desk = SessionDesk.opened(100, funds=BALANCE_MAX)
    desk.all([desk.bet("b", 100)])
    check_refused(desk, deposit("e", 1))  # what the accounts sum to has its range as well
    desk.all([desk.win("w", 100, of="b"), desk.settlement()])
    assert desk.main() == BALANCE_MAX


def test_a_session_alone_has_the_whole_range() -> None:
    desk = SessionDesk.opened(100, funds=100)
    desk.all([desk.win("w", BALANCE_MAX - 100, kind=PROMO)])
    check_refused(desk, desk.win("v", 1, kind=PROMO))
    settled = desk.send(desk.settlement())
    assert isinstance(settled, Settled)
    assert (settled.payout_minor, desk.main()) == (BALANCE_MAX, BALANCE_MAX)
