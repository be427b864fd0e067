"""Wins (docs/rules.md, rule 2): refusals of a REGULAR one in the order of rule 9, and the kinds that need no bet."""

import pytest
from unit.desk import (
    ANN,
    BOB,
    ETHEREUM,
    OTHER_GAMES,
    Desk,
    adjust,
    bet,
    bet_and_win,
    blocked,
    deposit,
    rollback,
    state,
    win,
)
from unit.tables import Row, applied, check, refused, replayed, table

from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import GameFacts, Posting, WinKind

FUNDS = deposit("d", 100)
STAKED = (FUNDS, bet("b"))
CLOSED = bet("closer", 0, closes=True)
IRREGULAR = [kind for kind in WinKind if kind is not WinKind.REGULAR]


@table(
    # The bet is rolled back and its round closed in every row down to those two.
    refused(
        "a voided id",
        Reason.TRANSACTION_VOIDED,
        [*STAKED, rollback("r", of="b"), CLOSED, rollback("v", of="w")],
        win("w", of="b", player=BOB, network=ETHEREUM, round="r2"),
    ),
    refused(
        "a used id",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [*STAKED, win("w", of="b"), CLOSED],
        win("w", of="unknown", player=BOB, network=ETHEREUM, round="r2"),
        field="player_id",
    ),
    refused("no such bet", Reason.BET_NOT_FOUND, [FUNDS, CLOSED], win("w", of="unknown", player=BOB)),
    refused("a bet of another source", Reason.BET_NOT_FOUND, STAKED, win("w", of="b", source=OTHER_GAMES)),
    refused("a win", Reason.BET_NOT_FOUND, [*STAKED, win("w0", of="b")], win("w", of="w0", player=BOB)),
    refused("a rollback", Reason.BET_NOT_FOUND, [*STAKED, rollback("r", of="b")], win("w", of="r")),
    refused("a rollback that came first", Reason.BET_NOT_FOUND, [rollback("r", of="b")], win("w", of="r")),
    refused("an adjustment", Reason.BET_NOT_FOUND, [adjust("a")], win("w", of="a")),
    refused("a player's state", Reason.BET_NOT_FOUND, [blocked("s")], win("w", of="s")),
    refused("a deposit", Reason.BET_NOT_FOUND, [FUNDS], win("w", of="d")),
    refused("itself", Reason.BET_NOT_FOUND, [], win("w", of="w")),
    refused(
        "another player's bet",
        Reason.PLAYER_MISMATCH,
        [*STAKED, rollback("r", of="b"), CLOSED],
        win("w", of="b", player=BOB, network=ETHEREUM, round="r2"),
    ),
    refused(
        "a bet in another currency network",
        Reason.CURRENCY_MISMATCH,
        [*STAKED, rollback("r", of="b"), CLOSED],
        win("w", of="b", network=ETHEREUM, round="r2"),
    ),
    refused(
        "a bet of another round",
        Reason.ROUND_MISMATCH,
        [*STAKED, rollback("r", of="b"), bet("closer", 0, round="r2", closes=True)],
        win("w", of="b", round="r2"),
    ),
    refused(
        "a bet of another game",
        Reason.ROUND_MISMATCH,
        [*STAKED, rollback("r", of="b"), bet("closer", 0, game="g2", closes=True)],
        win("w", of="b", game="g2"),
    ),
    refused(
        "a bet that was rolled back, in a closed round",
        Reason.TRANSACTION_ROLLED_BACK,
        [*STAKED, rollback("r", of="b"), CLOSED],
        win("w", of="b"),
    ),
    refused("a bet that was voided", Reason.TRANSACTION_ROLLED_BACK, [rollback("r", of="b"), CLOSED], win("w", of="b")),
    refused(
        "a bet-and-win that was rolled back",
        Reason.TRANSACTION_ROLLED_BACK,
        [FUNDS, bet_and_win("b"), rollback("r", of="b")],
        win("w", of="b"),
    ),
    refused("a closed round", Reason.ROUND_CLOSED, [*STAKED, CLOSED], win("w", of="b")),
    refused("a closed round, for nothing", Reason.ROUND_CLOSED, [*STAKED, CLOSED], win("w", 0, of="b")),
    refused(
        "a bet that closed its round itself", Reason.ROUND_CLOSED, [FUNDS, bet("b", closes=True)], win("w", of="b")
    ),
)
def test_refuses_a_regular_win(row: Row) -> None:
    check(row)


