"""Withdrawals (docs/rules.md, rule 7): reservations, the two endings, and the order of their checks (rule 9)."""

import pytest
from unit.desk import BOB, ETHEREUM, OTHER_GAMES, Desk, bet, blocked, deposit, fail, reserve, settle, state
from unit.tables import Row, applied, check, refused, replayed, table

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.changes import WithdrawalState
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Kind, Posting

FUNDS = deposit("d", 100)
HELD = (FUNDS, reserve("p", 40))


@table(
    refused(
        "a used id",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [*HELD, blocked()],
        reserve("p", 101, network=ETHEREUM),
        field="currency_network_id",
    ),
    refused(
        "an id that another source used",
        Reason.IDEMPOTENCY_KEY_REUSED,
        HELD,
        reserve("p", 41, source=OTHER_GAMES),
        field="amount_minor",
    ),
    refused("a blocked player", Reason.PLAYER_BLOCKED, [FUNDS, blocked()], reserve("p", 101)),
    refused("a closed player", Reason.PLAYER_BLOCKED, [state("s", PlayerState.CLOSED)], reserve("p", 1)),
    refused("too little money", Reason.INSUFFICIENT_FUNDS, [FUNDS], reserve("p", 101), balance_minor="100"),
    refused("an unseen player", Reason.INSUFFICIENT_FUNDS, [], reserve("p", 1), balance_minor="0"),
    refused("money that is held already", Reason.INSUFFICIENT_FUNDS, HELD, reserve("p2", 61), balance_minor="60"),
)
def test_refuses_a_reservation(row: Row) -> None:
    check(row)


@table(
    refused("no such withdrawal", Reason.WITHDRAWAL_NOT_FOUND, [FUNDS], settle("p", 41)),
    refused("a deposit of that id", Reason.WITHDRAWAL_NOT_FOUND, [FUNDS], settle("d")),
    refused(
        "the same again, with another fee that is too high",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [*HELD, settle("p", 1)],
        settle("p", 41),
        field="fee_minor",
    ),
    refused(
        "failed already, and the fee is too high",
        Reason.WITHDRAWAL_STATE_CONFLICT,
        [*HELD, fail("p")],
        settle("p", 41),
        state="FAILED",
    ),
    refused("a fee above the amount", Reason.INVALID_AMOUNT, HELD, settle("p", 41), field="fee_minor"),
)
def test_refuses_a_settlement(row: Row) -> None:
    check(row)


@table(
    refused("no such withdrawal", Reason.WITHDRAWAL_NOT_FOUND, [FUNDS], fail("p")),
    refused("settled already", Reason.WITHDRAWAL_STATE_CONFLICT, [*HELD, settle("p")], fail("p"), state="SETTLED"),
)
def test_refuses_a_failure(row: Row) -> None:
    check(row)


@table(
    applied("all that there is", [FUNDS], reserve("p", 100), main=0),
    applied("a second one beside the first", HELD, reserve("p2", 60), main=0),
    applied("under a deposit's id", [FUNDS], reserve("d", 40), main=60),
    applied("under a bet's id", [FUNDS, bet("p")], reserve("p", 40), main=50),
    replayed("again", HELD, reserve("p", 40), main=60),
    replayed("again, by another source", HELD, reserve("p", 40, source=OTHER_GAMES), main=60),
    replayed("again, after it was settled", [*HELD, settle("p")], reserve("p", 40), main=60),
    replayed("again, of a blocked player", [*HELD, blocked()], reserve("p", 40), main=60),
)
def test_applies_a_reservation(row: Row) -> None:
    check(row)


@table(
    applied("without a fee", HELD, settle("p"), main=60),
    applied("with all of it as fee", HELD, settle("p", 40), main=60),
    applied("by another source", HELD, settle("p", source=OTHER_GAMES), main=60),
    applied("of a blocked player", [*HELD, blocked()], settle("p"), main=60),
    applied("failed", HELD, fail("p"), main=100),
    applied("failed, of a blocked player", [*HELD, blocked()], fail("p"), main=100),
    replayed("again", [*HELD, settle("p", 1, tx_hash="a")], settle("p", 1, tx_hash="b"), main=60),
    replayed("again by another source", [*HELD, settle("p", 1)], settle("p", 1, source=OTHER_GAMES), main=60),
    replayed("failed again", [*HELD, fail("p", reason="a")], fail("p", reason="b"), main=100),
)
def test_applies_an_ending(row: Row) -> None:
    check(row)


