"""Rule 3, what was not seen: a rollback that comes first voids the id for ever, whoever comes late under it."""

import pytest
from support.database import Installation
from support.refusals import check_refusal
from support.requests import USDT_ETHEREUM, Player, changed, fresh_id, id_of
from support.samples import sample
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

NAMED_BY_TRANSACTION_ID = ("bet", "win", "rollback", "bet_and_win", "adjust", "set_player_state")


def check_voided(result: pb.OperationResult, request: pb.RollbackRequest, main: str) -> None:
    assert result.status == pb.OPERATION_STATUS_VOIDED, result
    assert result.tx_id == ""
    assert result.transaction_id == id_of(request)
    assert not result.replayed
    assert (result.balance_after_minor, result.current_balance_minor) == (main, main)


@pytest.mark.parametrize("own_id", ["", "named"])
@pytest.mark.parametrize("funds_minor", ["100", "0"])
def test_an_unseen_id_is_voided(wallet: Wallet, installation: Installation, own_id: str, funds_minor: str) -> None:
    player = wallet.player(funds_minor)
    rollback = player.rollback(fresh_id("unseen"), transaction_id=own_id and fresh_id(own_id))
    first = wallet.send(rollback)
    check_voided(first, rollback, funds_minor)
    wallet.replayed(rollback, first)
    entries = installation.rows(
        "SELECT COUNT(*) FROM ledger_entries JOIN accounts USING (account_id) WHERE player_id = %s", player.player_id
    )
    assert entries == [(1 if funds_minor == "100" else 0,)]


@pytest.mark.parametrize("call", NAMED_BY_TRANSACTION_ID)
@pytest.mark.parametrize("whose", ["the player's own", "another player's"])
def test_whatever_comes_late_is_refused(wallet: Wallet, player: Player, call: str, whose: str) -> None:
    late = sample(call, player if whose == "the player's own" else wallet.neighbour(player))
    wallet.send(player.rollback(id_of(late)), by=wallet.operator)
    for _ in range(2):
        wallet.refused(late, "TRANSACTION_VOIDED", by=wallet.operator)
    for send in (wallet.operator.batch, wallet.operator.stream):
        for outcome in send([late, late]):
            check_refusal(outcome, "TRANSACTION_VOIDED")


def test_a_late_rollback_under_a_voided_id(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    late = player.rollback(bet)
    wallet.send(player.rollback(late))  # before it came
    wallet.refused(late, "TRANSACTION_VOIDED")
    assert wallet.main(player) == "90"
    assert wallet.applied(player.rollback(bet)).balance_after_minor == "100"


def test_another_id_voids_again_and_stays_free(wallet: Wallet, player: Player) -> None:
    unseen = fresh_id("unseen")
    first = player.rollback(unseen)
    check_voided(wallet.send(first), first, "100")
    wallet.applied(player.bet("1"))
    second = player.rollback(unseen)
    for _ in range(2):
        check_voided(wallet.send(second), second, "99")
    wallet.applied(player.bet("10", transaction_id=second.transaction_id))


@pytest.mark.parametrize("whose", ["another player", "another network"])
def test_a_tombstone_is_no_players_own(wallet: Wallet, player: Player, whose: str) -> None:
    unseen = fresh_id("unseen")
    first = player.rollback(unseen)
    wallet.send(first)
    stranger = (
        wallet.neighbour(player, "30") if whose == "another player" else wallet.fund(player.on(USDT_ETHEREUM), "30")
    )

    second = stranger.rollback(unseen)
    check_voided(wallet.send(second), second, "30")
    wallet.refused(stranger.bet("1", transaction_id=unseen), "TRANSACTION_VOIDED")
    wallet.applied(stranger.bet("1", transaction_id=second.transaction_id))
    field = "player_id" if whose == "another player" else "currency_network_id"
    wallet.refused(
        changed(stranger.rollback(unseen), transaction_id=first.transaction_id), "IDEMPOTENCY_KEY_REUSED", field=field
    )


def test_each_source_has_its_own_voids(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.send(player.rollback(bet), by=wallet.games)
    wallet.applied(bet, by=wallet.other_games)
    rollback = player.rollback(bet)
    voided = wallet.send(changed(rollback, transaction_id=fresh_id()), by=wallet.games)
    check_voided(voided, changed(rollback, transaction_id=voided.transaction_id), "90")
    assert wallet.applied(rollback, by=wallet.other_games).balance_after_minor == "100"


def test_a_refused_bet_was_not_seen(wallet: Wallet, player: Player) -> None:
    bet = player.bet("101")
    wallet.refused(bet, "INSUFFICIENT_FUNDS")
    rollback = player.rollback(bet)
    check_voided(wallet.send(rollback), rollback, "100")
    wallet.refused(changed(bet, amount_minor="1"), "TRANSACTION_VOIDED")


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_voids_inside_one_batch(wallet: Wallet, player: Player, way: str) -> None:
    bet = player.bet("10")
    first, second = player.rollback(bet), player.rollback(bet)
    send = wallet.games.batch if way == "batch" else wallet.games.stream
    outcomes = send([first, bet, second, first, player.bet("1", transaction_id=second.transaction_id)])
    check_voided(outcomes[0], first, "100")
    check_refusal(outcomes[1], "TRANSACTION_VOIDED")
    check_voided(outcomes[2], second, "100")
    assert (outcomes[3].status, outcomes[3].replayed) == (pb.OPERATION_STATUS_VOIDED, True)
    assert outcomes[4].balance_after_minor == "99"


def test_a_rollback_of_an_unseen_rollbacks_derived_id(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    before = player.rollback(f"rollback:{bet.transaction_id}")
    check_voided(wallet.send(before), before, "90")
    wallet.refused(player.rollback(bet, transaction_id=""), "TRANSACTION_VOIDED")
    wallet.applied(player.rollback(bet))


@pytest.mark.parametrize("first", ["transaction", "tombstone"])
def test_a_voided_read(wallet: Wallet, player: Player, first: str) -> None:
    rollback = player.rollback(fresh_id("unseen"))
    wallet.send(rollback)
    wanted = rollback.transaction_id if first == "transaction" else rollback.reference_transaction_id
    stored = wallet.games.call(pb.GetTransactionRequest(transaction_id=wanted))
    assert (stored.tx_id, stored.transaction_id, stored.source) == ("", wanted, "games")
    assert stored.status == pb.OPERATION_STATUS_VOIDED
    kind = pb.TRANSACTION_KIND_ROLLBACK if first == "transaction" else pb.TRANSACTION_KIND_TOMBSTONE
    assert stored.kind == kind
    assert list(stored.postings) == []
