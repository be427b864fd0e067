"""Shape of numbers, enums, texts and metadata: each at its limit, and one past it."""

from typing import Any

import pytest
from support.refusals import Refusal, check_refusal
from support.requests import Player, changed
from support.samples import CALLS, prepared, sample
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

PLAYERS = [call for call in CALLS if call not in {"settle_withdrawal", "fail_withdrawal"}]
NETWORKS = [call for call in PLAYERS if call != "set_player_state"]
ENUMS = [("win", "win_kind", 5), ("adjust", "direction", 3), ("set_player_state", "state", 5)]
# Every text of every mutation.
OPTIONAL_TEXTS = [
    ("settle_withdrawal", "tx_hash"),
    ("apply_deposit_settlement", "tx_hash"),
    ("fail_withdrawal", "reason"),
]
REQUIRED_TEXTS = [
    ("adjust", "reason"),
    ("adjust", "actor"),
    ("set_player_state", "reason"),
    ("set_player_state", "actor"),
]
TEXTS = OPTIONAL_TEXTS + REQUIRED_TEXTS
NOT_TEXTS = {
    "257 characters": "x" * 257,
    "257 characters of two bytes": "é" * 257,
    "newline": "a\nb",
    "newline last": "a\n",
    "tab": "a\tb",
    "NUL": "a\0b",
    "escape": "a\x1b[31mb",
    "DEL": "a\x7f",
    "C1 control": "a\x85b",
}
TEXTS_TO_KEEP = {
    "one character": "x",
    "256 characters": "x" * 256,
    "256 characters of two bytes": "é" * 256,
    "256 emoji": "🎰" * 256,
    "words": 'chargeback: a customer\'s "claim", {not} [yet] \\ proven; 50%',
    "NULL": "NULL",
    "other scripts": "исправление 修正 تصحيح",
}
MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


@pytest.mark.parametrize(
    ("value", "reason"), [(0, "MISSING_FIELD"), (-1, "INVALID_FIELD"), (-(2**63), "INVALID_FIELD")]
)
@pytest.mark.parametrize("call", [*PLAYERS, "balance", "round"])
def test_player_id(wallet: Wallet, player: Player, call: str, value: int, reason: str) -> None:
    request = changed(build(call, player), player_id=value)
    wallet.refused(request, reason, field="player_id")


@pytest.mark.parametrize(
    ("value", "reason"), [(0, "MISSING_FIELD"), (-1, "INVALID_FIELD"), (-(2**31), "INVALID_FIELD")]
)
@pytest.mark.parametrize("call", [*NETWORKS, "balance", "round"])
def test_currency_network_id(wallet: Wallet, player: Player, call: str, value: int, reason: str) -> None:
    request = changed(build(call, player), currency_network_id=value)
    wallet.refused(request, reason, field="currency_network_id")


def test_the_largest_numbers(wallet: Wallet) -> None:
    player = Player(player_id=2**63 - 1)
    wallet.applied(player.deposit("1"))
    wallet.applied(player.bet("1"))
    wallet.refused(player.on(2**31 - 1).deposit("1"), "UNKNOWN_CURRENCY_NETWORK", field="currency_network_id")


@pytest.mark.parametrize(("call", "field", "unknown"), ENUMS)
def test_enums(wallet: Wallet, player: Player, call: str, field: str, unknown: int) -> None:
    request = prepared(wallet, call, player)
    wallet.refused(changed(request, **{field: 0}), "MISSING_FIELD", field=field)
    for value in (unknown, 99, -1, 2**31 - 1, -(2**31)):
        wallet.refused(changed(request, **{field: value}), "INVALID_FIELD", field=field)
    wallet.applied(request)


@MODE
@pytest.mark.parametrize(("call", "field"), TEXTS)
@pytest.mark.parametrize("value", NOT_TEXTS.values(), ids=NOT_TEXTS)
def test_not_a_text(wallet: Wallet, player: Player, call: str, field: str, value: str) -> None:
    wallet.refused(changed(sample(call, player), **{field: value}), "INVALID_FIELD", field=field)