@table(
    applied("of a bet", STAKED, win("w", 20, of="b"), main=110),
    applied("of a bet-and-win", [FUNDS, bet_and_win("b", 10, 20)], win("w", 5, of="b"), main=115),
    applied("a second win of one bet", [*STAKED, win("w1", of="b")], win("w2", of="b"), main=130),
    applied("a loss, told", STAKED, win("w", 0, of="b"), main=90),
    applied("of a free spin", [bet("b", 0)], win("w", of="b"), main=20),
    applied(
        "again, after its win was rolled back", [*STAKED, win("w1", of="b"), rollback("r", of="w1")], win("w2", of="b")
    ),
    applied(
        "in a round that was opened again", [*STAKED, CLOSED, rollback("r", of="closer")], win("w", of="b"), main=110
    ),
    applied("of a blocked player", [*STAKED, blocked()], win("w", of="b"), main=110),
    applied(
        "of a player who was closed", [FUNDS, bet("b", 100), state("s", PlayerState.CLOSED)], win("w", of="b"), main=20
    ),
    replayed("again, though the round is closed", [*STAKED, win("w", of="b"), CLOSED], win("w", of="b"), main=110),
    replayed(
        "again, though it was rolled back",
        [*STAKED, win("w", of="b"), rollback("r", of="w")],
        win("w", of="b"),
        main=90,
    ),
)
def test_applies_a_regular_win(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("kind", IRREGULAR)
@pytest.mark.parametrize(
    "given",
    [
        pytest.param([FUNDS], id="no such bet"),
        pytest.param([FUNDS, bet("b"), rollback("r", of="b")], id="a bet that was rolled back"),
        pytest.param([FUNDS, bet("b", player=ANN), CLOSED], id="a closed round"),
        pytest.param([FUNDS, blocked()], id="a blocked player"),
    ],
)
def test_other_kinds_heed_no_bet_and_no_round(kind: WinKind, given: list[object]) -> None:
    desk = Desk.after(given)  # type: ignore[arg-type]
    before = desk.main()
    desk.accepted(win("w", 7, of="b", kind=kind))
    assert desk.main() == before + 7


@pytest.mark.parametrize("kind", IRREGULAR)
def test_other_kinds_settle_no_bet_and_close_no_round(kind: WinKind) -> None:
    desk = Desk.after([*STAKED, win("w", 7, of="b", kind=kind, closes=True)])
    desk.accepted(bet("b2"))
    desk.accepted(rollback("r", of="b"))


@pytest.mark.parametrize("kind", IRREGULAR)
def test_other_kinds_need_neither_game_nor_round(kind: WinKind) -> None:
    desk = Desk.after([win("w", 7, kind=kind, game="", round="")])
    transaction = desk.book.changes[-1].transactions[0]
    assert (transaction.game, transaction.round_key) == (GameFacts(), None)
    assert desk.main() == 7


def test_a_reference_of_another_kind_is_stored_as_it_came() -> None:
    transaction = Desk.after(STAKED).transaction(win("w", of="b", kind=WinKind.PROMO))
    assert transaction.reference_transaction_id == "b"
    assert transaction.reference_tx_id is None


def test_a_win_posts_from_wager_to_main_and_names_its_bet() -> None:
    desk = Desk.after([FUNDS])
    staked = desk.transaction(bet("b", 30))
    transaction = desk.transaction(win("w", 50, of="b"))
    assert transaction.reference_tx_id == staked.tx_id
    assert transaction.postings == (
        Posting(account_type=AccountType.HOUSE_WAGER, amount_minor=-50, balance_after_minor=None),
        Posting(account_type=AccountType.MAIN, amount_minor=50, balance_after_minor=120, account_version=3),
    )


def test_a_win_of_nothing_posts_nothing() -> None:
    assert Desk.after(STAKED).transaction(win("w", 0, of="b")).postings == ()