def test_each_ending_releases_its_own_amount_only() -> None:
    desk = Desk.after([FUNDS, reserve("p1", 30), reserve("p2", 20)])
    desk.accepted(fail("p1"))
    assert (desk.main(), desk.hold()) == (80, 20)
    desk.accepted(settle("p2", 1))
    assert (desk.main(), desk.hold()) == (80, 0)


def test_a_replayed_ending_releases_nothing_of_another_hold() -> None:
    desk = Desk.after([FUNDS, reserve("p1", 30), reserve("p2", 30), fail("p1"), fail("p1"), fail("p1")])
    assert (desk.main(), desk.hold()) == (70, 30)


def test_endings_answer_the_withdrawal_id_and_mains_balance() -> None:
    desk = Desk.after(HELD)
    settled = desk.accepted(settle("p", 1))
    assert (settled.transaction_id, settled.balance_after_minor, settled.current_balance_minor) == ("p", 60, 60)
    desk.accepted(bet("b", 10))
    again = desk.accepted(settle("p", 1))
    assert (again.tx_id, again.balance_after_minor, again.current_balance_minor) == (settled.tx_id, 60, 50)


def test_reservation_posts_from_main_to_the_hold() -> None:
    transaction = Desk.after([FUNDS]).transaction(reserve("p", 40))
    assert transaction.kind is Kind.WITHDRAWAL_RESERVATION
    assert transaction.postings == (
        Posting(account_type=AccountType.MAIN, amount_minor=-40, balance_after_minor=60, account_version=2),
        Posting(account_type=AccountType.WITHDRAW_HOLD, amount_minor=40, balance_after_minor=40, account_version=1),
    )


@pytest.mark.parametrize(
    ("fee", "house"),
    [
        (0, [(AccountType.HOUSE, 40)]),
        (1, [(AccountType.HOUSE, 39), (AccountType.HOUSE_FEES, 1)]),
        (40, [(AccountType.HOUSE_FEES, 40)]),
    ],
)
def test_settlement_posts_the_hold_to_house_and_fees(fee: int, house: list[tuple[AccountType, int]]) -> None:
    desk = Desk.after([FUNDS])
    reservation = desk.transaction(reserve("p", 40))
    transaction = desk.transaction(settle("p", fee))
    assert transaction.reference_tx_id == reservation.tx_id
    assert [(posting.account_type, posting.amount_minor) for posting in transaction.postings] == [
        (AccountType.WITHDRAW_HOLD, -40),
        *house,
    ]


def test_failure_posts_the_hold_back_to_main() -> None:
    transaction = Desk.after(HELD).transaction(fail("p"))
    assert transaction.postings == (
        Posting(account_type=AccountType.WITHDRAW_HOLD, amount_minor=-40, balance_after_minor=0, account_version=2),
        Posting(account_type=AccountType.MAIN, amount_minor=40, balance_after_minor=100, account_version=3),
    )


@pytest.mark.parametrize(
    ("ending", "reached"), [(settle("p"), WithdrawalState.SETTLED), (fail("p"), WithdrawalState.FAILED)]
)
def test_withdrawal_goes_from_reserved_to_its_end(ending: object, reached: WithdrawalState) -> None:
    desk = Desk.after([FUNDS])
    reserved = desk.change(reserve("p", 40)).withdrawal
    ended = desk.change(ending).withdrawal  # type: ignore[arg-type]
    assert reserved is not None
    assert ended is not None
    assert (reserved.state, ended.state) == (WithdrawalState.RESERVED, reached)
    assert (ended.withdrawal_id, ended.owner_id, ended.amount_minor) == ("p", 1, 40)


def test_another_players_hold_is_untouched() -> None:
    desk = Desk.after([FUNDS, deposit("d2", 100, player=BOB), reserve("p1", 40), reserve("p2", 40, player=BOB)])
    desk.accepted(settle("p1"))
    assert (desk.hold(), desk.hold(BOB)) == (0, 40)
