"""Rule 1: the same id, call and fields give the stored result; anything else under that id is refused."""

import itertools

import pytest
from support.database import Installation
from support.ledger import transactions_stored
from support.refusals import check_refusal
from support.requests import STRANGER_ID, USDT_ETHEREUM, Player, changed, fresh_id, id_of, neighbour_id
from support.samples import CALLS, prepared, sample
from support.wallet import Wallet, check_replay

from wallet.v1 import wallet_pb2 as pb

WHOSE = [("player_id", STRANGER_ID), ("currency_network_id", USDT_ETHEREUM)]
AMOUNT = [("amount_minor", "11")]
GAME = [("game_code", "another-game"), ("round_id", "another-round")]
REFERENCE = [("reference_transaction_id", "another-bet")]

COMPARED = {
    "bet": WHOSE + AMOUNT + GAME,
    "win": WHOSE + AMOUNT + GAME + REFERENCE + [("win_kind", pb.WIN_KIND_JACKPOT)],
    "rollback": WHOSE + REFERENCE,
    "bet_and_win": [*WHOSE, *AMOUNT, *GAME, ("win_amount_minor", "21")],
    "reserve_withdrawal": WHOSE + AMOUNT,
    "settle_withdrawal": [("fee_minor", "2")],
    "fail_withdrawal": [],
    "apply_deposit_settlement": WHOSE + AMOUNT,
    "adjust": [*WHOSE, *AMOUNT, ("direction", pb.DIRECTION_DEBIT)],
    "set_player_state": [("player_id", STRANGER_ID), ("state", pb.PLAYER_STATE_CLOSED)],
}
METADATA = [("metadata", {"other": "notes"}), ("metadata", {})]
CLOSED = [("round_closed", True)]
WHY = [("reason", "another reason"), ("actor", "bob@desk")]
NOT_COMPARED = {
    "bet": METADATA + CLOSED,
    "win": METADATA + CLOSED,
    "rollback": METADATA + CLOSED,
    "bet_and_win": METADATA + CLOSED,
    "reserve_withdrawal": METADATA,
    "settle_withdrawal": [*METADATA, ("tx_hash", "0xother")],
    "fail_withdrawal": [*METADATA, ("reason", "another reason")],
    "apply_deposit_settlement": [*METADATA, ("tx_hash", "0xother"), ("output_index", 7), ("output_index", 0)],
    "adjust": METADATA + WHY,
    "set_player_state": METADATA + WHY,
}
# Calls whose ids share the source's namespace.
NAMED_BY_TRANSACTION_ID = ("bet", "win", "rollback", "bet_and_win", "adjust", "set_player_state")


def test_tables_hold_every_call() -> None:
    assert set(COMPARED) == set(NOT_COMPARED) == set(CALLS)


@pytest.mark.parametrize("call", CALLS)
def test_same_request_again_is_a_replay(wallet: Wallet, installation: Installation, player: Player, call: str) -> None:
    request = prepared(wallet, call, player)
    first = wallet.applied(request)
    assert first.transaction_id == id_of(request)
    for _ in range(2):
        wallet.replayed(request, first)
    in_batch = wallet.default_caller(request).batch([request, request])
    in_stream = wallet.default_caller(request).stream([request, request])
    for again in in_batch + in_stream:
        check_replay(again, first)
    if first.tx_id:
        stored = installation.rows("SELECT COUNT(*) FROM ledger_transactions WHERE tx_id = %s", first.tx_id)
        assert stored == [(1,)]


@pytest.mark.parametrize(
    ("call", "field", "other"), [(call, *field) for call, fields in COMPARED.items() for field in fields]
)
def test_another_compared_field_is_refused(
    wallet: Wallet, player: Player, call: str, field: str, other: object
) -> None:
    request = prepared(wallet, call, player)
    first = wallet.applied(request)
    balance = wallet.balance(player)
    if other == STRANGER_ID:
        other = neighbour_id(player.player_id)
    different = changed(request, **{field: other})

    wallet.refused(different, "IDEMPOTENCY_KEY_REUSED", field=field)
    (in_batch,) = wallet.default_caller(request).batch([different])
    check_refusal(in_batch, "IDEMPOTENCY_KEY_REUSED", field=field)
    wallet.replayed(request, first)
    assert wallet.balance(player) == balance


@pytest.mark.parametrize(
    ("call", "field", "other"),
    [(call, *field) for call, fields in NOT_COMPARED.items() for field in fields],
    ids=str,
)
def test_another_field_that_is_not_compared_is_a_replay(
    wallet: Wallet, player: Player, call: str, field: str, other: object
) -> None:
    request = prepared(wallet, call, player)
    if field == "metadata":
        request = changed(request, metadata={"some": "notes"})
    first = wallet.applied(request)
    wallet.replayed(changed(request, **{field: other}), first)


