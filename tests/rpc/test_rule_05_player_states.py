"""Rule 5: what a player who is blocked, closed or excluded may still do, and who may be given a state."""

import pytest
from support.requests import ETH_ETHEREUM, USDT_ETHEREUM, Player, changed, fail, settle
from support.samples import sample
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

NOT_ACTIVE = [pb.PLAYER_STATE_BLOCKED, pb.PLAYER_STATE_CLOSED]
NOT_PLAYING = [*NOT_ACTIVE, pb.PLAYER_STATE_EXCLUDED]
EVERY_STATE = [pb.PLAYER_STATE_ACTIVE, *NOT_PLAYING]


def emptied(wallet: Wallet) -> Player:
    """Return a player who was seen and has nothing."""
    player = wallet.player("10")
    wallet.applied(player.bet("10"))
    return player


@pytest.mark.parametrize("state", EVERY_STATE)
@pytest.mark.parametrize("seen", [True, False])
def test_any_player_may_be_given_any_state(wallet: Wallet, state: pb.PlayerState, *, seen: bool) -> None:
    player = emptied(wallet) if seen else Player()
    request = player.state(state)
    answer = wallet.applied(request)
    assert answer == pb.OperationResult(
        transaction_id=request.transaction_id,
        status=pb.OPERATION_STATUS_APPLIED,
        created_at=answer.created_at,
    )
    assert answer.created_at.seconds > 0
    assert wallet.balance(player).state == state
    assert wallet.balance(player.on(ETH_ETHEREUM)).state == state
    wallet.applied(player.state(state))  # again under another id: nothing to change, and no refusal


PLAY = {
    "bet": lambda player: player.bet("1"),
    "free spin": lambda player: player.bet("0"),
    "bet_and_win": lambda player: player.bet_and_win("0", "5"),
    "other network": lambda player: player.on(USDT_ETHEREUM).bet("1"),
}


@pytest.mark.parametrize(
    ("state", "request_of"),
    [
        *(pytest.param(state, play, id=f"{state}-{name}") for state in NOT_PLAYING for name, play in PLAY.items()),
        *(pytest.param(state, lambda player: player.reserve("1"), id=f"{state}-reserve") for state in NOT_ACTIVE),
    ],
)
def test_what_is_refused(wallet: Wallet, state: pb.PlayerState, request_of: object) -> None:
    player = emptied(wallet)
    wallet.applied(player.state(state))
    request = request_of(player)
    wallet.refused(request, "PLAYER_BLOCKED")

    wallet.applied(player.state(pb.PLAYER_STATE_ACTIVE))
    wallet.fund(player.on(request.currency_network_id), "1")
    wallet.applied(request)


@pytest.mark.parametrize("state", NOT_PLAYING)
@pytest.mark.parametrize("seen", [True, False])
def test_what_goes_on(wallet: Wallet, state: pb.PlayerState, *, seen: bool) -> None:
    player = emptied(wallet) if seen else Player()
    wallet.applied(player.state(state))
    assert wallet.applied(player.deposit("50")).balance_after_minor == "50"
    assert wallet.applied(player.win("5", win_kind=pb.WIN_KIND_PROMO)).balance_after_minor == "55"
    assert wallet.applied(player.adjust("5", pb.DIRECTION_CREDIT)).balance_after_minor == "60"
    assert wallet.applied(player.adjust("60", pb.DIRECTION_DEBIT)).balance_after_minor == "0"


def test_what_was_under_way_still_ends(wallet: Wallet, player: Player) -> None:
    won, lost, paid, kept = player.bet("10"), player.bet("10"), player.reserve("10"), player.reserve("10")
    for request in (won, lost, paid, kept, player.state(pb.PLAYER_STATE_BLOCKED)):
        wallet.applied(request)
    for request in (player.win("20", of=won), player.rollback(lost), settle(paid, "1"), fail(kept)):
        wallet.applied(request)
    assert wallet.main(player) == "100"


