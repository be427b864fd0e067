"""docs/acceptance.md, Sessions: cases 28 to 35 (what is LIVE, and what is about time, is in test_session_time.py).

Long because the cases of one section are in one file, in their order.
"""

from typing import Any

import pytest
from support.database import Installation
from support.ledger import posted
from support.refusals import check_refusal
from support.requests import Player, changed, fresh_id
from support.sessions import Play, SessionCaller, open_session, sessions_of
from support.wallet import Wallet

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet.v1.wallet_pb2 import OPERATION_STATUS_ALREADY_ROLLED_BACK, OPERATION_STATUS_APPLIED, OPERATION_STATUS_VOIDED


@pytest.fixture
def games(wallet: Wallet) -> SessionCaller:
    return sessions_of(wallet)


def balances(wallet: Wallet, player: Player) -> tuple[str, str]:
    found = wallet.balance(player)
    return found.available_minor, found.session_hold_minor


def test_case_28_a_lock_cannot_be_withdrawn_and_is_opened_once(
    wallet: Wallet, games: SessionCaller, player: Player
) -> None:
    request = open_session(player, "50", ttl_seconds=600)
    session = games.call(request)
    assert (session.locked_balance_minor, session.balance_minor, session.status) == ("50", "50", pb.SESSION_STATUS_OPEN)
    assert (session.player_id, session.currency_network_id, session.game_code) == (
        player.player_id,
        player.currency_network_id,
        request.game_code,
    )
    assert session.expires_at.seconds - session.opened_at.seconds == 600
    assert balances(wallet, player) == ("50", "50")

    wallet.refused(player.reserve("60"), "INSUFFICIENT_FUNDS", balance_minor="50")
    wallet.refused(player.bet("60"), "INSUFFICIENT_FUNDS", balance_minor="50")
    games.refused(open_session(player, "51"), "INSUFFICIENT_FUNDS", balance_minor="50")

    games.applied(Play(session.session_token).bet("20"))
    again = games.call(request)
    assert (again.session_token, again.replayed, again.balance_minor) == (session.session_token, True, "30")
    assert balances(wallet, player) == ("50", "50")
    games.refused(changed(request, lock_amount_minor="51"), "IDEMPOTENCY_KEY_REUSED", field="lock_amount_minor")
    wallet.refused(player.bet("1", transaction_id=request.transaction_id), "IDEMPOTENCY_KEY_REUSED", field="call")
    wallet.refused(player.rollback(request.transaction_id), "NOT_REVERSIBLE")


