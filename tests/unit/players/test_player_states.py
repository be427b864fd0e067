"""Player states (docs/rules.md, rule 5): who may be given which state, and when a player can be closed."""

import pytest
from unit.desk import BOB, ETHEREUM, Desk, bet, bet_and_win, deposit, reserve, rollback, settle, state, win
from unit.tables import Row, applied, check, refused, replayed, table

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Details

ACTIVE, BLOCKED, CLOSED, EXCLUDED = PlayerState
FUNDS = deposit("d", 100)


@table(
    refused("a voided id", Reason.TRANSACTION_VOIDED, [FUNDS, rollback("r", of="s")], state("s", CLOSED)),
    refused(
        "a used id", Reason.IDEMPOTENCY_KEY_REUSED, [FUNDS, state("s", BLOCKED)], state("s", CLOSED), field="state"
    ),
    refused("money in MAIN", Reason.BALANCE_NOT_ZERO, [FUNDS], state("s", CLOSED)),
    refused(
        "money in another network", Reason.BALANCE_NOT_ZERO, [deposit("d", 1, network=ETHEREUM)], state("s", CLOSED)
    ),
    refused("money held", Reason.BALANCE_NOT_ZERO, [FUNDS, reserve("p", 100)], state("s", CLOSED)),
)
def test_refuses_a_state(row: Row) -> None:
    check(row)


@table(
    applied("closed, never seen", [], state("s", CLOSED)),
    applied("closed, with nothing left", [FUNDS, bet("b", 100)], state("s", CLOSED)),
    applied("closed, with nothing left on hold", [FUNDS, reserve("p", 100), settle("p")], state("s", CLOSED)),
    applied("closed, though another has money", [deposit("d", player=BOB)], state("s", CLOSED)),
    replayed("closed again under its id, though a deposit came", [state("s", CLOSED), FUNDS], state("s", CLOSED)),
)
def test_closes_a_player(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("before", [None, *PlayerState])
@pytest.mark.parametrize("after", list(PlayerState))
def test_any_player_may_be_given_any_state(before: PlayerState | None, after: PlayerState) -> None:
    desk = Desk.after([] if before is None else [state("s1", before)])
    desk.accepted(state("s2", after))
    assert desk.book.owners[OwnerId(1)].state is after


def test_a_state_concerns_one_player_in_all_networks() -> None:
    desk = Desk.after([FUNDS, deposit("d2", network=ETHEREUM), deposit("d3", player=BOB), state("s", BLOCKED)])
    assert desk.refused(bet("b1")).reason is Reason.PLAYER_BLOCKED
    assert desk.refused(bet("b2", network=ETHEREUM)).reason is Reason.PLAYER_BLOCKED
    desk.accepted(bet("b3", player=BOB))


@table(
    refused("a bet", Reason.PLAYER_BLOCKED, [FUNDS, state("s", EXCLUDED)], bet("b")),
    refused("a free spin", Reason.PLAYER_BLOCKED, [FUNDS, state("s", EXCLUDED)], bet("b", 0)),
    refused("a bet and win", Reason.PLAYER_BLOCKED, [FUNDS, state("s", EXCLUDED)], bet_and_win("b")),
    applied("a reservation", [FUNDS, state("s", EXCLUDED)], reserve("p", 100)),
    applied("the win of a bet of before", [FUNDS, bet("b"), state("s", EXCLUDED)], win("w", of="b")),
    applied("a rollback", [FUNDS, bet("b"), state("s", EXCLUDED)], rollback("r", of="b")),
    applied("a deposit", [state("s", EXCLUDED)], FUNDS),
    refused(
        "the same id for another state",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [state("s", EXCLUDED)],
        state("s", BLOCKED),
        field="state",
    ),
)
def test_an_excluded_player_does_not_play_and_may_withdraw(row: Row) -> None:
    check(row)


def test_answers_neither_transaction_nor_balances() -> None:
    desk = Desk.after([FUNDS])
    for replayed_ in (False, True):
        answer = desk.accepted(state("s", BLOCKED))
        assert (answer.transaction_id, answer.replayed) == ("s", replayed_)
        assert (answer.tx_id, answer.balance_after_minor, answer.current_balance_minor) == (None, None, None)


def test_is_recorded_without_postings() -> None:
    transaction = Desk.after([FUNDS]).transaction(state("s", BLOCKED, reason="fraud", actor="ana"))
    assert transaction.postings == ()
    assert transaction.currency_network_id is None
    assert transaction.variant is BLOCKED
    assert transaction.details == Details(reason="fraud", actor="ana")