def test_closed_needs_every_balance_at_zero(wallet: Wallet) -> None:
    player = wallet.player("10")
    elsewhere = wallet.fund(player.on(ETH_ETHEREUM), "1")
    closing = player.state(pb.PLAYER_STATE_CLOSED)
    wallet.refused(closing, "BALANCE_NOT_ZERO")
    hold = player.reserve("10")
    wallet.applied(hold)
    wallet.refused(closing, "BALANCE_NOT_ZERO")
    wallet.applied(settle(hold))
    wallet.refused(closing, "BALANCE_NOT_ZERO")
    wallet.applied(elsewhere.bet("1"))
    wallet.applied(closing)
    assert wallet.balance(player).state == pb.PLAYER_STATE_CLOSED


def test_a_blocked_player_may_be_closed_and_opened_again(wallet: Wallet) -> None:
    player = emptied(wallet)
    for state in (*NOT_PLAYING, pb.PLAYER_STATE_BLOCKED, pb.PLAYER_STATE_ACTIVE, *reversed(NOT_PLAYING)):
        wallet.applied(player.state(state))
        assert wallet.balance(player).state == state


def test_an_old_state_sent_again_is_a_replay_and_changes_nothing(wallet: Wallet) -> None:
    player = emptied(wallet)
    blocking = player.state(pb.PLAYER_STATE_BLOCKED)
    first = wallet.applied(blocking)
    wallet.applied(player.state(pb.PLAYER_STATE_ACTIVE))
    wallet.replayed(blocking, first)
    assert wallet.balance(player).state == pb.PLAYER_STATE_ACTIVE


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_a_state_counts_for_what_follows_it_in_a_batch(wallet: Wallet, player: Player, way: str) -> None:
    outcomes = getattr(wallet.operator, way)(
        [
            player.bet("10"),
            player.state(pb.PLAYER_STATE_BLOCKED),
            player.bet("10"),
            player.state(pb.PLAYER_STATE_CLOSED),
            player.adjust("90", pb.DIRECTION_DEBIT),
            player.state(pb.PLAYER_STATE_CLOSED),
            player.state(pb.PLAYER_STATE_ACTIVE),
            player.bet("0"),
        ]
    )
    reasons = [getattr(outcome, "reason", "") for outcome in outcomes]
    assert reasons == ["", "", "PLAYER_BLOCKED", "BALANCE_NOT_ZERO", "", "", "", ""]


@pytest.mark.parametrize("call", ["reserve_withdrawal", "bet", "bet_and_win"])
def test_a_player_never_seen_has_no_funds(wallet: Wallet, call: str) -> None:
    request = sample(call, Player())
    wallet.refused(request, "INSUFFICIENT_FUNDS", balance_minor="0")


@pytest.mark.parametrize("call", ["bet", "bet_and_win", "win"])
def test_a_player_never_seen_comes_into_being(wallet: Wallet, call: str) -> None:
    player = Player()
    request = changed(sample(call, player), amount_minor="0")
    if call == "win":
        request = changed(request, amount_minor="20", win_kind=pb.WIN_KIND_PROMO)
    wallet.applied(request)
    assert wallet.main(player) == ("0" if call == "bet" else "20")


def test_transaction_of_a_state(wallet: Wallet, player: Player) -> None:
    request = player.state(pb.PLAYER_STATE_BLOCKED, metadata={"ticket": "77"})
    applied = wallet.applied(request)
    stored = wallet.backoffice.call(pb.GetTransactionRequest(transaction_id=request.transaction_id))
    assert stored == pb.Transaction(
        source="backoffice",
        transaction_id=request.transaction_id,
        kind=pb.TRANSACTION_KIND_PLAYER_STATE,
        status=pb.OPERATION_STATUS_APPLIED,
        player_id=player.player_id,
        amount_minor=stored.amount_minor,
        metadata={"ticket": "77"},
        created_at=applied.created_at,
        state=pb.PLAYER_STATE_BLOCKED,
        reason=request.reason,
        actor=request.actor,
    )