@MODE
@pytest.mark.parametrize(("call", "field"), TEXTS)
@pytest.mark.parametrize("value", TEXTS_TO_KEEP.values(), ids=TEXTS_TO_KEEP)
def test_texts_are_kept(wallet: Wallet, player: Player, call: str, field: str, value: str) -> None:
    request = changed(prepared(wallet, call, player), **{field: value})
    wallet.applied(request)
    assert getattr(stored(wallet, request), field) == value


@pytest.mark.parametrize(("call", "field"), OPTIONAL_TEXTS)
def test_a_text_that_may_be_empty(wallet: Wallet, player: Player, call: str, field: str) -> None:
    wallet.applied(changed(prepared(wallet, call, player), **{field: ""}))


@pytest.mark.parametrize(("call", "field"), REQUIRED_TEXTS)
def test_a_text_that_must_be_given(wallet: Wallet, player: Player, call: str, field: str) -> None:
    wallet.refused(changed(sample(call, player), **{field: ""}), "MISSING_FIELD", field=field)


@MODE
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({f"k{number}": "v" for number in range(33)}, id="33 entries"),
        pytest.param({"k" * 65: "v"}, id="a key of 65"),
        pytest.param({"k": "v" * 513}, id="a value of 513"),
        pytest.param({"k": "v\0"}, id="NUL in a value"),
        pytest.param({"k\0": "v"}, id="NUL in a key"),
    ],
)
def test_too_much_metadata(wallet: Wallet, player: Player, call: str, metadata: dict[str, str]) -> None:
    request = changed(sample(call, player), metadata=metadata)
    refusal = check_refusal(wallet.attempt(request), "INVALID_FIELD")
    assert refusal.metadata["field"].startswith("metadata"), refusal


@pytest.mark.parametrize("call", CALLS)
def test_metadata_at_its_limits(wallet: Wallet, player: Player, call: str) -> None:
    metadata = {f"{number:02}".ljust(64, "é"): "é" * 512 for number in range(32)}
    request = changed(prepared(wallet, call, player), metadata=metadata)
    wallet.applied(request)
    assert dict(stored(wallet, request).metadata) == metadata


@pytest.mark.parametrize("call", CALLS)
def test_metadata_is_kept_as_it_came(wallet: Wallet, player: Player, call: str) -> None:
    metadata = {
        "empty": "",
        "NULL": "NULL",
        "quotes \"and\" 'so'": "{\"a\": [1, 2], 'b': \\N}",
        "lines": "one\ntwo\r\n\tthree",
        "letters": "Zoë 🎰 中文 \u2028 \ufeff",
        "backslashes": "\\ \\\\ \\u0000 \\x41",
        "a,b": "{c,d}",
        "number": "1e999",
    }
    request = changed(prepared(wallet, call, player), metadata=metadata)
    wallet.applied(request)
    assert dict(stored(wallet, request).metadata) == metadata


def test_several_faults_of_shape_are_one_refusal(wallet: Wallet) -> None:
    refusal = wallet.attempt(pb.BetRequest())
    assert isinstance(refusal, Refusal)
    assert refusal.reason in {"MISSING_FIELD", "INVALID_AMOUNT"}
    assert refusal.metadata["field"] in refusal.fields


def build(call: str, player: Player) -> Any:
    match call:
        case "balance":
            return player.balance()
        case "round":
            return player.round(player.bet())
        case _:
            return sample(call, player)


def stored(wallet: Wallet, request: Any) -> pb.Transaction:
    """Read what an applied request left, by the id of the answer it gives again."""
    again = wallet.send(request)
    assert again.replayed
    wanted = {"tx_id": again.tx_id} if again.tx_id else {"transaction_id": again.transaction_id}
    return wallet.default_caller(request).call(pb.GetTransactionRequest(**wanted))
