"""Shape of ids and keys: 1 to 128 characters of ASCII 0x21 to 0x7E, told apart to the letter, stored as they came."""

import pytest
from support.refusals import Refusal, check_refusal
from support.requests import Player, changed, fresh_id
from support.samples import sample
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

# Every id of every mutation that must be given.
REQUIRED_IDS = [
    ("bet", "transaction_id"),
    ("bet", "game_code"),
    ("bet", "round_id"),
    ("win", "transaction_id"),
    ("win", "game_code"),
    ("win", "round_id"),
    ("win", "reference_transaction_id"),
    ("rollback", "reference_transaction_id"),
    ("bet_and_win", "transaction_id"),
    ("bet_and_win", "game_code"),
    ("bet_and_win", "round_id"),
    ("reserve_withdrawal", "withdrawal_id"),
    ("settle_withdrawal", "withdrawal_id"),
    ("fail_withdrawal", "withdrawal_id"),
    ("apply_deposit_settlement", "deposit_id"),
    ("adjust", "transaction_id"),
    ("set_player_state", "transaction_id"),
]
IDS = [*REQUIRED_IDS, ("rollback", "transaction_id")]
CALLS_WITH_TRANSACTION_ID = [call for call, field in IDS if field == "transaction_id"]
NOT_IDS = {
    "129 characters": "x" * 129,
    "space inside": "a b",
    "space first": " a",
    "space last": "a ",
    "only a space": " ",
    "tab": "a\tb",
    "newline": "a\n",
    "NUL": "a\0b",
    "DEL": "a\x7f",
    "C1 control": "a\x85",
    "non-ASCII letter": "é",
    "non-ASCII digit": "\u0663",
    "no-break space": "a\u00a0b",
    "emoji": "🎰",
    "fullwidth": "\uff21",
}
EVERY_CHARACTER = "".join(chr(code) for code in range(0x21, 0x7F))
# What a careless path to SQL, JSON or a log would read otherwise.
TRICKY = (
    EVERY_CHARACTER,
    "NULL",
    "null",
    "\\N",
    "{}",
    '""',
    "'",
    '{"a",b}',
    "a,b",
    "%s",
    "$1",
    "\\",
    "0",
    "-1",
    "a''b",
    "\\x00",
)

MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


@MODE
@pytest.mark.parametrize(("call", "field"), IDS)
@pytest.mark.parametrize("value", NOT_IDS.values(), ids=NOT_IDS)
def test_not_an_id(wallet: Wallet, player: Player, call: str, field: str, value: str) -> None:
    request = changed(sample(call, player), **{field: value})
    wallet.refused(request, "INVALID_FIELD", field=field)


@pytest.mark.parametrize(("call", "field"), REQUIRED_IDS)
def test_an_empty_id(wallet: Wallet, player: Player, call: str, field: str) -> None:
    request = changed(sample(call, player), **{field: ""})
    wallet.refused(request, "MISSING_FIELD", field=field)
    (outcome,) = wallet.default_caller(request).batch([request])
    check_refusal(outcome, "MISSING_FIELD", field=field)


@MODE
@pytest.mark.parametrize(("call", "field"), IDS)
def test_an_id_of_128_characters(wallet: Wallet, player: Player, call: str, field: str) -> None:
    request = changed(sample(call, player), **{field: fresh_id().ljust(128, "~")})
    outcome = wallet.attempt(request)
    if isinstance(outcome, Refusal):  # well-formed, and refused for what it names
        assert outcome.reason in {"BET_NOT_FOUND", "WITHDRAWAL_NOT_FOUND"}, outcome


@pytest.mark.parametrize("call", CALLS_WITH_TRANSACTION_ID)
@pytest.mark.parametrize("prefix", ["wallet:", "rollback:"])
def test_ids_of_the_wallets_own(wallet: Wallet, player: Player, call: str, prefix: str) -> None:
    for name in (f"{prefix}{fresh_id()}", prefix):
        request = changed(sample(call, player), transaction_id=name)
        wallet.refused(request, "INVALID_FIELD", field="transaction_id")


