"""Rollbacks (docs/rules.md, rule 3): refusals in the order of rule 9, voids, and what is given back."""

import pytest
from unit.desk import (
    BOB,
    ETHEREUM,
    OTHER_GAMES,
    Desk,
    adjust,
    bet,
    bet_and_win,
    blocked,
    deposit,
    fail,
    reserve,
    rollback,
    state,
    win,
)
from unit.tables import Row, answered, applied, check, refused, replayed, table

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Kind, OutcomeStatus, Posting, TransactionStatus, WinKind

VOIDED, ALREADY = OutcomeStatus.VOIDED, OutcomeStatus.ALREADY_ROLLED_BACK
FUNDS = deposit("d", 100)
STAKED = (FUNDS, bet("b"))
WON = (*STAKED, win("w", 20, of="b"))


@table(
    refused("its own id was voided", Reason.TRANSACTION_VOIDED, [*WON, rollback("v", of="r")], rollback("r", of="b")),
    refused(
        "its own id is a bet's", Reason.IDEMPOTENCY_KEY_REUSED, [*STAKED, bet("r")], rollback("r", of="b"), field="call"
    ),
    refused(
        "its own id rolled something else back",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [*STAKED, bet("b2"), rollback("r", of="b2")],
        rollback("r", of="b"),
        field="reference_transaction_id",
    ),
    refused(
        "its own id came before what it named",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [*STAKED, rollback("r", of="unseen")],
        rollback("r", of="b"),
        field="reference_transaction_id",
    ),
    # NOT_REVERSIBLE, even of another player and in another currency network: existence is asked first.
    refused(
        "a rollback",
        Reason.NOT_REVERSIBLE,
        [*STAKED, rollback("r1", of="b")],
        rollback("r", of="r1", player=BOB, network=ETHEREUM),
    ),
    refused(
        "a rollback that came first",
        Reason.NOT_REVERSIBLE,
        [rollback("r1", of="b")],
        rollback("r", of="r1", player=BOB),
    ),
    refused("an adjustment", Reason.NOT_REVERSIBLE, [adjust("a")], rollback("r", of="a", player=BOB)),
    refused("a player's state", Reason.NOT_REVERSIBLE, [blocked("s")], rollback("r", of="s", player=BOB)),
    refused("a deposit of its own source", Reason.NOT_REVERSIBLE, [FUNDS], rollback("r", of="d", player=BOB)),
    refused(
        "a withdrawal of its own source",
        Reason.NOT_REVERSIBLE,
        [FUNDS, reserve("p")],
        rollback("r", of="p", player=BOB),
    ),
    # The bet is rolled back already.
    refused(
        "another player's bet",
        Reason.PLAYER_MISMATCH,
        [*STAKED, rollback("r1", of="b")],
        rollback("r", of="b", player=BOB, network=ETHEREUM),
    ),
    refused(
        "a bet in another currency network",
        Reason.CURRENCY_MISMATCH,
        [*STAKED, rollback("r1", of="b")],
        rollback("r", of="b", network=ETHEREUM),
    ),
    refused("a bet that has a win", Reason.BET_ALREADY_SETTLED, WON, rollback("r", of="b")),
    refused(
        "a bet that has a win of nothing",
        Reason.BET_ALREADY_SETTLED,
        [*STAKED, win("w", 0, of="b")],
        rollback("r", of="b"),
    ),
    refused(
        "a bet that has one of two wins left",
        Reason.BET_ALREADY_SETTLED,
        [*WON, win("w2", of="b"), rollback("r1", of="w")],
        rollback("r", of="b"),
    ),
    refused(
        "a bet-and-win that has a further win, without the money",
        Reason.BET_ALREADY_SETTLED,
        [FUNDS, bet_and_win("b", 10, 60), win("w", 5, of="b"), bet("spent", 155)],
        rollback("r", of="b"),
    ),
    refused(
        "a win that was spent",
        Reason.INSUFFICIENT_FUNDS,
        [*STAKED, win("w", 50, of="b"), bet("spent", 130)],
        rollback("r", of="w"),
        balance_minor="10",
    ),
    refused(
        "a bet-and-win whose net was spent",
        Reason.INSUFFICIENT_FUNDS,
        [FUNDS, bet_and_win("b", 10, 60), bet("spent", 101)],
        rollback("r", of="b"),
        balance_minor="49",
    ),
    refused(
        "a promotion that was spent",
        Reason.INSUFFICIENT_FUNDS,
        [win("w", 50, kind=WinKind.PROMO), bet("spent", 1)],
        rollback("r", of="w"),
        balance_minor="49",
    ),
)
def test_refuses(row: Row) -> None:
    check(row)


