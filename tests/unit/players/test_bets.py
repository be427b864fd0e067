"""Bets and bet-and-wins (docs/rules.md, rules 4 to 6): their refusals in the order of rule 9, and what they post."""

import pytest
from unit.desk import BOB, ETHEREUM, OTHER_GAMES, Desk, bet, bet_and_win, blocked, deposit, rollback, state, win
from unit.tables import Row, applied, check, refused, table

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Kind, Posting

FUNDS = deposit("d", 100)
CLOSED_ROUND = (FUNDS, bet("b0", 0, closes=True))


@table(
    # Each row is also all that the rows below it are: the round is closed, the player blocked, the balance too small.
    refused(
        "a voided id",
        Reason.TRANSACTION_VOIDED,
        [*CLOSED_ROUND, blocked(), rollback("r", of="b")],
        bet("b", 101),
    ),
    refused(
        "a used id",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [FUNDS, bet("b", 1), bet("b0", 0, closes=True), blocked()],
        bet("b", 101),
        field="amount_minor",
    ),
    refused("a closed round", Reason.ROUND_CLOSED, [*CLOSED_ROUND, blocked()], bet("b", 101)),
    refused("a closed round, for nothing", Reason.ROUND_CLOSED, CLOSED_ROUND, bet("b", 0)),
    refused("a blocked player", Reason.PLAYER_BLOCKED, [FUNDS, blocked()], bet("b", 101)),
    refused("a closed player", Reason.PLAYER_BLOCKED, [state("s", PlayerState.CLOSED)], bet("b", 1)),
    refused("a free spin of a blocked player", Reason.PLAYER_BLOCKED, [blocked()], bet("b", 0)),
    refused("too little money", Reason.INSUFFICIENT_FUNDS, [FUNDS], bet("b", 101), balance_minor="100"),
    refused("no money", Reason.INSUFFICIENT_FUNDS, [], bet("b", 1), balance_minor="0"),
    refused("money elsewhere", Reason.INSUFFICIENT_FUNDS, [FUNDS], bet("b", 1, network=ETHEREUM), balance_minor="0"),
    refused("another's money", Reason.INSUFFICIENT_FUNDS, [FUNDS], bet("b", 1, player=BOB), balance_minor="0"),
)
def test_refuses_a_bet(row: Row) -> None:
    check(row)


@table(
    refused(
        "a closed round",
        Reason.ROUND_CLOSED,
        [*CLOSED_ROUND, blocked()],
        bet_and_win("b", 101, 500),
    ),
    refused("a blocked player", Reason.PLAYER_BLOCKED, [FUNDS, blocked()], bet_and_win("b", 101, 500)),
    refused(
        "a stake that only its own win would cover",
        Reason.INSUFFICIENT_FUNDS,
        [FUNDS],
        bet_and_win("b", 101, 500),
        balance_minor="100",
    ),
)
def test_refuses_a_bet_and_win(row: Row) -> None:
    check(row)


@table(
    applied("all that there is", [FUNDS], bet("b", 100), main=0),
    applied("a free spin without money", [], bet("b", 0), main=0),
    applied("after the player was opened again", [FUNDS, blocked(), state("s", PlayerState.ACTIVE)], bet("b"), main=90),
    applied("in a round of another game", CLOSED_ROUND, bet("b", game="g2"), main=90),
    applied("in another round", CLOSED_ROUND, bet("b", round="r2"), main=90),
    applied("in the other source's round of that name", CLOSED_ROUND, bet("b", source=OTHER_GAMES), main=90),
    applied("under the other source's id", [FUNDS, bet("b")], bet("b", source=OTHER_GAMES), main=80),
    applied("an id that was refused before", [FUNDS], bet("b", 100), main=0),
    applied("that closes its own round", [FUNDS], bet("b", closes=True), main=90),
    applied("a stake and a smaller win", [FUNDS], bet_and_win("b", 60, 10), main=50),
    applied("a stake of nothing that wins", [], bet_and_win("b", 0, 10), main=10),
    applied("a stake that wins nothing", [FUNDS], bet_and_win("b", 10, 0), main=90),
)
def test_applies(row: Row) -> None:
    check(row)


def test_a_refused_id_stays_free() -> None:
    desk = Desk()
    desk.refused(bet("b", 1))
    desk.accepted(deposit("d", 1))
    assert desk.accepted(bet("b", 1)).replayed is False


def test_a_bet_posts_from_main_to_wager() -> None:
    transaction = Desk.after([FUNDS]).transaction(bet("b", 30))
    assert transaction.kind is Kind.BET
    assert transaction.postings == (
        Posting(account_type=AccountType.MAIN, amount_minor=-30, balance_after_minor=70, account_version=2),
        Posting(account_type=AccountType.HOUSE_WAGER, amount_minor=30, balance_after_minor=None),
    )


def test_a_bet_and_win_posts_both_legs_one_after_the_other() -> None:
    transaction = Desk.after([FUNDS]).transaction(bet_and_win("b", 30, 50))
    assert transaction.kind is Kind.BET_AND_WIN
    assert transaction.postings == (
        Posting(account_type=AccountType.MAIN, amount_minor=-30, balance_after_minor=70, account_version=2),
        Posting(account_type=AccountType.HOUSE_WAGER, amount_minor=30, balance_after_minor=None),
        Posting(account_type=AccountType.HOUSE_WAGER, amount_minor=-50, balance_after_minor=None),
        Posting(account_type=AccountType.MAIN, amount_minor=50, balance_after_minor=120, account_version=3),
    )


@pytest.mark.parametrize("command", [bet("b", 0), bet_and_win("b", 0, 0)], ids=["bet", "bet and win"])
def test_nothing_at_stake_posts_nothing(command: object) -> None:
    desk = Desk.after([FUNDS])
    transaction = desk.transaction(command)  # type: ignore[arg-type]
    assert transaction.postings == ()
    assert desk.main() == 100


def test_the_answer_tells_both_balances() -> None:
    desk = Desk.after([FUNDS])
    answer = desk.accepted(bet("b", 30))
    assert isinstance(answer, Accepted)
    assert (answer.transaction_id, answer.balance_after_minor, answer.current_balance_minor) == ("b", 70, 70)
    assert answer.tx_id == desk.book.changes[-1].transactions[0].tx_id
    assert answer.created_at == desk.moment.now


def test_amounts_are_exact_beyond_any_machine_word() -> None:
    huge = 10**37
    desk = Desk.after([deposit(f"d{n}", huge) for n in range(11)])
    assert desk.main() == 11 * huge
    desk.accepted(bet("b", huge))
    desk.accepted(win("w", huge + 1, of="b"))
    assert desk.main() == 11 * huge + 1