def test_case_29_winnings_can_be_bet_again(games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    games.refused(play.bet("51"), "INSUFFICIENT_FUNDS", balance_minor="50")
    bet = play.bet("50")
    assert games.applied(bet).balance_after_minor == "0"
    assert games.applied(play.win("80", of=bet)).balance_after_minor == "80"
    assert games.applied(play.bet("80")).balance_after_minor == "0"
    games.refused(play.bet("1"), "INSUFFICIENT_FUNDS", balance_minor="0")


def test_case_29_ids_and_rounds_are_known_per_session(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    one, two = games.open(player, "30"), games.open(player, "40")
    bet = one.bet("10", transaction_id="r1", round_id="1", round_closed=True)
    first = games.applied(bet)
    assert games.applied(two.bet("5", transaction_id="r1", round_id="1")).balance_after_minor == "35"
    games.replayed(bet, first)
    games.refused(one.bet("5", round_id="1"), "ROUND_CLOSED")
    games.applied(two.bet("5", round_id="1"))
    assert (games.balance(one), games.balance(two)) == ("20", "30")
    assert balances(wallet, player) == ("30", "70")
    assert games.call(one.round("1")) == wallet_pb2.GetRoundResponse(
        closed=True,
        bets_minor="10",
        wins_minor="0",
        rolled_back_bets_minor="0",
        rolled_back_wins_minor="0",
        transactions=1,
    )


@pytest.mark.parametrize(("win", "payout", "net"), [("80", "120", "70"), ("10", "50", "0"), ("0", "40", "-10")])
def test_case_30_settled_to_the_unit(  # noqa: PLR0917
    wallet: Wallet, games: SessionCaller, installation: Installation, player: Player, win: str, payout: str, net: str
) -> None:
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    games.applied(play.win(win, of=bet, round_closed=True))
    settled = games.call(play.settle())
    assert (settled.payout_minor, settled.net_minor, settled.open_rounds) == (payout, net, 0)
    assert not settled.replayed
    assert balances(wallet, player) == (str(100 + int(net)), "0")
    assert posted(installation, player).get("HOUSE:WAGER", 0) == -int(net)

    again = games.call(play.settle())
    assert (again.payout_minor, again.net_minor, again.tx_id, again.replayed) == (payout, net, settled.tx_id, True)
    assert balances(wallet, player) == (str(100 + int(net)), "0")
    assert games.call(play.read()).status == pb.SESSION_STATUS_SETTLED
    stored = wallet.games.call(wallet_pb2.GetTransactionRequest(tx_id=settled.tx_id))
    assert stored.kind == wallet_pb2.TRANSACTION_KIND_SESSION_SETTLEMENT
    assert (stored.amount_minor, stored.win_amount_minor, stored.session_token) == ("50", payout, play.token)
    moved = {posting.account: posting.amount_minor for posting in stored.postings}
    assert moved.pop("HOUSE:WAGER", "0") == str(-int(net))
    assert moved == {"SESSION_HOLD": "-50", "MAIN": payout}


def test_case_30_everything_lost(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    play = games.open(player, "100")
    games.applied(play.bet("100"))
    settled = games.call(play.settle())
    assert (settled.payout_minor, settled.net_minor) == ("0", "-100")
    assert balances(wallet, player) == ("0", "0")


def test_case_31_open_rounds(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    open_round = play.bet("10")
    games.applied(open_round)
    games.applied(play.bet("10", round_closed=True))
    games.refused(play.settle(require_closed_rounds=True), "OPEN_ROUNDS", open_rounds="1")
    assert balances(wallet, player) == ("50", "50")
    assert games.call(play.settle()).open_rounds == 1
    assert games.call(play.settle(require_closed_rounds=True)).open_rounds == 1, "a replay, whatever it requires"


def test_case_31_rounds_close_and_open_again(games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    games.applied(play.bet("1", round_id=bet.round_id))
    closing = play.win("5", of=bet, round_closed=True)
    games.applied(closing)
    games.refused(play.win("5", of=bet), "ROUND_CLOSED")
    games.applied(play.rollback(closing))
    games.refused(play.settle(require_closed_rounds=True), "OPEN_ROUNDS", open_rounds="1")
    games.applied(play.rollback(bet, round_closed=True))
    settled = games.call(play.settle(require_closed_rounds=True))
    assert (settled.open_rounds, settled.payout_minor) == (0, "49")


def test_case_32_late_wins_and_rollbacks(
    wallet: Wallet, games: SessionCaller, installation: Installation, player: Player
) -> None:
    play = games.open(player, "50")
    bet, other = play.bet("10"), play.bet("5")
    games.applied(bet)
    games.applied(other)
    inside = play.win("7", of=other)
    before = games.applied(inside)
    settled = games.call(play.settle())
    assert (settled.payout_minor, wallet.main(player)) == ("42", "92")

    games.refused(play.bet("1"), "SESSION_CLOSED")
    win = play.win("20", of=bet)
    late = games.applied(win, late=True)
    assert (late.balance_after_minor, wallet.main(player)) == ("112", "112")
    games.replayed(win, late)
    assert games.replayed(inside, before).current_balance_minor == "42"
    games.refused(changed(win, amount_minor="21"), "IDEMPOTENCY_KEY_REUSED", field="amount_minor")
    games.refused(play.rollback(bet), "BET_ALREADY_SETTLED")
    games.refused(play.win("1", of=play.bet()), "BET_NOT_FOUND")

    back = play.rollback(win)
    assert games.applied(back, late=True).balance_after_minor == "92"
    again = games.call(play.rollback(win))
    assert (again.status, again.late) == (OPERATION_STATUS_ALREADY_ROLLED_BACK, True)
    assert games.applied(play.rollback(bet), late=True).balance_after_minor == "102"
    games.refused(play.win("1", of=bet), "TRANSACTION_ROLLED_BACK")
    assert games.call(play.settle()).payout_minor == "42"
    assert posted(installation, player) == {"MAIN": 102, "HOUSE": -100, "HOUSE:WAGER": -2}


def test_late_is_what_moved_main(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    games.call(play.settle())
    before = wallet.main(player)
    told = play.win("0", of=bet)
    lost = games.applied(told, late=False)
    assert (lost.balance_after_minor, wallet.main(player)) == (before, before)
    games.replayed(told, lost)
    games.applied(play.rollback(told), late=False)
    page = games.call(pb.ListSessionTransactionsRequest(session_token=play.token))
    assert {(row.late, row.tx_id) for row in page.transactions} == {(False, "")}
    for kind in (wallet_pb2.WIN_KIND_JACKPOT, wallet_pb2.WIN_KIND_PROMO, wallet_pb2.WIN_KIND_FREE_ROUND):
        prize = play.win("7", win_kind=kind, round_id=bet.round_id)
        assert games.applied(prize, late=True).balance_after_minor == str(int(before) + 7)
        games.applied(play.rollback(prize, round_closed=True), late=True)
    assert wallet.main(player) == before
    assert not games.call(play.round(bet.round_id)).closed
    games.applied(play.rollback(bet), late=True)


def test_a_round_whose_bets_were_rolled_back_is_waited_for_by_nobody(games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    one, two, other = (play.bet("5", round_id=name) for name in ("1", "1", "2"))
    for bet in (one, two, other):
        games.applied(bet)
    prize = play.win("1", win_kind=wallet_pb2.WIN_KIND_JACKPOT, round_id="2")
    games.applied(prize)
    games.applied(play.rollback(one))
    games.applied(play.rollback(prize, round_closed=True))  # of a win without a bet: closes nothing
    games.refused(play.settle(require_closed_rounds=True), "OPEN_ROUNDS", open_rounds="2")
    games.applied(play.rollback(two))
    games.refused(play.settle(require_closed_rounds=True), "OPEN_ROUNDS", open_rounds="1")
    again = play.bet("5", round_id="1")
    games.applied(again)
    games.refused(play.settle(require_closed_rounds=True), "OPEN_ROUNDS", open_rounds="2")
    for outcome in games.batch([play.rollback(again), play.rollback(other)]):
        assert outcome.status == OPERATION_STATUS_APPLIED
    settled = games.call(play.settle(require_closed_rounds=True))
    assert (settled.open_rounds, settled.payout_minor) == (0, "50")


@pytest.mark.parametrize(("first", "second"), [(600, 601), (600, 0), (0, 3600)])
def test_the_time_that_was_asked_for_is_compared(
    games: SessionCaller,
    player: Player,
    first: int,
    second: int,
) -> None:
    request = open_session(player, "10", ttl_seconds=first)
    opened = games.call(request)
    again = games.call(request)
    assert (again.session_token, again.replayed) == (opened.session_token, True)
    games.refused(changed(request, ttl_seconds=second), "IDEMPOTENCY_KEY_REUSED", field="ttl_seconds")


def test_case_32_a_late_rollback_of_a_win_needs_the_funds(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    win = play.win("100", of=bet)
    games.applied(win)
    games.call(play.settle())
    wallet.applied(player.reserve("150"))
    games.refused(play.rollback(win), "INSUFFICIENT_FUNDS", balance_minor="40")
    wallet.applied(player.deposit("60"))
    assert games.applied(play.rollback(win), late=True).balance_after_minor == "0"


@pytest.mark.parametrize("settled", [False, True], ids=["inside", "late"])
def test_case_33_a_rollback_before_its_bet(
    wallet: Wallet,
    games: SessionCaller,
    player: Player,
    settled: bool,  # noqa: FBT001
) -> None:
    play = games.open(player, "50")
    if settled:
        games.call(play.settle())
    bet = play.bet("10")
    back = play.rollback(bet)
    voided = games.call(back)
    assert (voided.status, voided.late) == (OPERATION_STATUS_VOIDED, False), "nothing moved MAIN"
    assert voided.balance_after_minor == ("100" if settled else "50")
    again = games.call(back)
    assert (again.status, again.replayed) == (OPERATION_STATUS_VOIDED, True)
    assert games.call(play.rollback(bet)).status == OPERATION_STATUS_VOIDED
    games.refused(bet, "TRANSACTION_VOIDED")
    games.refused(bet, "TRANSACTION_VOIDED")
    games.refused(play.win("1", of=bet), "TRANSACTION_ROLLED_BACK")
    games.refused(play.rollback(back), "NOT_REVERSIBLE")
    assert balances(wallet, player) == (("100", "0") if settled else ("50", "50"))


def test_case_34_two_sessions_of_one_player_stay_apart(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    one, two = games.open(player, "30"), games.open(player, "30")
    games.applied(one.bet("30"))
    games.refused(one.bet("1"), "INSUFFICIENT_FUNDS", balance_minor="0")
    bet = two.bet("10")
    games.applied(bet)
    games.refused(one.win("1", of=bet), "BET_NOT_FOUND")
    assert games.call(one.settle()).payout_minor == "0"
    assert balances(wallet, player) == ("40", "30")
    assert games.applied(two.win("100", of=bet)).balance_after_minor == "120"
    assert games.call(two.settle()).payout_minor == "120"
    assert balances(wallet, player) == ("160", "0")


def test_case_35_another_sources_token(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    others = sessions_of(wallet, wallet.other_games)
    requests: list[Any] = [
        play.bet("10"), bet, play.win("1", of=bet), play.rollback(bet), play.settle(), play.read(),
        play.round(bet.round_id), play.journal(),
    ]  # fmt: skip
    for request in requests:
        others.refused(request, "SESSION_NOT_FOUND")
    parts = play.token.split("_")
    for forged in (
        f"ses_{player.player_id + 1}_{parts[2]}_{parts[3]}",
        f"ses_{player.player_id}_2_{parts[3]}",
        f"ses_{player.player_id}_99_{parts[3]}",
        f"ses_{player.player_id}_{parts[2]}_{'0' * 32}",
        "nothing",
    ):
        for request in requests:
            games.refused(changed(request, session_token=forged), "SESSION_NOT_FOUND")
    assert games.balance(play) == "40"


def test_players_who_are_blocked_end_what_they_began(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    wallet.refused(player.state(wallet_pb2.PLAYER_STATE_CLOSED), "BALANCE_NOT_ZERO")
    wallet.send(player.state(wallet_pb2.PLAYER_STATE_BLOCKED))
    games.refused(open_session(player, "10"), "PLAYER_BLOCKED")
    games.refused(play.bet("1"), "PLAYER_BLOCKED")
    win = play.win("20", of=bet)
    games.applied(win)
    games.applied(play.rollback(win))
    assert games.call(play.settle()).payout_minor == "40"


def test_wins_without_a_bet(games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    games.refused(play.win("1", of=play.bet()), "BET_NOT_FOUND")
    jackpot = play.win("30", win_kind=wallet_pb2.WIN_KIND_JACKPOT, round_closed=True, round_id="x")
    first = games.applied(jackpot)
    games.replayed(jackpot, first)
    assert games.applied(play.bet("80", round_id="x")).balance_after_minor == "0", "it closed nothing"


def test_a_batch_and_a_stream_are_as_if_sent_one_by_one(games: SessionCaller, player: Player) -> None:
    for send in (games.batch, games.stream):
        play = games.open(player, "30")
        bet = play.bet("20")
        win = play.win("5", of=bet)
        outcomes = send(
            [
                bet, play.bet("20"), win, play.rollback(win), win, bet, changed(bet, amount_minor="1"), play.bet("1.5"),
                pb.SessionOperation(), play.rollback("later"), play.bet("1", transaction_id="later"), play.settle(),
                play.win("7", of=bet), play.bet("1"), play.settle(),
            ]
        )  # fmt: skip
        told = [getattr(outcome, "balance_after_minor", "") or getattr(outcome, "reason", "") for outcome in outcomes]
        assert told == [
            "10", "INSUFFICIENT_FUNDS", "15", "10", "15", "10", "IDEMPOTENCY_KEY_REUSED", "INVALID_AMOUNT",
            "MISSING_FIELD", "10", "TRANSACTION_VOIDED", "", told[12], "SESSION_CLOSED", "",
        ]  # fmt: skip
        assert (outcomes[4].replayed, outcomes[5].replayed) == (True, True)
        assert (outcomes[11].payout_minor, outcomes[11].replayed, outcomes[14].replayed) == ("10", False, True)
        assert outcomes[12].late


def test_a_batch_opens_sessions(wallet: Wallet, games: SessionCaller, player: Player) -> None:
    request = open_session(player, "60")
    first, again, third = games.batch([request, request, open_session(player, "60")])
    assert (first.session_token, first.replayed, again.replayed) == (again.session_token, False, True)
    check_refusal(third, "INSUFFICIENT_FUNDS", balance_minor="40")
    payments = sessions_of(wallet, wallet.payments)
    for refusal in payments.batch([open_session(player, "1"), Play(first.session_token).bet("1")]):
        check_refusal(refusal, "CALL_NOT_ALLOWED")


def test_the_journal_reads_as_it_was_written(games: SessionCaller, player: Player) -> None:
    play = games.open(player, "50")
    bet = play.bet("10", metadata={"table": "7"}, round_closed=True)
    win = play.win("20", win_kind=wallet_pb2.WIN_KIND_PROMO)
    back = play.rollback(bet)
    for request in (bet, win, back, play.rollback("never")):
        games.call(request)
    rows = games.journal(play)
    assert [(row.amount_minor, row.change_minor, row.balance_after_minor) for row in rows] == [
        ("10", "-10", "40"), ("20", "20", "60"), ("10", "10", "70"), ("0", "0", "70"), ("0", "0", ""),
    ]  # fmt: skip
    assert [row.status for row in rows] == [OPERATION_STATUS_APPLIED] * 3 + [OPERATION_STATUS_VOIDED] * 2
    assert dict(rows[0].metadata) == {"table": "7"}
    assert rows[0].reversed_by_transaction_id == back.transaction_id
    assert rows[2].reference_transaction_id == bet.transaction_id

    pages, token = [], ""
    while True:
        page = games.call(play.journal(page_size=2, page_token=token))
        pages.append(list(page.transactions))
        token = page.next_page_token
        if not token:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row for page in pages for row in page] == rows
    games.refused(play.journal(page_size=1001), "INVALID_FIELD", field="page_size")
    games.refused(play.journal(page_token="x"), "INVALID_FIELD", field="page_token")
    games.refused(play.round(fresh_id("round")), "ROUND_NOT_FOUND")


def test_amounts_are_exact(wallet: Wallet, games: SessionCaller) -> None:
    huge = str(10**37)
    player = wallet.player(huge)
    play = games.open(player, huge)
    bet = play.bet(huge)
    games.applied(bet)
    games.applied(play.win(huge, of=bet))
    games.applied(play.win(str(10**37 + 1), of=bet))
    assert games.call(play.settle()).payout_minor == str(2 * 10**37 + 1)