@table(
    applied("a bet", STAKED, rollback("r", of="b"), main=100),
    applied("a bet of nothing", [FUNDS, bet("b", 0)], rollback("r", of="b"), main=100),
    applied("a win", WON, rollback("r", of="w"), main=90),
    applied("a bet whose win was rolled back", [*WON, rollback("r1", of="w")], rollback("r", of="b"), main=100),
    applied(
        "a bet whose wins of another kind stand",
        [*STAKED, win("w", 5, of="b", kind=WinKind.JACKPOT)],
        rollback("r", of="b"),
        main=105,
    ),
    applied("a bet-and-win that won", [FUNDS, bet_and_win("b", 10, 60)], rollback("r", of="b"), main=100),
    applied("a bet-and-win that lost", [FUNDS, bet_and_win("b", 60, 10)], rollback("r", of="b"), main=100),
    applied(
        "a bet-and-win of which just the net is there",
        [FUNDS, bet_and_win("b", 10, 60), bet("spent", 100)],
        rollback("r", of="b"),
        main=0,
    ),
    applied("one bet of a round, not the other", [*STAKED, bet("b2", 30)], rollback("r", of="b2"), main=90),
    applied("in a closed round", [*STAKED, bet("closer", 0, closes=True)], rollback("r", of="b"), main=100),
    applied("of a blocked player", [*STAKED, blocked()], rollback("r", of="b"), main=100),
    applied(
        "of a closed player", [FUNDS, bet("b", 100), state("s", PlayerState.CLOSED)], rollback("r", of="b"), main=100
    ),
    applied(
        "a spent win, once there is money",
        [*STAKED, win("w", 50, of="b"), bet("spent", 140), deposit("d2", 50)],
        rollback("r", of="w"),
        main=0,
    ),
    replayed("the same again", [*STAKED, rollback("r", of="b")], rollback("r", of="b"), main=100),
    answered("under another id", ALREADY, [*STAKED, rollback("r", of="b")], rollback("r2", of="b"), main=100),
    answered(
        "under another id, a win",
        ALREADY,
        [*WON, rollback("r", of="w"), bet("spent", 90)],
        rollback("r2", of="w"),
        main=0,
    ),
)
def test_gives_back_what_was_taken(row: Row) -> None:
    check(row)


@table(
    answered("an unseen id", VOIDED, [FUNDS], rollback("r", of="b"), main=100),
    answered("an unseen id of an unseen player", VOIDED, [], rollback("r", of="b"), main=0),
    answered("the same again", VOIDED, [FUNDS, rollback("r", of="b")], rollback("r", of="b"), main=100, replayed=True),
    answered("under another id", VOIDED, [FUNDS, rollback("r", of="b")], rollback("r2", of="b"), main=100),
    answered(
        "for another player", VOIDED, [FUNDS, rollback("r", of="b")], rollback("r2", of="b", player=BOB), main=100
    ),
    answered("the other source's bet", VOIDED, STAKED, rollback("r", of="b", source=OTHER_GAMES), main=90),
    answered("the other source's deposit", VOIDED, [FUNDS], rollback("r", of="d", source=OTHER_GAMES), main=100),
    answered(
        "the other source's withdrawal",
        VOIDED,
        [FUNDS, reserve("p")],
        rollback("r", of="p", source=OTHER_GAMES),
        main=60,
    ),
    answered(
        "another's failed withdrawal",
        VOIDED,
        [FUNDS, reserve("p"), fail("p")],
        rollback("r", of="p", source=OTHER_GAMES),
        main=100,
    ),
)
def test_voids(row: Row) -> None:
    check(row)


