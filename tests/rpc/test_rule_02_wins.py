"""Rule 2: a REGULAR win names its bet; the other kinds need none and leave rounds alone."""

import pytest
from support.database import Installation
from support.ledger import posted
from support.requests import USDT_ETHEREUM, Player, changed, fresh_id
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

OTHER_KINDS = [pb.WIN_KIND_FREE_ROUND, pb.WIN_KIND_JACKPOT, pb.WIN_KIND_PROMO]


@pytest.mark.parametrize("named", ["unseen", "a win", "a rollback", "another source's bet", "a derived id"])
def test_what_is_no_bet_of_the_source(wallet: Wallet, player: Player, named: str) -> None:
    bet = player.bet("10")
    if named == "another source's bet":
        wallet.applied(bet, by=wallet.other_games)
        reference = bet.transaction_id
    elif named == "unseen":
        reference = bet.transaction_id
    else:
        wallet.applied(bet)
        later = player.win("1", of=bet) if named == "a win" else player.rollback(bet)
        if named == "a derived id":
            later = changed(later, transaction_id="")
        reference = wallet.applied(later).transaction_id
    wallet.refused(player.win("20", of=bet, reference_transaction_id=reference), "BET_NOT_FOUND")


@pytest.mark.parametrize("named", ["adjust", "state", "deposit", "withdrawal"])
def test_other_transactions_of_the_same_source_are_no_bets(wallet: Wallet, player: Player, named: str) -> None:
    bet = player.bet("10")
    other = {
        "adjust": player.adjust("1"),
        "state": player.state(pb.PLAYER_STATE_ACTIVE),
        "deposit": player.deposit("1"),
        "withdrawal": player.reserve("1"),
    }[named]
    reference = wallet.applied(other, by=wallet.operator).transaction_id
    win = player.win("20", of=bet, reference_transaction_id=reference)
    wallet.refused(win, "BET_NOT_FOUND", by=wallet.operator)


@pytest.mark.parametrize("kind", ["bet", "bet_and_win"])
@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("player_id", "PLAYER_MISMATCH"),
        ("currency_network_id", "CURRENCY_MISMATCH"),
        ("game_code", "ROUND_MISMATCH"),
        ("round_id", "ROUND_MISMATCH"),
    ],
)
def test_a_win_stands_where_its_bet_stands(wallet: Wallet, player: Player, kind: str, field: str, reason: str) -> None:
    bet = player.bet("10") if kind == "bet" else player.bet_and_win("10", "0")
    wallet.applied(bet)
    other = {
        "player_id": wallet.neighbour(player).player_id,
        "currency_network_id": USDT_ETHEREUM,
        "game_code": "another-game",
        "round_id": "another-round",
    }[field]
    wallet.refused(changed(player.win("20", of=bet), **{field: other}), reason)
    assert wallet.main(player) == "90"


@pytest.mark.parametrize("how", ["rolled back", "voided", "bet_and_win rolled back"])
def test_a_bet_that_does_not_stand(wallet: Wallet, player: Player, how: str) -> None:
    bet = player.bet_and_win("10", "0") if how.startswith("bet_and_win") else player.bet("10")
    if how != "voided":
        wallet.applied(bet)
    wallet.send(player.rollback(bet))
    wallet.refused(player.win("20", of=bet), "TRANSACTION_ROLLED_BACK")
    wallet.refused(player.win("0", of=bet), "TRANSACTION_ROLLED_BACK")


@pytest.mark.parametrize("stake", ["bet", "free spin", "bet_and_win"])
def test_several_wins_of_one_bet(wallet: Wallet, player: Player, stake: str) -> None:
    bet = {
        "bet": player.bet("10"),
        "free spin": player.bet("0"),
        "bet_and_win": player.bet_and_win("10", "3"),
    }[stake]
    start = int(wallet.applied(bet).balance_after_minor)
    for count in range(1, 4):
        assert wallet.applied(player.win("5", of=bet)).balance_after_minor == str(start + 5 * count)


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize("reference", ["", "unseen", "rollback:x", "wallet:x"])
def test_other_kinds_store_their_reference_unchecked(
    wallet: Wallet, player: Player, kind: pb.WinKind, reference: str
) -> None:
    win = player.win("5", win_kind=kind, reference_transaction_id=reference)
    applied = wallet.applied(win)
    stored = wallet.games.call(pb.GetTransactionRequest(tx_id=applied.tx_id))
    assert (stored.reference_transaction_id, stored.win_kind) == (reference, kind)
    assert wallet.main(player) == "105"


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_need_no_round(wallet: Wallet, player: Player, kind: pb.WinKind) -> None:
    assert wallet.applied(player.win("5", win_kind=kind, game_code="", round_id="")).balance_after_minor == "105"


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_settle_nothing(wallet: Wallet, player: Player, kind: pb.WinKind) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    wallet.applied(player.win("5", of=bet, win_kind=kind))
    assert wallet.applied(player.rollback(bet)).balance_after_minor == "105"


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize("state", ["rolled back", "voided", "another player's"])
def test_other_kinds_do_not_look_at_what_they_name(
    wallet: Wallet, player: Player, kind: pb.WinKind, state: str
) -> None:
    bet = wallet.player().bet("10") if state == "another player's" else player.bet("10")
    if state != "voided":
        wallet.applied(bet)
    if state != "another player's":
        wallet.send(player.rollback(bet))
    wallet.applied(player.win("5", of=bet, win_kind=kind))


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_neither_heed_nor_close_a_round(wallet: Wallet, player: Player, kind: pb.WinKind) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    not_closing = player.win("5", of=bet, win_kind=kind, round_closed=True)
    wallet.applied(not_closing)
    assert not wallet.games.call(player.round(bet)).closed

    wallet.applied(player.win("0", of=bet, round_closed=True))
    wallet.applied(player.win("5", of=bet, win_kind=kind))
    wallet.applied(player.rollback(not_closing))
    assert wallet.games.call(player.round(bet)).closed


def test_zeroes_are_recorded_without_postings(wallet: Wallet, installation: Installation, player: Player) -> None:
    free_spin = player.bet("0")
    loss = player.win("0", of=free_spin)
    nothing = player.bet_and_win("0", "0")
    prize = player.win("0", win_kind=pb.WIN_KIND_FREE_ROUND)
    for request in (free_spin, loss, nothing, prize):
        applied = wallet.applied(request)
        assert (applied.balance_after_minor, applied.current_balance_minor) == ("100", "100")
        assert applied.tx_id
        stored = wallet.games.call(pb.GetTransactionRequest(tx_id=applied.tx_id))
        assert list(stored.postings) == []
        assert stored.amount_minor == "0"
        wallet.replayed(request, applied)
    assert posted(installation, player) == {"MAIN": 100, "HOUSE": -100}


def test_a_win_of_another_source_under_the_same_ids(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    win = player.win("20", of=bet, transaction_id=fresh_id("win"))
    wallet.refused(win, "BET_NOT_FOUND", by=wallet.other_games)
    wallet.applied(win)