@MODE
@pytest.mark.parametrize(
    "name", ["Wallet:x", "wallet", "rollback", "ROLLBACK:x", "x-wallet:x", "wallets:x", "xrollback:"]
)
def test_ids_that_only_look_like_the_wallets_own(wallet: Wallet, player: Player, name: str) -> None:
    outcome = wallet.attempt(player.bet("1", transaction_id=name), by=wallet.games)
    assert not isinstance(outcome, Refusal) or outcome.reason == "IDEMPOTENCY_KEY_REUSED", outcome


@pytest.mark.parametrize("prefix", ["wallet:", "rollback:"])
def test_ids_of_the_wallets_own_as_a_reference(wallet: Wallet, player: Player, prefix: str) -> None:
    reference = f"{prefix}{fresh_id()}"
    wallet.refused(player.win("1", of=player.bet(), reference_transaction_id=reference), "BET_NOT_FOUND")
    assert wallet.send(player.rollback(reference)).status == pb.OPERATION_STATUS_VOIDED


@pytest.mark.parametrize("tail", TRICKY)
def test_every_character_is_kept(wallet: Wallet, player: Player, tail: str) -> None:
    name = fresh_id("k")[: 128 - len(tail)] + tail
    bet = player.bet("10", transaction_id=name, game_code=tail, round_id=tail)
    first = wallet.applied(bet)
    wallet.replayed(bet, first)
    stored = wallet.games.call(pb.GetTransactionRequest(transaction_id=name))
    assert (stored.transaction_id, stored.game_code, stored.round_id) == (name, tail, tail)

    wallet.applied(player.win("5", of=bet))
    assert wallet.games.call(player.round(bet)).wins_minor == "5"
    settled = wallet.games.batch([player.rollback(bet), player.bet("1", game_code=tail, round_id=tail)])
    check_refusal(settled[0], "BET_ALREADY_SETTLED")
    assert settled[1].balance_after_minor == "94"

    reservation = player.reserve("10", withdrawal_id=name)
    wallet.applied(reservation)
    wallet.applied(pb.FailWithdrawalRequest(withdrawal_id=name))
    wallet.applied(player.deposit("10", deposit_id=f"{name[:127]}d"))


@pytest.mark.parametrize("field", ["game_code", "round_id", "reference_transaction_id"])
def test_what_other_kinds_of_win_may_leave_out_must_be_an_id_if_given(
    wallet: Wallet, player: Player, field: str
) -> None:
    win = player.win("5", win_kind=pb.WIN_KIND_PROMO, **{field: "a b"})
    wallet.refused(win, "INVALID_FIELD", field=field)


@MODE
@pytest.mark.parametrize("field", ["game_code", "round_id"])
def test_reads_have_the_same_shape(wallet: Wallet, player: Player, field: str) -> None:
    read = player.round(player.bet())
    wallet.refused(changed(read, **{field: ""}), "MISSING_FIELD", field=field)
    for value in NOT_IDS.values():
        wallet.refused(changed(read, **{field: value}), "INVALID_FIELD", field=field)


def test_which_transaction_is_required(wallet: Wallet) -> None:
    error = wallet.attempt(pb.GetTransactionRequest())
    check_refusal(error, "MISSING_FIELD")
    check_refusal(wallet.attempt(pb.GetTransactionRequest(transaction_id="")), "MISSING_FIELD")
    check_refusal(wallet.attempt(pb.GetTransactionRequest(tx_id="")), "MISSING_FIELD")
    check_refusal(
        wallet.attempt(pb.GetTransactionRequest(transaction_id="a b")), "INVALID_FIELD", field="transaction_id"
    )
    no_uuid = wallet.attempt(pb.GetTransactionRequest(tx_id="no-uuid"))
    assert no_uuid.reason in {"INVALID_FIELD", "TRANSACTION_NOT_FOUND"}, no_uuid