LATE = {
    "bet": bet("x"),
    "another player's bet": bet("x", player=BOB),
    "win": win("x", of="b"),
    "promotion": win("x", kind=WinKind.PROMO),
    "bet and win": bet_and_win("x"),
    "rollback": rollback("x", of="b"),
    "rollback of the void's own rollback": rollback("x", of="r"),
    "adjustment": adjust("x"),
    "player's state": state("x", PlayerState.ACTIVE),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_whatever_comes_late_under_a_voided_id_is_void_for_ever(late: Command) -> None:
    desk = Desk.after([*STAKED, rollback("r", of="x")])
    for _ in range(3):
        assert desk.refused(late).reason is Reason.TRANSACTION_VOIDED
    assert desk.main() == 90


def test_a_void_of_the_other_source_leaves_the_id_free() -> None:
    desk = Desk.after([FUNDS, rollback("r", of="b", source=OTHER_GAMES)])
    desk.accepted(bet("b"))


def test_another_rollback_of_a_void_leaves_its_own_id_free() -> None:
    desk = Desk.after([*STAKED, rollback("r", of="x"), rollback("r2", of="x")])
    desk.accepted(bet("r2", 5))


def test_another_rollback_of_what_was_rolled_back_leaves_its_own_id_free() -> None:
    desk = Desk.after([*STAKED, rollback("r", of="b"), rollback("r2", of="b")])
    desk.accepted(bet("r2", 5))


def test_void_answers_no_transaction_and_the_balance_of_now() -> None:
    desk = Desk.after([FUNDS])
    answer = desk.accepted(rollback("r", of="b"))
    assert (answer.tx_id, answer.transaction_id, answer.replayed) == (None, "r", False)
    assert answer.balance_after_minor == answer.current_balance_minor == 100
    desk.accepted(bet("b2", 30))
    again = desk.accepted(rollback("r2", of="b"))
    assert (again.tx_id, again.transaction_id, again.replayed) == (None, "r2", False)
    assert again.balance_after_minor == again.current_balance_minor == 70


def test_replay_of_a_void_answers_the_balance_of_then() -> None:
    desk = Desk.after([FUNDS, rollback("r", of="b"), bet("b2", 30)])
    again = desk.accepted(rollback("r", of="b"))
    assert again.status is VOIDED
    assert again.tx_id is None
    assert (again.balance_after_minor, again.current_balance_minor) == (100, 70)


def test_already_rolled_back_answers_the_first_rollback_under_the_new_id() -> None:
    desk = Desk.after(STAKED)
    first = desk.accepted(rollback("r", of="b"))
    desk.accepted(bet("b2", 30))
    again = desk.accepted(rollback("r2", of="b"))
    assert (again.tx_id, again.transaction_id) == (first.tx_id, "r2")
    assert (again.balance_after_minor, again.created_at) == (first.balance_after_minor, first.created_at)
    assert again.current_balance_minor == 70


def test_rollback_posts_the_reverse_and_names_what_it_reversed() -> None:
    desk = Desk.after([FUNDS])
    target = desk.transaction(bet_and_win("b", 10, 60))
    transaction = desk.transaction(rollback("r", of="b"))
    assert transaction.kind is Kind.ROLLBACK
    assert transaction.reverses_tx_id == target.tx_id
    assert (transaction.amount_minor, transaction.win_amount_minor) == (10, 60)
    assert transaction.postings == (
        Posting(account_type=AccountType.HOUSE_WAGER, amount_minor=-10, balance_after_minor=None),
        Posting(account_type=AccountType.MAIN, amount_minor=10, balance_after_minor=160, account_version=4),
        Posting(account_type=AccountType.MAIN, amount_minor=-60, balance_after_minor=100, account_version=5),
        Posting(account_type=AccountType.HOUSE_WAGER, amount_minor=60, balance_after_minor=None),
    )


def test_void_stores_itself_and_a_tombstone_and_no_postings() -> None:
    change = Desk.after([FUNDS]).change(rollback("r", of="b"))
    stored, tombstone = change.transactions
    assert (stored.reference, stored.status) == ("r", TransactionStatus.VOIDED)
    assert (tombstone.reference, tombstone.status) == ("b", TransactionStatus.TOMBSTONE)
    assert stored.postings == tombstone.postings == ()
    assert change.events == ()
    assert change.reversed is None