@pytest.mark.parametrize("field", ["player_id", "reference_transaction_id"])
def test_a_voided_rollback_is_compared_as_well(wallet: Wallet, player: Player, field: str) -> None:
    rollback = player.rollback(fresh_id("unseen"))
    first = wallet.send(rollback)
    assert first.status == pb.OPERATION_STATUS_VOIDED
    other = {"player_id": neighbour_id(player.player_id), "reference_transaction_id": "another-bet"}[field]
    wallet.refused(changed(rollback, **{field: other}), "IDEMPOTENCY_KEY_REUSED", field=field)
    wallet.replayed(rollback, first)


def test_a_voided_rollback_answers_the_balance_of_its_time(wallet: Wallet, player: Player) -> None:
    rollback = player.rollback(fresh_id("unseen"))
    first = wallet.send(rollback)
    wallet.applied(player.bet("30"))
    again = wallet.replayed(rollback, first)
    assert (again.balance_after_minor, again.current_balance_minor) == ("100", "70")


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(NAMED_BY_TRANSACTION_ID, 2)])
def test_an_id_used_for_another_call(wallet: Wallet, player: Player, first: str, second: str) -> None:
    used = prepared(wallet, first, player, by=wallet.operator)
    wallet.applied(used, by=wallet.operator)
    late = changed(sample(second, player), transaction_id=used.transaction_id)
    wallet.refused(late, "IDEMPOTENCY_KEY_REUSED", by=wallet.operator, field="call")


def test_call_is_named_before_any_field(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    everything_else = (
        wallet.neighbour(player).on(USDT_ETHEREUM).bet_and_win("3", "4", transaction_id=bet.transaction_id)
    )
    wallet.refused(everything_else, "IDEMPOTENCY_KEY_REUSED", field="call")


@pytest.mark.parametrize("later", ["same", "other amount", "other call"])
def test_a_refusal_is_not_stored(wallet: Wallet, player: Player, later: str) -> None:
    bet = player.bet("101")
    wallet.refused(bet, "INSUFFICIENT_FUNDS", balance_minor="100")
    wallet.applied(player.deposit("1"))
    request = {
        "same": bet,
        "other amount": changed(bet, amount_minor="1"),
        "other call": player.bet_and_win("1", "1", transaction_id=bet.transaction_id),
    }[later]
    wallet.applied(request)


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_twice_in_one_batch(wallet: Wallet, player: Player, way: str) -> None:
    bet, too_much, gain = player.bet("10"), player.bet("95"), player.deposit("20")
    send = wallet.operator.batch if way == "batch" else wallet.operator.stream
    outcomes = send([bet, bet, changed(bet, amount_minor="11"), too_much, gain, too_much, too_much])

    first, again, reused, refused, _, applied, replayed = outcomes
    assert (first.balance_after_minor, first.replayed) == ("90", False)
    check_replay(again, first)
    assert again.current_balance_minor == "90"
    check_refusal(reused, "IDEMPOTENCY_KEY_REUSED", field="amount_minor")
    check_refusal(refused, "INSUFFICIENT_FUNDS", balance_minor="90")
    assert (applied.balance_after_minor, applied.replayed) == ("15", False)
    check_replay(replayed, applied)


def test_two_keys_of_one_source_share_their_ids(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    first = wallet.applied(bet, by=wallet.games)
    wallet.replayed(bet, first, by=wallet.callers["games-second-key"])


@pytest.mark.parametrize("call", ["bet", "apply_deposit_settlement"])
def test_ids_are_told_apart_to_the_last_letter(
    wallet: Wallet, installation: Installation, player: Player, call: str
) -> None:
    field = "transaction_id" if call == "bet" else "deposit_id"
    base = fresh_id().ljust(126, "x")
    ids = [f"{base}{end}" for end in ("a", "b", "A", "aa", "a.")]
    for name in ids:
        wallet.applied(changed(sample(call, player), **{field: name}))
    assert transactions_stored(installation, "games" if call == "bet" else "payments", *ids) == len(ids)


def test_a_replay_answers_for_a_blocked_player_in_a_closed_round_without_funds(wallet: Wallet, player: Player) -> None:
    bet, spin, reservation = player.bet("10"), player.bet_and_win("10", "0"), player.reserve("10")
    closing = player.win("0", of=bet, round_closed=True)
    firsts = [(request, wallet.applied(request)) for request in (bet, spin, reservation, closing)]
    wallet.applied(player.bet_and_win("0", "0", game_code=spin.game_code, round_id=spin.round_id, round_closed=True))
    wallet.applied(player.bet("70"))
    wallet.applied(player.state(pb.PLAYER_STATE_BLOCKED))
    for request, first in firsts:
        assert wallet.replayed(request, first).current_balance_minor == "0"
